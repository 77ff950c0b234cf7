"""The pages of the documentation site, and the commands of magsearch that they show."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from string import Template

from magsearch.cli import COMMANDS

ROOT = Path(__file__).parent.parent
SITE = ROOT / "docs" / "site"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
        *(ROOT / "docs").glob("*.md"), *ROOT.glob("packaging/*.md"), *ROOT.glob("benchmarks/*.md"),
        SITE / "index.md", *ROOT.glob("examples/*.py"), *ROOT.glob("examples/slurm/*.sh"),
    ]
)  # fmt: skip
NAMED = re.compile(
    rf"(?<!`)\bmagsearch(?::\S+|-c\S+\.sif)? ((?:{'|'.join(COMMANDS)})\b.*)"
)  # also an image of containers
# a line of code that a shell would run: a program and its words; formulas and settings have " = " or " >= "
PROGRAM = re.compile(r"(?:[A-Z_]+=\S+ )*(?:[a-z][\w.-]*|/[\w/.-]+)(?: |$)")
PROGRAMS = {  # known in sentences, where any word may stand in backticks
    "apptainer", "apt-get", "bash", "cffconvert", "conda", "docker", "eb", "echo", "git", "jupyter", "make", "module",
    "mpiexec", "nice", "nvidia-cuda-mps-control", "pip", "pipx", "pytest", "python", "sbatch", "scontrol", "source",
    "spack", "srun", "taskset", "twine", "uv",
}  # fmt: skip
FENCED = re.compile(r"^```(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL = {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "1", "field": "0.5", "input": "model.toml"}


def code(page: Path) -> list[tuple[str, bool]]:
    """Lines of code of a page, and whether each stands within a sentence or a table, where a name may stand alone."""
    text = page.read_text().replace("\\\n", " ")
    if page.suffix == ".py":
        text = ast.get_docstring(ast.parse(text)) or ""
    if page.suffix != ".md":
        return [(line, "`" in line) for line in text.splitlines() if "`magsearch" not in line]
    found, prose, fenced = list[tuple[str, bool]](), list[str](), False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or (line.startswith("    ") and "`" not in line):  # else a paragraph of a list
            found.append((line, False))
        else:
            prose.append(line)
    spans = re.findall(r"`([^`]+)`", "\n".join(prose))
    if page.name == "commands.md":  # the table of commands
        spans += [f"magsearch {row}" for row in re.findall(r"^\| `([^`]+)`", "\n".join(prose), re.MULTILINE)]
    return found + [(" ".join(span.split()), True) for span in spans]


def commands(page: Path) -> list[tuple[str, ...]]:
    """Words of every command of magsearch on a page, from its name on; the name alone in a sentence is none."""
    found = []
    for line, inline in code(page):
        if line.lstrip().startswith("#"):
            continue
        if match := NAMED.search(line):
            shown = re.sub(r"\s&(\s.*)?$", "", match[1])  # in the background
            out = "scan.h5" if shown.startswith("scan") else "run.h5"
            words = shlex.split(Template(shown).safe_substitute(SHELL, out=out), comments=True)
            if (len(words) > 1 or not inline) and words[-1] != "...":
                found.append(tuple(words))
    return found


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of every fenced block of a page in Markdown."""
    return FENCED.findall(page.read_text())


def other_programs(page: Path) -> list[str]:
    """Return the lines of code of a page in Markdown that are for a shell, but are no command of magsearch."""
    text = page.read_text().replace("\\\n", " ")
    lines = [line for language, block in FENCED.findall(text) if language == "bash" for line in block.splitlines()]
    prose = FENCED.sub("", text)
    lines += [line for line in prose.splitlines() if line.startswith("    ") and "`" not in line]
    shell = [line for line in lines if PROGRAM.match(line.strip()) and " = " not in line and " >= " not in line]
    spans = (span.split() for span in re.findall(r"`([^`]+)`", prose))
    shell += [" ".join(words) for words in spans if len(words) > 1 and words[0] in PROGRAMS]
    return [" ".join(line.partition(" #")[0].split()) for line in shell if not NAMED.search(line)]
