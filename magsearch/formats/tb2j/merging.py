"""Components of anisotropic exchange and DMI that a single calculation cannot give.

TB2J (docs/src/rotate_and_merge.rst) obtains J_ani and D from small turns of the moments about their directions in one
calculation: the components of J_ani and D along the moments are unphysical numbers, until TB2J_merge.py joins
calculations with turned moments. Files of a single calculation do not say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

# couplings look like those of a single calculation if J_ani along the moments, summed over bonds, is larger than
SHARE = 0.1  # times the isotropic exchange, and
EXCESS = 3.0  # times the components across the moments
LINE = 1e-3  # largest 1 - |cosine| between moments on one line


@dataclass(frozen=True, eq=False)
class Tensors:
    """Couplings of a file in its own convention, in meV: J [bond], D [bond, 3], Jani [bond, 3, 3]."""

    J: NDArray[np.float64]
    D: NDArray[np.float64]
    Jani: NDArray[np.float64]

    def unmerged(self, moments: ArrayLike) -> NDArray[np.float64] | None:
        """Return the line of the moments [spin, 3] if the couplings look like those of a single calculation."""
        m = np.asarray(moments, dtype=np.float64).reshape(-1, 3)
        length = np.linalg.norm(m, axis=1)
        if not len(m) or not length.max() > 0:
            return None
        n = m[length.argmax()] / length.max()
        if (np.abs(m @ n) < (1 - LINE) * length).any():
            return None
        along = self.along(n).sum()
        across = np.abs(self.across(n).Jani).max(axis=(1, 2), initial=0).sum()
        single = along > SHARE * np.abs(self.J).sum() and along > EXCESS * across
        return n if single else None

    def along(self, n: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the modulus of the component of Jani along a unit vector n [3], [bond]."""
        return np.abs(np.einsum("a,bac,c->b", n, self.Jani, n))

    def across(self, n: NDArray[np.float64]) -> Tensors:
        """Return J, and of D and Jani the components perpendicular to a unit vector n [3]."""
        P = np.eye(3) - np.outer(n, n)
        return Tensors(self.J, self.D @ P, P @ self.Jani @ P)

    def told(
        self, path: Path, moments: ArrayLike, choice: Literal["keep", "drop"], where: tuple[str, ...] = ()
    ) -> tuple[Tensors, list[str]]:
        """Return the couplings as the user chose to have them, and a note if they look unmerged; where: [bond]."""
        n = self.unmerged(moments)
        if n is None:
            return self, []
        size = self.along(n)
        worst = int(size.argmax())
        example = f"{where[worst]}: " if where else ""
        why = (
            f"all moments are along ({', '.join(f'{x:.3g}' for x in n)}), and J_ani along them is of the order of J "
            f"({example}{size[worst]:.4g} meV for J = {self.J[worst]:.4g} meV): this looks like a single calculation "
            "of TB2J, which cannot give this component, nor that of D; TB2J_merge.py joins several"
        )
        if choice == "keep":
            return self, [f"{path}: {why}; --set model.unmerged=drop leaves them out"]
        return self.across(n), [f"{path}: {why}; they are left out of all couplings"]
