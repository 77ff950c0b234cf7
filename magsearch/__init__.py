"""magsearch finds the magnetic ground state of a material from the couplings that density functional theory gives.

import magsearch as ms

hamiltonian = ms.read("inputs/pdfeir111/inpsd.dat")
islands = [ms.GeneticTunneling(replicas=64, seed=1)] * 4
search = ms.Archipelago(hamiltonian, ms.choose("auto"), islands, ms.Exchange(ms.Ring()), ranks=ms.launched())
for _ in search.run():
    print(search.generations)
print(search.champion.energy / hamiltonian.n_spins, ms.topological_charge(hamiltonian.lattice, search.champion.texture))
"""

from importlib import import_module
from typing import Any

MODULES = {  # the public names, and where they are; each is imported when it is used first
    "engine.device": ("choose",),
    "engine.evaluator": ("Evaluator",),
    "errors": ("InputError",),
    "formats": ("read", "read_spins"),
    "model.bonds": ("Bonds", "dmi_matrix", "exchange_matrix"),
    "model.hamiltonian": ("CubicAnisotropy", "Hamiltonian", "UniaxialAnisotropy"),
    "model.lattice": ("Lattice",),
    "observables.magnetization": ("magnetization",),
    "observables.structure_factor": ("structure_factor",),
    "observables.topological_charge": ("topological_charge",),
    "parallel.ranks": ("launched",),
    "relaxation.barzilai_borwein": ("BarzilaiBorwein",),
    "relaxation.fire": ("Fire",),
    "relaxation.lbfgs": ("LBFGS",),
    "relaxation.llg": ("OverdampedLLG",),
    "relaxation.relax": ("Convergence", "VarianceControl", "relax"),
    "relaxation.velocity_projection": ("VelocityProjection",),
    "search.archipelago": ("Archipelago",),
    "search.island": ("GeneticTunneling",),
    "search.migration": ("Exchange", "Leader"),
    "search.stopping": ("Checkpoints", "Stop"),
    "search.topology": ("Complete", "Isolated", "RandomGraph", "Ring", "Torus"),
    "symmetry.equivalence": ("Equivalence",),
    "thermal.heat_bath": ("HeatBath",),
    "thermal.stochastic_llg": ("StochasticLLG",),
}
PLACES = {name: module for module, names in MODULES.items() for name in names}
__all__ = [*sorted(PLACES)]


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{PLACES[name]}"), name)
