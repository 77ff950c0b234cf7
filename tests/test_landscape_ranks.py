"""Landscapes in processes of their own: divided among ranks, stopped by signals, and on a simulated GPU."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import differences, done, launcher, start
from records import stored
from simulated import environment

from magsearch import storage
from magsearch.landscape.explore import UNIT
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy

MODEL = """\
[model]
lattice = "square"
size = [8, 8, 1]
field = 9.5
[[model.exchange]]
J = 1.0
[[model.dmi]]
shell = 1
D = 0.9
direction = "bloch"
"""
RATES = ("--temperature", "2", "--images", "6", "--most", "8", "--neighbours", "8")


@pytest.fixture(scope="module")
def textures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a landscape: five spins of a glass with easy and hard axes, in twelve random textures."""
    rng = np.random.default_rng(4)
    i, j = np.triu_indices(5, 1)
    lattice = Lattice.cluster([[k, 0, 0] for k in range(5)])
    bonds = Bonds.pairs(i, j, exchange_matrix(rng.normal(size=len(i))))
    axes = (UniaxialAnisotropy(1.5), UniaxialAnisotropy(-0.6, (1, 0, 0)))
    model = Hamiltonian(lattice, Bonds.none(), 2.0, axes, site_bonds=bonds)
    out = tmp_path_factory.mktemp("glass") / "textures.h5"
    storage.write(out, stored(model, 12))
    return out


@pytest.fixture(scope="module")
def undisturbed(textures: Path) -> Path:
    """The landscape that one process finds, of several pairs of minima."""
    out = Path(shutil.copy(textures, textures.with_name("undisturbed.h5")))
    done("landscape", out, *RATES)
    found = storage.read(out).landscape
    assert found is not None
    assert len(found.tried) > UNIT, "all pairs are one task"
    assert found.saddles
    assert found.transitions
    return out


@pytest.mark.slow
def test_two_ranks_find_the_same_to_the_bit(textures, undisturbed, tmp_path):
    out = Path(shutil.copy(textures, tmp_path / "out.h5"))
    done("landscape", out, *RATES, ranks=2)
    assert differences(undisturbed, out) == set()


@pytest.mark.parametrize("ranks", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_landscape_that_is_stopped_is_resumed(textures, undisturbed, ranks, tmp_path):
    out = Path(shutil.copy(textures, tmp_path / "out.h5"))
    running = start("landscape", out, *RATES, ranks=ranks)
    assert running.stdout is not None
    for line in running.stdout:
        if "distinct minima" in line:
            break
    running.send_signal(signal.SIGTERM)
    log = running.communicate(timeout=60)[0]
    assert running.returncode == 75, log
    assert "Traceback" not in log
    if not ranks:  # a rank that is late by 0.6 s ends all of them at once
        assert "SIGTERM: what is known is stored; continue with" in log.replace("\n", " ")
        kept = storage.read(out).landscape
        assert kept is not None
        assert not kept.transitions
    done("landscape", out, *RATES, ranks=2 - ranks)
    assert differences(undisturbed, out) == set()


@pytest.mark.slow
def test_a_signal_to_one_rank_stops_both(textures, undisturbed, tmp_path):
    """Rank 1 receives it while it relaxes its paths."""
    out, script = Path(shutil.copy(textures, tmp_path / "out.h5")), tmp_path / "told.py"
    script.write_text("""
import os, signal
from magsearch import cli
from magsearch.landscape import tasks
from magsearch.parallel.ranks import is_first_rank
relax = tasks.bands.relax
def told(*arguments):
    if not is_first_rank():
        os.kill(os.getpid(), signal.SIGUSR1)
    return relax(*arguments)
tasks.bands.relax = told
cli.main()
""")
    command = [*launcher(2), sys.executable, str(script), "landscape", str(out), *RATES]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 75, ended.stdout + ended.stderr
    done("landscape", out, *RATES)
    assert differences(undisturbed, out) == set()


@pytest.mark.slow
def test_two_ranks_find_the_same_textures_to_the_bit(tmp_path):
    """More textures than a family of replicas, so that both relax some; a file that exists is refused by both."""
    model, made = tmp_path / "model.toml", [tmp_path / "one.h5", tmp_path / "two.h5"]
    model.write_text(MODEL)
    for out, ranks in zip(made, (0, 2), strict=True):
        done("textures", model, "-o", out, "--charges", "0,-1,1", "--seeds", "11", "--each", "1", ranks=ranks)
    assert differences(*made) <= {"command", "seconds"}
    told = done("textures", model, "-o", made[1], ranks=2, code=2)
    assert told.count("two.h5") == 1


def test_a_run_without_elites_is_refused_on_all_ranks(tmp_path):
    told = done("landscape", tmp_path / "none.h5", ranks=2, code=2)
    assert "Traceback" not in told
    assert told.count("none.h5") == 1


@pytest.mark.slow
def test_a_simulated_gpu_finds_the_same_landscape(textures, undisturbed, tmp_path):
    """On one rank and on two, one of which is stopped and resumed."""
    found = []
    for ranks in (0, 2):
        out = Path(shutil.copy(textures, tmp_path / f"{ranks}.h5"))
        if ranks == 0:
            running = start("landscape", out, *RATES, "--device", "cuda", env=environment())
            assert running.stdout is not None
            for line in running.stdout:
                if "distinct minima" in line:
                    break
            running.send_signal(signal.SIGTERM)
            assert running.communicate(timeout=120)[0]
            assert running.returncode == 75
        done("landscape", out, *RATES, "--device", "cuda", ranks=ranks, env=environment(), seconds=300)
        found.append(out)
    assert differences(*found) == set()
    gpu, cpu = (storage.read(path).landscape for path in (found[0], undisturbed))
    assert gpu is not None
    assert cpu is not None
    np.testing.assert_allclose(gpu.barriers(), cpu.barriers(), atol=1e-7)


@pytest.mark.slow
def test_a_simulated_gpu_finds_the_same_textures(tmp_path):
    model, energies = tmp_path / "model.toml", []
    model.write_text(MODEL)
    for device in ("cpu", "cuda"):
        out = tmp_path / f"{device}.h5"
        chosen = ("--charges", "0,-1", "--seeds", "2", "--device", device)
        done("textures", model, "-o", out, *chosen, env=environment(), seconds=300)
        energies.append([one.energy for one in storage.read(out).elites])
    assert energies[0] == pytest.approx(energies[1], abs=1e-9)
