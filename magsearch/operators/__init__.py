"""Operators of the genetic search: each makes one new texture from none, one or several parents.

Operators are frozen dataclasses named by what they do to the spins; a mixture is a tuple of (operator, weight). An
operator has ``parents``, the number of textures that it needs, and is called with the crystal, the parents
[parent, site, 3] and a random generator. It returns a texture [site, 3], whose spins the search normalises.
"""

from __future__ import annotations

from magsearch.operators.mixtures import BREEDING, SEEDS, Mixture
from magsearch.operators.mutations import (
    HeatPatch,
    InsertStripe,
    RotatePatch,
    RotateTexture,
    ShufflePatch,
)
from magsearch.operators.operator import Operator
from magsearch.operators.seeds import RandomSpins, SoftWaves
from magsearch.operators.skyrmions import MoveSkyrmion, PlantSkyrmion, RemoveSkyrmion
from magsearch.operators.splices import ExchangeWave, FourierSplice, PatchSplice, QuadrantSplice, StripeSplice
from magsearch.operators.waves import (
    InsertDislocations,
    MultiplyTexture,
    ShiftWave,
    StretchTexture,
    TranslateTexture,
)

OPERATORS: dict[str, type] = {
    operator.__name__: operator
    for operator in (
        RandomSpins, SoftWaves, StripeSplice, QuadrantSplice, PatchSplice, FourierSplice, ExchangeWave, HeatPatch,
        RotatePatch, RotateTexture, ShufflePatch, InsertStripe, ShiftWave, TranslateTexture, StretchTexture,
        MultiplyTexture, InsertDislocations, PlantSkyrmion, RemoveSkyrmion, MoveSkyrmion,
    )
}  # fmt: skip

__all__ = [*OPERATORS, "BREEDING", "OPERATORS", "SEEDS", "Mixture", "Operator"]
