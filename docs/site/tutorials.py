"""Generated pages: every example with what it prints and draws when the site is built."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import multiprocessing
import os
import re
import runpy
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import magsearch as ms
from magsearch.limits import cores


@dataclass(frozen=True)
class Run:
    """How an example is run for its page, in a size that takes seconds.

    arguments   after the name of the script
    before      commands of magsearch that make its files
    after       commands of magsearch that draw them
    picture     which picture of each result of ms.search the page shows
    """

    arguments: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    picture: str = "texture"


RUNS = {
    "1_ground_state.py": Run(("16",)),
    "2_read_a_run.py": Run(
        ("run.h5",),
        before=("run inputs/pdfeir111.toml -o run.h5 --set model.size=[24,24,1] --set search.replicas=16",),
        after=("plot run.h5 -o 2_read_a_run.png",),
    ),
    "3_reference_methods.py": Run(("inputs/triangular-afm.toml",)),
    "4_field_scan.py": Run(
        ("field.h5",),
        before=(
            "scan inputs/square-bloch.toml -o field.h5 --set scan.field=[0.3,1.4,2.1,3.6] --set model.size=[12,12,1] "
            "--set search.generations=3 --set search.replicas=16",
        ),
        after=("phases field.h5 -o 4_field_scan.png",),
    ),
    "5_from_tb2j.py": Run(("12",)),
    "6_helimagnet.py": Run(("8",), picture="structure"),
    "7_kagome.py": Run(("6",)),
    "8_islands.py": Run(("inputs/square-bloch.toml", "12")),
    "9_spin_glass.py": Run(("64", "9_spin_glass.png")),
    "11_dipoles.py": Run(("12",)),
    "12_crystal_field.py": Run(("4",)),
}


def build(root: Path, pages: Path) -> None:
    """Write a page for every example of the repository, and the list of them, into a folder.

    Runs the examples, one on each core.
    """
    scripts = sorted(root.glob("examples/*.py"))
    if missing := {script.name for script in scripts} ^ set(RUNS):
        raise SystemExit(f"docs/site/tutorials.py and examples/ differ: {', '.join(sorted(missing))}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(len(cores()), multiprocessing.get_context("fork")) as processes:
        written = [processes.submit(page, script, RUNS[script.name], root, pages) for script in scripts]
        for script, text in zip(scripts, written, strict=True):
            (pages / f"{script.stem}.md").write_text(text.result())
    names = [script.stem for script in scripts] + [path.stem for path in root.glob("examples/*.ipynb")]
    (pages / "index.md").write_text(INDEX.format(names="\n".join(sorted(names, key=number))))


INDEX = """\
# Tutorials

Each page is an example of the repository. Output and pictures were made when these pages were built, in small
supercells.

```{{toctree}}
:maxdepth: 1

{names}
slurm/index
```
"""


def number(name: str) -> tuple[int, str]:
    """Return what sorts examples: the number in front of the name."""
    return int(name.split("_")[0]), name


def page(script: Path, run: Run, root: Path, pages: Path) -> str:
    """Run an example and return its page."""
    source = script.read_text()
    said, pictures = perform(script, run, root, pages)
    title, *rest = inspect.cleandoc(ast.get_docstring(ast.parse(source)) or "").split("\n\n", 1)
    code = source.split('"""', 2)[2].strip()
    call = " ".join(["python", f"examples/{script.name}", *run.arguments])
    parts = [f"# {title.rstrip('.')}", paragraphs("\n\n".join(rest)), "## The script", f"```python\n{code}\n```"]
    parts += ["## Output", f"The page was built with `{call}`:"]
    if run.before or run.after:
        steps = [*(f"magsearch {line}" for line in run.before), call, *(f"magsearch {line}" for line in run.after)]
        parts[-1] = "The page was built with\n\n" + "\n".join(f"    {step}" for step in steps) + "\n\nwhich printed:"
    parts.append(f"```text\n{said.strip(chr(10))}\n```")
    parts += [f"![{title} picture {k + 1}]({picture})" for k, picture in enumerate(pictures)]
    return "\n\n".join(parts) + "\n"


def paragraphs(text: str) -> str:
    """Return the headed paragraphs of a docstring (About, Model, Run, Result) as Markdown; commands are code."""
    lines, heading = [], ""
    for line in text.splitlines():
        words = line.strip()
        if re.fullmatch(r"\w+", line):
            heading = line
            lines.append(f"**{line}.**")
        elif heading == "Run" and words.startswith(("python ", "magsearch ", "mpiexec ")):
            lines += [""] * lines[-1].endswith("**") + [f"    {words}"]
        else:
            lines.append(words.replace("*", "\\*"))
    return "\n".join(lines)


def perform(script: Path, run: Run, root: Path, pages: Path) -> tuple[str, list[str]]:
    """Run an example in the folder of the pages; return what it printed and the names of its pictures."""
    results: list[Any] = []
    search = ms.search

    def recorded(*arguments: Any, **settings: Any) -> Any:
        results.append(search(*arguments, **settings))
        return results[-1]

    printed = io.StringIO()
    here, arguments = Path.cwd(), sys.argv
    try:
        os.chdir(pages)
        for line in run.before:
            magsearch(line, root)
        ms.search = recorded
        sys.argv = [script.name, *(str(root / one) if (root / one).exists() else one for one in run.arguments)]
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(script), run_name="__main__")
        for line in run.after:
            magsearch(line, root)
        for k, result in enumerate(results):
            result.plot(f"{script.stem}-{k}.png", what=run.picture)
        return printed.getvalue(), sorted(path.name for path in pages.glob(f"{script.stem}*.png"))
    finally:
        ms.search, sys.argv = search, arguments
        os.chdir(here)


def magsearch(line: str, root: Path) -> None:
    """Run a command of magsearch. Raises CalledProcessError if it fails."""
    words = [str(root / word) if word.startswith("inputs/") else word for word in line.split()]
    subprocess.run([sys.executable, "-m", "magsearch", *words], check=True, stdout=subprocess.DEVNULL)
