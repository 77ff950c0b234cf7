"""The atlas: its files, their energies by independent formulas, bounds, and the command that searches them."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command import here, printed, refused
from numpy.typing import NDArray
from processes import start
from scipy.optimize import minimize_scalar
from scipy.special import k0, zeta

from magsearch import config
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.config.input import Input
from magsearch.runs import atlas
from magsearch.units import DIPOLE

FILES = {path.stem: path for path in sorted(atlas.folder().glob("*.toml"))}
LARGEST = 64  # sites of a model whose bound a test computes


@cache
def model(name: str) -> Input:
    return config.read(FILES[name])


def bonds(name: str) -> list[tuple[int, int, NDArray[np.int64], NDArray[np.float64]]]:
    """The bonds that a file lists, each once: atoms, cells and the matrix X of - s_i . X s_j."""
    found = []
    for bond in tomllib.loads(FILES[name].read_text())["model"]["bond"]:
        matrix = np.array(bond.get("matrix", np.zeros((3, 3)))) + bond.get("J", 0.0) * np.eye(3)
        found.append((bond["i"], bond["j"], np.array(bond.get("cells", (0, 0, 0))), matrix))
    return found


# -- energies by formulas, meV per site; J > 0 is antiferromagnetic here -----------------------------------------------


def spiral(*J: float) -> float:
    """Chain with exchange J1, J2, ...: the lowest energy over all wave vectors."""
    q = np.linspace(0, np.pi, 721)
    return float(sum(J_n * np.cos((n + 1) * q) for n, J_n in enumerate(J)).min())


def bipartite(f: float, J1: float, J2: float) -> float:
    """J1-J2 models on the honeycomb (f = 3) and diamond (f = 4) lattices: the best modulus x of the sum of phases."""
    x = np.linspace(0, f, 1201)
    return float((J2 * (x**2 - f) / 2 - J1 * x / 2).min())


def cone(Jq: float, J0: float, h: float) -> float:
    """Conical spiral, best opening angle: - J(q)/2 sin^2 - J(0)/2 cos^2 - h cos."""
    tight = {"xatol": 1e-12}
    energy = lambda c: -Jq / 2 * (1 - c * c) - J0 / 2 * c * c - h * c  # noqa: E731
    return float(minimize_scalar(energy, bounds=(0, 1), method="bounded", options=tight).fun)


def helix(J: float, D: float) -> float:
    """A bond in a helix of the best pitch."""
    return float(minimize_scalar(lambda q: -J * np.cos(q) - D * np.sin(q), bracket=(0, 1), tol=1e-12).fun)


def zigzag(name: str) -> float:
    """Zigzag order on the honeycomb lattice with the spins along the best axis, all bonds of the file summed.

    Spins change sign along the first cell vector, and from one sublattice to the other.
    """
    total = np.zeros((3, 3))
    for i, j, cells, X in bonds(name):
        sign = (-1.0) ** (cells[0] + cells[1]) * (-1.0) ** (i + j)  # parallel along x and y bonds, antiparallel along z
        total -= sign * (X + X.T) / 2
    return float(np.linalg.eigvalsh(total)[0] / 2)


def langasite() -> float:
    """Triangles of 120 degrees that turn by 2 pi / 7 from cell to cell along c, in the better sense."""
    energies = []
    for sense in (1, -1):
        turned = [(X[0, 0], 2 * np.pi * (sense * (j - i) / 3 + T[2] / 7)) for i, j, T, X in bonds("langasite")]
        energies.append(-sum(J * np.cos(angle) for J, angle in turned) / 3)
    return float(min(energies))


def mnsi() -> float:
    q, K = np.pi / 5, np.tan(np.pi / 5)
    along = np.cos(q) + K * np.sin(q) - np.cos(2 * q) / 16 - K / 8 * np.sin(2 * q)
    return cone(2 * (2 * (1 - 1 / 16) + along), 6 * (1 - 1 / 16), 0.12)


def okubo() -> float:
    x, y = 2 * np.pi * np.indices((26, 26)) / 26
    J = [np.cos(n * x) + np.cos(n * y) + np.cos(n * (x - y)) for n in (1, 2)]
    return float((3 * J[1] - J[0]).min())


def line(d: float) -> float:
    """Energy of two parallel lines of dipoles at distance d along one another, per dipole of each."""
    k = np.arange(1, 40)
    return float((16 * np.pi**2 * k**2 * k0(2 * np.pi * k * d)).sum())


def dipoles_cubic() -> float:
    n = range(-12, 13)
    around = sum((-1) ** (a + b) * line(np.hypot(a, b)) for a in n for b in n if a or b)
    return DIPOLE * (-2 * zeta(3.0) + around / 2)


ROOT3 = np.sqrt(3)
FORMULAS: dict[str, Callable[[], float]] = {
    "chain-afm": lambda: spiral(1.0),
    "chain-biquadratic": lambda: min(-c + c * c for c in np.linspace(-1, 1, 2001)),
    "chain-cone": lambda: cone(-2 * spiral(-1.0, 0.5), 1.0, 0.2),
    "chain-dmi": lambda: helix(1.0, 1.0),
    "chain-j1j2": lambda: spiral(-1.0, 0.5),
    "chain-majumdar-ghosh": lambda: spiral(1.0, 0.5),
    "chain-sawtooth": lambda: -1.5 / 2,
    "square-afm": lambda: 2 * spiral(1.0),
    "square-j1j2": lambda: min(-2 * 0.8, -2 + 2 * 0.8),
    "square-j1j3": lambda: 2 * spiral(1.0, 0.5),
    "square-bloch-helix": lambda: 2 * helix(1.0, np.tan(np.pi / 6)),
    "square-compass": lambda: -1.0,
    "square-kagome": lambda: -1.5 * 4 / 6,
    "shastry-sutherland": lambda: min(2 * c + 2.0 * (2 * c * c - 1) / 2 for c in np.linspace(-1, 1, 2001)),
    "shastry-sutherland-neel": lambda: min(2 * c + 0.8 * (2 * c * c - 1) / 2 for c in np.linspace(-1, 1, 2001)),
    "checkerboard": lambda: -2.0 / 2,
    "cav4o9": lambda: -1.5,
    "triangular-afm": lambda: -1.5,
    "triangular-j1j2": lambda: -1.3,
    "triangular-tetrahedral": lambda: 3 * (-1 / 3) * 1.3 + 3 * 0.05 / 9,
    "triangular-stripes": lambda: -1.3 - 3 * 0.05,
    "triangular-chirality": lambda: -1.0,
    "okubo-spiral": okubo,
    "maple-leaf": lambda: -(1 + ROOT3) / 2,
    "honeycomb-afm": lambda: bipartite(3, 1.0, 0.0),
    "honeycomb-spiral": lambda: bipartite(3, 1.0, 0.25),
    "honeycomb-stripes": lambda: bipartite(3, 1.0, 0.5),
    "honeycomb-gamma": lambda: -1.0,
    "kitaev": lambda: -0.5,
    "kitaev-heisenberg-neel": lambda: -(3 * 1.0 - 0.5) / 2,
    "kitaev-heisenberg-stripy": lambda: (-1.0 - 0.5) / 2,
    "kitaev-heisenberg-zigzag": lambda: zigzag("kitaev-heisenberg-zigzag"),
    "rucl3": lambda: zigzag("rucl3"),
    "ncto": lambda: zigzag("ncto"),
    "kagome-afm": lambda: -1.5 * 2 / 3,
    "kagome-q0": lambda: -1.0 - 0.2,
    "kagome-sqrt3": lambda: -1.0 - 2 * 0.2,
    "kagome-cuboc1": lambda: 2 * np.cos(2 * np.pi / 3) * 1.0 - 1.0,
    "kagome-cuboc2": lambda: -2 * np.cos(np.pi / 3) + 2 * np.cos(2 * np.pi / 3),
    "kagome-dmi": lambda: 2 * (np.cos(2 * np.pi / 3) - 0.2 * np.sin(2 * np.pi / 3)),
    "cubic-afm": lambda: -3.0,
    "cubic-j1j2": lambda: -1.0 - 2 * 0.5,
    "bcc-afm": lambda: -4.0,
    "bcc-j1j2": lambda: -3.0,
    "fcc-type-1": lambda: -2.0,
    "fcc-type-2": lambda: -3.0,
    "fcc-type-3": lambda: -2.0 + 0.25,
    "diamond-afm": lambda: bipartite(4, 1.0, 0.0),
    "diamond-spiral": lambda: bipartite(4, 1.0, 0.25),
    "cubic-helix": lambda: 3 * helix(1.0, 1 / ROOT3),
    "cubic-cone": lambda: cone(4 * ROOT3, 6.0, 0.5),
    "mnsi-cone": mnsi,
    "hopfion-host": lambda: -(3 * 61.0 - 6 * 10.0 - 3 * 5.0),
    "pyrochlore-afm": lambda: -2.0 / 2,
    "pyrochlore-aiao": lambda: 3 * (-1 / 3 - 0.2 * np.sin(np.arccos(-1 / 3))),
    "spin-ice": lambda: -2.0 / 2 - 1.0,
    "er2ti2o7": lambda: -6 * 0.065 / 4,
    "hyperkagome": lambda: -1.5 * 2 / 3,
    "trillium": lambda: -1.5,
    "spinel-neel": lambda: (-12 + 6 * 0.5) / 3,
    "langasite": langasite,
    "icosahedron": lambda: -30 / np.sqrt(5) / 12,
    "dodecahedron": lambda: -30 * np.sqrt(5) / 3 / 20,
    "mo72fe30": lambda: -60 / 2 / 30,
    "cuboctahedron": lambda: -24 / 2 / 12,
    "c60": lambda: (60 * np.cos(np.radians(144)) - 30) / 60,
    "dipoles-chain": lambda: -2 * zeta(3.0) * DIPOLE,
    "dipoles-square": lambda: DIPOLE * (-2 * zeta(3.0) + sum((-1) ** d * line(d) for d in range(1, 12))),
    "dipoles-triangular": lambda: -DIPOLE * 1.5 * zeta(1.5) * 3**-1.5 * (zeta(1.5, 1 / 3) - zeta(1.5, 2 / 3)),
    "dipoles-cubic": dipoles_cubic,
}


def test_the_atlas_has_fifty_models_with_their_sources():
    assert len(FILES) >= 50
    for name in FILES:
        reference = model(name).reference
        assert reference.source, name
        assert reference.state, name
        assert reference.known != "analytic" or reference.formula, name
        assert all(doi.startswith("10.") for doi in reference.doi), name


@pytest.mark.parametrize("name", FILES)
def test_energies_equal_independent_formulas(name):
    reference = model(name).reference
    assert (reference.known in ("analytic", "proven")) == (name in FORMULAS)
    if name in FORMULAS:
        assert reference.energy == pytest.approx(FORMULAS[name](), rel=1e-9)


@pytest.mark.parametrize("name", [name for name in FILES if model(name).hamiltonian.lattice.sites <= LARGEST])
def test_no_known_energy_lies_below_the_bound(name):
    """The energy of a formula, of which no texture is at hand, is at least the bound but for rounding."""
    known, given = model(name).reference.energy, model(name).hamiltonian
    if known is not None:
        bound = lower_bound(given)
        assert known >= bound.per_site - 1e-10 * bound.scale


# -- the command -------------------------------------------------------------------------------------------------------

OWN = """\
[model]
lattice = "square"
size = [2, 2, 1]

[[model.exchange]]
J = -1.0

[reference]
state = "Neel order"
energy = -2.5
known = "best found"
"""


def test_models_are_listed_without_a_search(capsys):
    listed = json.loads(printed(capsys, "atlas", "--list", "--json", "rucl3", "c60"))
    assert [one["name"] for one in listed] == ["rucl3", "c60"]
    assert listed[1]["sites"] == 60


def test_a_search_is_compared_with_what_is_known(capsys, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(OWN)
    out = tmp_path / "runs"
    code, text, _ = here(capsys, "atlas", own, "cuboctahedron", "-o", out, "--set", "search.replicas=8")
    assert code == 1
    lines = {line.split()[0]: line for line in text.splitlines() if " of 1 " in line}
    assert "0 of 1" in lines["own"]
    assert "5.0e-01" in lines["own"]
    assert "1 of 1" in lines["cuboctahedron"]
    assert "equals the lower bound" in lines["cuboctahedron"]
    assert {path.name for path in out.glob("*.h5")} == {"own-1.h5", "cuboctahedron-1.h5"}


def test_a_search_that_fails_is_told(capsys, tmp_path):
    (tmp_path / "own-1.h5").mkdir()
    (tmp_path / "own.toml").write_text(OWN)
    code, text, err = here(capsys, "atlas", tmp_path / "own.toml", "-o", tmp_path)
    assert code == 2
    why = f"{tmp_path / 'own-1.h5'}: is a folder; expected the name of a file"
    assert err.splitlines() == [f"magsearch: 1 of 1 searches failed: own, seed 1: {why}"]
    assert "0 of 1" in text


def test_a_signal_ends_all_searches(tmp_path):
    long = [
        argument
        for setting in ("generations=100000", "window=100000", "minima=2")
        for argument in ("--set", f"search.{setting}")
    ]
    atlas_of_two = start("atlas", "okubo-spiral", "c60", "--jobs", 2, "-o", tmp_path, *long)
    children = Path(f"/proc/{atlas_of_two.pid}/task/{atlas_of_two.pid}/children")
    patience = time.monotonic() + 60
    while len(list(tmp_path.glob("*.h5"))) < 2 and time.monotonic() < patience:
        time.sleep(0.05)
    searches = children.read_text().split()
    assert len(searches) == 2
    atlas_of_two.terminate()
    said = atlas_of_two.communicate(timeout=30)[0]
    assert atlas_of_two.returncode == 75
    assert "SIGTERM: 0 of 2 searches ended" in said
    assert not any(Path(f"/proc/{search}").exists() for search in searches)


def test_an_energy_below_a_formula_is_impossible(tmp_path):
    """Below a proven energy the file or the search is wrong; below others the search has found a better state."""
    for known, verdict in (("analytic", atlas.Verdict.IMPOSSIBLE), ("best found", atlas.Verdict.LOWER)):
        path = tmp_path / "own.toml"
        path.write_text(OWN.replace("-2.5", "-1.5").replace("best found", known))
        (own,) = atlas.models([str(path)])
        record = SimpleNamespace(elites=[SimpleNamespace(energy_per_site=-2.0)])
        assert atlas.Outcome(own, 1, path, record).verdict == verdict


def test_mistakes_are_answered_in_a_line(capsys, tmp_path):
    assert "did you mean 'kitaev'" in refused(capsys, "atlas", "kitaew")
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace('known = "best found"\n', ""))
    assert f"{path}:10: reference.energy needs reference.known beside it" in refused(capsys, "atlas", "--list", path)


@pytest.mark.slow
def test_every_known_energy_is_reached(capsys, tmp_path):
    code, out, _ = here(capsys, "atlas", "--jobs", 2, "-o", tmp_path)
    assert code == 0, out
