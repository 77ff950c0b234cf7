"""magsearch finds the magnetic ground state of a material from the couplings that density functional theory gives.

    import magsearch as ms

    model = ms.read("inputs/pdfeir111/inpsd.dat")
    result = ms.search(model, seed=1, islands=4)
    result.champion.spins, result.champion.energy_per_site, result.champion.phase
    result.save("run.h5")

Names are imported when they are used first. ``ms.search`` is the function; the package of this name is reached by
``from magsearch.search import ...``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

MODULES = {  # the public names, and where they are
    "engine.choice": ("choose",),
    "engine.evaluator": ("Evaluator",),
    "errors": ("InputError",),
    "export.structure": ("MagneticStructure", "magnetic_structure"),
    "formats": ("read", "read_spins"),
    "magnons.path": ("path_of",),
    "magnons.spectrum": ("spectrum",),
    "magnons.spin_waves": ("SpinWaves",),
    "model.bonds": ("Bonds", "dmi_matrix", "exchange_matrix"),
    "model.hamiltonian": ("Hamiltonian",),
    "model.lattice": ("Lattice",),
    "model.terms.dipole": ("Dipole",),
    "model.terms.single_ion": ("CubicAnisotropy", "StevensOperator", "UniaxialAnisotropy"),
    "model.terms.waves": ("WaveCouplings",),
    "observables.magnetization": ("magnetization",),
    "observables.neighbours": ("chirality", "nearest_correlation"),
    "observables.structure_factor": ("structure_factor",),
    "observables.sublattice_charge": ("sublattice_charges",),
    "observables.three_d": ("hedgehogs", "hopf_index"),
    "observables.topological_charge": ("topological_charge",),
    "parallel.ranks": ("is_first_rank", "launched"),
    "relaxation.barzilai_borwein": ("BarzilaiBorwein",),
    "relaxation.fire": ("Fire",),
    "relaxation.lbfgs": ("LBFGS",),
    "relaxation.llg": ("OverdampedLLG",),
    "relaxation.convergence": ("Convergence", "VarianceControl"),
    "relaxation.relax": ("relax",),
    "relaxation.velocity_projection": ("VelocityProjection",),
    "runs.api": ("resume", "search"),
    "runs.energy": ("TextureEnergy", "energy"),
    "runs.hysteresis": ("LoopResult", "loop"),
    "runs.landscape": ("Exploration", "landscape"),
    "runs.load": ("load",),
    "runs.result": ("Result",),
    "runs.tc": ("TransitionResult", "tc"),
    "scan.api": ("scan",),
    "search.archipelago": ("Archipelago",),
    "search.island": ("GeneticTunneling",),
    "search.migration": ("Leader", "Migration"),
    "search.stopping": ("Checkpoints", "Stop"),
    "search.topology": ("Complete", "Isolated", "RandomGraph", "Ring", "Torus"),
    "symmetry.equivalence": ("Equivalence",),
    "symmetry.table": ("symmetry_table",),
    "thermal.heat_bath": ("HeatBath",),
    "thermal.stochastic_llg": ("StochasticLLG",),
}
PLACES = {name: module for module, names in MODULES.items() for name in names}
__all__ = [*sorted(PLACES), "__version__"]


class _Package(ModuleType):
    """A module whose functions keep their names when packages of the same names are imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in PLACES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            value: Any = version("magsearch")
        elif name in PLACES:
            value = getattr(import_module(f"{__name__}.{PLACES[name]}"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*__all__, *(name for name in self.__dict__ if name.startswith("__"))})


sys.modules[__name__].__class__ = _Package
