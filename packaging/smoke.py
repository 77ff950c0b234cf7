"""Check an installed magsearch: python packaging/smoke.py, in any folder and without a compiler.

Version, a page of the documentation, summary of an input, a search with every instruction set, and a picture. The model
is the antiferromagnet on the triangular lattice, whose ground state has exactly -1.5 |J| per site (Luttinger & Tisza,
Phys. Rev. 70, 954 (1946)).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

J = -1.0  # meV
MODEL = f"""\
[model]
lattice = "triangular"
size = [12, 12, 1]

[[model.exchange]]
J = {J}
"""
PNG = b"\x89PNG\r\n\x1a\n"


def magsearch(*arguments: str, **variables: str) -> str:
    """Return what a command prints."""
    command = [sys.executable, "-m", "magsearch", *arguments]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def instruction_sets() -> list[str]:
    """Return the instruction sets of this processor, for each of which the wheel must have kernels."""
    sets = ["baseline", "avx2", "avx512"] if platform.machine() in ("x86_64", "AMD64") else ["baseline"]
    best = import_module("magsearch._kernels_baseline").instruction_set()
    return sets[: sets.index(best) + 1]


def check(folder: Path) -> None:
    """Run the commands in a folder. Exits with a message if one of them fails."""
    model, run, picture = folder / "model.toml", folder / "run.h5", folder / "run.png"
    model.write_text(MODEL)
    print(magsearch("--version"), end="")
    assert "UppASD" in magsearch("docs", "formats#uppasd")
    assert "12 x 12 x 1 cells" in magsearch("info", str(model))
    for name in instruction_sets():
        search = ("--set", "search.generations=3", "--overwrite")
        magsearch("run", str(model), "-o", str(run), *search, MAGSEARCH_ISA=name)
        energy = json.loads(magsearch("show", str(run), "--json"))["elites"][0]["energy_per_site"]
        assert abs(energy - 1.5 * J) < 1e-6, f"{name}: {energy} meV per site; expected {1.5 * J}"
        print(f"{name}: {energy:.8f} meV per site")
    magsearch("plot", str(run), "-o", str(picture))
    assert picture.read_bytes().startswith(PNG)
    print(f"picture: {picture.stat().st_size} bytes")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # away from the sources
        check(Path(folder))
