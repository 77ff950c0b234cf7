"""A hysteresis loop on the terminal."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from magsearch.hysteresis.loop import ampere_per_metre, loops
from magsearch.storage.loop import LoopRecord


def show(console: Console, record: LoopRecord) -> None:
    """Print coercivity, remanence, saturation and loss of every replica, and its switching fields."""
    cycle, course = record.cycle, record.course
    if not course.done:
        return
    table = Table(box=SIMPLE, padding=(0, 0, 0, 1))  # with all fields, seven columns fit into 80 characters
    for name in ("direction", "coercivity\n(T)", "bias\n(T)", "remanence\n(mu_B)", "saturation\n(mu_B)", "loss\n(meV)",
                 "switching\nfields (T)"):  # fmt: skip
        folds = name.startswith(("direction", "switching"))
        table.add_column(name, justify="left" if name == "direction" else "right", no_wrap=not folds)
    for replica, loop in enumerate(loops(cycle, course)):
        fields = [(one.before + one.after) / 2 for one in course.switchings if one.replica == replica]
        table.add_row(
            f"({', '.join(map(_number, cycle.axes[replica]))})",
            _number(loop.coercivity), _number(loop.bias), _number(loop.remanent[0]),
            _number(loop.saturated[0]), _number(loop.loss), " ".join(f"{field:.5g}" for field in fields) or "none",
        )  # fmt: skip
    console.print(table)
    unit = ampere_per_metre(record.hamiltonian)
    if unit is not None:
        console.print(f"units      1 mu_B per spin is {unit:.5g} A/m", soft_wrap=True)


def _number(value: float | None) -> str:
    return "" if value is None else f"{round(value, 9) + 0.0:.5g}"
