"""The command line. A command is a function of its own name, imported only when it is invoked."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from magsearch.cli.streams import expect_written, open_tolerant
from magsearch.errors import InputError

COMMANDS = {  # name: its module, and the first paragraph of its docstring, which the list of commands shows
    "new": ("new", "Write an example input with comments, as a start for your own."),
    "check": ("check", "Check an input for what is left out or looks wrong."),
    "run": ("run", "Search for the ground state of a model."),
    "study": ("study", "Study a model unattended, step by step, into a folder."),
    "watch": ("watch", "Follow a run or a scan through its file until it ends."),
    "scan": ("scan", "Search a model over fields, temperatures or other settings."),
    "show": ("results", "Print what a run, scan, tc or loop has found so far."),
    "plot": ("results", "Draw a run: textures, structure factors, energies, progress."),
    "phases": ("phases", "Draw the phase diagram of a scan and list its transitions."),
    "textures": ("textures", "List the metastable textures of a model by topological charge."),
    "landscape": ("landscape", "Find barriers and lifetimes of the minima of a run."),
    "report": ("report", "Write an interactive HTML report of a run or a scan."),
    "view": ("view", "Show a texture in three dimensions."),
    "atlas": ("atlas", "Search literature models and compare with known ground states."),
    "docs": ("docs", "Print a page of the documentation in the terminal."),
    "device": ("device", "List the devices of this machine and test them."),
    "info": ("info", "Summarise an input: lattice, couplings, soft modes, memory."),
    "cells": ("cells", "List supercells commensurate with the softest modes of J(q)."),
    "symmetry": ("symmetry", "Print which couplings and anisotropies symmetry allows."),
    "energy": ("energy", "Compute the energy of a texture, in total and by term."),
    "bound": ("bound", "Compute a rigorous lower bound of the energy per site."),
    "sample": ("sample", "Compute thermal averages with statistical errors."),
    "tc": ("tc", "Find the transition temperature of a model."),
    "loop": ("loop", "Follow a hysteresis loop through a cycle of the field."),
    "magnons": ("magnons", "Compute magnon bands and neutron intensities of a minimum."),
    "convert": ("convert", "Write a model or a texture in the format of another code."),
    "export": ("export", "Write a texture as a magnetic structure for other codes."),
}
PLAIN: dict[str, Any] = {"rich_markup_mode": None}  # brackets in help texts are text: [storage] is a table of the input


def documentation() -> str:
    """Return where the documentation is: the address in pyproject.toml, if it has one, and a command."""
    from importlib.metadata import metadata

    pairs = [line.partition(",") for line in metadata("magsearch").get_all("Project-URL") or ()]
    urls = {label.strip().lower(): url.strip() for label, _, url in pairs}
    address = urls.get("documentation") or urls.get("homepage") or next(iter(urls.values()), None)
    return f"{address}, or magsearch docs" if address else "magsearch docs"


class Documented:
    """A command or a group whose help ends with the place of the documentation."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write where the documentation is."""
        formatter.write_paragraph()
        formatter.write_text(f"Documentation: {documentation()}")


class Command(Documented, TyperCommand):
    """A command of magsearch."""


@contextmanager
def _uncollected() -> Iterator[None]:
    """Import without garbage collections, and exempt what is imported from later ones: nearly all of it stays."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def load(name: str) -> Any:
    """Import a command and return it. Raises InputError if the environment lets no command run."""
    with _uncollected():
        import_module("magsearch.cli.environment").expect_sound()
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, **PLAIN)
    with _uncollected():
        alone.command(name, cls=Command)(getattr(import_module(f"{__name__}.{COMMANDS[name][0]}"), name))
    return get_command(alone)


class Commands(Documented, TyperGroup):
    """A group that knows its commands by their summaries, and imports the one that is invoked."""

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=help, **PLAIN) for name, (_, help) in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name of a command, the command, imported now, and its arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(name) if name else None, rest


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    **PLAIN,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"magsearch {version('magsearch')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find the magnetic ground state of a material from the couplings that density functional theory gives."""


def main() -> None:
    """Run the command line; an error in the input is printed in one line, with exit code 2.

    Ctrl-C ends the process at once, unless a command has something to store (parallel/signals.py).
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    open_tolerant()
    try:
        try:
            app()
        finally:
            expect_written()
    except InputError as error:
        from magsearch.parallel.ranks import is_first_rank

        if is_first_rank() or not error.everywhere:
            print(f"magsearch: {error}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        print(f"magsearch: the model does not fit into memory: {error}", file=sys.stderr)
        sys.exit(2)
