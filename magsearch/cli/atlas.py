"""The command ``magsearch atlas``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from magsearch.cli.arguments import Json, Settings
from magsearch.console import model as console_of
from magsearch.errors import InputError
from magsearch.formatting import counted
from magsearch.parallel.ranks import AGAIN
from magsearch.parallel.signals import Signals
from magsearch.runs import atlas as runs
from magsearch.runs.atlas import GOOD, Model, Outcome, Verdict


def atlas(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Models, or files of your own. Default: all.")
    ] = None,
    only_list: Annotated[bool, typer.Option("--list", help="List the models without searching.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Number of searches of each model, with seeds 1, 2, ...")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Number of searches at a time.")] = 1,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the runs, NAME-SEED.h5.")] = Path("atlas-runs"),
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Search literature models and compare with known ground states.

    The atlas has models whose ground states are known; a file of your own joins it by a [reference] table. The exit
    code is 1 if a known energy was missed, 2 if a search failed, 75 after SIGTERM, SIGUSR1 or Ctrl-C.
    """
    chosen = runs.models(names or ())
    console = console_of.console()
    if only_list:
        print(json.dumps([_described(one) for one in chosen], indent=1)) if as_json else _list(console, chosen)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(str(error.strerror), out) from None
    outcomes: list[Outcome] = []
    with Signals(enforced=True) as signals:
        for outcome in runs.searches(chosen, seeds, jobs, out, settings or (), signals):
            outcomes.append(outcome)
            if not as_json:
                console.print(_line(outcome), soft_wrap=True)
    if as_json:
        print(json.dumps([_result(one) for one in outcomes], indent=1))
    else:
        _table(console, [one for one in chosen if any(outcome.model is one for outcome in outcomes)], outcomes)
    if signals():
        print(f"magsearch: {signals.name}: {len(outcomes)} of {len(chosen) * seeds} searches ended", file=sys.stderr)
        raise typer.Exit(AGAIN)
    if failed := [outcome for outcome in outcomes if outcome.verdict == Verdict.FAILED]:
        first = f"{failed[0].model.name}, seed {failed[0].seed}: {failed[0].why}"
        print(f"magsearch: {len(failed)} of {len(outcomes)} searches failed: {first}", file=sys.stderr)
        raise typer.Exit(2)
    raise typer.Exit(0 if all(outcome.verdict in GOOD for outcome in outcomes) else 1)


def _described(model: Model) -> dict[str, Any]:
    """Return a model of the atlas as plain values."""
    reference, hamiltonian = model.given.reference, model.given.hamiltonian
    return {
        "name": model.name, "file": str(model.given.path), "title": (model.given.model or {}).get("title", ""),
        "sites": hamiltonian.lattice.sites, "state": reference.state, "energy": reference.energy,
        "known": reference.known, "formula": reference.formula, "source": reference.source, "doi": reference.doi,
        "seconds": reference.seconds,
    }  # fmt: skip


def _result(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome of a search as plain values."""
    return {
        "name": outcome.model.name, "seed": outcome.seed, "file": str(outcome.file), "verdict": str(outcome.verdict),
        "known": outcome.model.given.reference.energy, "energy": outcome.energy, "seconds": outcome.seconds,
        "found": outcome.found, "gap": outcome.gap, "proven": outcome.proven, "why": outcome.why,
    }  # fmt: skip


def _list(console: Console, chosen: Sequence[Model]) -> None:
    """Print the models in a table."""
    table = Table(box=SIMPLE, padding=(0, 1))
    for heading in ("model", "sites", "known (meV per site)", "how", "state"):
        table.add_column(heading, justify="right" if heading in ("sites", "known (meV per site)") else "left")
    for model in chosen:
        reference = model.given.reference
        sites = str(model.given.hamiltonian.lattice.sites)
        table.add_row(model.name, sites, _number(reference.energy), reference.known or "", reference.state)
    console.print(table)
    console.print(f"{counted(len(chosen), 'model')}; magsearch atlas NAME... searches them")


def _line(outcome: Outcome) -> str:
    """Return the outcome of a search in a line."""
    if outcome.verdict == Verdict.FAILED:
        return f"{outcome.model.name}, seed {outcome.seed}: failed: {outcome.why}"
    energy = _number(outcome.energy)
    return (
        f"{outcome.model.name}, seed {outcome.seed}: {energy} meV per site, {outcome.verdict}, {outcome.seconds:.1f} s"
    )


def _table(console: Console, chosen: Sequence[Model], outcomes: Sequence[Outcome]) -> None:
    """Print known and best found energies, times (medians over the seeds), gaps and proofs; a row for each model."""
    table = Table(box=SIMPLE, padding=(0, 1))
    for heading in ("model", "known", "found", "above", "reached", "found after", "ended after", "gap", "proof"):
        table.add_column(heading, justify="left" if heading in ("model", "proof") else "right")
    for model in chosen:
        own = [outcome for outcome in outcomes if outcome.model is model]
        done = [outcome for outcome in own if outcome.energy is not None]
        known, count = model.given.reference.energy, sum(outcome.verdict in GOOD for outcome in own)
        if not done:
            table.add_row(model.name, _number(known), "failed", "", f"0 of {len(own)}", "", "", "", own[0].why)
            continue
        best = min(done, key=lambda outcome: outcome.energy or 0.0)
        above = "" if known is None or best.energy is None else f"{best.energy - known:.1e}"
        table.add_row(
            model.name, _number(known), _number(best.energy), above, f"{count} of {len(own)}",
            f"{median(outcome.found or 0.0 for outcome in done):.1f} s",
            f"{median(outcome.seconds or 0.0 for outcome in done):.1f} s",
            "" if best.gap is None else f"{max(best.gap, 0.0):.1e}", proof(best),
        )  # fmt: skip
    console.print(table)
    console.print("energies and gaps in meV per site; times are medians over the seeds")
    bad = [outcome for outcome in outcomes if outcome.verdict not in GOOD]
    console.print(f"{len(outcomes) - len(bad)} of {len(outcomes)} searches reached the known energy, or none is known")
    for outcome in bad:
        console.print(_line(outcome), style="red", soft_wrap=True)


def proof(outcome: Outcome) -> str:
    """Return how the champion is known to be a ground state, in a few words."""
    if outcome.proven:
        return "equals the lower bound"
    if outcome.verdict not in (Verdict.REACHED, Verdict.LOWER):
        return "open"
    words = {"analytic": "formula", "proven": "lower bound of the file", "literature": "publication"}
    return words.get(outcome.model.given.reference.known or "", "open")


def _number(energy: float | None) -> str:
    return "" if energy is None else f"{energy:.8f}"
