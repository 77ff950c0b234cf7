"""The eleven models of docs/models.md are read, and their states have the energies that the page states."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from magsearch import formats
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice

PAGE = Path(__file__).parent.parent / "docs" / "models.md"
if not PAGE.exists():
    pytest.skip("the docs are not installed", allow_module_level=True)
SECTIONS = PAGE.read_text().split("\n## ")[1:]
Z = np.array([0.0, 0.0, 1.0])


def uniform(lattice: Lattice) -> NDArray[np.float64]:
    return np.tile(Z, (lattice.sites, 1))


def wave(axis: int, turns: float, across: str = "xy") -> Callable[[Lattice], NDArray[np.float64]]:
    """Spins that turn in a plane, by an angle from cell to cell along an axis."""

    def state(lattice: Lattice) -> NDArray[np.float64]:
        angle = 2 * np.pi * turns * np.repeat(lattice.coordinates[:, axis], lattice.atoms)
        spins = np.zeros((lattice.sites, 3))
        for component, values in zip(across, (np.cos(angle), np.sin(angle)), strict=True):
            spins[:, "xyz".index(component)] = values
        return spins

    return state


def tetrahedron(lattice: Lattice) -> NDArray[np.float64]:
    """Three waves that halve the cells, one for each component: corners of a tetrahedron."""
    x, y, _ = lattice.coordinates.T
    return np.stack([(-1.0) ** x, (-1.0) ** y, (-1.0) ** (x + y)], axis=1) / 3**0.5


def zigzag(lattice: Lattice) -> NDArray[np.float64]:
    """Bonds of two kinds are parallel, those of the third, along y, antiparallel; spins along their cubic axis."""
    cubic = np.array([-2.0, 0.0, 2**0.5]) / 6**0.5
    sign = (-1.0) ** np.repeat(lattice.coordinates[:, 1], lattice.atoms)
    return sign[:, None] * cubic


def layers(lattice: Lattice) -> NDArray[np.float64]:
    return np.tile([Z, -Z], (lattice.cells, 1))


def corners(lattice: Lattice) -> NDArray[np.float64]:
    """Three sublattices that follow each other by 120 degrees."""
    angle = 2 * np.pi / 3 * np.tile(np.arange(3), lattice.cells)
    return np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)


def columns(lattice: Lattice) -> NDArray[np.float64]:
    """Rows of dipoles along x, of opposite sign in turn."""
    return np.outer((-1.0) ** lattice.coordinates[:, 1], [1.0, 0.0, 0.0])


STATES = {
    "Square lattice": wave(0, 0.5), "Helix": wave(0, 1 / 8, "yz"), "Triangular lattice with biquadratic": tetrahedron,
    "Kitaev": zigzag, "Monolayer": uniform, "Antiferromagnetic bilayer": layers, "B20": uniform,
    "Kagome": corners, "Square layer of dipoles": columns, "Skyrmion film": uniform,
    "Itinerant magnet": wave(0, 1 / 6),
}  # fmt: skip


def model(section: str, tmp_path: Path) -> Hamiltonian:
    path = tmp_path / "model.toml"
    path.write_text(section.split("```toml\n")[1].split("```")[0])
    return formats.read(path)


@pytest.mark.parametrize("name", STATES)
def test_a_state_has_the_energy_of_the_page(name, tmp_path):
    (section,) = (one for one in SECTIONS if one.splitlines()[0].startswith(name))
    stated = re.findall(r"=\s+(-\d+\.\d+)\b", section.split("```")[0])[0]
    hamiltonian = model(section, tmp_path)
    spins = STATES[name](hamiltonian.lattice)
    energy = float(Evaluator(hamiltonian, Cpu(), np.float64).energies(spins[None])[0]) / hamiltonian.lattice.sites
    digits = len(stated.split(".")[1])
    assert energy == pytest.approx(float(stated), abs=0.6 * 10.0**-digits)


def test_there_are_eleven_of_at_most_twenty_five_lines():
    assert len(SECTIONS) == len(STATES) == 11
    for section in SECTIONS:
        lines = [line for line in section.split("```toml\n")[1].split("```")[0].splitlines() if line.strip()]
        assert len(lines) <= 25
