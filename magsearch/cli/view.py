"""The command ``magsearch view``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from magsearch import storage
from magsearch.cli.arguments import RunFile, needs
from magsearch.cli.streams import say
from magsearch.errors import InputError
from magsearch.runs.textures import elite_in
from magsearch.storage import summary


def view(
    run_file: RunFile,
    elite: Annotated[int, typer.Option(help="Number of the elite; 0 is the champion.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Write an image (.png) or a grid (.vtu) instead of opening a window."),
    ] = None,
    isosurface: Annotated[
        list[float] | None,
        typer.Option(metavar="M_Z", min=-1, max=1, help="Draw the surface of this m_z (repeatable)."),
    ] = None,
) -> None:
    """Show a texture in three dimensions.

    Draws arrows, or isosurfaces of m_z.
    """
    stored = storage.read(run_file)
    chosen, lattice = elite_in(stored, run_file, elite), stored.hamiltonian.lattice
    if out is not None and out.suffix not in (".png", ".vtu"):
        raise InputError(f"unsupported image format '{out.suffix}'; expected .png or .vtu", out)
    if out is None and sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InputError("there is no display to open a window on; -o FILE.png renders without one", "magsearch view")
    needs("pyvista", "view")
    from magsearch.plots import three_d

    try:
        if out is not None and out.suffix == ".vtu":
            three_d.write_grid(lattice, chosen, out)
            say(out)
            return
        plotter = three_d.scene(
            lattice, chosen, summary.caption(stored, elite), isosurface or (), hidden=out is not None
        )
        if out is None:
            plotter.show()
        else:
            three_d.picture(plotter, out)
            say(out)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error), run_file) from None
