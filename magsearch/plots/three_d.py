"""Three-dimensional views of a texture: arrows, isosurfaces, .vtu files (PyVista: ``pip install 'magsearch[view]'``).

Writing an image needs no display: VTK then renders off screen, by EGL or OSMesa.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch import output
from magsearch.errors import visible
from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import inside, plane_frame, triangles
from magsearch.observables.topological_charge import charge_density
from magsearch.plots import colours
from magsearch.search.candidate import Candidate

ARROWS = 8000  # maximum number of arrows
CORNERS = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)])


def grid(lattice: Lattice, elite: Candidate) -> Any:
    """Return a pyvista.UnstructuredGrid of the sites with their spins and, if stored, energies (meV).

    Its cells are hexahedra between eight copies of an atom in a three-dimensional lattice, triangles between neighbours
    with their topological charges in a plane, and otherwise the sites.
    """
    pyvista = _pyvista()
    charge = None
    if min(lattice.size) > 1:
        corners, kind = hexahedra(lattice), pyvista.CellType.HEXAHEDRON
    elif inside(lattice).any():
        corners, kind = triangles(lattice)[inside(lattice)], pyvista.CellType.TRIANGLE
        charge = charge_density(lattice, elite.spins)[inside(lattice)]
    else:
        corners, kind = np.arange(lattice.sites)[:, None], pyvista.CellType.VERTEX
    made = pyvista.UnstructuredGrid({kind: corners}, lattice.positions)
    made.point_data["spin"] = np.asarray(elite.spins, dtype=np.float64)
    if elite.energy_density is not None:
        made.point_data["energy (meV)"] = elite.energy_density
    if charge is not None:
        made.cell_data["charge"] = charge
    return made


def hexahedra(lattice: Lattice) -> NDArray[np.int64]:
    """Return the sites at the corners of the unit cells inside the supercell, for each atom of the basis, [cell, 8]."""
    n1, n2, _ = lattice.size
    first = lattice.coordinates[(lattice.coordinates < np.array(lattice.size) - 1).all(axis=1)]  # [hexahedron, 3]
    x, y, z = np.moveaxis(first[:, None] + CORNERS, -1, 0)
    cell = x + n1 * (y + n2 * z)
    return np.concatenate([cell * lattice.atoms + atom for atom in range(lattice.atoms)])


def thinned(lattice: Lattice) -> tuple[NDArray[np.int64], int]:
    """Return the sites of every n-th cell along each axis, whose arrows are drawn, and the smallest n for ARROWS."""
    every = 1
    while np.prod([-(-n // every) for n in lattice.size]) * lattice.atoms > ARROWS:
        every += 1
    cells = np.flatnonzero((lattice.coordinates % every == 0).all(axis=1))
    return (cells[:, None] * lattice.atoms + np.arange(lattice.atoms)).ravel(), every


def spacing(lattice: Lattice) -> float:
    """Return the mean spacing of sites in angstrom: the length of the longest arrows that do not overlap."""
    extended = [axis for axis in range(3) if lattice.size[axis] > 1]
    if not extended:
        return float(np.linalg.norm(np.ptp(lattice.positions, axis=0)) / max(np.cbrt(lattice.sites), 1)) or 1.0
    volume = np.sqrt(np.linalg.det(lattice.cell[extended] @ lattice.cell[extended].T))  # a length, an area or a volume
    return float((volume / lattice.atoms) ** (1 / len(extended)))


def scene(
    lattice: Lattice, elite: Candidate, title: str = "", levels: Sequence[float] = (), hidden: bool = False
) -> Any:
    """Return a pyvista.Plotter with arrows or, if ``levels`` are given, isosurfaces of m_z with their colour scale.

    The colours of arrows are those of ``plots.colours``: hue is the direction in the plane of the lattice, white along
    its normal, black against it. Raises ValueError for isosurfaces of a lattice that is not three-dimensional.

    hidden   render off screen, without a window
    """
    pyvista = _pyvista(hidden)
    plotter = pyvista.Plotter(off_screen=hidden, window_size=(1200, 1000))
    plotter.set_background("white")
    if levels:
        if min(lattice.size) == 1:
            raise ValueError("isosurfaces need a lattice with more than one cell along each axis")
        whole = grid(lattice, elite)
        whole.point_data["m_z"] = elite.spins[:, 2]
        surface = whole.contour(list(levels), scalars="m_z")
        if surface.n_points:
            plotter.add_mesh(
                surface, scalars="m_z", cmap="cividis", clim=(-1, 1), smooth_shading=True, opacity=0.85,
                ambient=0.5, diffuse=0.5,
                scalar_bar_args={"title": "m_z\n", "color": "black", "vertical": True, "position_x": 0.88,
                                 "position_y": 0.3, "height": 0.4, "width": 0.06},
            )  # fmt: skip
        plotter.add_mesh(whole.outline(), color="black")
        words = f"isosurfaces of m_z at {', '.join(f'{level:g}' for level in levels)}"
    else:
        sites, every = thinned(lattice)
        points = pyvista.PolyData(lattice.positions[sites])
        points["spin"] = elite.spins[sites]
        arrow = pyvista.Arrow(start=(-0.5, 0, 0), tip_radius=0.22, tip_length=0.4, shaft_radius=0.09)
        glyphs = points.glyph(orient="spin", scale=False, factor=0.95 * every * spacing(lattice), geom=arrow)
        turned = glyphs["GlyphVector"] if "GlyphVector" in glyphs.point_data else glyphs["spin"]
        glyphs["colour"] = (255 * colours(turned @ plane_frame(lattice).T)).round().astype(np.uint8)
        plotter.add_mesh(glyphs, scalars="colour", rgb=True)
        words = f"one cell in {every} along each axis" if every > 1 else ""
    plotter.add_axes(color="black", xlabel="x", ylabel="y", zlabel="z")
    plotter.add_text(visible("\n".join(filter(None, (title, words)))), font_size=9, color="black")
    if min(lattice.size) == 1 and lattice.size[2] == 1:
        plotter.view_xy()
    else:
        plotter.view_isometric()
    return plotter


def _pyvista(hidden: bool = False) -> Any:
    import pyvista

    if hidden:
        from vtkmodules.vtkCommonCore import vtkLogger

        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)  # it warns of every display that is missing
    return pyvista


def picture(plotter: Any, path: Path) -> None:
    """Render a plotter's scene into a png file. Raises InputError if it cannot be written."""
    memory = BytesIO()
    plotter.screenshot(memory)
    plotter.close()
    output.write({path: memory.getvalue()})


def write_grid(lattice: Lattice, elite: Candidate, path: Path) -> None:
    """Write the grid of a texture into a .vtu file. Raises InputError if it cannot be written."""
    made = grid(lattice, elite)
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

    writer = vtkXMLUnstructuredGridWriter()
    writer.SetInputData(made)
    writer.SetDataModeToBinary()  # as text, in memory: VTK aborts on a full disk
    writer.WriteToOutputStringOn()
    writer.Write()
    output.write({path: writer.GetOutputString()})
