"""Sums over a batch of textures that fingerprints consist of, on the device where the textures are.

A texture costs a pass over its triangles and sites and a real transform (kernels/invariants.cuh). Its numbers depend on
itself only, down to the last bit, whatever batch it comes in.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.kernels import rows
from magsearch.model.lattice import Lattice
from magsearch.model.reciprocal import wave_numbers
from magsearch.model.triangulation import is_plane, stacking_axis, triangles
from magsearch.observables.structure_factor import PEAKS

SUM = rows("TextureSum")
QUANTITIES = SUM["TEXTURE_SUMS"]


def invariants(device: Device, lattice: Lattice, textures: Any) -> NDArray[np.float64]:
    """Return the sums ``SUM`` of textures and their largest Fourier weights, [replica, QUANTITIES + PEAKS].

    textures   [replica, site, 3], unit vectors or vacancies, on the device or the host

    The weights sum_atoms |sum_R s exp(-i q . R)|^2 are in ascending order, and zero where there are fewer wave vectors.
    """
    real = np.float64 if textures.dtype == np.float64 else np.float32
    spins, corners = device.array(textures, real), _corners(device, lattice)
    sums = device.xp.zeros((len(spins), QUANTITIES, device.width), dtype=np.float64)
    device.launch(
        "sum_textures", real, spins, corners, sums, lattice.sites, corners.shape[1], len(spins),
        blocks=len(spins), replicas=device.width,
    )  # fmt: skip
    axes, numbers, copies = _half_zone(device, lattice, spins.dtype)
    components, modes, places = 3 * lattice.atoms, _modes(lattice), len(numbers)
    grid = spins.reshape(len(spins), *lattice.grid, components)
    below = device.xp.empty((len(spins), 2 * places), dtype=spins.dtype)  # minus the weights
    for first in range(0, len(spins), device.width):  # few at once: the transforms stay in the cache
        part = slice(first, first + device.width)
        waves = device.xp.ascontiguousarray(device.apart_rfft(grid[part], axes)).view(spins.dtype)
        device.launch(
            "weigh_modes", spins.dtype, waves, numbers, copies, below[part], sums[part], modes, places, components,
            len(waves), blocks=len(waves), replicas=device.width,
        )  # fmt: skip
    out = device.xp.zeros((len(sums), QUANTITIES + PEAKS), dtype=np.float64)
    device.launch(
        "join_strands", real, sums, out, out.shape[1], len(sums), blocks=QUANTITIES, replicas=len(sums)
    )  # fmt: skip
    # CuPy selects a few smallest numbers; for the largest it would sort all
    out[:, QUANTITIES:] = -device.xp.partition(below, PEAKS - 1, axis=1)[:, :PEAKS]
    found: NDArray[np.float64] = device.host(out)
    found[:, QUANTITIES:].sort(axis=1)
    return found


def charge_of(lattice: Lattice, found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the topological charges of textures from their sums [replica, quantity], [replica]."""
    return np.asarray(found[:, SUM["SOLID_ANGLE"]] / (2 * np.pi * lattice.size[stacking_axis(lattice)]))


def _filled(device: Device, values: NDArray[Any], dtype: Any) -> Any:
    """Return values [..., place] on the device, with zeros up to a multiple of the strands."""
    filled = np.zeros((*values.shape[:-1], -(-values.shape[-1] // device.width) * device.width), values.dtype)
    filled[..., : values.shape[-1]] = values
    return device.array(filled, dtype)


@lru_cache(maxsize=16)
def _corners(device: Device, lattice: Lattice) -> Any:
    """Return the corners of all triangles of a plane, [3, triangle], and none of other lattices.

    Those that fill up lie on one site and enclose nothing.
    """
    return _filled(device, triangles(lattice).T if is_plane(lattice) else np.zeros((3, 0)), np.int32)


@lru_cache(maxsize=16)
def _half_zone(device: Device, lattice: Lattice, real: np.dtype) -> tuple[tuple[int, ...], Any, Any]:
    """Return the axes of a real transform of [replica, n3, n2, n1, ...], and wave number and copies of its modes."""
    axes = _extended(lattice)
    n, kept = lattice.grid[axes[-1]], [slice(None)] * 3
    kept[axes[-1]] = slice(n // 2 + 1)
    numbers = wave_numbers(lattice).reshape(lattice.grid)[tuple(kept)]
    k = np.arange(n // 2 + 1).reshape([-1 if axis == axes[-1] else 1 for axis in range(3)])
    copies = np.broadcast_to(np.where((k == 0) | (2 * k == n), 1, 2), numbers.shape)
    both = (_filled(device, table.ravel(), real) for table in (numbers, copies))
    return (tuple(1 + axis for axis in axes), *both)


def _modes(lattice: Lattice) -> int:
    """Return the number of modes of a real transform."""
    n = lattice.grid[_extended(lattice)[-1]]
    return lattice.cells // n * (n // 2 + 1)


def _extended(lattice: Lattice) -> list[int]:
    """Return the axes of ``lattice.grid`` with more than one cell, at least one; a real transform halves the last."""
    return [axis for axis in range(3) if lattice.grid[axis] > 1] or [2]
