"""Spin-space group: all operations on sites and spins that leave the energy invariant.

``space_group.operations`` rotates the spins together with the crystal. Couplings often have more symmetry: exchange
alone is invariant under every global spin rotation, an easy axis under those about it, and both however the sites are
rotated at the same time. Operations on sites and spins together form a spin-space group (Litvin & Opechowski, Physica
76, 538 (1974)). Lattice translations and continuous rotations are kept apart from the rest, which is finite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.symmetry.space_group import SpaceOperation, keeps_energy, space_operations

EXACT = 1e-9  # of the largest coupling: what is done to the spins alone has no lattice to be rounded with


@dataclass(frozen=True, eq=False)
class SpinGroup:
    """The symmetries of a Hamiltonian: moved = spins[sites] @ turn.T has the energy of spins.

    maps    (sites [site], turns [turn, 3, 3]), the identity first: every way to exchange the sites, modulo
            translations, with all turns (proper or not) that go with it, modulo turns about ``axes``
    axes    [axis, 3] unit vectors: axes of the continuous global spin rotations: none, one, or three and thus any axis
    shifts  by cell axis, whether a lattice translation along it is a symmetry
    """

    maps: tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...]
    axes: NDArray[np.float64]
    shifts: tuple[bool, bool, bool]

    @property
    def order(self) -> int:
        """Number of operations modulo translations and rotations by any angle."""
        return sum(len(turns) for _, turns in self.maps)


def spin_group(
    hamiltonian: Hamiltonian, tolerance: float = 1e-3, watch: Callable[[], None] = lambda: None
) -> SpinGroup:
    """Return the symmetries of a Hamiltonian; with disorder, sites stay where they are.

    tolerance  allowed mismatch where sites are exchanged, as for ``symmetry.operations``
    watch      called repeatedly
    """
    lattice, axes = hamiltonian.lattice, any_angle(hamiltonian)
    within, isometries = space_operations(hamiltonian, tolerance, watch)
    spaces = []
    for space in isometries:
        watch()
        spaces.append(space)
    alone = _alone(hamiltonian, spaces[0], axes)
    distinct = {(space.P.round(6) + 0.0).tobytes(): space.P for space in spaces}
    tried = [sign * P for P in distinct.values() for sign in (1, -1)]
    found: dict[bytes, tuple[NDArray[np.int64], dict[bytes, NDArray[np.float64]]]] = {}
    for space in spaces:
        watch()
        sites = space.sites(lattice)
        turn = None if sites is None else _turn(space, tried, hamiltonian, tolerance)
        if sites is not None and turn is not None:
            by_kind: dict[bytes, NDArray[np.float64]] = {}
            for other in alone:
                by_kind.setdefault(_kind(turn @ other, axes), turn @ other)
            for moved in sites[within]:
                turns = found.setdefault(moved.tobytes(), (moved, {}))[1]
                turns |= by_kind | turns  # those that are known stay
    maps = tuple((sites, np.array(list(turns.values()))) for sites, turns in found.values())
    uniform, (a, b, c) = hamiltonian.uniform, lattice.periodic
    return SpinGroup(maps, axes, (uniform and a, uniform and b, uniform and c))


def any_angle(hamiltonian: Hamiltonian) -> NDArray[np.float64]:
    """Return the axes of the continuous global spin rotations, [axis, 3]: none, one or three.

    An infinitesimal turn w leaves s . X s' as it is where it commutes with X: three numbers w, linear equations.
    """
    parts = _parts(hamiltonian)[:, None]
    cross = np.array([np.cross(e, np.eye(3)).T for e in np.eye(3)])  # cross[a] @ s = e_a x s
    commutators = (cross @ parts - parts @ cross).transpose(0, 2, 3, 1).reshape(-1, 3)
    _, size, w = np.linalg.svd(np.vstack([commutators, np.zeros((3, 3))]), full_matrices=False)
    return np.asarray(w[size <= EXACT])


def _parts(hamiltonian: Hamiltonian) -> NDArray[np.float64]:
    """Return all that ties the spins to directions, as matrices [part, 3, 3] of length 1 that turn with the spins."""
    found = [np.zeros((0, 3, 3))]
    for term in hamiltonian.terms:
        parts = term.directions(hamiltonian)
        found.append(parts[np.linalg.norm(parts, axis=(1, 2)) > EXACT * np.abs(parts).max(initial=0)])
    every = np.concatenate(found)
    return np.asarray(every / np.linalg.norm(every, axis=(1, 2), keepdims=True))


def _alone(hamiltonian: Hamiltonian, identity: SpaceOperation, axes: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return global spin rotations without an operation on the sites, modulo continuous ones; the identity first."""
    tried = np.array(list(_signs(hamiltonian)))
    kept = keeps_energy(identity, tried, hamiltonian, EXACT)
    found: dict[bytes, NDArray[np.float64]] = {}
    for turn in tried[kept]:
        found.setdefault(_kind(turn, axes), turn)
    return list(found.values())


def _signs(hamiltonian: Hamiltonian) -> Iterator[NDArray[np.float64]]:
    """Yield every global spin rotation that may keep all couplings, modulo continuous ones; the identity first.

    Terms propose turns of their own; all others map the principal axes of the couplings onto themselves.
    """
    for term in hamiltonian.terms:
        yield from term.turns(hamiltonian)
    frame = _principal(_parts(hamiltonian))
    for signs in product((1.0, -1.0), repeat=3):
        turn = frame.T @ (np.array(signs)[:, None] * frame)
        yield np.where(np.abs(turn - turn.round()) < 1e-12, turn.round(), turn) + 0.0


def _principal(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a frame in rows that turns with the parts, from two sums of them with weights of no pattern."""
    k = np.arange(len(parts), dtype=np.float64)
    one, other = (np.tensordot(np.cos(factor * (k + 1) ** 2), parts, axes=1) for factor in (1.0, 0.7))
    vectors = [np.array([X[2, 1] - X[1, 2], X[0, 2] - X[2, 0], X[1, 0] - X[0, 1]]) for X in (one, other)]
    return np.asarray(np.linalg.eigh(one + one.T + sum(np.outer(v, v) for v in vectors))[1].T)


def _turn(
    space: SpaceOperation, others: list[NDArray[np.float64]], hamiltonian: Hamiltonian, tolerance: float
) -> NDArray[np.float64] | None:
    """Return a turn of the spins that goes with an operation on the sites: its own, or none, or another one's."""
    for turns in ([space.P, -space.P, np.eye(3), -np.eye(3)], others):
        tried = np.array(turns)
        kept = keeps_energy(space, tried, hamiltonian, tolerance)
        if kept.any():
            return np.asarray(tried[kept.argmax()])
    return None


def _kind(turn: NDArray[np.float64], axes: NDArray[np.float64]) -> bytes:
    """Return equal bytes for turns that differ by one about ``axes`` alone."""
    if len(axes) == 3:
        seen = np.linalg.det(turn)
    elif len(axes) == 1:
        seen = np.array([np.linalg.det(turn), axes[0] @ turn @ axes[0]])
    else:
        seen = turn
    return bytes((np.round(seen, 3) + 0.0).tobytes())
