"""Energy, force and field of every replica at once: a Hamiltonian's couplings, laid out on a device in one precision.

Two paths give the bilinear field sum_j J_ij s_j: the neighbour list (``direct``), and a convolution between two Fourier
transforms (``fourier``), which wins for the long lists that density functional theory gives (``engine/path.py``).
"""

from __future__ import annotations

from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.convolution import LinePlan, Transforms, convolution
from magsearch.engine.cuda import THREADS
from magsearch.engine.device import Device
from magsearch.engine.graph import Launch
from magsearch.engine.kernels import constant, rows
from magsearch.engine.neighbours import Neighbours
from magsearch.engine.onsite_table import OnsiteTable
from magsearch.engine.path import Path, choose_path, cost, padded
from magsearch.engine.product_lists import ProductLists
from magsearch.engine.sweep_order import SweepPlan
from magsearch.engine.wave_table import WaveTable
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.units import MU_B

SUM = rows("Sum")
SOURCE = rows("Bilinear")
COMPANY = constant("company")  # replicas whose sums a block of threads of a GPU reduces
REDUCING = (THREADS[0], constant("strands"))  # threads of such a block


def _modes(kernel: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return J(q) / cells from couplings by cell [n3, n2, n1, atom, 3, atom, 3], [cell, 3 atoms, 3 atoms]."""
    width = 3 * kernel.shape[3]
    return np.fft.fftn(kernel, axes=(0, 1, 2), norm="forward").conj().reshape(-1, width, width)


def held(columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the replica that each column holds; a number below zero stands for padding, a copy of ~number at rest."""
    return np.where(columns < 0, ~columns, columns)


class Evaluator:
    """A Hamiltonian on a device, for populations with spins ``real`` [block, site, 3, width].

    hamiltonian, device   what and where
    real                  numpy.float32 for the search, numpy.float64 for reported numbers
    path                  "direct" or "fourier"; chosen by ``choose_path`` where None
    """

    def __init__(self, hamiltonian: Hamiltonian, device: Device, real: Any = np.float32, path: Path | None = None):
        self.hamiltonian, self.device, self.real = hamiltonian, device, np.dtype(real)
        if path not in (None, "direct", "fourier"):
            raise ValueError(f"path is '{path}'; expected direct, fourier or None")
        self.path: Path = path or choose_path(hamiltonian, device)
        if self.path == "fourier" and np.isinf(cost(hamiltonian, device).fourier):
            raise ValueError(f"no Fourier path: {cost(hamiltonian, device).reason}")
        self.sites = hamiltonian.lattice.sites
        self.chunks = -(-self.sites // device.chunk)
        self.onsite = OnsiteTable.of(hamiltonian, "the evaluator").on(device, self.real)
        self.products = bool(hamiltonian.products)
        waves = hamiltonian.waves
        self.waves = None if waves is None else WaveTable.of(waves, hamiltonian, device, self.real)

    @property
    def convolves(self) -> bool:
        """Whether fields come from convolutions, in which two replicas share a transform."""
        return self.path == "fourier" or self.hamiltonian.dipole is not None

    @property
    def source(self) -> int:
        """Origin of the bilinear field, as kernels number it."""
        if self.path == "fourier":
            return SOURCE["CONVOLUTION"]
        return SOURCE["LIST"] if self.waves is None and not self.convolves else SOURCE["BOTH"]

    @property
    def stiffness(self) -> float:
        """Bound of how strongly one spin is held, meV."""
        return self.hamiltonian.stiffness

    @property
    def tolerance(self) -> float:
        """Energy, meV per site, by which two relaxations of one minimum may differ: 1e-6 of the stiffest coupling."""
        return 1e-6 * self.stiffness

    @property
    def rounding(self) -> float:
        """Relative rounding of a replica's energy."""
        return 2e-7 if self.real == np.float32 else 1e-14

    @cached_property
    def _neighbours(self) -> tuple[Any, Any, Any, Any]:
        if self.path == "fourier":
            nothing = self.device.array(np.zeros(1), np.int32)
            return nothing, nothing, nothing, self.device.array(np.zeros(self.device.matrix_stride), self.real)
        return Neighbours.of(self.hamiltonian).on(self.device, self.real)

    @cached_property
    def _couplings(self) -> tuple[Any, ...]:
        """Arguments of kernels: neighbour lists, and clusters where there are any."""
        if not self.products:
            return self._neighbours
        return (*self._neighbours, *ProductLists.of(self.hamiltonian).on(self.device, self.real))

    @cached_property
    def sweep_plan(self) -> SweepPlan:
        """Neighbour lists and an order of the sites, for updates of single spins on either path."""
        return SweepPlan.of(self.hamiltonian, self.device, self.real)

    @cached_property
    def modes(self) -> Any:
        """J / cells at every wave vector of the lattice, [cell, 3 atoms, 3 atoms] complex, on the device."""
        lattice, bonds, dipole = self.hamiltonian.lattice, self.hamiltonian.bonds, self.hamiltonian.dipole
        kernel = np.zeros((*lattice.grid, lattice.atoms, 3, lattice.atoms, 3))
        inside = (bonds.offset[:, ~np.array(lattice.periodic)] == 0).all(axis=1)  # the others leave an open layer
        x, y, z = (bonds.offset[inside] % np.array(lattice.size)).T
        np.add.at(kernel.swapaxes(4, 5), (z, y, x, bonds.i[inside], bonds.j[inside]), bonds.J[inside])
        if dipole is not None:
            kernel += dipole.couplings(self.hamiltonian).swapaxes(4, 5)
        return self.device.array(_modes(kernel), self.complex)

    @cached_property
    def dipole_modes(self) -> Any:
        """``modes`` of dipoles of 1 Bohr magneton alone, on the lattice ``padded``."""
        lattice, dipole = self.hamiltonian.lattice, self.hamiltonian.dipole
        assert dipole is not None
        tensors, size = dipole.tensors(lattice), padded(lattice)
        kernel = np.zeros((*size[::-1], lattice.atoms, 3, lattice.atoms, 3))
        offsets = [np.fft.fftfreq(n, 1 / n).round().astype(int) for n in tensors.shape[:3]]
        kernel.swapaxes(4, 5)[np.ix_(*offsets)] = tensors
        return self.device.array(_modes(kernel), self.complex)

    @property
    def complex(self) -> np.dtype:
        """Complex type of this precision."""
        return np.dtype(np.complex64 if self.real == np.float32 else np.complex128)

    def zeeman(self, field: Any, replicas: int) -> Any:
        """Return mu_B B of every replica, [block, 3, width] meV; field [3] or [replica, 3] in tesla."""
        b = np.broadcast_to(MU_B * np.asarray(field, dtype=np.float64), (replicas, 3))
        return self.device.array(b.reshape(-1, self.device.width, 3).transpose(0, 2, 1), self.real)

    def zeeman_of(self, tesla: Any, count: int, columns: NDArray[np.int64]) -> Any:
        """Return mu_B B of the replicas in ``columns``; ``tesla`` [3] or [count, 3]; None: the model's."""
        every = np.broadcast_to(np.atleast_2d(self.hamiltonian.field if tesla is None else tesla), (count, 3))
        return self.zeeman(every[held(columns)], len(columns))

    def evaluation(self, spins: Any, zeeman: Any, other: Any, force: Any, sums: Any) -> Launch:
        """Bind the kernel for the force (tangential -dE/ds, meV) and its sums over chunks, [chunk, SUMS, replica].

        spins, other, force [block, site, 3, width]; ``other`` is what the force is multiplied with in the sum OVERLAP.
        """
        # a convolution may be read where the force is written, unless that holds what the force is multiplied with
        convolve, field, left = self.bilinear(spins, None if other is force else force)
        evaluate = self.bind(
            "evaluate_with_products" if self.products else "evaluate",
            spins, self.source, field, *self._couplings, *self.onsite, zeeman,
            other, force, sums, self.sites, self.device.chunk, self.replicas(spins),
        )  # fmt: skip
        rest = [] if self.waves is None else [self.waves.energy(left, sums)]
        return self.device.chain(*convolve, evaluate, *rest)

    def advance_and_evaluate(
        self, spins: Any, force: Any, step: Any, zeeman: Any, next_spins: Any, next_force: Any, sums: Any
    ) -> Launch:
        """Bind the kernel for a step [replica] along the force and the evaluation where it leads (direct path, GPU).

        ``next_spins`` and ``next_force`` are written; the sum OVERLAP is that of both forces.
        """
        replicas = self.replicas(spins)
        return self.bind_blocks(
            "advance_and_evaluate", spins, force, step, *self._neighbours, *self.onsite, zeeman, next_spins,
            next_force, sums, self.sites, self.device.chunk, replicas,
            grid=(self.chunks, replicas // self.device.width), threads=THREADS,
        )  # fmt: skip

    def fields(self, spins: Any, zeeman: Any) -> Any:
        """Return b = -dE/ds on the device, meV, [block, site, 3, width] as the spins."""
        return self._fields(spins, zeeman, self.onsite, every=True)

    def _fields(self, spins: Any, zeeman: Any, onsite: tuple[Any, Any], every: bool) -> Any:
        """Return the fields of all terms, or those of bonds and dipoles and of ``onsite`` alone."""
        out, products = self.device.xp.empty_like(spins), every and self.products
        source = self.source if every or self.convolves else SOURCE["LIST"]
        convolve, bilinear, _ = self.bilinear(spins, waves=every)
        field = self.bind(
            "field_with_products" if products else "field",
            spins, source, bilinear, *(self._couplings if products else self._neighbours), *onsite,
            zeeman, out, self.sites, self.device.chunk, self.replicas(spins),
        )  # fmt: skip
        self.device.chain(*convolve, field)()
        return out

    def hessian_product(self, spins: Any, held: Any, vectors: Any, out: Any, sums: Any) -> Launch:
        """Bind the kernel for H v of tangent vectors [block, site, 3, width], and the sums of v . H v over chunks.

        held [block, site, width]: s . b of every spin; sums [chunk, replica]. See kernels/hessian.cuh.
        """
        convolve, bilinear, _ = self.bilinear(vectors, at=spins)
        product = self.bind(
            "hessian_with_products" if self.products else "hessian_product",
            spins, held, vectors, self.source, bilinear, *self._couplings, *self.onsite,
            out, sums, self.sites, self.device.chunk, self.replicas(spins),
        )  # fmt: skip
        return self.device.chain(*convolve, product)

    def bilinear(
        self, spins: Any, into: Any = None, at: Any = None, waves: bool = True
    ) -> tuple[list[Launch], Any, Any]:
        """Return launches that prepare the bilinear field of ``spins``, and the array that kernels read it from.

        On the direct path nothing, and the spins themselves: the kernel sums over neighbours; dipoles come from a
        convolution all the same. ``into`` is where a convolution may write; None: an array of its own. The field of
        couplings at wave vectors is added, or, where ``at`` is given, its change as spins that are there move along
        ``spins``. The third result is what - 1/2 sum s . b lacks of the energy, [replica], or None.
        """
        if not self.convolves and (self.waves is None or not waves):
            return [], spins, None
        field = self.device.xp.empty_like(spins) if into is None else into
        launches: list[Launch] = []
        if self.path == "fourier":
            launches = [self.convolution(spins, self.modes, field)]
        elif self.convolves:
            launches = self._dipole_field(spins, field)
        if self.waves is None or not waves:
            return launches, field, None
        of, moving = (spins, None) if at is None else (at, spins)
        more, left = self.waves.field(of, moving, field, bool(launches))
        return [*launches, *more], field, left

    def _dipole_field(self, spins: Any, field: Any) -> list[Launch]:
        """Return launches for the field of all dipoles, convolved on a lattice without open edges."""
        lattice, size, replicas = self.hamiltonian.lattice, padded(self.hamiltonian.lattice), self.replicas(spins)
        sites = prod(size) * lattice.atoms
        before, after = (
            self.device.xp.empty((len(spins), sites, 3, self.device.width), dtype=self.real) for _ in range(2)
        )
        moments = self.device.array(self.hamiltonian.site_moments, self.real)
        pad = self.bind(
            "pad_spins", spins, moments, before, lattice.atoms, *lattice.size, *size[:2], sites, self.device.chunk,
            replicas, blocks=-(-sites // self.device.chunk),
        )  # fmt: skip
        crop = self.bind(
            "crop_field", after, moments, field, lattice.atoms, *lattice.size[:2], *size[:2], sites, self.sites,
            self.device.chunk, replicas,
        )  # fmt: skip
        convolve = convolution(self.device, self.real, before, self.dipole_modes, after, size, lattice.atoms)
        return [pad, convolve, crop]

    def convolution(self, vectors: Any, modes: Any, out: Any) -> Launch:
        """Bind the convolution of vectors [block, site, 3, width] with ``modes``, laid out as ``self.modes``."""
        lattice = self.hamiltonian.lattice
        return convolution(self.device, self.real, vectors, modes, out, lattice.size, lattice.atoms)

    @cached_property
    def lines(self) -> LinePlan | None:
        """Lines of cells that a GPU transforms in shared memory.

        None on a CPU, with clusters or couplings at wave vectors, and where cuFFT does.
        """
        if self.path == "direct" or not self.device.together or self.products or self.waves is not None:
            return None
        lattice = self.hamiltonian.lattice
        return LinePlan.of(lattice.size, lattice.atoms, self.real, self.device)

    def transforms(self, spins: Any) -> Transforms:
        """Return the launches on the waves of spins, which they begin with. ValueError where there are no ``lines``."""
        if self.lines is None:
            raise ValueError("no lines of this lattice are transformed in shared memory")
        found = Transforms(self.device, self.real, self.lines, self.device.xp.empty_like(spins), self.replicas(spins))
        found.begin(spins)
        return found

    def reduction(self, sums: Any, quantities: int, largest: int) -> tuple[Launch, Any]:
        """Bind the reduction of sums [chunk, quantity, replica] over chunks; return it and the result.

        The result is [quantity, replica]; row ``largest`` holds maxima.
        """
        chunks, replicas = sums.shape[0], sums.shape[2]
        total = self.device.xp.empty((quantities, replicas), dtype=np.float64)
        arguments = (sums, total, chunks, quantities, largest, replicas)
        if not self.device.together:
            return self.bind("reduce_sums", *arguments, blocks=quantities), total
        grid = (-(-replicas // COMPANY), -(-quantities * COMPANY // self.device.width))
        return self.bind_blocks("reduce_sums_together", *arguments, grid=grid, threads=REDUCING), total

    def reduced(self, sums: Any, quantities: int, largest: int) -> Any:
        """Reduce sums over chunks at once, as ``reduction`` does."""
        reduce, few = self.reduction(sums, quantities, largest)
        reduce()
        return few

    def bind(self, kernel: str, *arguments: Any, blocks: int | None = None) -> Launch:
        """Bind a kernel over the chunks of sites, or over ``blocks``; its last argument is the number of replicas."""
        over = self.chunks if blocks is None else blocks
        return self.device.bind(kernel, self.real, *arguments, blocks=over, replicas=arguments[-1])

    def bind_blocks(self, kernel: str, *arguments: Any, grid: tuple[int, int], threads: tuple[int, int]) -> Launch:
        """Bind a BLOCK_KERNEL to a grid of blocks of threads."""
        return self.device.bind_blocks(kernel, self.real, *arguments, grid=grid, threads=threads)

    # -- the same for textures, in plain numbers -------------------------------------------------------------------

    def replicas(self, spins: Any) -> int:
        """Return the number of replicas of an array [block, ..., width], padding included."""
        return int(spins.shape[0] * spins.shape[-1])

    def batch(self, textures: Any) -> Any:
        """Return textures [replica, site, 3] or [site, 3] of host or device as [replica, site, 3] on the device.

        ValueError for textures of other shape.
        """
        given = self.device.array(textures, self.real)
        if given.ndim not in (2, 3) or given.shape[-2:] != (self.sites, 3) or not given.size:
            raise ValueError(f"textures have shape {given.shape}; expected (replicas, {self.sites} sites, 3)")
        return given.reshape(-1, self.sites, 3)

    def columns(self, count: int) -> NDArray[np.int64]:
        """Return the columns of ``count`` replicas in turn, padded to whole blocks by ~0, copies of the first."""
        return np.append(np.arange(count), np.full(-count % self.device.width, ~0))

    def spins(self, textures: Any, columns: NDArray[np.int64] | None = None) -> Any:
        """Return textures [replica, site, 3] or [site, 3] as spins [block, site, 3, width].

        columns   [column] which texture each of them holds (``held``); all in turn where None
        """
        batch, width = self.batch(textures), self.device.width
        columns = self.columns(len(batch)) if columns is None else columns
        spins = self.device.xp.empty((len(columns) // width, self.sites, 3, width), dtype=self.real)
        sources = self.device.array(held(columns), np.int32)
        self.bind("pack_textures", batch, sources, spins, self.sites, self.device.chunk, len(columns))()
        return spins

    def textures(self, spins: Any) -> Any:
        """Return spins as textures [replica, site, 3] on the device, padding included."""
        columns = np.arange(self.replicas(spins))
        return self.put(spins, columns, self.device.xp.empty((len(columns), self.sites, 3), dtype=self.real))

    def put(self, spins: Any, rows: NDArray[np.int64], textures: Any) -> Any:
        """Write every column of spins to a row of textures [replica, site, 3] and return these.

        rows   [column]; below zero: nowhere
        """
        to = self.device.array(rows, np.int32)
        self.bind("unpack_spins", spins, to, textures, self.sites, self.device.chunk, len(rows))()
        return textures

    def sums(self, textures: Any) -> NDArray[np.float64]:
        """Return the sums over sites of textures [replica, site, 3], [SUMS, replica]; rows are named by ``SUM``."""
        batch = self.batch(textures)
        spins, count = self.spins(batch), len(batch)
        replicas = self.replicas(spins)
        force, sums = self.device.xp.zeros_like(spins), self.device.xp.empty((self.chunks, len(SUM) - 1, replicas))
        self.evaluation(spins, self.zeeman(self.hamiltonian.field, replicas), force, force, sums)()
        total: NDArray[np.float64] = self.device.host(self.reduced(sums, len(SUM) - 1, SUM["LARGEST2"]))
        return total[:, :count]

    def energies(self, textures: Any) -> NDArray[np.float64]:
        """Return the energy of textures [replica, site, 3] in meV, [replica]."""
        return self.sums(textures)[SUM["ENERGY"]]

    def field(self, textures: Any) -> NDArray[np.float64]:
        """Return b = -dE/ds of textures [replica, site, 3] or [site, 3], meV, same shape."""
        spins = self.spins(textures)
        out = self.fields(spins, self.zeeman(self.hamiltonian.field, self.replicas(spins)))
        return self._like(textures, out)

    def coupling_field(self, textures: Any) -> NDArray[Any]:
        """Return sum_j J_ij s_j of bonds and dipoles, for textures [replica, site, 3] or [site, 3], meV, same shape."""
        spins = self.spins(textures)
        nothing = OnsiteTable.zero(self.sites).on(self.device, self.real)
        out = self._fields(spins, self.zeeman((0.0, 0.0, 0.0), self.replicas(spins)), nothing, every=False)
        return self._like(textures, out)

    def _like(self, textures: Any, spins: Any) -> NDArray[Any]:
        """Return spins on the host, in the shape of the textures that they were made from."""
        shape = np.shape(textures) if isinstance(textures, (list, tuple)) else textures.shape
        return self.device.host(self.textures(spins)[: int(np.prod(shape[:-2]))]).reshape(shape)
