"""Where the energy sits: what the sites have adds up to the energy, and each has its share of its couplings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracle import random_textures

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.observables.energy_density import energy_density


@pytest.mark.parametrize("path", ["direct", "fourier"])
def test_energies_of_sites_add_up_to_the_energy(path, model):
    try:
        evaluator = Evaluator(model, Cpu(), np.float64, path)
    except ValueError:
        pytest.skip("no Fourier path for this model")
    textures = random_textures(model, 3)
    assert_allclose(energy_density(evaluator, textures).sum(axis=1), evaluator.energies(textures), rtol=1e-12)
    assert_allclose(energy_density(evaluator, textures[1]), energy_density(evaluator, textures)[1], atol=1e-12)


def test_energy_of_a_site_is_half_of_its_couplings_and_all_of_its_own_terms(model):
    """Against sums over bonds, written out."""
    spins, bonds = random_textures(model, 1)[0], model.directed
    pair = np.zeros(len(spins))
    np.add.at(pair, bonds.i, -0.5 * np.einsum("bx,bxy,by->b", spins[bonds.i], bonds.J, spins[bonds.j]))
    bare = replace(model, bonds=type(bonds).none(), site_bonds=None)
    alone = energy_density(Evaluator(bare, Cpu(), np.float64), spins)
    found = energy_density(Evaluator(model, Cpu(), np.float64), spins)
    assert_allclose(found, pair + alone, atol=1e-10)
