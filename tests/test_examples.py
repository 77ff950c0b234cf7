"""Every example does what its Result promises, in a small version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from processes import done, script

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
NOTEBOOKS = sorted(path.name for path in (ROOT / "examples").glob("*.ipynb"))
SMALL = ROOT / "inputs" / "square-bloch.toml"
PARAGRAPHS = ("About", "Model", "Run", "Result")
pytestmark = pytest.mark.skipif(not (ROOT / "examples").exists(), reason="the examples are not installed")


def lines(*command: object) -> list[str]:
    """What a command prints, run in the root of the repository."""
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def example(name: str, *arguments: object) -> list[str]:
    return script(ROOT / "examples" / name, *arguments, where=ROOT).splitlines()


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?", line)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_a_page_with_the_same_paragraphs_and_says_how_it_is_run(name):
    text = (ROOT / "examples" / name).read_text()
    assert re.findall(r"^(\w+)$", text, re.MULTILINE)[:4] == list(PARAGRAPHS)
    assert f"examples/{name}" in text.split("Run\n")[1].split("Result\n")[0]
    assert len(text.splitlines()) < 75


def test_1_the_field_unwinds_the_spiral():
    zero, middle, high = (numbers(line) for line in example("1_ground_state.py", 12))
    assert zero[1] > middle[1] > high[1], "the Zeeman energy only lowers the ground state"
    assert zero[3] == pytest.approx(0, abs=0.01)
    assert high[3] == pytest.approx(1, abs=1e-3)


def test_2_reads_what_a_run_wrote(tmp_path):
    run = tmp_path / "run.h5"
    small = ["--set", "model.size=[8,8,1]", "--set", "search.generations=1", "--set", "search.replicas=8"]
    done("run", "inputs/square-bloch.toml", "-o", run, *small, cwd=ROOT)
    said = example("2_read_a_run.py", run)
    assert "1 generation" in said[0]
    assert any(line.startswith("elite 0: -") for line in said)
    assert said[-1].startswith("most reversed spin")


@pytest.mark.slow
def test_3_every_method_finds_about_the_same_energy():
    said = example("3_reference_methods.py")
    best = [numbers(line[20:])[0] for line in said]
    assert len(best) == 6
    assert np.ptp(best) < 0.01 * abs(min(best))


def test_4_the_field_makes_skyrmions_and_then_a_ferromagnet(tmp_path):
    scan = tmp_path / "field.h5"
    small = ["model.size=[12,12,1]", "scan.field=[0.3,1.4,3.6]", "search.generations=3", "search.replicas=16"]
    chosen = (word for key in small for word in ("--set", key))
    done("scan", "inputs/square-bloch.toml", "-o", scan, *chosen, cwd=ROOT)
    *points, first, second = example("4_field_scan.py", scan)
    assert [line[9:30].strip() for line in points] == ["spiral", "skyrmion lattice", "ferromagnet"]
    field, energy, charge = numbers(points[1][:8] + points[1][30:])[:3]
    assert (field, charge) == (1.4, -1)
    assert energy < -2 - 0.0578838 * field, "the ferromagnet: two pairs of 1 meV a site, and Zeeman"
    assert numbers(points[2])[1] == pytest.approx(-2 - 0.0578838 * 3.6, abs=1e-6)
    for line, (below, above) in ((first, (0.3, 1.4)), (second, (1.4, 3.6))):
        at, low, high = numbers(line)
        assert below <= low <= at <= high <= above


def test_5_couplings_of_tb2j_make_a_spiral_a_skyrmion_and_a_ferromagnet():
    read, zero, middle, high = example("5_from_tb2j.py", 12)
    assert read == "6 couplings per site, moment 3 mu_B"
    assert numbers(zero)[3] == pytest.approx(0, abs=0.01)
    assert numbers(middle)[2] == -1
    field, energy, _, up = numbers(high)
    assert up == 1
    assert energy == pytest.approx(-3 * 4 - 0.0578838 * 3 * field, abs=1e-4)  # three pairs of 4 meV a site, and Zeeman


def test_6_the_helix_has_its_exact_energy():
    energy, wave = example("6_helimagnet.py", 6)
    assert abs(numbers(energy)[1]) < 1e-12
    n = [min(int(k), 6 - int(k)) for k in numbers(wave)[:3]]
    assert n == [1, 1, 1]
    assert numbers(wave)[-1] == pytest.approx(1)


def test_7_every_triangle_of_every_elite_adds_up_to_zero():
    """Up to the power 2/3 of the torque at which spins count as at rest.

    Modes of the flat band cost no energy in second order. A displacement x along one of them leaves sums of order x^2
    on the triangles, hence energies of order |J| x^4 and torques of order |J| x^3: a relaxation that stops at torque t
    leaves sums of about (t / |J|)^(2/3), here 1e-5, whichever of the states is found. Ten times that is allowed.
    """
    stiffness, J = 4.0, 1.0  # meV: four neighbours
    at_rest = 1e-8 * stiffness  # meV, of relax.Convergence in double precision
    said = example("7_kagome.py", 6)
    assert said
    for line in said:
        _, energy, largest, share = numbers(line)
        assert energy == pytest.approx(-1, abs=1e-7)
        assert largest < 10 * (at_rest / J) ** (2 / 3)
        assert 0 < share <= 1 + 1e-6


def test_8_the_champion_is_the_same_on_any_number_of_processes():
    pytest.importorskip("mpi4py", reason="no mpi4py: pip install 'magsearch[mpi]'")
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if mpiexec is None:
        pytest.skip("no mpiexec on this machine")
    arguments = ("8_islands.py", "inputs/square-bloch.toml", 8)
    program = ROOT / "examples" / arguments[0]
    alone, together = example(*arguments), lines(mpiexec, "-n", 2, sys.executable, program, *arguments[1:])
    assert alone == together
    assert len(alone) == 5


def test_9_the_band_of_minima_narrows_above_both_bounds(tmp_path):
    picture = tmp_path / "glass.png"
    _, small, large, last = example("9_spin_glass.py", 64, picture)
    assert numbers(large)[3] < numbers(small)[3]
    for line in (small, large):
        N, mean, within, overall, best, eigenvalue, bound, proven, instances = numbers(line)
        assert eigenvalue < bound <= best <= mean, "more multipliers only raise a bound, and no state is below it"
        assert eigenvalue == pytest.approx(-1, abs=2 * N ** (-2 / 3)), "Wigner's edge, as close as Tracy and Widom say"
        assert within < overall
        assert 0 <= proven <= instances
    assert numbers(small)[-2] > 0, "small glasses often have one minimum, which the bound then proves"
    assert numbers(last)[0] < -0.5
    assert picture.stat().st_size > 0


def test_10_every_cell_of_the_tutorial_runs_and_shows_what_it_promises():
    path = ROOT / "examples" / "10_tutorial.ipynb"
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code), "commit it without outputs"
    for paragraph in PARAGRAPHS:
        assert f"**{paragraph}.**" in notebook.cells[0].source
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(path.parent)}}).execute()
    shown = [dict(output.data) for cell in code for output in cell.outputs if "data" in output]
    texts = [data["text/plain"] for data in shown]
    assert texts[0].startswith("Hamiltonian"), "models print themselves"
    assert "stopped" in texts[1]
    assert sum("text/html" in data for data in shown) >= 4, "models, results and scans have tables"
    assert any("image/png" in data for data in shown)
    assert re.search(r"\(0, 0, 0\) T.*spiral", next(text for text in texts if text.startswith("Scan")))
    assert re.search(r"\(0, 0, 15\) T.*ferromagnet", next(text for text in texts if text.startswith("Scan")))
    assert texts[-1].splitlines()[1:-1] == texts[1].splitlines()[1:-1], "a file says what the search said"


@pytest.mark.parametrize("name", [pytest.param("1_ground_state.py", marks=pytest.mark.slow), "8_islands.py"])
def test_examples_run_in_any_folder(name, tmp_path):
    script(ROOT / "examples" / name, *(("12",) if name.startswith("1") else (SMALL, "8")), where=tmp_path)
    assert os.listdir(tmp_path) == []


def test_every_example_is_run_here():
    ran = {name.split("_")[1] for name in globals() if re.fullmatch(r"test_\d+_\w+", name)}
    assert {name.split("_")[0] for name in EXAMPLES + NOTEBOOKS} <= ran, "give it a test that runs a small version"


def test_11_exchange_turns_stripes_of_dipoles_into_a_ferromagnet():
    """Energies of the square lattice: stripes -2.549436 g, ferromagnet -2.258405 g - 2 J."""
    stripes, weak, strong = (numbers(line) for line in example("11_dipoles.py", 4))
    assert [stripes[1], weak[1], strong[1]] == pytest.approx([-2.549436, -2.549436, -2.258405 - 0.4], abs=2e-6)
    assert [stripes[2], weak[2], strong[2]] == pytest.approx([0, 0, 1], abs=1e-4)
    assert max(abs(line[3]) for line in (stripes, weak, strong)) < 1e-8


def test_12_a_crystal_field_of_sixth_order_turns_the_easy_axis():
    """Energies of the ferromagnet along <111>, <111> and <110>: - 3 J and the brackets of B4 and B6."""
    found = [numbers(line) for line in example("12_crystal_field.py", 3)]
    expected = [-3 - 1.6 / 3, -3 - 1.6 / 3 + 0.004 * 256 / 9, -3 - 0.2 - 0.26]
    assert [line[2] for line in found] == pytest.approx(expected, abs=2e-6)
    diagonal, face = [3**-0.5] * 3, [0, 0.5**0.5, 0.5**0.5]
    assert [line[3:6] for line in found] == [pytest.approx(axis, abs=1e-3) for axis in (diagonal, diagonal, face)]
    assert all(-1e-9 <= line[6] < 0.02 for line in found)
