"""Whole runs on a GPU that the stand-in for CuPy simulates: they find what the CPU finds, on one and on two ranks."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from models import square_bloch
from processes import MODEL, differences, done
from simulated import environment, simulated

import magsearch as ms


def run(folder: Path, device: str, ranks: int = 0) -> Path:
    """The file of a small search, which polishes its elites at the end."""
    source, out = folder / "model.toml", folder / f"{device}{ranks}.h5"
    source.write_text(MODEL.replace("[8, 8, 1]", "[4, 3, 1]"))
    settings = ["search.generations=2", "islands.count=2", 'search.path="direct"', "search.elites=2"]
    chosen = [word for setting in settings for word in ("--set", setting)]
    done("run", source, "-o", out, "--device", device, *chosen, ranks=ranks, env=environment())
    return out


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("simulated"), "cuda")


def test_a_run_finds_what_the_cpu_finds(alone, tmp_path):
    found = []
    for path in (alone, run(tmp_path, "cpu")):
        with h5py.File(path) as file:
            found.append(np.asarray(file["elites/energy_per_site"]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-9)


def test_two_ranks_find_the_same_to_the_bit(alone, tmp_path):
    assert differences(alone, run(tmp_path, "cuda", ranks=2)) == set()


def test_textures_of_the_host_begin_a_search_on_a_gpu():
    """Copies of small supercells, and minima of other points of a scan, are on the host, and the rest is on the GPU."""
    hamiltonian = square_bloch()
    up = np.broadcast_to([0.0, 0.0, 1.0], (hamiltonian.lattice.sites, 3))
    settings = ms.GeneticTunneling(replicas=8, elites=2)
    search = ms.Archipelago(hamiltonian, simulated(), settings, stop=ms.Stop(generations=2), seeds=[up])
    search.run()
    assert search.elites[0].energy <= ms.Evaluator(hamiltonian, ms.choose("cpu")).energies(up[None])[0] + 1e-6
    assert all(isinstance(elite.spins, np.ndarray) for elite in search.elites)
