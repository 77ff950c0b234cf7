"""Results of a scan: minima of the energy and thermal states, each with its phase, and the columns that hold them.

A column is one Hamiltonian with one set of search settings: all properties of a point except its temperature.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.formatting import fixed
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.phases.portrait import Portrait
from magsearch.phases.rules import label
from magsearch.phases.spectrum import portrait_of
from magsearch.thermal.sampling import Averages
from magsearch.thermal.statistics import Estimate

ON_ONE_LATTICE = (
    "model.field",
    "model.moment",
    "model.exchange",
    "model.dmi",
    "model.anisotropy",
    "search.",
    "islands.",
)
ALL = "all"  # the ladders of a thermal state agree


@dataclass(frozen=True, eq=False)
class Minimum:
    """Minimum of the energy: the lowest of its phase in a column.

    texture    [site, 3]
    energy     meV, of the whole texture
    torque     meV, largest |s x b|
    portrait   figures by which its phase is recognised
    origin     search that found it, or neighbouring column from which it was followed
    slopes     by coordinate of the scan: d energy per site / d coordinate, where they are known
    """

    texture: NDArray[Any]
    energy: float
    torque: float
    portrait: Portrait
    origin: str
    slopes: dict[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Phase."""
        return label(self.portrait)

    def __repr__(self) -> str:
        return f"<{self.label}, {self.per_site:.9f} meV per site, charge {fixed(self.portrait.charge, 2)}>"

    @property
    def per_site(self) -> float:
        """Energy per site that carries a spin, meV."""
        return self.energy / int((self.texture != 0).any(axis=-1).sum())

    def summary(self) -> dict[str, Any]:
        """Return its figures as plain numbers: energies and torques in meV."""
        return {
            "energy_per_site": self.per_site,
            **_figures(self.portrait),
            "torque": self.torque,
            "origin": self.origin,
        }

    @classmethod
    def of(
        cls,
        hamiltonian: Hamiltonian,
        field: Sequence[float],
        texture: NDArray[Any],
        energy: float,
        torque: float,
        origin: str,
    ) -> Minimum:
        """Return a minimum with its portrait in a field (tesla)."""
        return cls(texture, float(energy), float(torque), portrait_of(hamiltonian, texture, field), origin)


@dataclass(frozen=True, eq=False)
class ThermalState:
    """Equilibrated state at one temperature.

    averages    energy, magnetisation, charge, ... with errors
    portraits   portraits of averages over parts of the run: a spiral that changes its domain is not a multi-q state
    weight      weight of the heaviest wave, with its error
    begun       phase in which the ladder with the lowest free energy began; ``ALL`` where the ladders agree
    exchanged   smallest acceptance rate of exchanges with neighbouring temperatures; nan: none
    snapshot    [site, 3], at the end
    """

    averages: Averages
    portraits: tuple[Portrait, ...]
    weight: Estimate
    begun: str
    exchanged: float
    snapshot: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"<{self.label} at {self.averages.kelvin:g} K, {self.per_site:.7f} meV per site>"

    @property
    def label(self) -> str:
        """Phase of most portraits."""
        return Counter(label(portrait) for portrait in self.portraits).most_common(1)[0][0]

    @property
    def share(self) -> float:
        """Share of the portraits in this phase."""
        return sum(label(portrait) == self.label for portrait in self.portraits) / len(self.portraits)

    @property
    def portrait(self) -> Portrait:
        """Portrait of this phase whose heaviest wave has the median weight."""
        typical = [portrait for portrait in self.portraits if label(portrait) == self.label]
        return sorted(typical, key=lambda p: p.arms[0].weight if p.arms else 0.0)[len(typical) // 2]

    @property
    def agreed(self) -> bool:
        """Whether the state is independent of the phase in which its ladder began."""
        return self.begun == ALL

    @property
    def per_site(self) -> float:
        """Energy per site that carries a spin, meV."""
        return self.averages.energy.mean

    def summary(self) -> dict[str, Any]:
        """Return its figures as plain numbers, means with errors: energies in meV, specific heat in k_B per site."""
        means = self.averages
        return {
            "energy_per_site": self.per_site,
            **_figures(self.portrait),
            "charge": means.charge.mean,
            "magnetization": [component.mean for component in means.magnetization],
            "specific_heat": means.specific_heat.mean,
            "weight": self.weight.mean,
            "error": {
                "energy_per_site": means.energy.error,
                "charge": means.charge.error,
                "magnetization": [component.error for component in means.magnetization],
                "specific_heat": means.specific_heat.error,
                "weight": self.weight.error,
            },
            "share": self.share,
            "begun": self.begun,
            "exchanged": self.exchanged if np.isfinite(self.exchanged) else None,
        }


@dataclass(frozen=True, eq=False)
class Column:
    """Points of a scan that differ only in their temperature.

    number        number in the order of the scan
    settings      dotted key: value
    temperatures  kelvin, ascending; 0 is the champion
    round         round of refinement that added it; 0: given by the input
    minima        best first, one of each phase; None: not searched yet
    states        thermal states at the temperatures above 0; None: not sampled yet
    generations   number of generations of the search
    seconds       wall time of the search, and of the thermal states
    """

    number: int
    settings: dict[str, Any]
    temperatures: tuple[float, ...] = (0.0,)
    round: int = 0
    minima: tuple[Minimum, ...] | None = None
    states: tuple[ThermalState, ...] | None = None
    generations: int = 0
    seconds: tuple[float, float] = (0.0, 0.0)

    def __repr__(self) -> str:
        points = [repr(found) if found else f"<{kelvin:g} K: not yet>" for kelvin, found in self.points()]
        return f"<Column {self.number} at {describe(self.settings)}: {', '.join(points)}>"

    @property
    def warm(self) -> tuple[float, ...]:
        """Temperatures above zero."""
        return tuple(t for t in self.temperatures if t > 0)

    @property
    def done(self) -> bool:
        """Whether the column is searched, and sampled at all its temperatures."""
        return self.minima is not None and (self.states is not None or not self.warm)

    @property
    def elsewhere(self) -> list[str]:
        """Settings that may give it another lattice than the scan's, so that its textures are on other sites."""
        return [key for key in self.settings if not key.startswith(ON_ONE_LATTICE)]

    def points(self) -> Iterator[tuple[float, Minimum | ThermalState | None]]:
        """Yield every temperature with the champion or thermal state there, None where there is none yet."""
        states = iter(self.states or [None] * len(self.warm))
        for kelvin in self.temperatures:
            if kelvin > 0:
                yield kelvin, next(states)
            else:
                yield kelvin, self.minima[0] if self.minima else None


def _figures(portrait: Portrait) -> dict[str, Any]:
    """Return the figures that rules of phases use as plain numbers."""
    return {
        "charge": portrait.charge,
        "magnetization": list(portrait.magnetization),
        "along_field": portrait.along,
        "skyrmions_per_cell": portrait.density,
        "staggered": portrait.staggered,
        "waves_together": portrait.together,
        "chirality": portrait.chirality,
        "nearest_neighbours": portrait.bonded,
        "sublattices": portrait.sublattices,
        "skyrmions_per_cell_of_a_sublattice": portrait.opposed,
        "hedgehogs_per_site": portrait.hedgehogs,
        "waves": [
            {"q": list(arm.q), "weight": arm.weight, "sharp": arm.sharp, "circular": arm.circular}
            for arm in portrait.arms
        ],
    }


def lowest(minima: Iterable[Minimum]) -> tuple[Minimum, ...]:
    """Return the lowest minimum of each phase, best first; of equal ones the first."""
    found: dict[str, Minimum] = {}
    for minimum in minima:
        if minimum.label not in found or minimum.energy < found[minimum.label].energy:
            found[minimum.label] = minimum
    return tuple(sorted(found.values(), key=lambda minimum: minimum.energy))


def describe(settings: dict[str, Any]) -> str:
    """Return settings in words: field (0, 0, 2.7) T, model.moment 3.0."""
    words = []
    for key, value in settings.items():
        if key == "model.field":
            words.append("field (" + ", ".join(f"{b:.4g}" for b in value) + ") T")
        else:
            words.append(f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}")
    return ", ".join(words) or "the input's settings"
