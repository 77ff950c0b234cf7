"""Every command that the pages of the site show runs, in a folder that has the files it names.

A page that names a new file needs a line in ``made`` below; a command that takes long, smaller words in ``SMALLER`` or
settings in ``MORE``. Commands behind mpiexec, srun and containers are run in this process, and those of mpiexec in
two processes too: what they find does not depend on that. The rest is in test_page_blocks.py.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import ended
from pages import PAGES, ROOT, SITE, blocks, commands
from processes import done
from simulated import stand_in

import magsearch as ms
from magsearch.cli import COMMANDS

pytestmark = pytest.mark.skipif(not SITE.exists(), reason="the docs are not installed")

MODEL = """\
[model]
lattice = "square"
size = [6, 4, 1]
moment = 2.0
field = 1.0

[[model.exchange]]
J = [1.0, -0.4]

[[model.dmi]]
D = 0.8
direction = "bloch"

[search]
generations = 2
replicas = 6
elites = 3
minima = 3
"""
SPIRAL = '[model]\nlattice = "chain"\nsize = [6, 1, 1]\n[[model.exchange]]\nJ = [1.0, -0.5]\n'
PARTS = {  # of a command in a sentence, which are none by themselves; and what needs a display
    "show --json", "sample --json", "run --seeds FILE", "run ... | head", "atlas [NAME...]", "atlas --jobs 2",
    "plot --what texture|structure|charge|elites|generations|operators|migrations", "view run.h5",
}  # fmt: skip
NAMES = {  # what stands for a file or a number
    "--spins FILE": "--spins run.h5", "INPUT": "model.toml", "FILE": "model.toml", "FROM TO": "model.toml model.cfg",
    "MIN MAX STEPS": "-5 5 5", "A=Fe,B=Co": "A=Fe", "Fe=Fe3": "A=Fe3", "G-M-K-G": "G-X-M-G",
    "run.h5 --spiral": "spiral.h5 --spiral", "NAME": "cuboctahedron", "RUN.h5": "run.h5", "OUT.h5": "run.h5",
    "model.field=B": "model.field=2.7",
    "model.field=[0,0,B]": "model.field=2.7", "search.modes=M": "search.modes=4", "search.seed=N": "search.seed=3",
}  # fmt: skip
SMALLER = {  # supercells, searches and samples of pages, as they are run here
    "model.size=[16,16,1]": "model.size=[4,4,1]", "model.size=[24,24,1]": "model.size=[4,4,1]",
    "model.size=[34,34,1]": "model.size=[6,6,1]", "model.size=[48,48,1]": "model.size=[6,6,1]",
    "model.size=[96,96,1]": "model.size=[6,6,1]", "search.replicas=32": "search.replicas=6",
    "search.replicas=16": "search.replicas=6", "search.generations=400": "search.generations=3", "5000": "40",
    "scan.field=[0.3,0.9,1.4,2.1,2.8,3.1,3.6]": "scan.field=[0.3,3.6]", "scan.field=[0,1,2,3]": "scan.field=[0,3]",
    "scan.field=[[0,0,0.7],[0,0,2.7],[0,0,3.7]]": "scan.field=[[0,0,0.7],[0,0,3.7]]",
    "scan.field={first=0.0,last=4.0,count=9}": "scan.field={first=0.0,last=4.0,count=2}",
    "scan.temperature=[0,10,20,40,60,80,100,120,140,160]": "scan.temperature=[0,160]",
    "scan.temperature=[0,20,60]": "scan.temperature=[0,60]", "scan.sweeps=2000": "scan.sweeps=20",
    "scan.warmup=1500": "scan.warmup=10", "rucl3 c60": "cuboctahedron",
    "-5 5 101": "-5 5 5", "-12 12 97": "-5 5 5", "-3 3 61": "-3 3 3", "--sweeps 500": "--sweeps 5",
    "--starts 16": "--starts 2",
    "--refine 8": "--refine 1", "--mesh 24 24 1": "--mesh 4 4 1", "8,16,24": "4,6",
}  # fmt: skip
SEARCH = {"generations": 2, "replicas": 6, "elites": 3, "minima": 3, "bound_seconds": 0.2, "sites": 48}
MORE: dict[str, dict[str, Any]] = {  # settings that a command has in addition, unless the page sets them
    "run": {f"search.{key}": value for key, value in SEARCH.items()},
    "scan": {f"search.{key}": value for key, value in SEARCH.items()}
    | {"scan.field": "[0,3]", "scan.sweeps": 20, "scan.warmup": 10, "scan.rungs": 8},
    "atlas": {"search.replicas": 8},
}
OPTIONS = {  # that a command has in addition, unless the page gives them
    "tc": {"--sizes": "4,6", "--sweeps": "100", "--rounds": "1"},
    "landscape": {"--minima": "2", "--images": "5", "--most": "4"},
    "textures": {"--seeds": "2", "--each": "1"},
    "study": {"--budget": "5"},
}
SIZES = {"inputs/fe-ir111.toml": "[6,6,1]", "inputs/square-bloch.toml": "[6,6,1]", "exchange.out": "[4,4,1]"}
FOUND = {"check": {0, 1}, "atlas": {0, 1}}  # exit codes of commands that ran, other than 0
SLOW = re.compile(
    r"^study|^tc |^landscape run|^loop .*(sweeps|1,0,0$)|^device|^atlas c"
    r"|fe-ir111|inputs/pdfeir111|tc\.h5|cuda|cells=auto"
)
QUICK = {  # words of the blocks of Python, as they are run here
    '"inputs/pdfeir111/inpsd.dat"': '"model.toml"', "seed=1": "seed=1, generations=1, replicas=4, bound_seconds=0.1",
    "300, 2": "12, 2", "G-M-K-G": "G-X-M-G", "mesh=(24, 24, 1)": "mesh=(4, 4, 1)", "size=[12, 12, 4]": "size=[4, 4, 2]",
}  # fmt: skip
PYTHON = [(page, text) for page in PAGES if page.suffix == ".md" for kind, text in blocks(page) if kind == "python"]
WRITES = {"new": 0, "convert": 1}  # which of the words after the command is a file that it writes


def replaced(text: str, words: Mapping[str, str]) -> str:
    """Replace whole words of a command."""
    for word, other in words.items():
        text = re.sub(rf"(?<=\s){re.escape(word)}(?=\s|$)", lambda _, other=other: other, text)
    return text


def shortened(shown: str) -> str:
    """Return a command of a page with smaller numbers, and with more settings."""
    text = replaced(replaced(shown, NAMES), SMALLER)
    name, *words = text.split()
    more = {} if "--resume" in words else dict(MORE.get(name, {}))
    if name in ("run", "scan"):
        more |= next(({"model.size": size} for word, size in SIZES.items() if word in words), {})
    given = {word.partition("=")[0] for word in words}
    extra = {} if "--resume" in words else OPTIONS.get(name, {})
    options = [f"{key} {value}" for key, value in extra.items() if key not in words]
    return " ".join([text, *options, *(f"--set {key}={value}" for key, value in more.items() if key not in given)])


SHOWN = sorted({" ".join(words) for page in PAGES for words in commands(page)} - PARTS)
RUN = {shortened(shown): shown for shown in SHOWN}  # several commands may be one when they are shortened
# of those that differ in their settings or their input alone, the one with most settings is run every time
VARIED = re.compile(r" --set \S+|(?<!convert) (model\.toml|inpsd\.dat|input\.cfg|\S*exchange\.out|inputs/\S+)")
FAST = {VARIED.sub("", run): run for run in sorted(RUN, key=lambda run: run.count("--set"))}.values()


def written(shown: str) -> list[str]:
    """Names of the files that a command writes."""
    name, *words = shown.split()
    found = [after for word, after in pairwise(words) if word == "-o"]
    return found + ([words[WRITES[name]]] if name in WRITES else [])


def placed(made: Path, folder: Path, run: str) -> None:
    """Make a folder with the files that a command may read, and without those that it writes."""
    shutil.copytree(made, folder, dirs_exist_ok=True)
    for name in written(run):
        (folder / name).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files that pages name, of one small model: textures of one file fit to the others."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "model.toml").write_text(MODEL)
    (folder / "POSCAR").write_text("iron\n1.0\n2.9 0 0\n0 2.9 0\n0 0 2.9\nFe\n2\nDirect\n0 0 0\n0.5 0.5 0.5\n")
    (folder / "spiral.toml").write_text(SPIRAL)
    (folder / "own.toml").write_text(MODEL + "[reference]\nenergy = -2.0473\nknown = 'best found'\n")
    for name in ("docs", "examples", "out"):
        (folder / name).mkdir()
    shutil.copytree(ROOT / "inputs", folder / "inputs")
    for name in ("exchange.out", "examples/5_exchange.out"):
        shutil.copy(ROOT / "examples" / "5_exchange.out", folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in (
            "run model.toml -o run.h5 --set search.seed=1",
            "scan model.toml -o scan.h5 --set scan.field=[0,1,3]",
            "convert model.toml inpsd.dat",
            "convert model.toml input.cfg",
            "convert run.h5:0 restart.run.out",
            "convert run.h5:0 champion.ovf",
            "export run.h5:0 --format mcif -o state.mcif",
            shortened("textures model.toml -o new.h5"),
            shortened("run spiral.toml -o spiral.h5"),
        ):
            assert ended(*line.split()) == 0, line
    shutil.copy(folder / "scan.h5", folder / "out" / "field.h5")
    return folder


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(run, id=shown, marks=[pytest.mark.slow] * (run not in FAST or bool(SLOW.search(run))))
        for run, shown in RUN.items()
    ],
)
def test_a_command_of_a_page_runs(run, made, tmp_path, monkeypatch, capsys):
    placed(made, tmp_path, run)
    monkeypatch.chdir(tmp_path)
    if "model-tc.h5" in run:  # too long for the folder that all have
        assert ended(*shortened("tc model.toml -o model-tc.h5").split()) == 0
    with stand_in() if "cuda" in run else nullcontext():
        code = ended(*run.split())
    assert code in FOUND.get(run.split()[0], {0}), f"magsearch {run}\n{capsys.readouterr().err}"
    for name in written(run):
        assert Path(name).exists(), name


def given() -> dict[str, Any]:
    """Objects that a block of Python takes from the reader."""
    from ase import Atoms
    from TB2J.io_exchange.io_exchange import SpinIO

    cell = 4.0 * np.eye(3)
    exchange = {((sign, 0, 0), 0, 0): 0.005 for sign in (1, -1)}
    spin_io = SpinIO(Atoms("Fe", cell=cell, pbc=True), np.array([[0, 0, 2.0]]), [0], [0], exchange_Jdict=exchange)
    atoms = Atoms("FeO", positions=[[0, 0, 0], [2, 2, 2]], cell=cell, pbc=True)
    return {"ms": ms, "result": ms.load("run.h5"), "atoms": atoms, "spin_io": spin_io}


@pytest.mark.parametrize(("page", "text"), PYTHON, ids=[page.stem for page, _ in PYTHON])
def test_a_block_of_python_of_a_page_runs(page, text, made, tmp_path, monkeypatch):
    for module in ("ase", "TB2J", "xarray", "pandas"):
        pytest.importorskip(module)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for words, fewer in QUICK.items():
        text = text.replace(words, fewer)
    known = given()
    for name in re.findall(r'\.save\("(.*?)"', text):
        Path(name).unlink()
    exec(compile(text, page.name, "exec"), known)


def test_a_search_of_a_page_runs_under_mpiexec(made, tmp_path, monkeypatch):
    run = shortened("run model.toml -o run.h5 --set islands.count=4")
    assert run in RUN
    placed(made, tmp_path, run)
    monkeypatch.chdir(tmp_path)
    done(*run.split(), ranks=2)
    assert Path("run.h5").exists()


def test_parts_of_commands_are_on_a_page():
    assert {" ".join(words) for page in PAGES for words in commands(page)} >= PARTS


def test_commands_are_found_in_code_sentences_and_tables():
    assert ("run", "inpsd.dat", "-o", "run.h5") in commands(ROOT / "docs" / "commands.md")
    assert ("watch", "run.h5") in commands(ROOT / "docs" / "clusters.md")
    assert ("run", "model.toml", "-o", "run.h5", "--device", "cuda") in commands(ROOT / "docs" / "install.md")
    assert ("run", "--resume", "run.h5") in commands(ROOT / "examples" / "slurm" / "islands.sh")
    assert {name for shown in SHOWN for name in shown.split()[:1]} == set(COMMANDS)
