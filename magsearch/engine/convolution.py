"""The bilinear field as a convolution with J(q): transform, multiply, transform back.

A CPU has one kernel for it, vectorised over replicas (kernels/convolution.hpp). On a GPU the threads of a block have a
line of cells in shared memory (kernels/fourier.cuh): lines along the first axis are transformed there, those along the
last axis there and back with J(q) in between, those along the first axis back. Three launches and six passes over the
spins; two more of each on a lattice of three dimensions. Lattices whose sizes have other prime factors than 2, 3, 5, 7,
or whose lines do not fit into shared memory, are transformed by cuFFT: one plan for all replicas of a block, and one
block after the other, so that it stays in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from magsearch.engine.cuda import Cuda
from magsearch.engine.device import Device
from magsearch.engine.graph import Fixed, Launch
from magsearch.engine.kernels import constant, rows

HELD = constant("held")
SUMS = rows("Sum")["SUMS"]
FACTORS = (4, 5, 3, 2, 7)  # of the lengths that are transformed in shared memory, in turn
THREADS = 512  # most threads of a block (LINE_KERNEL)
REST = 64  # cells of a line that is not transformed, at most


def roots(n: int, real: Any) -> np.ndarray:
    """Return exp(-2 pi i k / n) for k < n as pairs of ``real``, [n, 2]."""
    k = np.arange(n)
    return np.ascontiguousarray(np.stack([np.cos(2 * np.pi * k / n), -np.sin(2 * np.pi * k / n)], axis=1).astype(real))


def axes(size: tuple[int, int, int]) -> list[int]:
    """Return the lengths of the axes that have more than one cell, the fastest first; one axis where there are none."""
    return [n for n in size if n > 1] or [1]


def factors(n: int) -> list[int]:
    """Return the factors of a length by which the kernels transform it; another number last where one is left."""
    found: list[int] = []
    for p in FACTORS:
        while n % p == 0:
            found.append(p)
            n //= p
    return found if n == 1 else [*found, n]


@dataclass(frozen=True)
class Lines:
    """Lines of cells along one axis, and the threads that have one of them in shared memory.

    n         cells of a line
    stride    cells from one to the next
    size      numbers of a cell for each replica
    cells     of the lattice
    pairs     of neighbouring replicas in a block of threads
    strands   threads that have the cells of a line in turn
    shared    bytes of shared memory
    """

    n: int
    stride: int
    size: int
    cells: int
    pairs: int
    strands: int
    shared: int

    @classmethod
    def along(
        cls, n: int, stride: int, size: int, cells: int, real: Any, device: Device | type[Device], sums: int = 0
    ) -> Lines | None:
        """Return lines with as many replicas as fit into a block of threads; None where a single pair does not.

        sums   quantities that every thread sums over the line
        """
        itemsize, pairs = np.dtype(real).itemsize, device.width // 2
        held = HELD * 4 // itemsize
        strands = max([1, *(-(-(n // p) // ((held + p - 1) // max(p, 3))) for p in factors(n))])
        while pairs:
            threads = size * pairs * strands
            shared = itemsize * (2 * n * size * pairs + threads * sums)
            if threads <= THREADS and shared <= device.shared:
                return cls(n, stride, size, cells, pairs, strands, shared)
            pairs //= 2
        return None

    @property
    def count(self) -> int:
        """Number of lines."""
        return self.cells // self.n

    @property
    def layout(self) -> tuple[int, ...]:
        """Description of the lines as kernels that take any lines want it."""
        return self.n, self.stride, self.size, self.cells, self.pairs

    def bind(self, device: Device, kernel: str, real: Any, *arguments: Any, replicas: int) -> Launch:
        """Bind a kernel over all lines of all replicas."""
        return device.bind_blocks(
            kernel, real, *arguments, grid=(self.count, replicas // 2 // self.pairs),
            threads=(self.size * self.pairs, self.strands), shared=self.shared,
        )  # fmt: skip


@dataclass(frozen=True)
class LinePlan:
    """The lines of a lattice that are transformed in shared memory.

    rows          along the first axis, one atom of every cell in each
    transformed   whether the first axis is not the last at the same time; else rows are parts of it, left as they are
    middle        along the second of three axes
    last          along the last axis, all atoms together, since J(q) mixes them
    """

    rows: Lines
    transformed: bool
    middle: Lines | None
    last: Lines

    @classmethod
    def of(cls, size: tuple[int, int, int], atoms: int, real: Any, device: Device | type[Device]) -> LinePlan | None:
        """Return the lines of a lattice; None where cuFFT has to transform it."""
        lengths, cells = axes(size), prod(size)
        if not set(factors(cells)) <= set(FACTORS):
            return None
        several = len(lengths) > 1
        first = lengths[0] if several else max(n for n in range(1, REST + 1) if lengths[0] % n == 0)
        found = Lines.along(first, atoms, 3, cells * atoms, real, device, SUMS)
        last = Lines.along(lengths[-1], cells // lengths[-1], 3 * atoms, cells, real, device)
        middle = None
        if len(lengths) == 3:
            middle = Lines.along(lengths[1], lengths[0] * atoms, 3, cells * atoms, real, device)
            if middle is None:
                return None
        return None if found is None or last is None else cls(found, several, middle, last)

    def roots(self, device: Device, real: Any) -> tuple[Any, Any, Any]:
        """Return the roots of unity of rows, middle and last axis on the device."""
        return tuple(
            device.array(roots(1 if lines is None else lines.n, real), real)
            for lines in (self.rows, self.middle, self.last)
        )  # type: ignore[return-value]


def passes(size: tuple[int, int, int], atoms: int) -> int:
    """Return how often a GPU reads or writes all spins for a convolution in single precision."""
    if LinePlan.of(size, atoms, np.float32, Cuda) is None:
        return 10  # through the library; each of its transforms passes twice
    return 4 * len(axes(size)) - 2


def convolution(
    device: Device, real: Any, vectors: Any, modes: Any, out: Any, size: tuple[int, int, int], atoms: int
) -> Launch:
    """Bind out = J * vectors; both [block, site, 3, width], modes [cell, 3 atoms, 3 atoms] complex with 1 / cells."""
    replicas = vectors.shape[0] * vectors.shape[-1]
    if not device.together:
        return device.bind(
            "convolve", real, vectors, modes.view(real), *(roots(n, real) for n in size), out, *size, 3 * atoms,
            replicas, blocks=1, replicas=replicas,
        )  # fmt: skip
    plan = LinePlan.of(size, atoms, real, device)
    if plan is None:
        return _through_library(device, real, vectors, modes, out, size, atoms)
    waves = out if not plan.transformed else device.xp.empty_like(vectors)
    launches = Transforms(device, real, plan, waves, replicas)
    there = [launches.rows(vectors, waves, back=0)] if plan.transformed else []
    back = [launches.rows(waves, out, back=1)] if plan.transformed else []
    return device.chain(*there, *launches.between(waves if plan.transformed else vectors, modes), *back)


class Transforms:
    """The launches on the waves [block, cell, 3 atoms, width] of a population."""

    def __init__(self, device: Device, real: Any, plan: LinePlan, waves: Any, replicas: int):
        self.device, self.real, self.plan, self.waves, self.replicas = device, real, plan, waves, replicas
        self.roots = plan.roots(device, real)

    def rows(self, source: Any, target: Any, back: int) -> Launch:
        """Bind the transform of rows there, or back."""
        return self._transform(self.plan.rows, source, target, self.roots[0], back)

    def between(self, source: Any, modes: Any) -> list[Launch]:
        """Bind what stands between the transforms of rows there and back: source, the waves if not others, to waves."""
        lines = self.plan.last
        multiply = lines.bind(
            self.device, "convolve_lines", self.real, source, self.waves, modes.view(self.real), self.roots[2],
            *lines.layout, replicas=self.replicas,
        )  # fmt: skip
        if self.plan.middle is None:
            return [multiply]
        there, back = (self._transform(self.plan.middle, source, self.waves, self.roots[1], way) for way in (0, 1))
        return [there, multiply, back]

    def begin(self, spins: Any) -> None:
        """Make the waves of spins now."""
        if self.plan.transformed:
            self.rows(spins, self.waves, back=0)()
        else:
            self.waves[...] = spins

    def advance(self, spins: Any, direction: Any, step: Any) -> Launch:
        """Bind a step [replica] of spins along a direction, and the transform of rows of where it leads."""
        rows = self.plan.rows
        return self._along_rows("advance_lines", spins, direction, step, self.waves, tail=(rows.pairs,))

    def evaluate(self, spins: Any, onsite: tuple[Any, Any], zeeman: Any, other: Any, force: Any, sums: Any) -> Launch:
        """Bind ``Evaluator.evaluation`` from the waves of the bilinear field, which become those of the force."""
        return self._along_rows(
            "evaluate_lines", self.waves, spins, *onsite, zeeman, other, force, sums,
            tail=(self.plan.rows.pairs, self.replicas),
        )  # fmt: skip

    def project(self, spins: Any, force: Any, direction: Any, sums: Any) -> Launch:
        """Bind the projection of what the waves are of to directions, and their sums."""
        return self._along_rows(
            "project_lines", self.waves, spins, force, direction, sums, tail=(self.plan.rows.pairs, self.replicas)
        )

    def _along_rows(self, kernel: str, *arrays: Any, tail: tuple[int, ...]) -> Launch:
        rows, (axis, *_) = self.plan.rows, self.roots
        layout = (axis, int(self.plan.transformed), rows.n, rows.stride, rows.cells, *tail)
        return rows.bind(self.device, kernel, self.real, *arrays, *layout, replicas=self.replicas)

    def _transform(self, lines: Lines, source: Any, target: Any, roots: Any, back: int) -> Launch:
        return lines.bind(
            self.device, "transform_lines", self.real, source, target, roots, back, *lines.layout,
            replicas=self.replicas,
        )  # fmt: skip


def _through_library(
    device: Device, real: Any, vectors: Any, modes: Any, out: Any, size: tuple[int, int, int], atoms: int
) -> Launch:
    """Bind the convolution of one block after the other between transforms of the device's library."""
    complex_ = np.complex64 if np.dtype(real) == np.float32 else np.complex128
    lengths, width, cells = axes(size)[::-1], device.width, prod(size)
    grid = lengths if len(lengths) > 1 else [*lengths, 1]  # CuPy has plans with the batch last for several axes only
    shape = (len(vectors), *grid, 3 * atoms, width // 2)
    source, target = vectors.view(complex_).reshape(shape), out.view(complex_).reshape(shape)
    before, after = device.xp.empty_like(vectors[:1]), device.xp.empty_like(vectors[:1])
    there, back = (array.view(complex_).reshape(shape[1:]) for array in (before, after))
    multiply = device.bind(
        "multiply_modes", real, before, modes.view(real), after, cells, 3 * atoms, device.chunk, width // 2,
        blocks=-(-cells // device.chunk), replicas=width // 2,
    )  # fmt: skip
    transform = device.transform(there, tuple(range(len(grid))))
    launches = [
        launch
        for k in range(len(vectors))
        for launch in (Fixed(transform, source[k], there, False), multiply, Fixed(transform, back, target[k], True))
    ]
    return device.chain(*launches)
