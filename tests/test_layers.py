"""Who may import whom: the order of docs/design.md, section 10, read off the sources without running them."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import magsearch

PACKAGE = Path(magsearch.__file__).parent

# Each layer uses only what stands above it. A package (formats, minimizers, operators) is one module here.
LAYERS = (
    ("errors", "units", "randomness", "signals"),
    ("device", "lattice", "topology", "ranks"),
    ("bonds", "triangulation", "interruption"),
    ("hamiltonian",),
    ("formats", "neighbours", "symmetry"),
    ("tour", "spingroup"),
    ("evaluator",),
    ("crystal", "equivalence", "hessian", "preconditioner", "relaxation"),
    ("heatbath", "lanczos", "statistics"),
    ("modes",),
    ("fitness", "stability"),
    ("alignment", "density", "minimizers", "selection", "observables"),
    ("operators",),
    ("bounds", "thermodynamics", "portraits", "minima"),
    ("methods", "phases"),
    ("island", "states"),
    ("backends", "history", "migration", "cells", "crossings"),
    ("stopping",),
    ("archipelago",),
    ("storage", "settings", "axes"),
    ("config", "footprint", "textures"),
    ("live", "record"),
    ("screen", "plots"),
    ("batch", "diagram", "view"),
    ("scan",),
    ("report",),
    ("cli",),
)
RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}
ONLY = {"cupy": {"device"}, "cupyx": {"device"}, "h5py": {"storage"}, "mpi4py": {"ranks"}}

SOURCES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
SOURCES = {
    name: path for name, path in SOURCES.items() if name not in ("__init__", "__main__")
}  # these gather the rest


def imports(name: str) -> set[str]:
    """What a module imports anywhere in its text, dotted; names behind importlib.import_module included."""
    path, found = SOURCES[name], set()
    package = ["magsearch", *name.split(".")][: None if path.name == "__init__.py" else -1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*start, *([node.module] if node.module else [])])
            found |= {whole} | {f"{whole}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def inside(name: str) -> set[str]:
    """The modules of magsearch that a module imports, dotted below the package."""
    ours = {i.removeprefix("magsearch.") for i in imports(name) if i.startswith("magsearch.")}
    return {i.removesuffix(".__init__") for i in ours if i in SOURCES or f"{i}.__init__" in SOURCES}


def top(name: str) -> str:
    return name.split(".")[0]


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_uses_only_what_stands_before_it(name):
    mine = top(name)
    assert mine in RANK, f"{mine} has no place in LAYERS yet: give it one"
    for used in sorted({top(i) for i in inside(name)} - {mine}):
        assert RANK.get(used, -1) < RANK[mine], f"{name} imports {used}"


def test_no_module_imports_itself_by_a_detour():
    graph = {name.removesuffix(".__init__"): inside(name) - {name.removesuffix(".__init__")} for name in SOURCES}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("library", ONLY)
def test_a_library_is_known_to_its_own_module_only(library):
    users = {top(name) for name in SOURCES if any(top(i) == library for i in imports(name))}
    assert users <= ONLY[library]


def test_the_reader_of_imports_sees_what_is_there():
    """cupy is reached through importlib in device.py; hamiltonian imports bonds and lattice."""
    assert "cupy" in imports("device")
    assert {"bonds", "lattice"} <= inside("hamiltonian")
