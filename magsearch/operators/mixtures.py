"""Default mixtures of operators and their weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.operators.mutations import HeatPatch, InsertStripe, RotatePatch, RotateTexture, ShufflePatch
from magsearch.operators.operator import Operator
from magsearch.operators.seeds import CorrelatedSpins, PeriodicSpins, RandomSpins, SoftWaves
from magsearch.operators.skyrmions import PlantSkyrmion, RemoveSkyrmion
from magsearch.operators.splices import ExchangeWave, FourierSplice, PatchSplice, QuadrantSplice, StripeSplice
from magsearch.operators.waves import InsertDislocations, ShiftWave, StretchTexture, TranslateTexture

Mixture = tuple[tuple[Operator, float], ...]

SEEDS: Mixture = ((SoftWaves(), 0.9), (RandomSpins(), 0.1))
RESTARTS: Mixture = ((SoftWaves(), 1.0), (PeriodicSpins(), 1.0), (CorrelatedSpins(), 1.0))
BREEDING: Mixture = (  # measured in benchmarks/RESULTS.md, Contribution of operators
    (PatchSplice(), 3.0), (StripeSplice(), 2.0), (QuadrantSplice(), 1.0), (FourierSplice(), 1.0), (HeatPatch(), 1.5),
    (PlantSkyrmion(), 1.5), (RemoveSkyrmion(), 1.5), (InsertStripe(), 1.5), (ShiftWave(), 1.0), (RotatePatch(), 0.5),
    (RotateTexture(), 0.5), (ShufflePatch(), 0.5), (StretchTexture(), 2.0), (InsertDislocations(), 2.0),
    (ExchangeWave(), 2.0), (TranslateTexture(), 2.0), (SoftWaves(), 3.0), (RandomSpins(), 0.5),
)  # fmt: skip

FEW = 1 / 8  # of ``crystalline``: fewer soft waves are not worth the time that it takes to find those of a large cell


def crystalline(hamiltonian: Hamiltonian) -> float:
    """Return how far soft waves, and textures that repeat, resemble the minima of a model, 0 to 1.

    cells / (cells + atoms of the cell), since a molecule or a large disordered cell has more minima than soft modes,
    times the fraction of the couplings that are those of the crystal, since J(q) knows nothing of those between single
    sites.
    """
    lattice = hamiltonian.lattice
    crystal, single = 1 + lattice.cells * len(hamiltonian.bonds), len(hamiltonian.site_bonds or ())
    return lattice.cells / (lattice.cells + lattice.atoms) * crystal / (crystal + single)


def weights(mixture: Mixture, hamiltonian: Hamiltonian) -> NDArray[np.float64]:
    """Return the weight of each operator of a mixture for a model, [operator].

    Soft waves and periodic spins keep ``crystalline`` of theirs. Random and correlated spins, where the mixture has
    any, have the rest, and all of it where less than ``FEW`` would be kept.
    """
    weight, kept = np.array([float(weight) for _, weight in mixture]), crystalline(hamiltonian)
    kinds = (SoftWaves, PeriodicSpins), (CorrelatedSpins, RandomSpins)
    ordered, random = (np.array([isinstance(one, kind) for one, _ in mixture]) for kind in kinds)
    random &= weight > 0
    if random.any():
        kept = kept if kept >= FEW else 0.0
        weight[random] += (1 - kept) * weight[ordered].sum() / random.sum()
    return np.where(ordered, kept * weight, weight)
