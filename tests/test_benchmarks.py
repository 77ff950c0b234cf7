"""Benchmarks in a small version: searches, ours and Spirit's against what is proven, and the parts of a generation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from magsearch.bounds.luttinger_tisza import lower_bound

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SEARCH = BENCHMARKS / "search"
pytestmark = pytest.mark.skipif(not SEARCH.exists(), reason="the benchmarks are not installed")


def benchmark(*arguments: object, program: Path = SEARCH) -> str:
    """What a benchmark prints, by default benchmarks/search."""
    command = [sys.executable, program, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_searches_find_less_and_less_but_never_less_than_the_bound(tmp_path, monkeypatch):
    pytest.importorskip("spirit.state", reason="no Spirit: pip install spirit (Linux on x86)")
    monkeypatch.syspath_prepend(SEARCH)
    from instances import INSTANCES

    out = tmp_path / "out.json"
    small = ["--only", "C60", "--method", "restarts", "--method", "Spirit", "--budget", 3000, "--seconds", 0.01]
    benchmark("run", out, *small, "--seeds", 2)
    model, bound = json.loads(out.read_text())["C60"], lower_bound(INSTANCES["C60"]())
    assert set(model["runs"]) == {"random restarts", "Spirit, LBFGS"}
    for method, runs in model["runs"].items():
        assert set(runs) == {"1", "2"}
        for run in runs.values():
            evaluations, seconds, energies = zip(*run["trace"], strict=True)
            for rising in (evaluations, seconds, [-energy for energy in energies]):
                assert list(rising) == sorted(set(rising))
            assert evaluations[-1] <= run["evaluations"]
            assert run["evaluations"] >= 3000
            assert energies[-1] >= (bound.per_site - 1e-6 * bound.scale) * model["sites"], method
    for unit in ("evaluations", "seconds"):
        assert unit in benchmark("table", out, "--per", unit)
    benchmark("run", out, *small, "--seeds", 3)
    longer = json.loads(out.read_text())["C60"]["runs"]["Spirit, LBFGS"]
    assert {seed: longer[seed] for seed in ("1", "2")} == model["runs"]["Spirit, LBFGS"], "what is there stays"
    assert set(longer) == {"1", "2", "3"}


def test_searches_end_at_a_known_energy(tmp_path):
    out = tmp_path / "out.json"
    large = ["--models", "large", "--only", "kagome-q0", "--seeds", 1, "--budget", 0, "--seconds", 5]
    benchmark("run", out, *large, "--method", "genetic", "--method", "restarts")
    model = json.loads(out.read_text())["kagome-q0"]
    assert model["sites"] == 972
    for runs in model["runs"].values():
        assert runs["1"]["trace"][-1][-1] == pytest.approx(-1.2 * 972, abs=2 * 972 * model["tolerance"])
        assert runs["1"]["evaluations"] == runs["1"]["trace"][-1][0], "it continues"
    assert "of 1 ratios the median" in benchmark("ratios", out)


@pytest.mark.slow
def test_known_energies_hold_in_larger_boxes(monkeypatch):
    """Each is the lower bound of the larger box too, which is as small as the rule allows."""
    monkeypatch.syspath_prepend(SEARCH)
    from instances import FOUND, LARGE, LARGER, SITES, known, larger

    for name, times in LARGER.items():
        hamiltonian = LARGE[name]()
        assert hamiltonian.n_spins >= SITES
        assert times == 1 or larger(name, times - 1).n_spins < SITES
        bound = lower_bound(hamiltonian)
        if name in FOUND:
            assert bound.gap(known(name)) > -1e-6 * bound.scale, name
        else:
            assert abs(bound.gap(known(name))) <= 1e-8 * bound.scale, name
    assert set(FOUND) < set(LARGER)


@pytest.mark.parametrize("name", ["C60", "spin glass 8^3", "kagome + DMI"])
def test_spirit_gives_the_benchmarks_models_our_energies(monkeypatch, name):
    """Also where couplings differ from site to site, which becomes one cell."""
    pytest.importorskip("spirit.state", reason="no Spirit: pip install spirit (Linux on x86)")
    from oracle import energy, random_textures
    from spirit import system

    monkeypatch.syspath_prepend(SEARCH)
    from instances import INSTANCES
    from peer import loaded

    hamiltonian = INSTANCES[name]()
    (texture,) = random_textures(hamiltonian, 1)
    with loaded(hamiltonian) as p:
        system.get_spin_directions(p)[:] = texture
        system.update_data(p)
        assert system.get_energy(p) == pytest.approx(energy(hamiltonian, texture[None])[0], rel=1e-6)


def test_parts_of_a_generation_add_up():
    small = ["--size", 12, "--replicas", 4, "--field", 2.7]
    found = json.loads(benchmark(*small, program=BENCHMARKS / "generation.py"))
    assert [one["generation"] for one in found["generations"]] == list(range(11))
    later = found["generations 3 to 10"]
    assert later["seconds"] == pytest.approx(sum(one["seconds"] for one in found["generations"][3:]), abs=1e-3)
    for one in (*found["generations"], later):
        parts = [one[name] for name in ("relaxation", "operators", "fingerprints", "selection", "rest")]
        assert all(part > 0 for part in parts)  # each is called, and none counts what is inside another
        assert sum(parts) == pytest.approx(1, abs=1e-3)


def test_the_speeds_of_a_gpu_are_measured_on_a_cpu_too():
    """The program that make gpu starts, in its small version."""
    parts = ("bandwidth", "evaluate", "step", "heat_bath", "profile")
    program = BENCHMARKS / "gpu" / "figures.py"
    lines = benchmark("--device", "cpu", "--quick", "--only", *parts, program=program).splitlines()
    figures = [json.loads(line) for line in lines]
    assert {figure["figure"] for figure in figures} == {"bandwidth", "evaluate", "BB step", "heat bath", "profile"}
    assert all(0 < figure["value"] < 1e15 for figure in figures)


def test_further_terms_are_those_of_spirit(monkeypatch):
    """Products become Spirit's quadruplets with our energy, or the program ends with an error."""
    pytest.importorskip("spirit.state", reason="no Spirit: pip install spirit (Linux on x86)")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)  # it imports from another program beside it
    printed = benchmark(
        "--size", 12, "--replicas", 8, "--repeat", 1, "--only", "fourier", program=BENCHMARKS / "terms.py"
    )
    rows = [line.rsplit(maxsplit=4) for line in printed.splitlines() if line.startswith(("360 bonds", "+ "))]
    assert [row[0] for row in rows][:5] == [
        "360 bonds", "+ dipoles", "+ biquadratic, nearest", "+ four-spin, rhombi", "+ ring, rhombi",
    ]  # fmt: skip
    assert all(float(number) > 0 for row in rows[:5] for number in row[1:])
