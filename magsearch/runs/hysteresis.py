"""Hysteresis loops from Python, and their results."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.console import Console

from magsearch.console import loop as told
from magsearch.engine.device import Device
from magsearch.formatting import html_table, text_table, vector
from magsearch.hysteresis.cycle import Cycle, Switching, direction
from magsearch.hysteresis.loop import Loop, along, ampere_per_metre, loops, summary
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.runs.api import carry_out_in_python, input_of, texture_of
from magsearch.runs.launch import Launch
from magsearch.runs.loop import Beginning, LoopRun, begin
from magsearch.runs.picture import Picture, picture
from magsearch.search.stopping import Reason
from magsearch.storage.loop import LoopRecord


@dataclass(frozen=True, eq=False, repr=False)
class LoopResult:
    """The result of a hysteresis loop; replicas in the order of the directions, ``starts`` of each.

    record   content of its file
    """

    record: LoopRecord

    @property
    def fields(self) -> NDArray[np.float64]:
        """Fields of the steps, down and up again, [step] tesla along the direction."""
        return self.record.cycle.fields[: self.record.course.done]

    @property
    def directions(self) -> NDArray[np.float64]:
        """Unit vectors of the fields, [replica, 3]."""
        return self.record.cycle.axes

    @property
    def moment(self) -> NDArray[np.float64]:
        """Mean moment along the field, [replica, step] Bohr magnetons per spin."""
        return along(self.record.cycle, self.record.course)

    @property
    def energy(self) -> NDArray[np.float64]:
        """Energy with that of the field, [replica, step] meV per spin."""
        return self.record.course.energy

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        """Coercivity, bias, remanence and loss of each replica: tesla, Bohr magnetons and meV per spin."""
        return tuple(loops(self.record.cycle, self.record.course)) if self.record.course.done else ()

    @property
    def switchings(self) -> tuple[Switching, ...]:
        """Changes that cannot be undone, at zero temperature, in the order of the steps."""
        return self.record.course.switchings

    @property
    def ampere_per_metre(self) -> float | None:
        """Magnetisation in A/m of one Bohr magneton per spin; None unless all axes are periodic."""
        return ampere_per_metre(self.record.hamiltonian)

    @property
    def model(self) -> Hamiltonian:
        """Hamiltonian of the loop, whose own field is replaced."""
        return self.record.hamiltonian

    @property
    def stopped(self) -> Reason | None:
        """Reason why the loop ended; None if it has not ended."""
        return self.record.stopped

    @property
    def progress(self) -> str:
        """Amount of work that is done, as text."""
        return f"{self.record.course.done} steps"

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values, as ``magsearch loop --json`` prints it."""
        return summary(self.record.hamiltonian, self.record.cycle, self.record.course)

    def plot(self, path: str | Path | None = None) -> Picture:
        """Draw the moments over the field and return a picture for notebooks.

        Written to ``path`` if one is given (png, pdf or svg). Raises InputError for what cannot be written.
        """
        from magsearch.plots.loop import loop as draw

        return picture(Path(self.record.input_path).name, lambda file: draw(file, self.record), path)

    def show(self, console: Console) -> None:
        """Print coercivity, remanence, saturation and loss of every replica, and its switching fields."""
        told.show(console, self.record)

    def _rows(self) -> dict[str, str]:
        rows = {}
        for axis, one in zip(self.directions, self.loops, strict=False):
            if one.coercivity is not None:
                rows[f"along {vector(axis, 3)}"] = f"coercivity {one.coercivity:.5g} T"
        rows["stopped"] = str(self.stopped or "not yet: it can be resumed")
        return rows | {"time": f"{self.record.seconds:.1f} s on {self.record.device}"}

    def _title(self) -> str:
        return f"Hysteresis loop of {self.record.input_path}"

    def __repr__(self) -> str:
        return text_table(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._title(), self._rows())


def loop(
    model: Hamiltonian | str | Path,
    field: tuple[float, float, int],
    *,
    directions: ArrayLike = ((0.0, 0.0, 1.0),),
    temperature: float = 0.0,
    sweeps: int = Cycle.sweeps,
    starts: int = 1,
    tolerance: float | None = None,
    start: ArrayLike | str | None = None,
    seed: int = 1,
    device: str | Device = "auto",
    progress: bool = True,
    store: str | Path | None = None,
    overwrite: bool = False,
) -> LoopResult:
    """Follow a hysteresis loop of a model through a cycle of the field, as ``magsearch loop`` does, in one process.

    model        a Hamiltonian, or the name of a file of any format
    field        smallest and largest field in tesla, and number of fields of each half of the cycle
    directions   of the field, [3] or [direction, 3], of any length
    temperature  kelvin; 0: states are relaxed
    sweeps       of a step in a heat bath
    starts       replicas of each direction, with their own random numbers
    tolerance    largest width of the interval of a switching field, tesla; None: 1e-5 of the span of the field
    start        texture [site, 3], or the name of a file that holds one; None: all spins along the field
    seed         random seed
    device       auto, cpu, cuda, cuda:1, or a device
    progress     whether to report progress on the standard error
    store        file of the results, rewritten during the cycle; None: in memory only
    overwrite    whether ``store`` may exist

    Raises InputError for wrong settings, and on several ranks; signals are handled as by ``search``.
    """

    def begun(held: ExitStack) -> Beginning:
        given = input_of(model, {}, "loop")
        axes = tuple(map(direction, np.atleast_2d(np.asarray(directions, dtype=np.float64))))
        cycle = Cycle(*field, axes, starts, temperature, sweeps, tolerance, seed)
        texture = None if start is None else texture_of(start, given.hamiltonian, "start")
        return begin(given, None if store is None else Path(store), cycle, texture, overwrite, held)

    return carry_out_in_python(begun, carried, device, None, progress)


def carried(launch: Launch, start: Beginning) -> tuple[LoopResult, Reason]:
    """Follow the cycle to its end; return the result and why it ended."""
    run = LoopRun(launch, start)
    reason = run.go()
    return LoopResult(run.record), reason
