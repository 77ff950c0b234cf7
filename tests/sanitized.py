"""Run the kernels of the GPU under sanitizers, through tests on the simulated GPU.

    python tests/sanitized.py [address|thread]    # or: make sanitize

``address`` looks for accesses out of bounds and for undefined behaviour in all kernels; ``thread`` runs the threads of
a block as threads of the system and looks for races between barriers. The reports lie in out/sanitized.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "out" / "sanitized"


@dataclass(frozen=True)
class Sanitizer:
    """A sanitizer of the compiler, its options, and the tests that run under it.

    tests   modules or tests, and what their names must have
    """

    name: str
    flags: str
    library: str
    options: dict[str, str]
    tests: tuple[str, ...]
    chosen: str


SANITIZERS = (
    Sanitizer(
        "address",
        "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined",
        "libasan.so",
        {"ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0", "UBSAN_OPTIONS": "print_stacktrace=1"},
        tuple(
            f"tests/test_{name}.py"
            for name in ("device", "evaluator", "heatbath", "hessian", "minimizers", "operators", "standin")
        ),
        "simulated or meet",
    ),
    Sanitizer(
        "thread",
        "-O1 -g -DTHREADS -fsanitize=thread",
        "libtsan.so",
        {"TSAN_OPTIONS": "halt_on_error=1:report_signal_unsafe=0"},
        ("tests/test_standin.py", "tests/test_convolution.py"),
        "meet",
    ),
)


def run(sanitizer: Sanitizer) -> bool:
    """Run the tests of a sanitizer and return whether nothing was found; its report is kept."""
    compiler = shutil.which("g++")
    if compiler is None:
        sys.exit("sanitizers need g++")
    found = subprocess.run([compiler, f"-print-file-name={sanitizer.library}"], capture_output=True, text=True)
    library = Path(found.stdout.strip())
    if not library.is_absolute():
        sys.exit(f"{compiler} has no {sanitizer.library}")
    variables = {
        "STANDIN_FLAGS": sanitizer.flags, "LD_PRELOAD": str(library.resolve()), "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    } | sanitizer.options  # fmt: skip
    # -s: a report that ends the process is seen
    command = [sys.executable, "-m", "pytest", "-qsx", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-k", sanitizer.chosen, *sanitizer.tests]
    report = LOGS / f"{sanitizer.name}.txt"
    still = ["setarch", "-R"] if shutil.which("setarch") else []  # sanitizers want their addresses free
    with report.open("w") as out:
        done = subprocess.run([*still, *command], cwd=ROOT, env=os.environ | variables, stdout=out, stderr=out)
    lines = report.read_text().splitlines()
    print(f"{sanitizer.name:8} {'clean' if not done.returncode else f'see {report}'}: {lines[-1] if lines else ''}")
    return not done.returncode


def main() -> None:
    """Run those that are named, or all."""
    LOGS.mkdir(parents=True, exist_ok=True)
    asked = sys.argv[1:] or [sanitizer.name for sanitizer in SANITIZERS]
    results = [run(sanitizer) for sanitizer in SANITIZERS if sanitizer.name in asked]
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
