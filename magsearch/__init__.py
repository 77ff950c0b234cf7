"""magsearch finds the magnetic ground state of a material from the couplings that density functional theory gives.

import magsearch as ms

hamiltonian = ms.read("inputs/pdfeir111/inpsd.dat")
search = ms.Search(hamiltonian, ms.choose("auto"), ms.GeneticTunneling(replicas=64, seed=1))
for generation in search.run():
    print(generation.best)
print(search.champion.energy / hamiltonian.spins, ms.topological_charge(hamiltonian.lattice, search.champion.texture))
"""

from magsearch.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.device import choose
from magsearch.errors import InputError
from magsearch.evaluator import Evaluator
from magsearch.formats import read, read_spins
from magsearch.hamiltonian import CubicAnisotropy, Hamiltonian, UniaxialAnisotropy
from magsearch.heatbath import HeatBath
from magsearch.island import GeneticTunneling
from magsearch.lattice import Lattice
from magsearch.minimizers import LBFGS, BarzilaiBorwein, Fire, VelocityProjection
from magsearch.observables import magnetization, structure_factor, topological_charge
from magsearch.relaxation import Convergence, VarianceControl, relax
from magsearch.search import Search, Stop

__all__ = [
    "LBFGS", "BarzilaiBorwein", "Bonds", "Convergence", "CubicAnisotropy", "Evaluator", "Fire", "GeneticTunneling",
    "Hamiltonian", "HeatBath", "InputError", "Lattice", "Search", "Stop", "UniaxialAnisotropy", "VarianceControl",
    "VelocityProjection", "choose", "dmi_matrix", "exchange_matrix", "magnetization", "read", "read_spins", "relax",
    "structure_factor", "topological_charge",
]  # fmt: skip
