"""Energies that other programs compute."""

from __future__ import annotations

import os

import numpy as np
import pytest


def spirit_energies(cfg, textures: np.ndarray) -> np.ndarray:
    """The energies that Spirit gives to textures [replica, site, 3], meV."""
    state = pytest.importorskip("spirit.state", reason="no Spirit: pip install spirit (Linux on x86)")
    from spirit import system

    before = os.getcwd()
    os.chdir(cfg.parent)  # where Spirit looks for files, and writes its own
    try:
        with state.State(cfg.name, quiet=True) as p:
            spins, found = system.get_spin_directions(p), []
            assert spins.shape == textures.shape[1:]
            for texture in textures:
                spins[:] = texture
                system.update_data(p)
                found.append(system.get_energy(p))
    finally:
        os.chdir(before)
    return np.array(found)
