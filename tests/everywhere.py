"""Run the numerical tests with the instruction sets, numbers of threads and BLAS kernels that users may meet.

    python tests/everywhere.py    # or: make test-everywhere

Each variable takes each value in at least one combination. Combinations that this processor cannot run are named.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from magsearch.engine.cpu import INSTRUCTION_SETS, Cpu

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "out" / "everywhere"
MODULES = (
    *("evaluator", "hamiltonian", "known_energies", "minimizers", "methods", "heatbath", "thermal_averages", "llg"),
    *("hessian", "modes", "bounds", "bounds_proofs", "patches", "surrogate", "observables", "cells", "fitness"),
    *("island", "preconditioner"),
)
KAGOME = "tests/test_examples.py::test_7_every_triangle_of_every_elite_adds_up_to_zero"
NEEDS = {"Haswell": "avx2", "Zen": "avx2", "SkylakeX": "avx512"}  # instructions of OpenBLAS's kernels


@dataclass(frozen=True)
class Combination:
    """Environment of one run of the tests."""

    isa: str
    threads: int
    blas: str

    def lacks(self, best: str) -> str:
        """Return the instruction set that is needed and missing, or an empty string."""
        needed = max(self.isa, NEEDS[self.blas], key=INSTRUCTION_SETS.index)
        return needed if INSTRUCTION_SETS.index(needed) > INSTRUCTION_SETS.index(best) else ""

    def run(self) -> tuple[bool, str]:
        """Run the tests; return whether they passed and the last line of their output, which a file keeps."""
        variables = {"MAGSEARCH_ISA": self.isa, "OMP_NUM_THREADS": str(self.threads), "OPENBLAS_CORETYPE": self.blas}
        files = [f"tests/test_{name}.py" for name in MODULES]
        # the simulated GPU is a program of its own, which none of these variables changes
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "not simulated",
            *files,
            KAGOME,
        ]
        command += ["-n", str(max(1, (os.cpu_count() or 1) // self.threads)), "--dist", "loadfile"]
        log = LOGS / f"{self.isa}-{self.threads}-{self.blas}.txt"
        with log.open("w") as out:
            done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, stdout=out, stderr=subprocess.STDOUT)
        last = (log.read_text().splitlines() or [""])[-1].strip("= ")
        return done.returncode == 0, last if done.returncode >= 0 else f"ended by signal {-done.returncode}"


def processor() -> str:
    """Return the processor's name and family."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().split("\n\n")[0].splitlines() if info.exists() else []
    known = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    return ", ".join(known[key] for key in ("vendor_id", "model name") if key in known) + (
        f", family {known['cpu family']} model {known['model']}" if "cpu family" in known else ""
    )


def main() -> int:
    """Run all combinations and print a table; return 1 if tests failed or none could be run."""
    os.environ.pop("MAGSEARCH_ISA", None)
    best = Cpu().instruction_set
    combinations = [
        Combination("baseline", 1, "Haswell"),
        Combination("avx512", 1, "SkylakeX"),
        Combination("avx2", 2, "Zen"),
        Combination(best, 2, "Haswell"),
    ]
    possible = [each for each in combinations if not each.lacks(best)]
    LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    outcome = {each: each.run() for each in possible}
    print(f"{processor()}: {best}; {time.monotonic() - start:.0f} s, output in {LOGS.relative_to(ROOT)}")
    print(f"{'instructions':14}{'threads':9}{'OpenBLAS':10}outcome")
    for each in combinations:
        passed, last = outcome.get(each, (True, f"skipped: this processor has no {each.lacks(best)}"))
        print(f"{each.isa:14}{each.threads:<9}{each.blas:10}{'' if passed else 'FAILED: '}{last}")
    return 0 if outcome and all(passed for passed, _ in outcome.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
