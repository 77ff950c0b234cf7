"""Textures refined as an island refines its candidates, and the stability that is found for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracle import energy

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.minima import stability
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.observables.fingerprint import fingerprint
from magsearch.operators.crystal import Crystal
from magsearch.search.island import Candidate, GeneticTunneling, Island
from magsearch.search.polishing import polish

LINE = Lattice.named("chain", (6, 1, 1))


def judged(model: Hamiltonian, texture: np.ndarray, device: Any = None, count: int = 4) -> stability.Stability:
    evaluator = Evaluator(model, device or Cpu(), np.float64)
    return stability.stability(evaluator, texture, count)[0][0]


def polished(model: Hamiltonian, *textures: np.ndarray, **settings: Any) -> list[Candidate]:
    """What an island's polish makes of given candidates."""
    island = Island(
        Crystal(model, Cpu()), Evaluator(model, Cpu()), GeneticTunneling(**{"replicas": 16, "elites": 4} | settings)
    )
    given = []
    for texture in textures:
        e = float(energy(model, texture[None])[0])
        given.append(Candidate(texture, e, 0.0, "", 0, fingerprint(model.lattice, texture, e)))
    island.merge(given)
    return polish(island)
