"""The command ``magsearch study``."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from magsearch import output
from magsearch.cli import completion
from magsearch.cli.arguments import InputFile, Json, Settings, changed, expect_model, named_after, read_input
from magsearch.console import model as console
from magsearch.errors import InputError, unknown
from magsearch.parallel.ranks import AGAIN, is_launched
from magsearch.parallel.signals import Signals
from magsearch.study import page
from magsearch.study.figures import figures
from magsearch.study.steps import STEPS, Step
from magsearch.study.study import Outcome, State, Study

NAMES = tuple(step.name for step in STEPS)
SUMMARY = "summary.json"
LONG = ("magnons",)  # steps whose bands would fill the summary; magnons.json has them


def study(
    input_file: InputFile,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FOLDER", help="Folder of the study. Default: that of INPUT's name."),
    ] = None,
    budget: Annotated[float, typer.Option(help="Seconds that a step may take.")] = 600.0,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STEP",
            help=f"Step to leave out: {', '.join(NAMES)} (repeatable).",
            autocompletion=completion.one_of(NAMES),
        ),
    ] = None,
    settings: Settings = None,
    only_list: Annotated[
        bool, typer.Option("--list", help="Print the commands of the steps without running them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Study a model unattended, step by step, into a folder.

    Each step is a command of magsearch, run in FOLDER. summary.json has the key figures and what the steps print,
    index.html shows them. The same command continues a study that was stopped, and repeats what failed. The exit code
    is 0 if all steps are done or do not apply to the model, 1 if one failed, 75 after SIGTERM, SIGUSR1 or Ctrl-C.
    """
    for name in skip or ():
        if name not in NAMES:
            raise InputError(unknown("step", name, NAMES), "--skip")
    if not budget > 0:
        raise InputError(f"is {budget:g}; expected a number of seconds above zero", "--budget")
    if is_launched():
        raise InputError("starts processes of its own; expected it without mpiexec or srun", "magsearch study")
    expect_model(input_file, "study")
    own = changed(settings, strict=False)
    given = read_input(input_file, own, strict=False)
    place = folder or Path(f"{named_after(input_file, None, False, 'study')}-study")
    if only_list:
        for _, words in Study.of(given, place, own, budget, skip or ()).commands():
            print(shlex.join(["magsearch", *words]))
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(str(error.strerror), place) from None
    with output.claimed(place / "study.json"), Signals(enforced=True) as signals:
        made = Study.of(given, place, own, budget, skip or ())
        made.claim()
        lines = console.console(stderr=as_json)

        def tell(step: Step, outcome: Outcome | None) -> None:
            if outcome is None:
                lines.print(f"{step.name:10s} {step.purpose}", soft_wrap=True)
            elif outcome.state != State.SKIPPED:
                why = f": {outcome.why}" if outcome.why else ""
                style = "red" if outcome.state == State.FAILED else None
                lines.print(f"{'':10s} {outcome.state}, {outcome.seconds:.1f} s{why}", style=style, soft_wrap=True)

        ended = made.go(signals, tell)
        summary = summarised(made)
        text = json.dumps(summary, indent=1)
        output.write({place / SUMMARY: text + "\n"})
        shown = page.write(made, version("magsearch"))
    if as_json:
        print(text)
    else:
        for name, text in page.told(figures(made.results())).items():
            lines.print(f"{name:24s} {text}", soft_wrap=True)
        lines.print(f"page       {shown}", soft_wrap=True)
        lines.print(f"summary    {place / SUMMARY}", soft_wrap=True)
    if not ended:
        print(f"magsearch: {signals.name}; the same command continues the study", file=sys.stderr)
        raise typer.Exit(AGAIN)
    raise typer.Exit(1 if any(one.state == State.FAILED for one in made.outcomes.values()) else 0)


def summarised(made: Study) -> dict[str, object]:
    """Return what summary.json holds: key figures, outcomes of the steps, and what they printed but for ``LONG``."""
    results = made.results()
    return {
        "input": str(made.source),
        "settings": list(made.settings),
        "version": version("magsearch"),
        "figures": figures(results),
        "steps": {
            name: {"state": str(one.state), "seconds": one.seconds, "why": one.why}
            for name, one in made.outcomes.items()
        },
        "results": {name: said for name, said in results.items() if name not in LONG},
    }
