"""A script for SpinW (MATLAB) that builds model and texture and prints the energy beside that of magsearch.

SpinW's energy is sum_bonds S_i . J S_j + sum_i S_i . A S_i - mu_B sum_i B . g S_i per spin, each bond once (SpinW 4,
swfiles/@spinw/energy.m and intmatrix.m); the script takes S of length 1 along the moment, g = m, J = - J_ij and A = -
A_i. SpinW has its own frame, a along x and b in the plane of x and y: spins, couplings and field are rotated into it.
It leaves out couplings whose elements have squares that add up to less than 1e-10 meV^2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.export.classical import classical_model
from magsearch.export.structure import MagneticStructure
from magsearch.formats.spins.mcif import parameters
from magsearch.model.terms.term import UnsupportedTerm

Texts = dict[Path, str]
CUT = 1e-10  # meV^2


def texts(structure: MagneticStructure, path: Path) -> Texts:
    """Return the script. Raises UnsupportedTerm for biquadratic exchange and anisotropies of higher order."""
    cell = structure.cell
    for term in structure.model.others:
        raise UnsupportedTerm(term, "SpinW", "its energy has pairs and quadratic anisotropies only")
    crystal = classical_model(cell.hamiltonian, "SpinW")
    if crystal.onsite.higher_order:
        raise UnsupportedTerm(structure.model.terms[1], "SpinW", "its anisotropies are quadratic in the spins")
    lengths = parameters(crystal.cell)
    R = (np.linalg.inv(crystal.cell) @ frame(lengths)).T  # from the frame of the model to SpinW's
    M = R @ crystal.M @ R.T
    distinct, kind = np.unique(M.reshape(-1, 9).round(14) + 0.0, axis=0, return_inverse=True)
    easy, which = np.unique((-R @ crystal.onsite.A @ R.T).reshape(-1, 9) + 0.0, axis=0, return_inverse=True)
    tensors, of = np.unique(crystal.moments, return_inverse=True)
    left = int((np.square(crystal.M).sum(axis=(1, 2)) <= CUT).sum())
    _, energy = structure.energies
    rows = np.column_stack([crystal.i + 1, crystal.j + 1, crystal.offset, kind.reshape(-1) + 1])
    n = len(distinct)
    lines = [
        "% Written by magsearch: unit spins along the moments, meV, mu_B, angstrom; frame of SpinW (a along x).",
        *([f"% SpinW leaves out {left} couplings of this list, which are weaker than 1e-5 meV."] if left else []),
        "model = spinw;",
        f"model.genlattice('lat_const', {_row(lengths[:3])}, 'angled', {_row(lengths[3:])});",
        "positions = " + _table(crystal.fractions),
        "labels = {" + ", ".join(f"'{s}{k}'" for k, s in enumerate(structure.symbols[: len(cell.atoms)], 1)) + "};",
        "for k = 1:size(positions, 1)",
        "    model.addatom('r', positions(k,:)', 'S', 1, 'label', labels{k});",
        "end",
        "% matrices: one row each, xx xy xz yx yy yz zx zy zz",
        "couplings = " + _table(distinct),
        "anisotropies = " + _table(easy.reshape(-1, 9)),
        "moments = " + _table(tensors[:, None]),
        "for k = 1:size(couplings, 1)",
        "    model.addmatrix('label', sprintf('J%d', k), 'value', reshape(couplings(k,:), 3, 3)');",
        "end",
        "for k = 1:size(anisotropies, 1)",
        "    model.addmatrix('label', sprintf('A%d', k), 'value', reshape(anisotropies(k,:), 3, 3)');",
        "end",
        "for k = 1:size(moments, 1)",
        "    model.addmatrix('label', sprintf('g%d', k), 'value', moments(k) * eye(3));",
        "end",
        "% bonds: atom 1, atom 2, cells from 1 to 2, matrix",
        "bonds = " + _table(rows),
        "count = size(bonds, 1);",
        "list = model.coupling;",
        "list.atom1 = int32(bonds(:,1)'); list.atom2 = int32(bonds(:,2)'); list.dl = int32(bonds(:,3:5)');",
        "list.mat_idx = int32([bonds(:,6)'; zeros(2, count)]); list.idx = int32(1:count);",
        "list.type = int32(zeros(3, count)); list.sym = int32(zeros(3, count)); list.nsym = int32(0);",
        "model.coupling = list;",
        "ion = model.single_ion;",
        f"ion.aniso = int32({_row(which.reshape(-1) + 1 + n)});",
        f"ion.g = int32({_row(of.reshape(-1) + 1 + n + len(easy))});",
        f"ion.field = {_row(np.array(structure.model.field) @ R.T)};",
        "model.single_ion = ion;",
        "spins = " + _table(cell.spins @ R.T),
        "model.genmagstr('mode', 'direct', 'S', spins', 'nExt', [1 1 1], 'k', [0 0 0]);",
        f"fprintf('energy per site: %.12g meV; magsearch: {energy:.12g} meV\\n', model.energy);",
    ]
    return {path: "\n".join(lines) + "\n"}


def frame(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vectors of a cell in SpinW's frame in rows, [3, 3], from a, b, c and alpha, beta, gamma in degrees."""
    alpha, beta, gamma = np.radians(lengths[3:])
    y = (np.cos(alpha) - np.cos(beta) * np.cos(gamma)) / np.sin(gamma)
    unit = [
        [1.0, 0.0, 0.0],
        [np.cos(gamma), np.sin(gamma), 0.0],
        [np.cos(beta), y, np.sqrt(np.sin(beta) ** 2 - y**2)],
    ]
    return np.asarray(lengths[:3, None] * np.array(unit))


def _row(values: NDArray[Any]) -> str:
    return "[" + " ".join(f"{x + 0:.17g}" for x in values) + "]"


def _table(values: NDArray[Any]) -> str:
    return "[\n" + "\n".join("    " + " ".join(f"{x + 0:.17g}" for x in row) for row in values) + "\n];"
