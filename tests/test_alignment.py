"""Laying one texture over another: symmetric copies fall onto each other exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models import MODELS
from numpy.testing import assert_allclose, assert_array_equal
from oracle import energy, random_textures

from magsearch.engine.cpu import Cpu
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Consumer, Draws
from magsearch.search.alignment import Alignment

UNIFORM = [name for name, hamiltonian in MODELS.items() if hamiltonian.uniform]


def copies(crystal: Crystal, texture: np.ndarray, count: int) -> np.ndarray:
    """Copies [copy, site, 3] of a texture by random symmetries."""
    same = np.broadcast_to(texture, (1, count, *texture.shape))
    return crystal.moved(same, Draws(3, Consumer.OFFSPRING))[0]


@pytest.mark.parametrize("name", UNIFORM)
def test_a_moved_copy_is_moved_back(name):
    crystal = Crystal(MODELS[name], Cpu())
    texture = random_textures(MODELS[name], 1)[0].astype(np.float32)
    for copy in copies(crystal, texture, 5):
        assert_allclose(Alignment(crystal, copy).onto(texture[None])[0], texture, atol=1e-5)


@pytest.mark.parametrize("name", UNIFORM)
def test_what_is_laid_over_has_its_energy_and_overlaps_no_less_than_any_copy(name):
    hamiltonian = MODELS[name]
    crystal = Crystal(hamiltonian, Cpu())
    one, other = random_textures(hamiltonian, 2, seed=8).astype(np.float32)
    laid = Alignment(crystal, one).onto(other[None])[0]
    tolerance = 1e-3 * abs(float(energy(hamiltonian, one)))  # operations are symmetries to a thousandth
    assert energy(hamiltonian, laid) == pytest.approx(float(energy(hamiltonian, one)), abs=tolerance)
    overlaps = (copies(crystal, one, 50) * other).sum(axis=(1, 2))
    assert (laid * other).sum() >= overlaps.max() - 1e-4


def test_each_texture_of_a_batch_is_laid_over_by_itself():
    crystal = Crystal(MODELS["honeycomb_dmi"], Cpu())
    one, *others = random_textures(crystal.hamiltonian, 4, seed=8).astype(np.float32)
    alignment = Alignment(crystal, one)
    alone = np.concatenate([alignment.onto(other[None]) for other in others])
    assert_array_equal(alignment.onto(np.stack(others)), alone)
    assert len({texture.tobytes() for texture in alone}) == 3


def test_disorder_has_no_copies():
    hamiltonian = MODELS["disordered"]
    one, other = random_textures(hamiltonian, 2).astype(np.float32)
    laid = Alignment(Crystal(replace(hamiltonian, field=(1.0, 2.0, 3.0)), Cpu()), one).onto(other[None])
    assert_array_equal(laid[0], one)
