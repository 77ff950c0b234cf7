"""Laying one texture over another: symmetric copies fall onto each other exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models import MODELS
from numpy.testing import assert_allclose, assert_array_equal
from oracle import energy, random_textures

from magsearch.operators.crystal import Crystal
from magsearch.search.alignment import Alignment

UNIFORM = [name for name, hamiltonian in MODELS.items() if hamiltonian.uniform]


@pytest.mark.parametrize("name", UNIFORM)
def test_a_moved_copy_is_moved_back(name):
    crystal, random = Crystal(MODELS[name], Cpu()), np.random.default_rng(3)
    texture = random_textures(MODELS[name], 1)[0]
    for _ in range(5):
        copy = crystal.moved(texture, random)
        assert_allclose(Alignment(crystal, copy).onto(texture), texture, atol=1e-12)


@pytest.mark.parametrize("name", UNIFORM)
def test_what_is_laid_over_has_its_energy_and_overlaps_no_less_than_any_copy(name):
    hamiltonian = MODELS[name]
    crystal, random = Crystal(hamiltonian, Cpu()), np.random.default_rng(5)
    one, other = random_textures(hamiltonian, 2, seed=8)
    laid = Alignment(crystal, one).onto(other)
    tolerance = 1e-3 * abs(float(energy(hamiltonian, one)))  # operations are symmetries to a thousandth
    assert energy(hamiltonian, laid) == pytest.approx(float(energy(hamiltonian, one)), abs=tolerance)
    overlaps = [(crystal.moved(one, random) * other).sum() for _ in range(50)]
    assert (laid * other).sum() >= max(overlaps) - 1e-9


def test_disorder_has_no_copies():
    hamiltonian = MODELS["disordered"]
    one, other = random_textures(hamiltonian, 2)
    laid = Alignment(Crystal(replace(hamiltonian, field=(1.0, 2.0, 3.0)), Cpu()), one).onto(other)
    assert_array_equal(laid, one)
