"""Input files and --set: every setting reaches the search, and errors name their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magsearch import config
from magsearch.config.islands import IslandsTable
from magsearch.config.search import SearchTable
from magsearch.config.storage import StorageTable
from magsearch.errors import InputError
from magsearch.minima.harmonic import Harmonic
from magsearch.minima.local_entropy import LocalEntropy
from magsearch.operators import BREEDING, SEEDS
from magsearch.operators.mutations import HeatPatch
from magsearch.operators.seeds import RandomSpins
from magsearch.operators.splices import PatchSplice
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.fire import Fire
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.velocity_projection import VelocityProjection
from magsearch.search.migration import Leader, Migration
from magsearch.search.selection import Roulette, SteadyState, Tournament
from magsearch.search.stopping import Checkpoints, Stop
from magsearch.search.topology import Complete, Isolated, RandomGraph, Ring, Torus

MODEL = """\
[model]
lattice = "square"
size = [6, 4, 1]
field = 2.0

[[model.exchange]]
J = 1.5
"""
INPSD = """\
simid test
ncell 6 4 1
BC P P 0
cell 1 0 0
     0 1 0
     0 0 1
alat 1.0e-10
posfile ./posfile
momfile ./momfile
exchange ./exchange
hfield 0 0 2.0
"""


def toml(tmp_path: Path, search: str = "", model: str = MODEL) -> Path:
    path = tmp_path / "in.toml"
    path.write_text(model + "\n" + search)
    return path


@pytest.fixture
def inpsd(tmp_path: Path) -> Path:
    (tmp_path / "posfile").write_text("1 1 0.0 0.0 0.0\n")
    (tmp_path / "momfile").write_text("1 1 2.0 0.0 0.0 1.0\n")
    (tmp_path / "exchange").write_text("".join(f"1 1 {r} 0.5\n" for r in ("1 0 0", "-1 0 0", "0 1 0", "0 -1 0")))
    (tmp_path / "inpsd.dat").write_text(INPSD)
    return tmp_path / "inpsd.dat"


def fails(path: Path, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        config.read(path, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


# -- settings become values --------------------------------------------------------------------------------------------


def test_input_without_a_search_table_has_the_defaults(tmp_path):
    given = config.read(toml(tmp_path))
    assert given.search == SearchTable()
    assert given.search.island().operators == BREEDING
    assert given.search.island().seeds == SEEDS
    assert given.text == given.path.read_text()


def test_every_setting_reaches_the_search(tmp_path):
    given = config.read(toml(tmp_path, """
[search]
replicas = 20
elites = 3
generations = 7
seconds = 60
seed = 11
window = 4
deviation = 1e-6
minimizer = "lbfgs"
steps = 300
torque = 1e-4
selection = "tournament"
seeds = {RandomSpins = 1}
operators = {PatchSplice = 2.5, HeatPatch = 1}
path = "direct"
"""))  # fmt: skip
    settings = given.search.island()
    assert (settings.replicas, settings.elites, settings.seed) == (20, 3, 11)
    assert isinstance(settings.minimizer, LBFGS)
    assert settings.minimizer.convergence.steps == 300
    assert settings.minimizer.convergence.torque == 1e-4
    assert settings.selection == Tournament()
    assert settings.seeds == ((RandomSpins(), 1.0),)
    assert settings.operators == ((PatchSplice(), 2.5), (HeatPatch(), 1.0))
    assert given.search.stop() == Stop(7, 60.0, 4, 1e-6)
    assert given.search.path == "direct"
    assert given.as_json()["search"]["operators"] == {"PatchSplice": 2.5, "HeatPatch": 1.0}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("barzilai-borwein", BarzilaiBorwein),
        ("lbfgs", LBFGS),
        ("velocity-projection", VelocityProjection),
        ("fire", Fire),
    ],
)
def test_minimizers_by_name(tmp_path, name, kind):
    assert isinstance(config.read(toml(tmp_path), [f"search.minimizer={name}"]).search.island().minimizer, kind)


@pytest.mark.parametrize(
    ("overrides", "selection"),
    [
        ([], SteadyState()),
        (["search.selection=roulette"], Roulette()),
        (["search.temperature=12.5"], Roulette(12.5)),
        (["search.selection=roulette", "search.temperature=3"], Roulette(3.0)),
        (["search.selection=steady-state"], SteadyState()),
        (["search.selection=tournament"], Tournament()),
    ],
)
def test_temperature_asks_for_the_roulette(tmp_path, overrides, selection):
    assert config.read(toml(tmp_path), overrides).search.island().selection == selection


def test_temperature_contradicts_other_selections(tmp_path):
    message = fails(toml(tmp_path, '[search]\nselection = "tournament"\ntemperature = 4.0\n'))
    assert message.startswith(f"{tmp_path / 'in.toml'}:11: ")
    assert "temperature" in message
    assert "tournament" in message


@pytest.mark.parametrize(
    ("table", "fitness"),
    [
        ("", None),
        ('fitness = "harmonic"\nfitness_temperature = 4.0', Harmonic(4.0)),
        ('fitness = "local-entropy"\nfitness_temperature = 4.0\nscope = 0.3', LocalEntropy(4.0, 0.3)),
    ],
)
def test_fitness_by_name(tmp_path, table, fitness):
    assert config.read(toml(tmp_path, f"[search]\n{table}\n")).search.island().fitness == fitness


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('fitness = "harmonic"', "search.fitness is harmonic, which needs search.fitness_temperature"),
        ("fitness_temperature = 2.0", "belongs to harmonic and local-entropy, but search.fitness is energy"),
        (
            'fitness = "harmonic"\nfitness_temperature = 2.0\nscope = 1.0',
            "search.scope belongs to local-entropy, but search.fitness is harmonic",
        ),
        ('fitness = "entropy"', "local-entropy"),
        ('fitness = "harmonic"\nfitness_temperature = 0.0', "fitness_temperature is 0.0"),
    ],
)
def test_wrong_fitness_is_told_with_its_place(tmp_path, table, told):
    message = fails(toml(tmp_path, f"[search]\n{table}\n"))
    assert message.startswith(f"{tmp_path / 'in.toml'}:1")
    assert told in message


def test_operator_of_weight_zero_is_left_out(tmp_path):
    given = config.read(toml(tmp_path, "[search]\noperators = {PatchSplice = 1, HeatPatch = 0}\n"))
    assert given.search.island().operators == ((PatchSplice(), 1.0),)


# -- islands and storage -----------------------------------------------------------------------------------------------


def test_one_island_that_keeps_its_file_small_is_the_default(tmp_path):
    given = config.read(toml(tmp_path))
    assert (given.islands, given.storage) == (IslandsTable(), StorageTable())
    assert given.islands.islands(given.search) == (given.search.island(),)
    assert given.storage.checkpoints() == Checkpoints()


@pytest.mark.parametrize(
    ("table", "migration"),
    [
        ("", Migration()),
        ('topology = "torus"\nevery = 3\nelites = 4', Migration(Torus(), 3, 4)),
        ('topology = "complete"', Migration(Complete())),
        ('topology = "isolated"', Migration(Isolated())),
        ('topology = "random"', Migration(RandomGraph())),
        ('topology = "random"\ndegree = 5', Migration(RandomGraph(5))),
        ('scheme = "leader"', Leader()),
        (
            'scheme = "leader"\ngroups = 3\ngroup_pull = 0.5\nglobal_pull = 0.25',
            Leader(Ring(), groups=3, group_pull=0.5, global_pull=0.25),
        ),
    ],
)
def test_migrations_by_name(tmp_path, table, migration):
    given = config.read(toml(tmp_path, f"[islands]\ncount = 6\n{table}\n"))
    assert given.islands.migration() == migration
    assert len(given.islands.islands(given.search)) == 6


def test_islands_have_settings_of_their_own(tmp_path):
    given = config.read(toml(tmp_path, """
[search]
replicas = 20
[islands]
count = 4
[[islands.own]]
islands = [1, 2]
minimizer = "lbfgs"
[[islands.own]]
islands = [2]
seed = 9
operators = {HeatPatch = 1}
"""))  # fmt: skip
    islands = given.islands.islands(given.search)
    assert islands[0] == islands[3] == given.search.island()
    assert [isinstance(island.minimizer, LBFGS) for island in islands] == [False, True, True, False]
    assert [island.seed for island in islands] == [1, 1, 9, 1]
    assert islands[2].operators == ((HeatPatch(), 1.0),)
    assert all(island.replicas == 20 for island in islands)


def test_every_storage_setting_reaches_the_run(tmp_path):
    given = config.read(toml(tmp_path, "[storage]\ngenerations = 5\nseconds = 1.5\nshare = 0.5\nlimit = 3.0\n"))
    assert given.storage.checkpoints() == Checkpoints(5, 1.5, 0.5)
    assert given.storage.limit == 3.0
    assert given.as_json()["storage"]["gather"] == StorageTable().gather


@pytest.mark.parametrize(
    ("table", "line", "told"),
    [
        ("[islands]\ncount = 0", 10, "count is 0"),
        ('[islands]\ntopology = "star"', 10, "ring"),
        ("[islands]\ndegree = 3", 10, "islands.degree belongs to random, but islands.topology is ring"),
        (
            "[islands]\ncount = 3\ngroup_pull = 0.5",
            11,
            "islands.group_pull belongs to leader, but islands.scheme is exchange",
        ),
        ('[islands]\nscheme = "leader"\nglobal_pull = 1.5', 11, "global_pull is 1.5"),
        ("[islands]\ncount = 2\n[[islands.own]]\nislands = [2]", 12, "there are islands 0 to 1"),
        ("[islands]\n[[islands.own]]\nislands = [0]\ngenerations = 3", 12, "unknown key 'generations'"),
        (
            "[islands]\n[[islands.own]]\nislands = [0]\noperators = {Splice = 1}",
            12,
            "unknown operator 'Splice'; did you mean",
        ),
        ("[storage]\nshare = 0.0", 10, "share is 0.0"),
        ("[storage]\nlimit = -1", 10, "limit is -1"),
    ],
)
def test_errors_in_other_tables_name_file_and_line(tmp_path, table, line, told):
    message = fails(toml(tmp_path, table + "\n"))
    assert told in message
    assert message.startswith(f"{tmp_path / 'in.toml'}:{line}: ")


# -- a resumed run -----------------------------------------------------------------------------------------------------


def again(path: Path, *overrides: str) -> config.Input:
    given = config.read(path, ["search.seed=4", "islands.count=3"])
    return config.again(str(path), given.text, given.hamiltonian, given.as_json(), overrides)


def test_run_that_goes_on_has_the_settings_that_it_began_with(tmp_path):
    path = toml(tmp_path, "[islands]\n[[islands.own]]\nislands = [0]\nseed = 8\n")
    given, before = again(path), config.read(path, ["search.seed=4", "islands.count=3"])
    assert given.as_json() == before.as_json()
    assert given.islands.islands(given.search) == before.islands.islands(before.search)


def test_end_and_storage_of_a_run_that_goes_on_can_change(tmp_path):
    given = again(toml(tmp_path), "search.generations=400", "search.seconds=60", "storage.generations=2")
    assert given.search.stop() == Stop(400, 60.0)
    assert given.storage.checkpoints().generations == 2


@pytest.mark.parametrize("override", ["search.seed=5", "search.replicas=8", "islands.count=2", "model.field=3"])
def test_course_of_a_run_that_goes_on_cannot_change(tmp_path, override):
    with pytest.raises(InputError, match="cannot change when a run is resumed"):
        again(toml(tmp_path), override)


# -- --set -------------------------------------------------------------------------------------------------------------


def test_set_overrules_the_file(tmp_path):
    path = toml(tmp_path, "[search]\nseed = 5\nreplicas = 32\n")
    given = config.read(
        path, ["search.seed=6", "model.size=[8,2,1]", "model.field=[0,1.5,0]", "search.minimizer='fire'"]
    )
    assert given.search.seed == 6
    assert given.search.replicas == 32
    assert given.hamiltonian.lattice.size == (8, 2, 1)
    assert given.hamiltonian.field == (0, 1.5, 0)
    assert isinstance(given.search.island().minimizer, Fire)
    assert config.read(path).hamiltonian.lattice.size == (6, 4, 1), "the file is as it was"


def test_last_set_wins_and_spaces_do_not_matter(tmp_path):
    assert config.read(toml(tmp_path), ["search.seed=6", " search.seed = 9 "]).search.seed == 9


def test_any_key_of_the_model_can_be_set_in_toml(tmp_path):
    given = config.read(toml(tmp_path), ["model.moment=2.5", "model.exchange=[{J=3.0}]", "model.vacancies=[1]"])
    assert given.hamiltonian.moments[0] == 2.5
    assert np.trace(given.hamiltonian.bonds.J[0]) == 9.0
    assert given.hamiltonian.vacancies == (1,)


def test_size_and_field_can_be_set_for_uppasd(inpsd):
    assert config.read(inpsd).hamiltonian.lattice.size == (6, 4, 1)
    given = config.read(inpsd, ["model.size=[8,8,1]", "model.field=3", "search.seed=4"])
    assert given.hamiltonian.lattice.size == (8, 8, 1)
    assert given.hamiltonian.field == (0, 0, 3)
    assert config.read(inpsd, ["model.field=[1.5,0,0]"]).hamiltonian.field == (1.5, 0, 0)
    assert given.search.seed == 4
    assert given.text == INPSD


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model.size=[8,8]", "three whole numbers"),
        ("model.size=[8,8,1.5]", "three whole numbers"),
        ("model.size=[8,8,0]", "at least 1"),
        ("model.size=8", "three whole numbers"),
        ("model.field=[1,2]", "three numbers"),
        ("model.field=[true,2,3]", "three numbers"),
        ("model.field=nan", "three numbers in tesla"),
        (
            "model.lattice=cubic",
            "model.size, model.field, model.periodic, model.dipole, model.unpickle, model.unmerged, model.jprime",
        ),
    ],
)
def test_wrong_settings_of_an_uppasd_model(inpsd, override, told):
    message = fails(inpsd, override)
    assert message.startswith("--set: ")
    assert told in message


# -- errors name their place -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "line", "told"),
    [
        ("[search]\nsede = 3", 10, "unknown key 'sede'; did you mean 'seed'?"),
        ("[search]\nseed = 1\nreplicas = 0", 11, "replicas is 0"),
        ("[search]\nreplicas = 2.5", 10, "replicas is 2.5"),
        ("[search]\nseed = -1", 10, "seed is -1"),
        ('[search]\nseed = "one"', 10, "seed is 'one'"),
        ("[search]\nseconds = nan", 10, "seconds is nan"),
        ("[search]\nseconds = inf", 10, "seconds is inf"),
        ("[search]\nseconds = -3", 10, "seconds is -3"),
        ("[search]\n\ntemperature = 0.0", 11, "temperature is 0.0"),
        ("[search]\nelites = true", 10, "elites is True"),
        ('[search]\nminimizer = "newton"', 10, "barzilai-borwein"),
        ('[search]\nselection = "best"', 10, "steady-state"),
        ('[search]\npath = "sparse"', 10, "direct"),
        ("[search]\noperators = {Splice = 1}", 10, "unknown operator 'Splice'; did you mean"),
        ("[search]\nseeds = {HeatPatch = 1}", 10, "need no parents"),
        ("[serach]\nseed = 1", 9, "unknown table 'serach'; did you mean 'search'?"),
        ("[search]\nfield = 1.0", 10, "unknown key 'field' of [search]; did you mean 'model.field'?"),
        ("[[dmi]]\nD = 1.0", 9, "unknown table 'dmi'; did you mean 'model.dmi'?"),
        ("[search]\nseed = = 1", 10, "not valid TOML"),
    ],
)
def test_errors_name_file_and_line(tmp_path, search, line, told):
    message = fails(toml(tmp_path, search + "\n"))
    assert message.startswith(f"{tmp_path / 'in.toml'}:{line}: ")
    assert told in message


@pytest.mark.parametrize("weight", ["-1", "nan", "'much'"])
def test_weights_are_numbers_of_at_least_zero(tmp_path, weight):
    message = fails(toml(tmp_path, f"[search]\noperators = {{PatchSplice = {weight}}}\n"))
    assert message.startswith(f"{tmp_path / 'in.toml'}:10: ")
    assert "PatchSplice" in message


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed=3", "table.key=value"),
        ("search.seed", "table.key=value"),
        ("search=3", "table.key=value"),
        ("serach.seed=3", "unknown table 'serach'; did you mean 'search'?"),
        ("search.sede=3", "unknown key 'sede'; did you mean 'seed'?"),
        ("search.size=[3,3,1]", "unknown key 'size' of [search]; did you mean 'model.size'?"),
        ("seed=3", "did you mean 'search.seed'?"),
        ("search.seed=many", "seed is 'many'"),
        ("search.seed=", "seed is ''"),
        ("search.seconds=nan", "seconds is nan"),
        ("search.operators={Splice=1}", "unknown operator 'Splice'"),
        ("model.size=[0,4,1]", "size"),
        ("model.field=nan", "field is nan"),
        ("model.lattice=octagonal", "unknown lattice 'octagonal'"),
        ("model.nonsense=1", "unknown key 'nonsense'"),
    ],
)
def test_wrong_overrides_blame_the_command_line(tmp_path, override, told):
    message = fails(toml(tmp_path), override)
    assert message.startswith("--set: ")
    assert told in message


def test_files_that_are_no_input(tmp_path):
    assert "No such file" in fails(tmp_path / "none.toml")
    assert "directory" in fails(tmp_path)
    path = tmp_path / "prose.txt"
    path.write_text("Nothing of interest.\n")
    assert "is not a model in a supported format" in fails(path)
    path = tmp_path / "empty.toml"
    path.write_text("[search]\nseed = 1\n")
    assert "[model]" in fails(path)
    path.write_text("model = 3\n")
    assert "[model]" in fails(path)
    path.write_text("search = 3\n" + MODEL)
    fails(path)
