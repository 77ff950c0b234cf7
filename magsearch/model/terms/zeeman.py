"""The energy of magnetic moments in a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import Below, Sites, Space
from magsearch.units import MU_B


@dataclass(frozen=True)
class Zeeman:
    """- mu_B sum_i m_i B . s_i; B in tesla."""

    field: tuple[float, float, float]

    name: ClassVar[str] = "zeeman"
    unit: ClassVar[str] = "tesla"
    linear_in_spin: ClassVar[bool] = True
    spin_orbit: ClassVar[bool] = False

    def check(self, sites: Sites) -> None:
        """Raise ValueError for a field that is not three finite numbers."""
        if len(self.field) != 3 or not np.isfinite(self.field).all():
            raise ValueError(f"field is {self.field}; expected three numbers in tesla")

    def energies(self, sites: Sites, spins: NDArray[Any]) -> NDArray[np.float64]:
        """Return - mu_B m B.s, [..., site] meV."""
        return np.asarray(-sites.site_moments * (np.asarray(spins, dtype=np.float64) @ (MU_B * np.array(self.field))))

    def fill(self, entries: OnsiteEntries) -> bool:
        """Add nothing: kernels take the field replica by replica, and moments with the sites."""
        return True

    def stiffness(self, sites: Sites) -> NDArray[np.float64]:
        """Return mu_B m |B|, [site] meV."""
        return np.asarray(MU_B * np.linalg.norm(self.field) * sites.site_moments)

    def quadratic(self, sites: Sites) -> NDArray[np.float64]:
        """Return zeros: nothing is quadratic in a spin."""
        return np.zeros((sites.lattice.atoms, 3, 3))

    def invariant_under(
        self, sites: Sites, space: Space, turns: NDArray[np.float64], tolerance: float
    ) -> NDArray[np.bool_]:
        """Return whether moments find equal ones and the turn leaves the field, [turn]."""
        field, moments = np.array(self.field), np.asarray(sites.moments)
        if sites.uniform and np.abs(moments[space.image] - moments).max() > tolerance * moments.max():
            return np.zeros(len(turns), dtype=bool)
        return np.asarray(np.abs(turns @ field - field).max(axis=1) <= tolerance * np.linalg.norm(field))

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return the matrix of B x, or none without a field."""
        return np.cross(self.field, np.eye(3)).T[None] if any(self.field) else np.zeros((0, 3, 3))

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return none: an axis suggests no more than the frames that are tried in any case."""
        return np.zeros((0, 3, 3))

    def relaxed_below(self, sites: Sites) -> Below:
        """Return the term itself, with h = mu_B m B."""
        n = sites.lattice.sites
        field = MU_B * sites.site_moments[:, None] * np.array(self.field)
        return Below(np.zeros((n, 3, 3)), field, np.zeros(n), True)
