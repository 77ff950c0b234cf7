"""Transition temperatures from Python, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from rich.console import Console

from magsearch.console import transition as told
from magsearch.critical.order_parameter import OrderParameter
from magsearch.critical.plan import Analysis
from magsearch.critical.verdict import forbidden, summary, words
from magsearch.engine.device import Device
from magsearch.errors import Interrupted
from magsearch.formatting import counted, html_table, text_table, with_error
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.parallel.ranks import Ranks
from magsearch.runs.api import carry_out_in_python, input_of, texture_of
from magsearch.runs.launch import Launch
from magsearch.runs.picture import Picture, picture
from magsearch.runs.transition import Beginning, TransitionRun, begin
from magsearch.search.stopping import Reason
from magsearch.storage.transition import TransitionRecord


@dataclass(frozen=True, eq=False, repr=False)
class TransitionResult:
    """The result of a search for a transition temperature.

    record   content of its file, with all measurements
    """

    record: TransitionRecord

    @cached_property
    def parameter(self) -> OrderParameter:
        """Order parameter of the ground state."""
        return OrderParameter.of(self.record.ordered)

    @cached_property
    def analysis(self) -> Analysis | None:
        """Curves of all boxes, crossings and peaks, in kelvin and meV; None before the first round."""
        return self.record.analysis or self.record.analysed()

    @cached_property
    def forbidden(self) -> str:
        """Reason why there is no order at finite temperature, or an empty string."""
        return forbidden(self.record.ordered, self.parameter)

    @property
    def kelvin(self) -> float | None:
        """Transition temperature in kelvin; None if none was found, or there can be none."""
        return None if self.analysis is None or self.forbidden else self.analysis.transition.kelvin

    @property
    def error(self) -> float | None:
        """Standard error of the transition temperature in kelvin, with corrections of finite size."""
        return None if self.kelvin is None or self.analysis is None else self.analysis.transition.error

    @property
    def verdict(self) -> str:
        """Result in a sentence."""
        return words(self.analysis, self.forbidden)

    @property
    def mean_field(self) -> float | None:
        """Transition temperature in mean field, kelvin; None for models without J(q)."""
        return self.record.estimate.mean_field

    @property
    def random_phase(self) -> float | None:
        """Transition temperature of the random-phase approximation, kelvin; 0 in two dimensions, None without J(q)."""
        return self.record.estimate.random_phase

    @property
    def model(self) -> Hamiltonian:
        """Hamiltonian in the cell of its input."""
        return self.record.ordered.crystal

    @property
    def stopped(self) -> Reason | None:
        """Reason why the search ended; None if it has not ended."""
        return self.record.stopped

    @property
    def progress(self) -> str:
        """Amount of work that is done, as text."""
        return f"{counted(len(self.record.rounds), 'round')}"

    def as_json(self) -> dict[str, Any]:
        """Return everything that was found as JSON values, as ``magsearch tc --json`` prints it; kelvin and meV."""
        own = self.record
        return summary(own.ordered, self.parameter, own.estimate, list(own.rounds), self.analysis)

    def plot(self, path: str | Path | None = None) -> Picture:
        """Draw cumulants, correlation lengths, susceptibilities and specific heats; return a picture for notebooks.

        Written to ``path`` if one is given (png, pdf or svg). Raises InputError before the first round and for what
        cannot be written.
        """
        from magsearch.plots.transition import transition as draw

        found, title = self.analysis, Path(self.record.input_path).name

        def onto(file: Path) -> None:
            if found is None:
                raise ValueError("no temperature has been sampled yet")
            draw(file, found, title, not self.forbidden)

        return picture(title, onto, path)

    def show(self, console: Console) -> None:
        """Print crossings, peaks and the result."""
        if self.analysis is not None:
            told.show(console, self.record, self.parameter, self.analysis)

    def _rows(self) -> dict[str, str]:
        rows = {"verdict": self.verdict}
        if self.kelvin is not None and self.error is not None:
            rows = {"T_c": f"{with_error(self.kelvin, self.error)} K"} | rows
        for name, kelvin in (("mean field", self.mean_field), ("RPA", self.random_phase)):
            if kelvin is not None:
                rows[name] = f"{kelvin:.4g} K"
        rows["stopped"] = str(self.stopped or "not yet: it can be resumed")
        return rows | {"time": f"{self.record.seconds:.1f} s on {self.record.device}"}

    def _title(self) -> str:
        return f"Transition temperature of {self.record.input_path}"

    def __repr__(self) -> str:
        return text_table(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._title(), self._rows())


def tc(
    model: Hamiltonian | str | Path,
    *,
    sizes: Sequence[int] | None = None,
    sweeps: int | None = None,
    rounds: int | None = None,
    precision: float | None = None,
    ladders: int | None = None,
    seed: int | None = None,
    ground_state: ArrayLike | str | None = None,
    device: str | Device = "auto",
    ranks: Ranks | None = None,
    progress: bool = True,
    store: str | Path | None = None,
    overwrite: bool = False,
) -> TransitionResult:
    """Find the transition temperature of a model, as ``magsearch tc`` does; under mpiexec, on all ranks together.

    model         a Hamiltonian, or the name of a file of any format
    sizes         of the boxes, rising, in compact boxes of the ground state's cell; None: by the number of spins
    sweeps        measured sweeps of a round; None: 4000, or 10000 below three dimensions
    rounds        largest number of rounds after the scan; None: 6
    precision     relative error at which the search ends; None: 0.002
    ladders       independent ladders of temperatures of every box; None: 2
    seed          random seed; None: 1
    ground_state  texture [site, 3] in the model's box, or the name of a file that holds one; None: it is searched
    device        auto, cpu, cuda, cuda:1, or a device
    ranks         None: those that an MPI launcher started
    progress      whether to report progress on the standard error
    store         file of the results, rewritten after every round; None: in memory only
    overwrite     whether ``store`` may exist

    Raises InputError for wrong settings and models without an order parameter; signals are handled as by ``search``.
    """
    plan: dict[str, Any] = {
        "sizes": None if sizes is None else tuple(sizes), "sweeps": sweeps, "rounds": rounds, "precision": precision,
        "ladders": ladders, "seed": seed,
    }  # fmt: skip

    def start(held: ExitStack) -> Beginning:
        given = input_of(model, {}, "tc")
        texture = None if ground_state is None else texture_of(ground_state, given.hamiltonian, "ground_state")
        return begin(given, None if store is None else Path(store), plan, texture, overwrite, held)

    return carry_out_in_python(start, everywhere, device, ranks, progress)


def carried(launch: Launch, start: Beginning) -> tuple[TransitionResult, Reason]:
    """Search to the end; return the result, whole on rank 0, and why it ended. Raises Interrupted before it begins."""
    run = TransitionRun(launch, start)
    try:
        run.prepare()
    except Interrupted:
        again = (
            f"resume with: magsearch tc --resume {start.out}" if run.stored else "nothing is stored yet, start again"
        )
        launch.say(f"stopped before the first round: {again}")
        raise
    reason = run.go()
    return TransitionResult(run.record), reason


def everywhere(launch: Launch, start: Beginning) -> tuple[TransitionResult, Reason]:
    """Search to the end as ``carried`` does, with the result on every rank."""
    result, reason = carried(launch, start)
    record = launch.ranks.broadcast(replace(result.record, stopped=reason))
    return TransitionResult(record), reason
