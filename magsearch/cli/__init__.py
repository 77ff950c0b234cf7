"""The command line: every command is a function in a module of its own, registered here."""

from __future__ import annotations

import sys

import typer

from magsearch.cli.bound import bound
from magsearch.cli.cells import cells
from magsearch.cli.convert import convert
from magsearch.cli.energy import energy
from magsearch.cli.info import info
from magsearch.cli.phases import phases
from magsearch.cli.report import report
from magsearch.cli.results import plot, show
from magsearch.cli.run import run
from magsearch.cli.sample import sample
from magsearch.cli.scan import scan
from magsearch.cli.view import view
from magsearch.cli.watch import watch
from magsearch.errors import InputError
from magsearch.parallel.ranks import is_first_rank

app = typer.Typer(
    help="Finds the magnetic ground state of a material from the couplings that density functional theory gives.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (run, watch, scan, show, plot, phases, report, view, info, cells, energy, bound, sample, convert):
    app.command()(command)


def main() -> None:
    """Entry point: what is wrong with an input is told in one line, exit code 2."""
    try:
        app()
    except InputError as error:
        if is_first_rank() or not error.everywhere:
            print(f"magsearch: {error}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        print(f"magsearch: the model does not fit into memory: {error}", file=sys.stderr)
        sys.exit(2)
