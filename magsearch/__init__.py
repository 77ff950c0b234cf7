"""magsearch finds the magnetic ground state of a material from the couplings that density functional theory gives.

import magsearch as ms

hamiltonian = ms.read("inputs/pdfeir111/inpsd.dat")
islands = [ms.GeneticTunneling(replicas=64, seed=1)] * 4
search = ms.Archipelago(hamiltonian, ms.choose("auto"), islands, ms.Exchange(ms.Ring()), ranks=ms.launched())
for _ in search.run():
    print(search.generations)
print(search.champion.energy / hamiltonian.n_spins, ms.topological_charge(hamiltonian.lattice, search.champion.texture))
"""

from magsearch.engine.device import choose
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.formats import read, read_spins
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.observables.magnetization import magnetization
from magsearch.observables.structure_factor import structure_factor
from magsearch.observables.topological_charge import topological_charge
from magsearch.parallel.ranks import launched
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.fire import Fire
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.llg import OverdampedLLG
from magsearch.relaxation.relax import Convergence, VarianceControl, relax
from magsearch.relaxation.velocity_projection import VelocityProjection
from magsearch.search.archipelago import Archipelago
from magsearch.search.island import GeneticTunneling
from magsearch.search.migration import Exchange, Leader
from magsearch.search.stopping import Checkpoints, Stop
from magsearch.search.topology import Complete, Isolated, RandomGraph, Ring, Torus
from magsearch.symmetry.equivalence import Equivalence
from magsearch.thermal.heat_bath import HeatBath
from magsearch.thermal.stochastic_llg import StochasticLLG

__all__ = [
    "LBFGS", "Archipelago", "BarzilaiBorwein", "Bonds", "Checkpoints", "Complete", "Convergence", "CubicAnisotropy",
    "Equivalence", "Evaluator", "Exchange", "Fire", "GeneticTunneling", "Hamiltonian", "HeatBath", "InputError",
    "Isolated", "Lattice", "Leader", "OverdampedLLG", "RandomGraph", "Ring", "StochasticLLG", "Stop", "Torus",
    "UniaxialAnisotropy", "VarianceControl", "VelocityProjection", "choose", "dmi_matrix", "exchange_matrix",
    "launched", "magnetization", "read", "read_spins", "relax", "structure_factor", "topological_charge",
]  # fmt: skip
