"""Offspring of a generation: operators, parents and textures of all replicas, batched on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.operators import Mixture
from magsearch.operators.crystal import Crystal
from magsearch.operators.mixtures import weights
from magsearch.randomness import Consumer, Draws
from magsearch.search.alignment import Alignment
from magsearch.search.candidate import Candidate
from magsearch.search.selection import Selection

SHORTEST = float(np.sqrt(np.finfo(np.float32).tiny))  # length of a spin that has a direction


@dataclass(frozen=True)
class Breeding:
    """Rules by which offspring are made.

    selection    selection of parents
    adaptation   0 to 1: share of the offspring whose operator is drawn with the frequencies at which operators
                 generated the candidates; the others follow the weights
    since        generation from which on candidates count for these frequencies: earlier ones are seeds
    watch        called repeatedly; an exception that it raises ends the breeding
    """

    crystal: Crystal
    mixture: Mixture
    selection: Selection
    adaptation: float = 0.0
    since: int = 1
    watch: Callable[[], None] = lambda: None

    def __call__(
        self, candidates: Sequence[Candidate], draws: Draws, leaders: Sequence[tuple[Candidate, float]] = ()
    ) -> tuple[Any, list[str]]:
        """Return textures of unit spins [replica, site, 3] on the device, and the names of their operators.

        candidates   that may become parents
        draws        random numbers of the replicas
        leaders      candidates that draw the textures towards them in turn, each with its pull, 0 to 1
        """
        crystal = self.crystal
        textures = crystal.xp.empty((len(draws), crystal.lattice.sites, 3), dtype=np.float32)
        filling, chosen = draws.of(Consumer.FILLING), draws.choice(self.shares(candidates))
        operators = [operator for operator, _ in self.mixture]
        parents = np.array([operator.parents for operator in operators])
        worth = np.array([candidate.worth for candidate in candidates])
        for count in np.unique(parents[chosen]):
            family = np.flatnonzero(parents[chosen] == count)
            own = draws[family]
            places = self.selection(worth, int(count), own) if count else np.empty((len(family), 0), dtype=np.int64)
            for number in np.unique(chosen[family]):
                for some in portions(crystal, np.flatnonzero(chosen[family] == number)):
                    self.watch()
                    made = operators[number](crystal, self._parents(candidates, places[some]), own[some])
                    textures[crystal.device.array(family[some], np.int64)] = made
        put_on_sphere(crystal, textures, filling)
        for leader, pull in leaders:
            self.watch()
            aligned = Alignment(crystal, leader.spins).onto(textures)
            textures += np.float32(pull) * (aligned - textures)
            put_on_sphere(crystal, textures, filling)
        return textures, [type(operators[number]).__name__ for number in chosen]

    def shares(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Return the share of each operator of the mixture."""
        weight = weights(self.mixture, self.crystal.hamiltonian)
        shares = weight / weight.sum()
        names = [candidate.origin for candidate in candidates if candidate.generation >= self.since]
        made = np.array([names.count(type(operator).__name__) for operator, _ in self.mixture])
        if self.adaptation and made.any():
            shares += self.adaptation * (made / made.sum() - shares)
        return shares

    def _parents(self, candidates: Sequence[Candidate], places: NDArray[np.int64]) -> Any:
        """Return the textures of the candidates at places [replica, parent], [replica, parent, site, 3]."""
        crystal, sites = self.crystal, self.crystal.lattice.sites
        if not places.size:
            return crystal.xp.empty((*places.shape, sites, 3), dtype=np.float32)
        spins = [crystal.device.array(candidates[place].spins, np.float32) for place in places.ravel().tolist()]
        return crystal.xp.stack(spins).reshape(*places.shape, sites, 3)


def portions(crystal: Crystal, replicas: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return replicas in parts whose textures are small enough for operators."""
    size = max(1, crystal.device.portion // (12 * crystal.lattice.sites))
    return [replicas[start : start + size] for start in range(0, len(replicas), size)]


def put_on_sphere(crystal: Crystal, textures: Any, draws: Draws) -> None:
    """Normalise the spins of textures [replica, site, 3] in place: random ones where zero, none at vacancies."""
    device, sites = crystal.device, crystal.lattice.sites
    device.launch(
        "put_on_sphere", np.float32, textures, crystal.occupation, *draws.counters(device), SHORTEST, sites,
        len(textures), blocks=-(-sites // device.width) * len(textures), replicas=device.width,
    )  # fmt: skip
