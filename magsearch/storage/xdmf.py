"""The .xdmf beside a run.h5 or SCAN.h5, which describes it to ParaView, VisIt and other viewers.

XDMF is used rather than VTKHDF: viewers of any age read it, and it refers to the arrays of the file without copies. It
is written for version 2 of the format ("XDMF Reader" in ParaView). Textures are its time steps: the elites of a run,
best first, or the points of a scan; those of a second file are generations of a run. Shapes and precisions are those of
the datasets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import h5py
import numpy as np

from magsearch import output
from magsearch.errors import InputError

Slab = tuple[slice | int, ...]
EARLY = tuple(  # first lines of what early versions wrote
    f'<?xml version="1.0"?>\n<Xdmf Version="2.0">\n<Domain>\n<Grid Name="{name}" GridType="Collection"'.encode()
    for name in ("elites", "points")
)


@dataclass(frozen=True, eq=False)
class Frame:
    """Texture of a file, which becomes one time step.

    title    title in viewers
    time     number of the time step
    row      row of the datasets
    spins    [row, site, 3]
    energy   [row, site] meV, where it is stored
    charge   [row, triangle], where it is stored
    numbers  properties of the whole texture, by title
    """

    title: str
    time: int
    row: int
    spins: h5py.Dataset
    energy: h5py.Dataset | None = None
    charge: h5py.Dataset | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)


def beside(
    path: Path, model: h5py.Group, name: str, frames: Iterable[Frame], place: Path | None = None
) -> dict[Path, str]:
    """Return the text that describes a file, by its path.

    model   group of the file with the sites' positions and the triangles between them
    name    name of the frames
    place   path of the text; None: run.xdmf for run.h5
    """
    steps = "".join(_step(model, path.name, frame) for frame in frames)
    collection = f'<Grid Name="{escape(name)}" GridType="Collection" CollectionType="Temporal">\n{steps}</Grid>\n'
    text = f'{_head(path)}<Xdmf Version="2.0">\n<Domain>\n{collection}</Domain>\n</Xdmf>\n'
    return {place or path.with_suffix(".xdmf"): text}


def generations(path: Path) -> Path:
    """Return the name of what describes the textures over the generations of a run: run.generations.xdmf."""
    return path.with_suffix(".generations.xdmf")


def _head(path: Path) -> str:
    """Return the first lines of what describes a file, by which it is known as ours."""
    return f'<?xml version="1.0"?>\n<!-- magsearch: {escape(path.name.replace("--", "- -"))} -->\n'


def expect_ours(path: Path) -> None:
    """Raise InputError if one of the names of what describes a file belongs to something else."""
    for place in (path.with_suffix(".xdmf"), generations(path)):
        _expect_ours(path, place)


def _expect_ours(path: Path, place: Path) -> None:
    head = _head(path).encode("utf-8", "surrogateescape")
    if not place.exists() and not place.is_symlink():
        return
    try:
        with open(output.target(place), "rb") as file:
            begin = file.read(max(len(head), *map(len, EARLY)))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place) from None
    if not begin.startswith((head, *EARLY)):
        raise InputError(
            f"does not describe {path.name}, but would be replaced; move it, or choose another name", place
        )


def _step(model: h5py.Group, name: str, frame: Frame) -> str:
    """Describe a time step: a grid; for a crystal with three axes, one for each atom of the basis and one of layers."""
    grids = list(_grids(model, name, frame))
    if len(grids) == 1:
        return grids[0]
    collection = f'<Grid Name="{escape(frame.title)}" GridType="Collection" CollectionType="Spatial">\n'
    return f'{collection}<Time Value="{frame.time}"/>\n{"".join(grids)}</Grid>\n'


def _grids(model: h5py.Group, name: str, frame: Frame) -> Iterator[str]:
    size, corners = model.attrs["size"], model["triangles"]
    whole = "".join(_number(label, value) for label, value in frame.numbers.items())

    def nodes(sites: slice, shape: str, mesh: tuple[int, ...] = ()) -> str:
        place = f'<Geometry GeometryType="XYZ">\n{_item(model["positions"], name, (sites, slice(None)))}</Geometry>\n'
        spin = _attribute("spin", "Vector", "Node", frame.spins, name, (frame.row, sites, slice(None)), mesh)
        if frame.energy is None:
            return shape + place + spin + whole
        density = _attribute("energy (meV)", "Scalar", "Node", frame.energy, name, (frame.row, sites), mesh)
        return shape + place + spin + density + whole

    def cells() -> tuple[str, str]:
        count = int(corners.attrs["inside"])
        item = _item(corners, name, (slice(0, count), slice(None)))
        shape = f'<Topology TopologyType="Triangle" NumberOfElements="{count}">\n{item}</Topology>\n'
        if frame.charge is None:
            return shape, ""
        return shape, _attribute("charge", "Scalar", "Cell", frame.charge, name, (frame.row, slice(0, count)))

    def grid(title: str, content: str) -> str:
        return f'<Grid Name="{escape(title)}" GridType="Uniform">\n<Time Value="{frame.time}"/>\n{content}</Grid>\n'

    every, triangular = slice(None), corners.attrs["inside"] > 0
    if min(size) > 1:
        atoms, mesh = len(model["basis"]), tuple(size[::-1])
        shape = f'<Topology TopologyType="3DSMesh" Dimensions="{_numbers(mesh)}"/>\n'
        for atom, species in enumerate(model.attrs["species"]):
            yield grid(f"atom {atom} ({species})", nodes(slice(atom, None, atoms), shape, mesh))
    if triangular:
        shape, charge = cells()
        yield grid("layers" if min(size) > 1 else frame.title, nodes(every, shape) + charge)
    elif min(size) == 1:
        shape = f'<Topology TopologyType="Polyvertex" NumberOfElements="{len(model["positions"])}"/>\n'
        yield grid(frame.title, nodes(every, shape))


def _number(label: str, value: float) -> str:
    """Describe an attribute of a whole grid."""
    item = f'<DataItem Format="XML" Dimensions="1" NumberType="Float" Precision="8">{value!r}</DataItem>\n'
    return f'<Attribute Name="{escape(label)}" AttributeType="Scalar" Center="Grid">\n{item}</Attribute>\n'


def _attribute(
    label: str, kind: str, centre: str, dataset: h5py.Dataset, name: str, slab: Slab, mesh: tuple[int, ...] = ()
) -> str:
    head = f'<Attribute Name="{escape(label)}" AttributeType="{kind}" Center="{centre}">\n'
    return f"{head}{_item(dataset, name, slab, mesh)}</Attribute>\n"


def _item(dataset: h5py.Dataset, name: str, slab: Slab, mesh: tuple[int, ...] = ()) -> str:
    """Describe a part of a dataset; an axis with a single index is dropped, and sites become those of a mesh."""
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
