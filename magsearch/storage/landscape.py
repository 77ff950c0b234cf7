"""/landscape: minima, saddle points and rates that ``magsearch landscape`` finds."""

from __future__ import annotations

import h5py
import numpy as np

from magsearch.landscape.landscape import Landscape, Minimum, Saddle, Transition
from magsearch.storage.files import COMPRESSED, dataset, texts, words
from magsearch.storage.validation import directions, indices, numbers


def write(group: h5py.Group, landscape: Landscape) -> None:
    """Write a landscape into /landscape of a run.h5."""
    minima, saddles, rates = landscape.minima, landscape.saddles, landscape.transitions
    group.attrs["evaluations"] = landscape.evaluations
    sites = len(minima[0].spins) if minima else 0

    def spins(of: h5py.Group, name: str, arrays: list[np.ndarray], axis: str, unit: str, about: str) -> None:
        values = np.array(arrays, dtype=np.float64).reshape(-1, sites, 3)
        dataset(of, name, values, unit, f"{axis}, site, xyz", about, **(COMPRESSED if values.size else {}))

    below = group.create_group("minima")
    spins(below, "spins", [one.spins for one in minima], "minimum", "1", "unit vectors")
    dataset(below, "energy", [one.energy for one in minima], "meV", "minimum", "energy")
    dataset(below, "charge", [one.charge for one in minima], "1", "minimum", "topological charge")
    dataset(below, "label", texts(one.label for one in minima), "", "minimum", "phase by rule")
    above = group.create_group("saddles")
    spins(above, "spins", [one.spins for one in saddles], "saddle", "1", "unit vectors")
    spins(above, "mode", [one.mode for one in saddles], "saddle", "1", "negative mode, of length 1")
    dataset(above, "energy", [one.energy for one in saddles], "meV", "saddle", "energy")
    dataset(above, "torque", [one.torque for one in saddles], "meV", "saddle", "largest |s x b|")
    modes = np.array([one.modes for one in saddles]) if saddles else np.zeros((0, 0))
    dataset(above, "modes", modes, "meV", "saddle, mode", "softest eigenvalues of the Hessian, without rotations")
    ends = np.array([one.ends for one in saddles], dtype=np.int64).reshape(-1, 2)
    dataset(above, "ends", ends, "", "saddle, side", "minima that relaxation reaches from both sides")
    tried = np.array(landscape.tried, dtype=np.int64).reshape(-1, 2)
    dataset(group, "tried", tried, "", "pair, end", "minima between which paths were relaxed")
    about = "lowest barrier from one minimum to another; inf where no path is known"
    dataset(group, "barriers", landscape.barriers(), "meV", "from, to", about)
    flow = group.create_group("rates")
    for name, axis in (("start", "start"), ("end", "end"), ("saddle", "saddle")):
        values = np.array([getattr(one, name) for one in rates], dtype=np.int64)
        dataset(flow, name, values, "", "transition", f"number of the {axis}")
    for name, unit, about in (
        ("kelvin", "K", "temperature"),
        ("prefactor", "1/s", "rate without the exponential of the barrier"),
        ("error", "1", "error of ln(prefactor) by rounding"),
        ("per_second", "1/s", "rate"),
    ):
        dataset(flow, name, [getattr(one, name) for one in rates], unit, "transition", about)
    soft = np.array([one.soft for one in rates], dtype=np.int64)
    dataset(flow, "soft", soft, "", "transition", "number of modes for which the harmonic approximation is poor")


def read(group: h5py.Group, sites: int) -> Landscape:
    """Return the landscape in a group /landscape of a run whose textures have ``sites`` sites."""
    below, above, flow = group["minima"], group["saddles"], group["rates"]
    energies = numbers(below, "energy", -1).tolist()
    count, passes = len(energies), len(numbers(above, "energy", -1))
    minima = zip(
        directions(below, "spins", count, sites if count else -1, 3).astype(np.float64), energies,
        numbers(below, "charge", count).tolist(), words(below["label"][()]), strict=True,
    )  # fmt: skip
    saddles = zip(
        directions(above, "spins", passes, sites if passes else -1, 3).astype(np.float64),
        numbers(above, "energy", passes).tolist(), numbers(above, "torque", passes).tolist(),
        numbers(above, "modes", passes, -1, finite=False),
        numbers(above, "mode", passes, sites if passes else -1, 3).astype(np.float64),
        map(tuple, indices(above, "ends", count, passes, 2).tolist()), strict=True,
    )  # fmt: skip
    rows = len(numbers(flow, "start", -1))
    known = "soft" in flow  # earlier files do not say which rates are rough
    soft = numbers(flow, "soft", rows).astype(np.int64) if known else np.zeros(rows, dtype=np.int64)
    rates = zip(
        *(
            indices(flow, name, most, rows).tolist()
            for name, most in (("start", count), ("end", count), ("saddle", passes))
        ),
        *(
            numbers(flow, name, rows, finite=False).tolist() for name in ("kelvin", "prefactor", "error", "per_second")
        ),
        soft.tolist(),
        strict=True,
    )  # fmt: skip
    return Landscape(
        tuple(Minimum(*one) for one in minima),
        tuple(Saddle(*one) for one in saddles),
        tuple(map(tuple, indices(group, "tried", count, -1, 2).tolist())),
        tuple(Transition(*one) for one in rates),
        int(group.attrs["evaluations"]),
    )
