"""/bound: the rigorous lower bound of the energy."""

from __future__ import annotations

import h5py
import numpy as np

from magsearch.bounds.bound import Bound
from magsearch.storage.files import dataset
from magsearch.storage.validation import numbers


def write(group: h5py.Group, bound: Bound) -> None:
    """Write a bound into /bound of a run.h5."""
    group.attrs.update(of=bound.of, method=bound.method, moments=bound.moments)
    dataset(
        group, "per_site", np.array(bound.per_site), "meV per site", "", "lower bound of the energy in this supercell"
    )
    dataset(group, "margin", np.array(bound.margin), "meV per site", "", "what is subtracted for rounding")
    dataset(group, "scale", np.array(bound.scale), "meV", "", "couplings of a spin")
    dataset(group, "q", np.reshape(bound.q, (-1, 3)), "reciprocal vector", "wave, axis", "waves that attain the bound")
    dataset(group, "multipliers", np.array(bound.multipliers), "meV", "spin", "multipliers of the spins' lengths")
    dataset(group, "mean", np.array(bound.mean), "1", "spin, xyz or along the field", "uniform part")


def read(group: h5py.Group) -> Bound:
    """Return the bound in /bound of a run.h5."""
    plain = {name: float(numbers(group, name)) for name in ("per_site", "margin", "scale")}
    return Bound(
        of=str(group.attrs["of"]),
        method=str(group.attrs["method"]),
        q=tuple(map(tuple, numbers(group, "q", -1, 3).tolist())),
        multipliers=tuple(numbers(group, "multipliers", -1).tolist()),
        mean=tuple(map(tuple, numbers(group, "mean", -1, -1).tolist())),
        moments=bool(group.attrs["moments"]),
        **plain,
    )
