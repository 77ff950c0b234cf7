"""The .xdmf beside a run.h5, which tells ParaView, VisIt and other viewers what is where in it.

XDMF, and not VTKHDF inside the file: viewers of any age read it, it takes run.h5 as it is under its own name, and its
arrays are those of magsearch, without copies. It is written for version 2 of the format ("XDMF Reader" in ParaView).
The elites are its time steps, best first. Shapes and precisions are read off the datasets, so that they fit the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import h5py
import numpy as np

Slab = tuple[slice | int, ...]


def beside(path: Path, file: h5py.File) -> Mapping[Path, str]:
    """The text that belongs beside a run, and its place: run.xdmf for run.h5."""
    return {path.with_suffix(".xdmf"): text(file, path.name)}


def text(file: h5py.File, name: str) -> str:
    """XDMF for a run that is stored under a file name."""
    elites = "".join(_elite(file, name, k) for k in range(len(file["elites/energy"])))
    steps = f'<Grid Name="elites" GridType="Collection" CollectionType="Temporal">\n{elites}</Grid>\n'
    return f'<?xml version="1.0"?>\n<Xdmf Version="2.0">\n<Domain>\n{steps}</Domain>\n</Xdmf>\n'


def _elite(file: h5py.File, name: str, elite: int) -> str:
    """One time step: a grid, or of a crystal with three axes one grid for each atom of the basis and one of layers."""
    grids = list(_grids(file, name, elite))
    if len(grids) == 1:
        return grids[0]
    inner = "".join(grids)
    collection = f'<Grid Name="elite {elite}" GridType="Collection" CollectionType="Spatial">\n'
    return f'{collection}<Time Value="{elite}"/>\n{inner}</Grid>\n'


def _grids(file: h5py.File, name: str, elite: int) -> Iterator[str]:
    model, elites = file["model"], file["elites"]
    size, corners = model.attrs["size"], model["triangles"]
    numbers = {"energy per site (meV)": "energy_per_site", "topological charge": "charge"}
    whole = "".join(_number(label, float(elites[key][elite])) for label, key in numbers.items())

    def nodes(sites: slice, shape: str, mesh: tuple[int, ...] = ()) -> str:
        place = f'<Geometry GeometryType="XYZ">\n{_item(model["positions"], name, (sites, slice(None)))}</Geometry>\n'
        spin = _attribute("spin", "Vector", "Node", elites["spins"], name, (elite, sites, slice(None)), mesh)
        if "energy_density" not in elites:
            return shape + place + spin + whole
        density = _attribute("energy (meV)", "Scalar", "Node", elites["energy_density"], name, (elite, sites), mesh)
        return shape + place + spin + density + whole

    def cells() -> tuple[str, str]:
        count = int(corners.attrs["inside"])
        item = _item(corners, name, (slice(0, count), slice(None)))
        shape = f'<Topology TopologyType="Triangle" NumberOfElements="{count}">\n{item}</Topology>\n'
        return shape, _attribute("charge", "Scalar", "Cell", elites["charge_density"], name, (elite, slice(0, count)))

    def grid(title: str, content: str) -> str:
        return f'<Grid Name={quoteattr(title)} GridType="Uniform">\n<Time Value="{elite}"/>\n{content}</Grid>\n'

    every, triangular = slice(None), corners.attrs["inside"] > 0
    if min(size) > 1:
        atoms, mesh = len(model["basis"]), tuple(size[::-1])
        shape = f'<Topology TopologyType="3DSMesh" Dimensions="{_numbers(mesh)}"/>\n'
        for atom, species in enumerate(model.attrs["species"]):
            yield grid(f"atom {atom} ({species})", nodes(slice(atom, None, atoms), shape, mesh))
    if triangular:
        shape, charge = cells()
        yield grid("layers" if min(size) > 1 else f"elite {elite}", nodes(every, shape) + charge)
    elif min(size) == 1:
        shape = f'<Topology TopologyType="Polyvertex" NumberOfElements="{len(model["positions"])}"/>\n'
        yield grid(f"elite {elite}", nodes(every, shape))


def _number(label: str, value: float) -> str:
    """An attribute of a whole grid."""
    item = f'<DataItem Format="XML" Dimensions="1" NumberType="Float" Precision="8">{value!r}</DataItem>\n'
    return f'<Attribute Name={quoteattr(label)} AttributeType="Scalar" Center="Grid">\n{item}</Attribute>\n'


def _attribute(
    label: str, kind: str, centre: str, dataset: h5py.Dataset, name: str, slab: Slab, mesh: tuple[int, ...] = ()
) -> str:
    head = f'<Attribute Name={quoteattr(label)} AttributeType="{kind}" Center="{centre}">\n'
    return f"{head}{_item(dataset, name, slab, mesh)}</Attribute>\n"


def _item(dataset: h5py.Dataset, name: str, slab: Slab, mesh: tuple[int, ...] = ()) -> str:
    """A part of a dataset; an axis from which one entry is taken is dropped, and sites become those of a mesh."""
    kind = {"f": "Float", "i": "Int"}[dataset.dtype.kind]
    ranges = [
        range(*s.indices(n)) if isinstance(s, slice) else range(s, s + 1)
        for s, n in zip(slab, dataset.shape, strict=True)
    ]
    kept = [len(r) for r, s in zip(ranges, slab, strict=True) if isinstance(s, slice)]
    shape = (*mesh, *kept[1:]) if mesh else kept
    whole = _numbers(dataset.shape)
    source = (
        f'<DataItem Format="HDF" NumberType="{kind}" Precision="{dataset.dtype.itemsize}" Dimensions="{whole}">'
        f"{escape(name)}:{escape(dataset.name)}</DataItem>\n"
    )
    if tuple(shape) == dataset.shape:
        return source
    picked = _numbers(np.ravel([[r.start for r in ranges], [r.step for r in ranges], [len(r) for r in ranges]]))
    return (
        f'<DataItem ItemType="HyperSlab" Type="HyperSlab" Dimensions="{_numbers(shape)}">\n'
        f'<DataItem Format="XML" Dimensions="3 {len(ranges)}">{picked}</DataItem>\n{source}</DataItem>\n'
    )


def _numbers(values: object) -> str:
    return " ".join(str(int(v)) for v in np.ravel(np.array(values)))
