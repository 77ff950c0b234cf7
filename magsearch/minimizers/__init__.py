"""Minimisers: values that say what one iteration of a relaxation is."""

from magsearch.minimizers.barzilai_borwein import BarzilaiBorwein
from magsearch.minimizers.fire import Fire
from magsearch.minimizers.lbfgs import LBFGS
from magsearch.minimizers.llg import OverdampedLLG
from magsearch.minimizers.pace import AutoDrop, Fixed
from magsearch.minimizers.stochastic_llg import StochasticLLG
from magsearch.minimizers.velocity_projection import VelocityProjection

__all__ = [
    "LBFGS", "AutoDrop", "BarzilaiBorwein", "Fire", "Fixed", "OverdampedLLG", "StochasticLLG", "VelocityProjection",
]  # fmt: skip
