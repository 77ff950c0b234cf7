"""The energy once more, in NumPy, written from the formula at the top of model/hamiltonian.py and from nothing else.

Bonds are walked one by one with a wrapping of their own: neither ``Hamiltonian.directed`` nor a kernel is used.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import comb

import numpy as np
from numpy.polynomial import Legendre, Polynomial

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import CubicAnisotropy, StevensOperator, UniaxialAnisotropy
from magsearch.model.terms.tensor_products import TensorProducts

MU_B = 5.7883818060e-2  # meV / T, CODATA 2018
# coefficients of z^(k - |q|) in O_k^q, by k and |q| (Hutchings, Solid State Phys. 16, 227 (1964), table VIII)
LEADING = {2: (3, 1, 1), 4: (35, 7, 7, 1, 1), 6: (231, 33, 33, 11, 11, 1, 1)}


def random_textures(hamiltonian: Hamiltonian, replicas: int, seed: int = 0) -> np.ndarray:
    """Unit spins uniform on the sphere, zero at vacancies, [replica, site, 3]."""
    s = np.random.default_rng(seed).normal(size=(replicas, hamiltonian.lattice.sites, 3))
    s /= np.linalg.norm(s, axis=-1, keepdims=True)
    s[:, list(hamiltonian.vacancies)] = 0.0
    return s


@cache
def walk(hamiltonian: Hamiltonian) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every ordered pair (i, j) of sites that feel each other, with J_ij: [pair], [pair], [pair, 3, 3]."""
    lattice = hamiltonian.lattice
    n1, n2, n3 = lattice.size
    pairs = []
    bonds = hamiltonian.bonds
    for a, b, offset, J in zip(bonds.i, bonds.j, bonds.offset.tolist(), bonds.J, strict=True):
        for x, y, z in product(range(n1), range(n2), range(n3)):
            there = [c + o for c, o in zip((x, y, z), offset, strict=True)]
            if any(not p and not 0 <= t < n for t, n, p in zip(there, lattice.size, lattice.periodic, strict=True)):
                continue
            u, v, w = (t % n for t, n in zip(there, lattice.size, strict=True))
            pairs.append((a + lattice.atoms * (x + n1 * (y + n2 * z)), b + lattice.atoms * (u + n1 * (v + n2 * w)), J))
    if hamiltonian.site_bonds is not None:
        pairs += list(zip(hamiltonian.site_bonds.i, hamiltonian.site_bonds.j, hamiltonian.site_bonds.J, strict=True))
    pairs = [(i, j, J) for i, j, J in pairs if i not in hamiltonian.vacancies and j not in hamiltonian.vacancies]
    i, j, J = zip(*pairs, strict=True) if pairs else ((), (), np.empty((0, 3, 3)))
    return np.array(i, int), np.array(j, int), np.array(J)


def dmi_vector(J: np.ndarray) -> np.ndarray:
    """D of D . (s_i x s_j) in s_i . J s_j."""
    return 0.5 * np.stack([J[:, 1, 2] - J[:, 2, 1], J[:, 2, 0] - J[:, 0, 2], J[:, 0, 1] - J[:, 1, 0]], axis=-1)


def sites_of(hamiltonian: Hamiltonian, atoms: tuple[int, ...] | None) -> np.ndarray:
    """[site] 1 where an anisotropy of these atoms acts, else 0."""
    lattice = hamiltonian.lattice
    acts = [site % lattice.atoms in (atoms or range(lattice.atoms)) for site in range(lattice.sites)]
    return np.array([float(a and site not in hamiltonian.vacancies) for site, a in enumerate(acts)])


def moment_of(hamiltonian: Hamiltonian) -> np.ndarray:
    """[site] Bohr magnetons."""
    lattice, m = hamiltonian.lattice, hamiltonian.moments
    moments = [m[site] if len(m) == lattice.sites else m[site % lattice.atoms] for site in range(lattice.sites)]
    return np.array([0.0 if site in hamiltonian.vacancies else m for site, m in enumerate(moments)])


def energies(hamiltonian: Hamiltonian, s: np.ndarray) -> dict[str, np.ndarray]:
    """Energy by term, meV; s [..., site, 3]."""
    i, j, J = walk(hamiltonian)
    even = 0.5 * (J + J.transpose(0, 2, 1))
    exchange = -0.5 * np.einsum("...ka,kab,...kb->...", s[..., i, :], even, s[..., j, :])
    dmi = -0.5 * np.einsum("ka,...ka->...", dmi_vector(J), np.cross(s[..., i, :], s[..., j, :]))
    anisotropy = np.zeros(s.shape[:-2])
    for term in hamiltonian.anisotropy:
        acts = sites_of(hamiltonian, term.atoms)
        if isinstance(term, UniaxialAnisotropy):
            along = s @ (np.array(term.axis) / np.linalg.norm(term.axis))
            anisotropy -= (acts * (term.K * along**2 + term.K4 * along**4)).sum(-1)
        elif isinstance(term, StevensOperator):
            anisotropy += (acts * term.B * stevens(term.k, term.q, s @ np.array(term.axes).T)).sum(-1)
        else:
            assert isinstance(term, CubicAnisotropy)
            x, y, z = np.moveaxis(s @ np.array(term.axes).T, -1, 0)
            anisotropy += (acts * term.Kc * (x**2 * y**2 + y**2 * z**2 + z**2 * x**2)).sum(-1)
    zeeman = -MU_B * (moment_of(hamiltonian) * (s @ np.array(hamiltonian.field))).sum(-1)
    others = {term.name: np.zeros(s.shape[:-2]) for term in hamiltonian.products}
    for name, sites, (a, b, c, t) in clusters(hamiltonian):
        i, j, k, l = (s[..., n, :] for n in sites)  # noqa: E741
        others[name] -= a * dot(i, j) * dot(k, l) + b * dot(j, k) * dot(l, i) + c * dot(i, k) * dot(j, l)
        others[name] -= t * dot(i, np.cross(j, k))
    for sites, A, B in tensor_clusters(hamiltonian):
        i, j, k, l = (s[..., n, :] for n in sites)  # noqa: E741
        others["tensor_product"] -= dot(i @ A, j) * dot(k @ B, l)
    if hamiltonian.waves is not None:
        others["wave_vectors"] = 0.0
        for _, J, K, A, D, S in waves(hamiltonian, s):
            X = np.einsum("...a,ab,...b->...", S, A, S.conj()).real
            dmi_part = (1j * np.cross(S, S.conj()) @ D).real
            others["wave_vectors"] = others["wave_vectors"] + 2 * (-J * X - dmi_part + K / hamiltonian.n_spins * X**2)
    return {"exchange": exchange, "dmi": dmi, "anisotropy": anisotropy, "zeeman": zeeman, **others}


def waves(hamiltonian: Hamiltonian, s: np.ndarray) -> list[tuple]:
    """For each wave vector exp(i Q.r) [site], J, K, A, D and S_Q [..., 3]."""
    lattice, term, found = hamiltonian.lattice, hamiltonian.waves, []
    for q, J, K, A, D in zip(term.q, term.J, term.K, term.A, term.D, strict=True):
        phase = np.exp(1j * lattice.positions @ (2 * np.pi * np.linalg.inv(lattice.cell) @ q))
        S = np.einsum("i,...ia->...a", phase.conj(), s) / hamiltonian.n_spins**0.5
        found.append((phase, J, K, A, D, S))
    return found


def stevens(k: int, q: int, s: np.ndarray) -> np.ndarray:
    """The solid harmonic r^k P_k^|q|(z / r) cos or sin(|q| phi), scaled to the leading coefficient of O_k^q."""
    m, (x, y, z) = abs(q), np.moveaxis(s, -1, 0)
    c = Legendre.basis(k).deriv(m).convert(kind=Polynomial).coef
    r2 = x * x + y * y + z * z
    along = sum(LEADING[k][m] / c[-1] * c[n] * z**n * r2 ** ((k - m - n) // 2) for n in range(k - m, -1, -2))
    around = sum(comb(m, j) * x ** (m - j) * y**j * (-1) ** (j // 2) for j in range(q < 0, m + 1, 2))
    return np.asarray(along * around)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1)


@cache
def clusters(hamiltonian: Hamiltonian) -> list[tuple[str, tuple[int, ...], tuple[float, ...]]]:
    """Every cluster of scalar products of the box: its term, its four sites and its constants a, b, c, t."""
    return [
        (term.name, sites, tuple(term.constants[k]))
        for term in hamiltonian.products
        if isinstance(term, SpinProducts)
        for k, sites in every_cluster(hamiltonian, term)
    ]


@cache
def tensor_clusters(hamiltonian: Hamiltonian) -> list[tuple[tuple[int, ...], np.ndarray, np.ndarray]]:
    """Every cluster of two forms of the box: its four sites, A and B."""
    return [
        (sites, term.A[k], term.B[k])
        for term in hamiltonian.products
        if isinstance(term, TensorProducts)
        for k, sites in every_cluster(hamiltonian, term)
    ]


def every_cluster(hamiltonian: Hamiltonian, term) -> list[tuple[int, tuple[int, ...]]]:
    """The number in the list and the four sites of every cluster of the box."""
    lattice, found = hamiltonian.lattice, []
    n1, n2, n3 = lattice.size
    for number, (atoms, cells) in enumerate(zip(term.atoms, term.cells, strict=True)):
        for home in product(range(n1), range(n2), range(n3)):
            sites = []
            for a, cell in zip(atoms, cells, strict=True):
                box = lattice.size, lattice.periodic
                x, y, z = there = np.array(home) + cell - cells[0]
                outside = [not p and not 0 <= t < n for t, n, p in zip(there, *box, strict=True)]
                site = int(a) + lattice.atoms * (x % n1 + n1 * (y % n2 + n2 * (z % n3)))
                sites.append(None if any(outside) or site in hamiltonian.vacancies else site)
            if None not in sites:
                found.append((number, tuple(sites)))
    return found


def energy(hamiltonian: Hamiltonian, s: np.ndarray) -> np.ndarray:
    return np.sum(list(energies(hamiltonian, s).values()), axis=0)


def field(hamiltonian: Hamiltonian, s: np.ndarray) -> np.ndarray:
    """b_i = - dE/ds_i, differentiated by hand, meV; s [..., site, 3]."""
    i, j, J = walk(hamiltonian)
    b = np.zeros_like(s)
    for k in range(len(i)):
        b[..., i[k], :] += s[..., j[k], :] @ J[k].T
    for _, sites, (A, B, C, T) in clusters(hamiltonian):
        i, j, k, _ = (s[..., n, :] for n in sites)
        for constant, pairs in ((A, ((0, 1), (2, 3))), (B, ((1, 2), (3, 0))), (C, ((0, 2), (1, 3)))):
            for (m, n), (u, v) in (pairs, pairs[::-1]):
                other = constant * dot(s[..., sites[u], :], s[..., sites[v], :])[..., None]
                b[..., sites[m], :] += other * s[..., sites[n], :]
                b[..., sites[n], :] += other * s[..., sites[m], :]
        b[..., sites[0], :] += T * np.cross(j, k)
        b[..., sites[1], :] += T * np.cross(k, i)
        b[..., sites[2], :] += T * np.cross(i, j)
    for sites, A, B in tensor_clusters(hamiltonian):
        i, j, k, l = (s[..., n, :] for n in sites)  # noqa: E741
        first, second = dot(i @ A, j)[..., None], dot(k @ B, l)[..., None]
        for site, slope in zip(sites, (j @ A.T * second, i @ A * second, l @ B.T * first, k @ B * first), strict=True):
            b[..., site, :] += slope
    for phase, J, K, A, D, S in waves(hamiltonian, s) if hamiltonian.waves else ():
        N = hamiltonian.n_spins
        X = np.einsum("...a,ab,...b->...", S, A, S.conj()).real[..., None]
        # S_-Q changes by exp(i Q.r) N^-1/2, S_Q by its conjugate
        turned = (J - 2 * K / N * X) * (S @ A) + 1j * np.cross(D, S)
        b += 4 * N**-0.5 * (phase[:, None] * turned[..., None, :]).real
    for term in hamiltonian.anisotropy:
        acts = sites_of(hamiltonian, term.atoms)[:, None]
        if isinstance(term, UniaxialAnisotropy):
            n = np.array(term.axis) / np.linalg.norm(term.axis)
            along = (s @ n)[..., None]
            b += acts * (2 * term.K * along + 4 * term.K4 * along**3) * n
        elif isinstance(term, StevensOperator):  # the derivative of a polynomial by a complex step
            frame, h = np.array(term.axes), 1e-30
            slopes = [stevens(term.k, term.q, (s + 1j * h * e) @ frame.T).imag / h for e in np.eye(3)]
            b -= acts * term.B * np.stack(slopes, axis=-1)
        else:
            axes = np.array(term.axes)
            u = s @ axes.T
            others = (u**2).sum(-1, keepdims=True) - u**2
            b -= acts * 2 * term.Kc * (u * others) @ axes
    return b + MU_B * moment_of(hamiltonian)[:, None] * np.array(hamiltonian.field)


def tangential(b: np.ndarray, s: np.ndarray) -> np.ndarray:
    """The part of b perpendicular to s."""
    return b - (b * s).sum(-1, keepdims=True) * s
