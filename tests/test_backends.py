"""[search.backend] and [search.variance]: every back-end has a name, and errors name their place."""

from __future__ import annotations

import inspect
from dataclasses import replace
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from magsearch import config
from magsearch.config.backend import METHODS
from magsearch.engine.cpu import Cpu
from magsearch.errors import InputError
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import EARLY, Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.llg import OverdampedLLG
from magsearch.relaxation.step_control import Fixed
from magsearch.search.archipelago import Archipelago
from magsearch.thermal.basin_hopping import BasinHopping
from magsearch.thermal.heat_bath import HeatBath
from magsearch.thermal.parallel_tempering import ParallelTempering
from magsearch.thermal.population_annealing import PopulationAnnealing
from magsearch.thermal.random_restarts import RandomRestarts
from magsearch.thermal.simulated_annealing import Geometric, Linear, SimulatedAnnealing
from magsearch.thermal.stochastic_llg import StochasticLLG
from magsearch.units import MRY

MODEL = '[model]\nlattice = "square"\nsize = [4, 4, 1]\nfield = 2.0\n[[model.exchange]]\nJ = 1.0\n'
AUTHORS = replace(EARLY, window=100, energy=1e-10 * MRY**2, moment=1e-10)
USUAL = BarzilaiBorwein(Convergence(None, 2000, EARLY))
EACH = {
    "heat-bath": "temperature = 2.0",
    "stochastic-llg": "temperature = 2.0\ndamping = 1.0",
    "simulated-annealing": "sweeps = 20",
    "parallel-tempering": "sweeps = 20\nrungs = 4",
    "population-annealing": "coldest = 1.0\nsweeps = 1",
    "random-restarts": "restarts = 2",
    "basin-hopping": "hops = 2",
}


def given(tmp_path: Path, text: str, *overrides: str) -> config.Input:
    path = tmp_path / "in.toml"
    path.write_text(f"{MODEL}\n{text}\n")
    return config.read(path, overrides)


@pytest.mark.parametrize(
    ("table", "backend"),
    [
        ('name = "heat-bath"\ntemperature = 0', HeatBath(0, USUAL.convergence)),
        ('name = "heat-bath"\ntemperature = 4.5\nreflections = 3', HeatBath(4.5, USUAL.convergence, 3)),
        ('name = "stochastic-llg"\ntemperature = 4.5', StochasticLLG(4.5, USUAL.convergence)),
        (
            'name = "stochastic-llg"\ntemperature = 4.5\ndamping = 0.2\nstep = 0.1',
            StochasticLLG(4.5, USUAL.convergence, 0.2, Fixed(0.1)),
        ),
        ('name = "simulated-annealing"', SimulatedAnnealing(minimizer=USUAL)),
        (
            'name = "simulated-annealing"\nhottest = 30\ncoldest = 1\nschedule = "linear"\nsweeps = 7\nreflections = 2',
            SimulatedAnnealing(Linear(30, 1), 7, 2, USUAL),
        ),
        (
            'name = "simulated-annealing"\nhottest = 30\ncoldest = 1',
            SimulatedAnnealing(Geometric(30, 1), minimizer=USUAL),
        ),
        (
            'name = "parallel-tempering"\nhottest = 9.5\ncoldest = 2\nrungs = 8\nsweeps = 60\nevery = 5\n'
            "reflections = 1",
            ParallelTempering(9.5, 2, 8, 60, 5, 1, minimizer=USUAL),
        ),
        (
            'name = "population-annealing"\ncoldest = 0.5\nshare = 0.7\nsweeps = 4\nreflections = 1',
            PopulationAnnealing(0.5, 0.7, 4, 1, USUAL),
        ),
        ('name = "random-restarts"\nrestarts = 3', RandomRestarts(3, USUAL)),
        ('name = "basin-hopping"\nhops = 5\nangle = 1.5\ntemperature = 8', BasinHopping(5, 1.5, 8, USUAL)),
    ],
)
def test_back_ends_by_name(tmp_path, table, backend):
    assert given(tmp_path, f"[search.backend]\n{table}").search.island().minimizer == backend


def test_every_method_of_the_package_can_be_named():
    assert set(METHODS) == set(EACH)
    assert {module.__name__ for module in map(inspect.getmodule, METHODS.values())} == {
        f"magsearch.thermal.{name.replace('-', '_')}" for name in EACH
    }


def test_the_overdamped_equation_is_a_minimiser(tmp_path):
    assert given(tmp_path, '[search]\nminimizer = "llg"').search.island().minimizer == OverdampedLLG(USUAL.convergence)


def test_the_minimiser_ends_a_method(tmp_path):
    text = '[search]\nminimizer = "lbfgs"\nsteps = 50\ntorque = 1e-3\n[search.backend]\nname = "random-restarts"'
    found = given(tmp_path, text).search.island().minimizer
    assert found == RandomRestarts(minimizer=LBFGS(Convergence(1e-3, 50, EARLY)))


def test_variance_control_is_that_of_minimiser_and_heat_bath(tmp_path):
    table = "[search.variance]\nwindow = 30\nenergy = 1e-9\nmoment = 1e-7"
    control = replace(EARLY, window=30, energy=1e-9, moment=1e-7)
    assert given(tmp_path, table).search.island().minimizer.convergence.variance == control
    bath = given(tmp_path, table + '\n[search.backend]\nname = "heat-bath"\ntemperature = 1.0')
    assert bath.search.island().minimizer.convergence.variance == control
    assert given(tmp_path, "[search.variance]\nwindow = 0").search.island().minimizer.convergence.variance is None


def test_settings_of_the_method_s_authors_can_be_written(tmp_path):
    """GTO-2D's example of Pd/Fe/Ir(111): heat bath at 1e-4 K, 1800 sweeps, window 100, thresholds 1e-10."""
    text = f"""
[search]
replicas = 64
elites = 10
generations = 50
window = 20
deviation = {np.sqrt(1e-11) * MRY}
steps = 1800
torque = 0
selection = "steady-state"
[search.variance]
window = 100
energy = {1e-10 * MRY**2}
moment = 1e-10
[search.backend]
name = "heat-bath"
temperature = 1e-4
"""
    found = given(tmp_path, text).search.island()
    assert found.minimizer == HeatBath(1e-4, Convergence(0.0, 1800, AUTHORS))


def test_the_roulette_s_temperature_is_another_one(tmp_path):
    text = '[search]\ntemperature = 9.0\n[search.backend]\nname = "heat-bath"\ntemperature = 3.0'
    island = given(tmp_path, text).search.island()
    assert (island.selection.temperature, island.minimizer.temperature) == (9.0, 3.0)


def test_islands_have_back_ends_of_their_own(tmp_path):
    islands = given(tmp_path, """
[islands]
count = 3
[[islands.own]]
islands = [1]
backend = {name = "heat-bath", temperature = 2.5}
variance = {window = 25}
[[islands.own]]
islands = [2]
backend = {name = "basin-hopping", hops = 3}
""")  # fmt: skip
    every = islands.islands.islands(islands.search)
    assert every[0].minimizer == USUAL
    assert every[1].minimizer == HeatBath(2.5, Convergence(None, 2000, replace(EARLY, window=25)))
    assert every[2].minimizer == BasinHopping(3, minimizer=USUAL)


def test_a_run_that_goes_on_has_the_same_back_end(tmp_path):
    text = '[search.variance]\nwindow = 9\n[search.backend]\nname = "parallel-tempering"\nrungs = 16'
    before = given(tmp_path, text)
    stored: Any = before.as_json()
    after = config.again("in.toml", before.text, before.hamiltonian, stored, ())
    assert after.search == before.search
    assert after.search.island().minimizer == before.search.island().minimizer


@pytest.mark.parametrize("name", METHODS)
def test_a_search_with_it_finds_the_ferromagnet(tmp_path, name):
    table = f'[search]\nreplicas = 8\ngenerations = 2\nelites = 2\n[search.backend]\nname = "{name}"\n{EACH[name]}'
    made = given(tmp_path, table)
    search = Archipelago(made.hamiltonian, Cpu(), made.search.island(), stop=made.search.stop())
    search.run()
    assert np.abs(search.champion.spins[:, 2]).min() == pytest.approx(1.0)
    assert search.champion.stability.kind == "minimum"


@pytest.mark.parametrize(
    ("search", "line", "told"),
    [
        ('[search.backend]\nname = "heat-bath"', 9, "is heat-bath, which needs search.backend.temperature"),
        ('[search.backend]\nname = "stochastic-llg"', 9, "needs search.backend.temperature"),
        ('[search.backend]\nname = "stochastic-llg"\ntemperature = 1\ndamping = 0', 11, "damping is 0"),
        (
            '[search.backend]\nname = "heat-bath"\ntemperature = 1\ndamping = 1',
            11,
            "damping belongs to stochastic-llg, but search.backend.name is heat-bath",
        ),
        ("[search.backend]\ntemperature = 1.0", 8, "name is missing"),
        ('[search.backend]\nname = "newton"', 9, "expected 'basin-hopping', 'heat-bath'"),
        ('[search.backend]\nname = "heat-bath"\ntemperature = -1.0', 10, "temperature is -1.0"),
        ('[search.backend]\nname = "heat-bath"\ntemperature = nan', 10, "temperature is nan"),
        (
            '[search.backend]\nname = "heat-bath"\ntemprature = 1.0',
            10,
            "unknown key 'temprature'; did you mean 'temperature'?",
        ),
        ('[search.backend]\nname = "heat-bath"\ntemperature = 1\nrungs = 4', 11, "rungs belongs to parallel-tempering"),
        ('[search.backend]\nname = "parallel-tempering"\nrungs = 7', 10, "does not divide the 64 replicas"),
        ('[search.backend]\nname = "parallel-tempering"\nhottest = 7', 10, "both hottest and coldest"),
        ('[search.backend]\nname = "parallel-tempering"\nsweeps = 5\nevery = 6', 11, "nothing is exchanged"),
        ('[search.backend]\nname = "simulated-annealing"\nhottest = 1\ncoldest = 2', 10, "colder than coldest"),
        ('[search.backend]\nname = "population-annealing"\nshare = 1.0', 10, "share is 1.0"),
        (f'[search.backend]\nname = "basin-hopping"\nangle = {2 * pi}', 10, "angle is 6.28"),
        ("[search.variance]\nwindow = 1", 9, "two steps or more"),
        ("[search.variance]\nwindow = 0\nmoment = 1e-8", 9, "no variance control"),
        ("[search.variance]\nenergy = -1", 9, "energy is -1"),
    ],
)
def test_errors_name_file_and_line(tmp_path, search, line, told):
    with pytest.raises(InputError) as caught:
        given(tmp_path, search)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'in.toml'}:{line}: ")
    assert told in message


def test_from_the_command_line(tmp_path):
    made = given(tmp_path, "", 'search.backend={name="heat-bath", temperature=3.0}', "search.variance={window=20}")
    assert made.search.island().minimizer == HeatBath(3.0, Convergence(None, 2000, replace(EARLY, window=20)))


def test_the_example_in_the_documentation_is_that_of_the_authors(tmp_path):
    page = (Path(__file__).parent.parent / "docs" / "settings.md").read_text()
    found = given(tmp_path, page.split("```toml\n")[1].split("```")[0]).search
    assert found.variance.energy == pytest.approx(1e-10 * MRY**2, rel=1e-4)
    assert found.deviation == pytest.approx(1e-11**0.5 * MRY, rel=1e-2)
    assert found.island().minimizer == HeatBath(1e-4, Convergence(0.0, 1800, found.variance.control()))
