"""Packages import downwards only, without circles: read off the sources, not by running them."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import magsearch

PACKAGE = Path(magsearch.__file__).parent

# Each package imports only from those above its own line; docs/architecture.md draws this
LAYERS = (
    ("errors", "units", "randomness", "limits"),
    ("formatting", "output"),
    ("model", "parallel"),
    ("engine", "symmetry"),
    ("formats",),
    ("observables", "relaxation"),
    ("thermal", "operators", "bounds"),
    ("minima", "phases"),
    ("search", "landscape", "magnons"),
    ("critical", "hysteresis"),
    ("config", "storage"),
    ("console", "plots", "checks", "export"),
    ("runs",),
    ("scan",),
    ("report",),
    ("study",),
    ("cli",),
)
FILES = {*LAYERS[0], *LAYERS[1]}  # the only modules that lie flat
RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}
ONLY = {
    "cupy": {"engine.cuda"}, "cupyx": {"engine.cuda"}, "mpi4py": {"parallel.ranks"}, "h5py": {"storage"},
}  # fmt: skip

SOURCES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
SOURCES = {
    name: path for name, path in SOURCES.items() if name not in ("__init__", "__main__")
}  # these gather the rest


def called(node: ast.expr) -> str:
    """Return the name of a function that is called, or of a class that is tested, without its modules."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


@cache
def imports(name: str) -> set[str]:
    """What a module imports anywhere in its text, dotted; names behind importlib.import_module included."""
    path, found = SOURCES[name], set()
    package = ["magsearch", *name.split(".")][: None if path.name == "__init__.py" else -1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If) and called(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*start, *([node.module] if node.module else [])])
            found |= {whole} | {f"{whole}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and called(node.func) == "import_module":
            found |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def inside(name: str) -> set[str]:
    """The modules of magsearch that a module imports, dotted below the package."""
    ours = {i.removeprefix("magsearch.") for i in imports(name) if i.startswith("magsearch.")}
    known = {i for i in ours if i in SOURCES or f"{i}.__init__" in SOURCES}
    return {i for i in known if not name.startswith(f"{i}.")}  # a package's __init__ runs before its modules anyway


def top(name: str) -> str:
    return name.split(".")[0]


def test_every_module_is_in_a_package():
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"} == FILES
    assert packages | FILES == set(RANK)


@pytest.mark.parametrize("name", SOURCES)
def test_a_package_imports_downwards_only(name):
    mine = top(name)
    for used in sorted({top(i) for i in inside(name)} - {mine}):
        assert RANK.get(used, -1) < RANK[mine], f"{name} imports {used}"


def test_no_module_imports_itself_by_a_detour():
    graph = {name.removesuffix(".__init__"): inside(name) - {name.removesuffix(".__init__")} for name in SOURCES}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("library", ONLY)
def test_a_library_is_imported_by_its_own_module_only(library):
    users = {name for name in SOURCES if any(top(i) == library for i in imports(name))}
    assert users
    assert all(any(name == own or name.startswith(f"{own}.") for own in ONLY[library]) for name in users), users


def test_the_reader_of_imports_sees_what_is_there():
    """cupy is reached through importlib in cuda.py; hamiltonian imports bonds and lattice."""
    assert "cupy" in imports("engine.cuda")
    assert {"model.bonds", "model.lattice"} <= inside("model.hamiltonian")


def test_no_test_module_imports_another():
    """Shared fixtures belong to conftest.py and to the modules beside it."""
    modules = sorted(Path(__file__).parent.rglob("*.py"))
    assert len(modules) > 50
    importing = re.compile(r"^\s*(from|import) test_", re.MULTILINE)  # also in programs that a test writes
    assert [module.name for module in modules if importing.search(module.read_text())] == []
