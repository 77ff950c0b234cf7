"""Everything that a machine with a GPU should be asked, in one command of less than nine minutes.

    python benchmarks/gpu [FOLDER] [--quick]    # or: make gpu

Tests on the GPU, compute-sanitizer, speeds, searches and ncu; each part is a process with its own time limit, and one
that fails does not stop the others. magsearch is the installed one, also where this is started in its sources. Writes
gpu-report.json and gpu-report.md into FOLDER (out/gpu). Exit code 1 if a part failed, 2 without a GPU. --quick takes
small sizes: it shows on any GPU, or on the stand-in of tests/standin, that the parts run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
from page import page

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIGURES = [sys.executable, str(HERE / "figures.py")]
RUN = [sys.executable, "-P", "-m"]  # not from the sources here, which have no compiled kernels
COMMAND = [*RUN, "magsearch"]
PYTEST = [*RUN, "pytest", "-q", "-p", "no:cacheprovider"]
ALONE = ["-p", "no:xdist"]
TOGETHER = ["-n", str(min(8, os.cpu_count() or 1))] if find_spec("xdist") else ALONE  # processes that share the GPU
# in a process of its own: a GPU in exclusive mode serves one at a time
FACTS = """
import json, sys
try:
    import magsearch
    print(json.dumps(magsearch.choose("cuda").facts()))
except (ImportError, RuntimeError) as error:
    sys.exit(f"gpu: {error}")
"""
FEW = "cuda and (right_arguments or formula and square_bloch or BarzilaiBorwein and (aligns or convolution))"
METRICS = ",".join(
    (
        "gpu__time_duration.sum",
        "dram__throughput.avg.pct_of_peak_sustained_elapsed",
        "lts__throughput.avg.pct_of_peak_sustained_elapsed",
        "sm__throughput.avg.pct_of_peak_sustained_elapsed",
        "sm__warps_active.avg.pct_of_peak_sustained_active",
        "launch__registers_per_thread",
    )
)


@dataclass(frozen=True)
class Part:
    """A command with a time limit.

    needs   program without which it is skipped
    lines   whether its output is lines of JSON
    """

    name: str
    command: list[str]
    seconds: float
    needs: str = ""
    lines: bool = False

    def run(self, folder: Path) -> dict[str, Any]:
        """Run it; its output is kept in a file, also what came before the time limit."""
        if self.needs and shutil.which(self.needs) is None:
            return {"name": self.name, "result": f"skipped: no {self.needs}"}
        begin, log = time.monotonic(), folder / f"{self.name.replace(' ', '-')}.txt"
        with log.open("w") as out:
            try:
                code = subprocess.run(self.command, cwd=ROOT, stdout=out, stderr=out, timeout=self.seconds).returncode
                result = "passed" if code == 0 else f"failed: exit code {code}"
            except subprocess.TimeoutExpired:
                result = f"failed: more than {self.seconds:g} s"
        text = log.read_text(errors="replace").strip().splitlines()
        found: dict[str, Any] = {"name": self.name, "result": result, "seconds": time.monotonic() - begin}
        found["last"] = text[-1] if text else ""
        if self.lines:
            found["figures"] = [figure for line in text if (figure := _figure(line))]
        return found


def _figure(line: str) -> dict[str, Any] | None:
    """Return the figure of a line; None for other text, and for a line that a time limit has cut."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def parts(quick: bool) -> list[Part]:
    """What is run, in order; the limits add up to less than nine minutes."""
    short = ["--quick"] if quick else []
    modules = ("device",) if quick else ("device", "evaluator", "heatbath", "hessian", "minimizers", "modes", "methods")
    files = [f"tests/test_{name}.py" for name in modules]
    checked = [*PYTEST, *ALONE, "-k", FEW, *(f"tests/test_{name}.py" for name in ("device", "evaluator", "minimizers"))]
    ncu = ["ncu", "--profile-from-start", "off", "--clock-control", "none", "--metrics", METRICS, "--csv"]
    return [
        Part("device", [*COMMAND, "device", "--json", *(["--seconds", "0.01"] if quick else [])],
             120 if quick else 40),
        Part("tests", [*PYTEST, *(ALONE if quick else TOGETHER), "-k", "cuda", *files], 130),
        Part("memcheck", ["compute-sanitizer", "--tool", "memcheck", "--error-exitcode", "3", *checked], 50,
             "compute-sanitizer"),
        Part("racecheck", ["compute-sanitizer", "--tool", "racecheck", "--error-exitcode", "3", *checked], 50,
             "compute-sanitizer"),
        Part("speed", [*FIGURES, *short, "--only", "bandwidth", "evaluate", "step", "heat_bath"], 60, lines=True),
        Part("generation", [*FIGURES, *short, "--only", "generation"], 60, lines=True),
        Part("searches", [*FIGURES, *short, "--only", "solution"], 90, lines=True),
        Part("ncu", [*ncu, *FIGURES, *short, "--only", "profile"], 50, "ncu"),
    ]  # fmt: skip


def commit() -> str:
    """Return the commit of the sources; "unknown" in a copy of them without its history."""
    if shutil.which("git") is None:
        return "unknown"
    said = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return said.stdout.strip() or "unknown"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, nargs="?", default=ROOT / "out" / "gpu")
    arguments.add_argument("--quick", action="store_true")
    given = arguments.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    asked = subprocess.run([sys.executable, "-P", "-c", FACTS], stdout=subprocess.PIPE, text=True)
    if asked.returncode:
        sys.exit(2)
    given.folder.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "commit": commit(),
        "quick": given.quick,
        "device": json.loads(asked.stdout),
        "parts": [],
    }
    for part in parts(given.quick):
        done = part.run(given.folder)
        report["parts"].append(done)
        print(f"{done['name']:12} {done['result']:30} {done.get('seconds', 0):6.1f} s  {done.get('last', '')[:80]}")
        (given.folder / "gpu-report.json").write_text(json.dumps(report, indent=1))
        (given.folder / "gpu-report.md").write_text(page(report))
    print(given.folder / "gpu-report.md")
    sys.exit(1 if any(part["result"].startswith("failed") for part in report["parts"]) else 0)


if __name__ == "__main__":
    main()
