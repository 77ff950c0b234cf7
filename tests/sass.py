"""Machine code of a GPU (SASS), as nvdisasm shows it: what a loop over bonds loads and computes.

pip install nvidia-cuda-nvdisasm, or nvdisasm on the PATH; neither needs a GPU.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path


def disassembler() -> str | None:
    """Path of nvdisasm."""
    found = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (found.submodule_search_locations or ())] if found else []
    return next((str(path) for folder in folders for path in folder.glob("**/bin/nvdisasm")), shutil.which("nvdisasm"))


def functions(program: str, cubin: Path) -> dict[str, list[str]]:
    """Return the lines of every function of a cubin."""
    done = subprocess.run([program, "-c", str(cubin)], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in done.stdout.splitlines():
        if head := re.match(r"\.text\.(\w+):", line):
            lines = found[head[1]] = []
        lines.append(line)
    return found


def innermost_loops(lines: list[str]) -> list[list[str]]:
    """Return the loops that contain no other: from a label to the last branch back to it."""
    labels = {head[1]: n for n, line in enumerate(lines) if (head := re.match(r"\s*(\.L_x_\d+):", line))}
    spans = [
        (labels[back[1]], n)
        for n, line in enumerate(lines)
        if (back := re.search(r"\bBRA\b.*?(\.L_x_\d+)", line)) and labels.get(back[1], n) < n
    ]
    inner = [
        one for one in spans if not any(other != one and one[0] <= other[0] <= other[1] <= one[1] for other in spans)
    ]
    return [lines[first : last + 1] for first, last in inner]


def count(lines: list[str], instruction: str) -> int:
    """Return how often an instruction is there."""
    return sum(bool(re.search(rf"\b{instruction}\b", line)) for line in lines)


def loads_per_bond(lines: list[str], multiply: str = "FFMA") -> float:
    """Return the loads from memory for each 3x3 matrix times vector, in the innermost loop with most loads."""
    loads, bonds = max((count(loop, "LDG"), max(1, count(loop, multiply) // 9)) for loop in innermost_loops(lines))
    return loads / bonds
