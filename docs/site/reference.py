"""Generated pages: the options of all commands, and the names of the Python API."""

from __future__ import annotations

import inspect
from typing import Any

import magsearch
from magsearch.cli import COMMANDS, load

TOPICS = {  # of the API: title and the modules whose public names it has
    "Searching": ("runs.api", "runs.load", "runs.result", "scan.api"),
    "Barriers": ("runs.landscape",),
    "Temperatures and fields": ("runs.tc", "runs.hysteresis"),
    "Models and files": ("formats", "runs.energy", "model.", "errors"),
    "Textures": ("observables.", "symmetry.", "export."),
    "Spin waves": ("magnons.",),
    "Methods": ("relaxation.", "thermal."),
    "Islands": ("search.",),
    "Devices and processes": ("engine.", "parallel."),
}


def commands() -> str:
    """Return the page of the options of all commands, from the texts that ``--help`` prints."""
    head = (
        "# Options of the commands\n\nThe texts of `magsearch COMMAND --help`. [Commands](commands.md) has examples.\n"
    )
    return head + "".join(_command(name) for name in COMMANDS)


def _command(name: str) -> str:
    command = load(name)
    shown = [parameter for parameter in command.params if not parameter.hidden]
    rows = "".join(f"| {_spelling(one)} | {_cell(one.help)} | {_default(one)} |\n" for one in shown)
    return f"\n## {name}\n\n{_prose(command.help)}\n\n| option | meaning | default |\n|---|---|---|\n{rows}"


def _prose(text: str) -> str:
    """Return a help text as Markdown; its indented paragraphs stay blocks of code."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(p if p.startswith("    ") else _cell(p) for p in paragraphs)


def _cell(text: str | None) -> str:
    return (
        " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[")
    )


def _spelling(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    value = f" {parameter.metavar}" if parameter.metavar else ""
    return " ".join(f"`{name}{value}`" for name in names)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "needed"
    value = parameter.default
    return f"`{value}`" if isinstance(value, str | int | float) and value != "" and value is not False else ""


def api() -> str:
    """Return the page of the public names by topic. Raises SystemExit if a name belongs to no topic."""
    lines = ["# Python API", "", inspect.getdoc(magsearch) or "", ""]
    left = dict(magsearch.MODULES)
    for title, modules in TOPICS.items():
        lines += [f"## {title}", ""]
        for module in [name for name in left if name.startswith(modules)]:
            for name in left.pop(module):
                lines += _entry(name)
    if left:
        raise SystemExit(f"docs/site/reference.py: no topic has {', '.join(left)}")
    return "\n".join(lines)


def _entry(name: str) -> list[str]:
    kind = "class" if isinstance(getattr(magsearch, name), type) else "function"
    members = ["   :members:"] if kind == "class" else []
    return ["```{eval-rst}", f".. auto{kind}:: magsearch.{name}", *members, "```", ""]
