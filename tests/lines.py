"""A line for every command: what it reads and what it writes. The drivers of the soak take their commands from here.

``test_lines.py`` compares them with the commands that there are, so that none is forgotten.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from forked import ran

from magsearch.cli import COMMANDS

INPUT = """\
[model]
lattice = "square"
size = [4, 4, 1]
moment = 2.0
[[model.exchange]]
J = [1.0, 0.1]
[[model.dmi]]
D = 0.3
direction = "neel"
[[model.anisotropy]]
K = 2.0
[search]
generations = 3
window = 50
minima = 2
replicas = 4
elites = 3
"""
MCIF = "in.mcif"
FOLDER = "-folder"  # suffix of outputs that are folders
LANDSCAPE = "landscape {} --minima 2 --neighbours 1 --most 3 --images 4"
TC = "--ground-state run.h5 --sizes 1,2 --sweeps 100 --rounds 1 --ladders 1"
SMALL = "--charges 0 --seeds 2 --each 1"
MADE = {  # files of results, in the order in which they are made from in.toml
    "run.h5": ("run in.toml",),
    "explored.h5": (
        f"{LANDSCAPE.format('explored.h5')} --temperature 5",
        "magnons explored.h5 --points 4 --mesh 2 2 1",
    ),
    "scan.h5": ("scan in.toml --set scan.field=[0,1]",),
    "tc.h5": (f"tc in.toml {TC}",),
    "loop.h5": ("loop in.toml --field -1 1 3",),
}


@dataclass(frozen=True)
class Line:
    """A command line that works where ``furnish`` has put its files.

    words   {} stands for the file that it reads
    given   that file
    flag    option before the name of the file that it writes; empty: none
    out     endings of the files that it can write; none: it writes nothing, or what it reads
    amends  whether it changes the file that it reads
    """

    words: str
    given: str = "in.toml"
    flag: str = ""
    out: tuple[str, ...] = ()
    amends: bool = False

    @property
    def command(self) -> str:
        """The name of its command."""
        return self.words.split()[0]

    def of(self, given: object = "", out: object = "") -> list[str]:
        """Return the arguments of magsearch, with other files in the place of those that are read and written."""
        found = [str(given or self.given) if word == "{}" else word for word in self.words.split()]
        if out:
            found += [*([self.flag] if self.flag else []), str(out)]
        return found


LINES = (
    Line("new", "", "", (".toml",)),
    Line("check {}"),
    Line("run {} --overwrite", "in.toml", "-o", (".h5",)),
    Line("run --resume {} --set search.generations=4", "run.h5", amends=True),
    Line("study {} --budget 20 --skip landscape --skip tc --skip plot --skip report", "in.toml", "-o", (FOLDER,)),
    Line("study {} --list"),
    Line("watch {} --every 0.1", "run.h5"),
    Line("watch {} --every 0.1", "scan.h5"),
    Line("scan {} --set scan.field=[0,1] --overwrite", "in.toml", "-o", (".h5",)),
    Line("scan --resume {}", "scan.h5", amends=True),
    Line("show {}", "run.h5"),
    Line("show {} --json", "scan.h5"),
    Line("show {} --minima", "explored.h5"),
    Line("show {}", "tc.h5"),
    Line("show {} --json", "loop.h5"),
    Line("plot {}", "run.h5", "-o", (".png", ".pdf", ".svg")),
    Line("plot {} --what elites", "explored.h5", "-o", (".png",)),
    Line("phases {} --json", "scan.h5", "-o", (".png",)),
    Line("textures {} --overwrite " + SMALL, "run.h5", "-o", (".h5",)),
    Line(LANDSCAPE, "explored.h5", "-o", (".svg",), amends=True),
    Line(LANDSCAPE + " --again --json", "run.h5", amends=True),
    Line("report {}", "explored.h5", "-o", (".html",)),
    Line("report {}", "scan.h5", "-o", (".html",)),
    Line("view {}", "run.h5", "-o", (".vtu", ".png")),
    Line("atlas {} --set search.generations=1", "in.toml", "-o", (FOLDER,)),
    Line("atlas --list"),
    Line("docs theory#flatness"),
    Line("device --seconds 0.01"),
    Line("info {}", "in.toml"),
    Line("cells {} --sites 8", "run.h5"),
    Line("symmetry {}", "run.h5"),
    Line("symmetry {} --json", "in.toml"),
    Line("energy {} --spins run.h5", "in.toml"),
    Line("energy in.toml --spins {}", "run.h5"),
    Line("energy in.toml --spins {}", "scan.h5"),
    Line("energy in.toml --spins {}", MCIF),
    Line("bound {}", "in.toml", "--spins", (".npy",)),
    Line("sample {} --temperature 3 --sweeps 8 --chains 2", "run.h5"),
    Line("sample {} --temperature 3 --sweeps 8 --chains 2 --overwrite", "in.toml", "-o", (".csv",)),
    Line("sample in.toml --temperature 3 --sweeps 8 --chains 2 --start {}", "explored.h5"),
    Line("tc {} --overwrite " + TC, "in.toml", "-o", (".h5",)),
    Line("tc in.toml --overwrite " + TC.replace("run.h5", "{}") + " -o new-tc.h5", "run.h5", "--plot", (".png",)),
    Line("tc --resume {} --rounds 2", "tc.h5", amends=True),
    Line("loop {} --overwrite --field -1 1 3", "in.toml", "-o", (".h5",)),
    Line("loop in.toml --overwrite -o new-loop.h5 --field -1 1 3 --start {}", "run.h5", "--plot", (".svg",)),
    Line("loop --resume {}", "loop.h5", amends=True),
    Line("magnons {} --points 4", "run.h5", "-o", (".png",), amends=True),
    Line("magnons {} --points 4 --json", "explored.h5", amends=True),
    Line("convert {} --overwrite", "run.h5", "", (".ovf", ".xyz", ".npy")),
    Line("convert {} --overwrite", "in.toml", "", (".toml", ".cfg", ".ucf")),
    Line("export {} --format mcif --overwrite", "run.h5", "-o", (".mcif",)),
    Line("export {} --json", "scan.h5"),
    Line("export {} --format sunny --overwrite --elements A=Fe", "explored.h5", "-o", (".jl",)),
)
WRITERS = {  # each line that writes a file, by a name for it that has its ending
    f"{line.command}-{Path(line.given).stem}{ending}": line for line in LINES for ending in line.out if ending != FOLDER
}
AMENDERS = [line for line in LINES if line.amends and not line.out]  # what these write is what they read


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(_removed, os.getpid(), folder)
    (folder / "in.toml").write_text(INPUT)
    return folder


def _removed(owner: int, folder: Path) -> None:
    if os.getpid() == owner:  # not in forks
        shutil.rmtree(folder, ignore_errors=True)


@cache
def sound(name: str) -> Path:
    """Return a file that lines read, made once in this process."""
    folder = _folder()
    if name == MCIF:
        commands: tuple[str, ...] = ("export run.h5 -o in.mcif",)
    else:
        commands = MADE.get(name, ())
    if commands and name != "run.h5":
        sound("run.h5")
    if name == "explored.h5":
        shutil.copy(folder / "run.h5", folder / name)
    for words in commands:
        out = [] if name in words else ["-o", name]
        code, _, err = ran([*words.split(), *out], lambda: os.chdir(folder), seconds=300)
        assert code == 0, f"{words}: {err}"
    return folder / name


def furnish(folder: Path, quick: bool = False) -> None:
    """Put all files that lines read into a folder, in the place of whatever is there.

    quick   make no other file than a run and a scan: the run stands for one with a landscape and magnons
    """
    for own in folder.iterdir():
        shutil.rmtree(own) if own.is_dir() and not own.is_symlink() else own.unlink()
    for name in ("in.toml", "run.h5", "scan.h5") if quick else ("in.toml", MCIF, *MADE):
        shutil.copy(sound(name), folder / name)
    if quick:
        shutil.copy(folder / "run.h5", folder / "explored.h5")


def of(command: str) -> list[Line]:
    """Return the lines of a command."""
    assert command in COMMANDS
    return [line for line in LINES if line.command == command]
