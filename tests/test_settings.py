"""Every key of every table: set in a file and by --set, refused out of range, and found where it is used."""

from __future__ import annotations

import json
import re
import sys
import tomllib
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
import pytest

import magsearch
from magsearch import config, formats
from magsearch.config import document
from magsearch.config.keys import KNOWN, TABLES
from magsearch.errors import InputError, SettingError
from magsearch.formats.toml.couplings import CUBIC_ALONG_Z
from magsearch.formats.toml.schema import Model
from magsearch.formats.toml.table import Key, Table
from magsearch.search.stopping import Stop

ROOT = Path(__file__).parent.parent
MODEL = 'lattice = "square"\nsize = [4, 4, 1]\n[[model.exchange]]\nJ = [1.0, 0.5]\n'
TOGETHER = {
    "reference.energy": {"known": "analytic"},
    "reference.known": {"energy": -1.5},
    "search.backend.hottest": {"coldest": 0.5},
    "search.backend.coldest": {"hottest": 9.0},
}  # both or neither
SAMPLES: dict[str, list[Any]] = {  # two values in range, where the type alone does not give them
    "search.variance": [{"window": 20}, {"window": 30}],
    "search.backend": [{"name": "random-restarts", "restarts": 3}, {"name": "random-restarts", "restarts": 4}],
    "search.backend.name": ["random-restarts", "basin-hopping"],
    "search.seeds": [{"RandomSpins": 2.5}, {"SoftWaves": 2.5}],
    "search.operators": [{"HeatPatch": 2.5}, {"HeatPatch": 2.5, "PatchSplice": 1.0}],
    "islands.own": [[{"islands": [0], "seed": 5}], [{"islands": [0], "seed": 6}]],
    "islands.own.islands": [[2], [1]],
    "scan.axes": [{"search.seed": [3, 4]}, {"search.seed": [5]}],
    **{f"reference.{key}": ["some words", "others"] for key in ("source", "state", "formula")},
    "reference.doi": [["10.1103/PhysRev.70.954"], []],
}
DIRECT = {  # keys that the code reads off the table, without another object
    "search.bound", "search.bound_seconds", "search.path", "search.cells", "search.sites", "search.tilings",
    "storage.gather", "storage.limit",
    *(f"{table}.{key}" for table in ("scan", "reference") for key in TABLES[table].KEYS),
}  # fmt: skip
KEYS = [(t, key) for t in document.every() if not t.PATH.startswith(("model", "scan.*")) for key in t.KEYS.values()]
EVERY = pytest.mark.parametrize(("table", "key"), KEYS, ids=[f"{table.PATH}.{key.name}" for table, key in KEYS])


def samples(table: type[Table], key: Key) -> list[Any]:
    """Two different values in range."""
    path = f"{table.PATH}.{key.name}"
    alike = path.replace("islands.own.", "search.")  # the same keys
    found = SAMPLES.get(path) or SAMPLES.get(alike) or of_kind(key.kind, key.facts)
    return found if len(found) > 1 else [*found, None]


def of_kind(kind: Any, facts: Any) -> list[Any]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType, Annotated):
        return of_kind(inner[0], facts)
    if origin is Literal:
        return [word for word in inner if word != "random"][-2:]
    if origin is list:
        return [[value] for value in of_kind(inner[0], facts)]
    if kind is bool:
        return [True, False]
    if kind is int:  # even ones, which divide the replicas
        first = 2 * (facts["ge"] // 2 + 1)
        return [first, 2 * first]
    low, high = facts.get("ge", facts.get("gt", 0.0)), facts.get("le", facts.get("lt", 3.0))
    return [(low + 2 * high) / 3, (2 * low + high) / 3]


def around(table: type[Table], key: Key) -> dict[str, Any]:
    """Return the keys that a key needs beside it: the name of a class that has it, and that class's own needs."""
    beside: dict[str, Any] = dict(TOGETHER.get(f"{table.PATH}.{key.name}", {}))
    owner = next(iter(key.owners), samples(table, key)[0] if key.choices else None)
    for other in table.KEYS.values():
        own = other.owners.get(owner) if isinstance(owner, str) else None
        if other.name != key.name and own is not None and document.default_of(own) == "needed":
            beside[other.name] = samples(table, other)[0]
        if key.owners and owner in other.choices:
            beside[other.name] = owner
    if table.PATH == "islands.own" and key.name != "islands":
        beside["islands"] = [1]
    return beside


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {toml(inner)}' for key, inner in value.items()) + "}"
    return f"[{', '.join(map(toml, value))}]" if isinstance(value, list) else json.dumps(value)


def written(table: type[Table], entries: dict[str, Any]) -> str:
    """A table of a file; a value of None is left out."""
    lines = "".join(f"{key} = {toml(value)}\n" for key, value in entries.items() if value is not None)
    if table.PATH == "islands.own":
        return f"[islands]\ncount = 3\n[[islands.own]]\n{lines}" + ("" if len(entries) > 1 else "seed = 5\n")
    return f"[{table.PATH}]\n{lines}" + ("count = 3\n" if table.PATH == "islands" and "count" not in entries else "")


def setting(table: type[Table], beside: dict[str, Any], key: Key, value: Any) -> str:
    """What --set takes."""
    if table.PATH == "islands.own":
        whole = {**beside, key.name: value} if beside else {key.name: value, "seed": 5}
        return f"islands.own={toml([whole])}"
    return f"{table.PATH}.{key.name}={toml(value)}"


def file(tmp_path: Path, text: str, model: str = MODEL) -> Path:
    path = tmp_path / "in.toml"
    path.write_text(f"[model]\n{model}{text}")
    return path


def objects(given: config.Input) -> list[Any]:
    """What the settings of a run become."""
    islands = given.islands.islands(given.search)
    return [
        islands,
        given.search.stop(),
        given.islands.migration(),
        given.storage.checkpoints(),
        given.storage.snapshots(),
    ]


def leaves(value: Any) -> Iterator[Any]:
    yield value
    if is_dataclass(value):
        value = [getattr(value, f.name) for f in fields(value)]
    if isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)


def of_table(given: config.Input, table: type[Table]) -> Any:
    found: Any = given
    for part in table.PATH.split("."):
        found = getattr(found, part)
    return found[0] if isinstance(found, list) else found


# -- every key ---------------------------------------------------------------------------------------------------------


@EVERY
def test_it_can_be_set_in_a_file_and_by_set_and_reaches_its_object(tmp_path, table, key):
    beside, (value, other) = around(table, key), samples(table, key)
    in_file = config.read(file(tmp_path, written(table, {**beside, key.name: value})))
    path = file(tmp_path, written(table, {**beside, key.name: other}))
    before, by_set = config.read(path), config.read(path, [setting(table, beside, key, value)])
    assert by_set.as_json() == in_file.as_json() != before.as_json()
    if f"{table.PATH}.{key.name}" in DIRECT:
        assert getattr(of_table(in_file, table), key.name) == value
        return
    assert repr(objects(before)) != repr(objects(in_file)) == repr(objects(by_set))
    if type(value) in (int, float) and key.name != "count":
        assert value in list(leaves(objects(in_file)))


@pytest.mark.parametrize("path", sorted(DIRECT - {"scan.axes"}))
def test_what_is_no_part_of_an_object_is_read_by_the_code(path):
    package, (table, key) = Path(magsearch.__file__).parent, path.split(".")
    readers = [p.read_text() for p in package.rglob("*.py") if p.relative_to(package).parts[0] != "config"]
    assert any(re.search(rf"\b({table}|table)\.{key}\b", text) for text in readers)


def out_of_range(key: Key) -> list[Any]:
    kinds = {kind for kind in (key.kind, *get_args(key.kind)) if isinstance(kind, type)}
    if get_origin(key.kind) is Literal or any(get_origin(kind) is Literal for kind in get_args(key.kind)):
        return ["nonsense", 1]
    if bool in kinds:
        return [1, "yes"]
    if not kinds & {int, float}:
        return [1.5]
    facts = key.facts
    wrong: list[Any] = ["many", True]
    wrong += [facts["ge"] - 1] if "ge" in facts else []
    wrong += [facts["le"] + 1] if "le" in facts else []
    wrong += [facts["gt"], facts["gt"] - 1] if "gt" in facts else []
    wrong += [facts["lt"]] if "lt" in facts else []
    return wrong + ([2.5] if int in kinds else [])


@EVERY
def test_values_out_of_range_are_refused_with_key_file_and_line(tmp_path, table, key):
    beside = around(table, key)
    for wrong in out_of_range(key):
        path = file(tmp_path, written(table, {**beside, key.name: wrong}))
        rows = path.read_text().splitlines()
        line = 1 + max(n for n, row in enumerate(rows) if row.startswith(f"{key.name} ="))
        with pytest.raises(InputError, match=rf"^{path}:{line}: .*{key.name}"):
            config.read(path)
        path = file(tmp_path, written(table, {**beside, key.name: samples(table, key)[0]}))
        with pytest.raises(InputError, match=rf"^--set: .*{key.name}"):
            config.read(path, [setting(table, beside, key, wrong)])


RHOMBUS = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 0]]  # atom of the basis, and cell
TURN, SCALE = [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.5]], [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
MODEL_SAMPLES = {
    "model": {
        "size": [6, 4, 1], "lattice": "kagome", "cell": [[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]],
        "basis": [{"position": [0.5, 0.0, 0.0]}], "constant": 2.0, "cartesian": True, "periodic": [True, False, False],
        "moment": 2.0, "field": [0.0, 1.0, 2.0], "unit": "mRy", "exchange": [{"J": 3.0}],
        "dmi": [{"D": 1.0, "direction": "neel"}], "bond": [{"i": 0, "j": 0, "cells": [2, 0, 0], "J": 1.0}],
        "two_ion": [{"A": 1.0}], "kitaev": [{"K": 1.0}],
        "anisotropy": [{"K": 1.0}], "cubic": [{"Kc": 1.0}], "vacancies": [3], "dipole": False,
        "stevens": [{"k": 2, "q": 1, "B": 1.0}],
        "biquadratic": [{"B": 2.0}], "biquadratic_bond": [{"i": 0, "j": 1, "B": 2.0}],
        "four_spin": [{"K": 2.0, "sites": RHOMBUS}], "chirality": [{"T": 2.0, "sites": RHOMBUS[:3]}],
        "tensor_product": [{"A": SCALE, "sites": RHOMBUS}],
        "structure": "slanted.vasp", "magnetic": [{"atoms": "Fe1"}], "symmetry": False,
        "nonmagnetic": [{"position": [0.5, 0.25, 0.25]}],
        "q": [{"Q": [0.5, 0.0, 0.0], "J": 2.0}], "J_q": "2 * cos(2 * pi * h)",
    },
    "model.q": {
        "Q": [0.0, 0.25, 0.0], "J": 3.0, "K": 0.5, "matrix": [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]],
        "D": [1.0, 2.0, 3.0], "star": 1, "axis": [0.0, 0.0, 1.0],
    },
    "model.magnetic": {"atoms": "O", "moment": 3.0},
    "model.nonmagnetic": {"position": [0.5, 0.25, 0.25], "species": "O"},
    "model.symmetry": {"tolerance": 0.1},
    "model.biquadratic": {"B": 3.0, "shell": 2, "between": ["A", "B"]},
    "model.biquadratic_bond": {"i": 1, "j": 1, "B": 3.0, "cells": [3, 0, 0]},
    "model.four_spin": {"K": 3.0, "sites": RHOMBUS[::-1], "form": "ring"},
    "model.chirality": {"T": 3.0, "sites": RHOMBUS[1:]},
    "model.tensor_product": {"sites": RHOMBUS[::-1], "A": SCALE, "B": SCALE},
    "model.dipole": {"demagnetising": [0.25, 0.25, 0.5]},
    "model.basis": {"position": [0.25, 0.0, 0.0], "species": "Fe", "moment": 3.0},
    "model.exchange": {"J": 3.0, "shell": 2, "between": ["A", "B"]},
    "model.dmi": {"D": 3.0, "direction": "bloch", "shell": 2, "between": ["A", "B"]},
    "model.two_ion": {"A": 3.0, "axis": [1.0, 0.0, 0.0], "shell": 2, "between": ["A", "B"]},
    "model.kitaev": {
        "K": 3.0, "Gamma": 1.0, "Gamma_prime": 2.0, "shell": 3, "between": ["A", "B"],
        "axes": [[-axis for axis in CUBIC_ALONG_Z[0]], list(CUBIC_ALONG_Z[1]), list(CUBIC_ALONG_Z[2])],
    },
    "model.bond": {
        "i": 1, "j": 1, "cells": [3, 0, 0], "J": 3.0, "D": [1.0, 2.0, 3.0],
        "matrix": [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]],
    },
    "model.anisotropy": {"K": 3.0, "axis": [1.0, 0.0, 0.0], "K4": 2.0, "atoms": [0]},
    "model.stevens": {
        "k": 6, "q": -3, "B": 3.0, "axes": [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]], "atoms": [0],
    },
    "model.cubic": {"Kc": 3.0, "axes": [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]], "atoms": [0]},
}  # fmt: skip
CRYSTAL: dict[str, Any] = {
    "size": [4, 4, 1], "cell": [[3**0.5, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 4.0]],
    "basis": [{"position": [0.0, 0.0, 0.0]}, {"position": [0.5, 0.5, 0.0], "species": "B"}],
    "nonmagnetic": [{"position": [0.5, 0.25, 0.5]}],
    "exchange": [{"J": 1.0}], "dmi": [{"D": 0.5, "direction": "neel"}],
    "two_ion": [{"A": 0.5}], "kitaev": [{"K": 0.5, "Gamma": 0.25}],
    "bond": [{"i": 0, "j": 0, "cells": [2, 1, 0], "J": 0.7}],
    "anisotropy": [{"K": 0.5}], "cubic": [{"Kc": 0.5}], "stevens": [{"k": 4, "q": 2, "B": 0.5}],
    "dipole": {"demagnetising": [0.0, 0.0, 0.0]},
    "biquadratic": [{"B": 0.3}], "biquadratic_bond": [{"i": 0, "j": 0, "cells": [2, 1, 0], "B": 0.2}],
    "four_spin": [{"K": 0.4, "sites": RHOMBUS}], "chirality": [{"T": 0.1, "sites": RHOMBUS[:3]}],
    "tensor_product": [{"A": TURN, "sites": RHOMBUS}],
    "q": [{"Q": [0.25, 0.25, 0.0], "J": 1.0, "star": 2, "axis": [1.0, 0.0, 0.0]}],
}  # fmt: skip

STRUCTURED: dict[str, Any] = {
    "size": [4, 4, 4], "structure": "POSCAR", "magnetic": [{"atoms": "Fe"}], "symmetry": {},
    "bond": [{"i": 0, "j": 0, "cells": cells, "J": 0.7} for cells in ([1, 0, 0], [1, 1, 0])],
}  # fmt: skip
POSCAR = "FeO\n1.0\n3 0 0\n0 3.1 0\n0 0 {c}\nFe O\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


ONE_ATOM = {"lattice": "square", "size": [4, 4, 1], "exchange": [{"J": 1.0}]}


def crystal(tmp_path: Path, table: dict[str, Any]) -> list[Any]:
    """All numbers of a Hamiltonian."""
    path = tmp_path / "model.toml"
    (tmp_path / "POSCAR").write_text(POSCAR.format(c=5))
    (tmp_path / "slanted.vasp").write_text(POSCAR.format(c=4))
    path.write_text("[model]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in table.items()))
    h = formats.read(path)
    lattice, bonds = h.lattice, h.bonds
    listed = [lattice.cell, lattice.basis, bonds.i, bonds.j, bonds.offset, bonds.J, h.moments]
    for term in h.products:
        listed += [numbers for numbers in vars(term).values() if isinstance(numbers, np.ndarray)]
    if h.waves is not None:
        listed += [h.waves.q, h.waves.J, h.waves.K, h.waves.A, h.waves.D]
    rest = [
        lattice.size,
        lattice.periodic,
        lattice.species,
        lattice.nonmagnetic,
        h.field,
        h.anisotropy,
        h.vacancies,
        h.dipole,
    ]
    return [[array.tolist() for array in listed], *rest]


@pytest.mark.parametrize("table", [t for t in document.every() if t.PATH.startswith("model")], ids=lambda t: t.PATH)
def test_every_key_of_the_model_changes_the_hamiltonian(tmp_path, table):
    samples = MODEL_SAMPLES[table.PATH]
    assert set(samples) == set(table.KEYS) - {"title"}
    for key, value in samples.items():
        whole = (
            key in ("structure", "magnetic", "symmetry")
            if table is Model
            else table.PATH in ("model.magnetic", "model.symmetry")
        )
        usual = STRUCTURED if whole else ONE_ATOM if key == "J_q" else CRYSTAL
        changed = json.loads(json.dumps(usual))
        if table is Model:
            changed[key] = value
        else:
            inner = changed[table.PATH.removeprefix("model.")]
            (inner[0] if isinstance(inner, list) else inner)[key] = value
        if key == "lattice":
            del changed["cell"], changed["basis"]
        if key in ("lattice", "cell", "basis", "cartesian", "position"):  # other bonds
            del changed["kitaev"]
        if key in ("lattice", "size"):
            del changed["q"]
        if key in ("lattice", "basis"):
            for bound in ("bond", "biquadratic_bond", "four_spin", "chirality", "tensor_product"):
                del changed[bound]
        assert crystal(tmp_path, changed) != crystal(tmp_path, usual), key


@pytest.mark.parametrize("table", list(document.every()), ids=lambda t: t.PATH)
def test_every_key_has_a_sentence(table):
    for key in table.KEYS.values():
        for declared in (key, *key.owners.values()):
            assert re.fullmatch(r"[A-Z].*[.]", declared.facts["doc"]), key.name


def test_the_page_of_settings_is_that_of_the_declarations():
    assert (ROOT / "docs" / "settings.md").read_text() == document.page(), "make docs"


# -- errors carry their key --------------------------------------------------------------------------------------------


def test_an_error_is_placed_by_its_key_and_not_by_its_words(tmp_path, monkeypatch):
    def stop(self) -> Stop:
        raise SettingError("search.window", "search.seed is not what this is about")

    monkeypatch.setattr(TABLES["search"], "stop", stop)
    path = file(tmp_path, "[search]\nseed = 3\nwindow = 4\n")
    with pytest.raises(InputError, match=rf"{path}:8: search.seed is not"):
        config.read(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[serch]\n", "unknown table 'serch'; did you mean 'search'?"),
        ("[search]\nreplicsa = 3\n", "unknown key 'replicsa'; did you mean 'replicas'?"),
        ("[search]\nzzz = 3\n", "unknown key 'zzz'; known are replicas, elites"),
        ('[search]\nminimizer = "lbgfs"\n', "expected .*; did you mean 'lbfgs'?"),
        ("[search]\noperators = {HeatPach = 1}\n", "unknown operator 'HeatPach'; did you mean 'HeatPatch'?"),
        ("[search]\nseed = 1.5\n", "seed is 1.5; expected a whole number"),
        ("[[search]]\nseed = 1\n", r"search is a list of tables; expected one table: write \[search\]"),
        ("[model.dmi]\nD = 1.0\n", r"model.dmi is one table; expected a list of tables: write \[\[model.dmi\]\]"),
    ],
)
def test_what_was_meant_is_named(tmp_path, text, told):
    path = file(tmp_path, text)
    with pytest.raises(InputError, match=told) as caught:
        config.read(path)
    assert re.match(rf"{path}:\d+: ", str(caught.value))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("serch.seed=1", "unknown table 'serch'; did you mean 'search'?"),
        ("search.sede=1", "unknown key 'sede'; did you mean 'seed'?"),
        ("search.backend.temprature=1", "unknown key 'temprature'; did you mean 'temperature'?"),
        ("search.backand.temperature=1", "unknown entry 'backand'; did you mean 'backend'?"),
        ("model.lattice=squre", "unknown lattice 'squre'; did you mean 'square'?"),
    ],
)
def test_what_was_meant_on_the_command_line_is_named(tmp_path, override, told):
    path = file(tmp_path, '[search.backend]\nname = "basin-hopping"\n')
    with pytest.raises(InputError, match="^--set: .*" + re.escape(told)):
        config.read(path, [override])


# -- the file is read once ---------------------------------------------------------------------------------------------

OPENED: list[str] = []
sys.addaudithook(lambda event, args: OPENED.append(str(args[0])) if event == "open" else None)


@pytest.mark.parametrize("name", ["inputs/okubo.toml", "inputs/pdfeir111/inpsd.dat", "examples/5_exchange.out"])
def test_an_input_is_read_and_parsed_once(monkeypatch, name):
    parsed = []
    loads = tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: parsed.append(text) or loads(text))
    OPENED.clear()
    given = config.read(ROOT / name, ["search.seed=3", "model.size=[4,4,1]"])
    assert OPENED.count(str(ROOT / name)) == 1
    assert parsed.count(given.text) == (1 if name.endswith(".toml") else 0)
    assert given.text == (ROOT / name).read_text()


# -- settings that a version before has stored -------------------------------------------------------------------------

STORED = """
{"search": {"replicas": 64, "elites": 8, "modes": 4, "generations": 200, "seconds": null, "seed": 1, "window":
10, "deviation": null, "gap": null, "bound": null, "minimizer": "lbfgs", "steps": 2000, "torque": null,
"variance": {"window": 20, "energy": null, "moment": null}, "backend": {"name": "parallel-tempering",
"temperature": null, "damping": null, "step": null, "hottest": null, "coldest": null, "schedule": null,
"sweeps": null, "reflections": null, "rungs": 16, "every": null, "share": null, "restarts": null, "hops":
null, "angle": null}, "fitness": "energy", "fitness_temperature": null, "scope": null, "selection": null,
"temperature": null, "seeds": {}, "operators": {}, "adaptation": 0.0, "path": null, "cells": null, "sites":
1200}, "islands": {"count": 3, "topology": "random", "degree": 1, "every": 4, "elites": 2, "scheme":
"exchange", "groups": null, "group_pull": null, "global_pull": null, "own": [{"islands": [1], "replicas":
null, "seed": null, "minimizer": null, "steps": null, "torque": null, "variance": {"window": 0, "energy":
null, "moment": null}, "backend": {"name": "heat-bath", "temperature": 2.0, "damping": null, "step": null,
"hottest": null, "coldest": null, "schedule": null, "sweeps": null, "reflections": null, "rungs": null,
"every": null, "share": null, "restarts": null, "hops": null, "angle": null}, "selection": null,
"temperature": null, "seeds": null, "operators": null, "adaptation": null}]}, "storage": {"generations": null,
"seconds": 5.0, "share": 0.01, "gather": 1000.0, "limit": null}, "scan": {"temperature": [], "field":
{"first": 0.0, "last": 1.0, "count": 3}, "axes": {"model.moment": [1.0, 2.0]}, "combine": "grid", "refine": 0,
"at_once": 1, "surrogate": null, "ladders": 3, "rungs": 128, "hottest": null, "sweeps": 2000, "warmup": null}}
"""


def test_settings_of_the_version_before_are_read_again(tmp_path):
    now = config.read(file(tmp_path, """
[search]
minimizer = "lbfgs"
[search.variance]
window = 20
[search.backend]
name = "parallel-tempering"
rungs = 16
[islands]
count = 3
topology = "random"
degree = 1
[[islands.own]]
islands = [1]
backend = {name = "heat-bath", temperature = 2.0}
variance = {window = 0}
[storage]
seconds = 5
[scan]
field = {first = 0.0, last = 1.0, count = 3}
model.moment = [1.0, 2.0]
"""))  # fmt: skip
    before = config.again(str(now.path), now.text, now.hamiltonian, json.loads(STORED), ())
    assert [getattr(before, name) for name in KNOWN[1:]] == [getattr(now, name) for name in KNOWN[1:]]
    assert np.array_equal(before.islands.islands(before.search), now.islands.islands(now.search))
