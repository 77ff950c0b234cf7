"""OVF 2.0, the vector field format of OOMMF, in text and binary, as written by OOMMF and Spirit.

OOMMF User's Guide, Donahue & Porter, NISTIR 6376 (1999). In a rectangular mesh x runs fastest. Spirit puts the atoms of
a cell side by side along x: xnodes is atoms x n1. An irregular mesh is a list of points: OOMMF writes the position
before each vector, Spirit does not.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.table import number, read_bytes
from magsearch.formatting import counted
from magsearch.model.lattice import Lattice

CHECK = {4: 1234567.0, 8: 123456789012345.0}  # the first number of binary data
UNIT = 1e-3  # vectors of equal length within this fraction are a magnetisation in any unit, and are normalised
FIRST = re.compile(rb"\s*#\s*OOMMF[:\s]", re.IGNORECASE)
BEGIN = re.compile(rb"^#\s*begin:\s*data\s+(text|csv|binary\s*4|binary\s*8)[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE)
END = re.compile(rb"\s*(#\s*end:\s*data|\Z)", re.IGNORECASE)


@dataclass(frozen=True)
class Segment:
    """Header of the first segment (names in lower case, without blanks), and its data."""

    path: Path
    header: dict[str, tuple[int, str]]  # name: line, value
    kind: str
    line: int  # of the first data
    data: bytes

    def error(self, name: str, message: str) -> InputError:
        """Return an error about an entry of the header, with file and line."""
        line = self.header[name][0] if name in self.header else None
        return InputError(f"{name} {message}", self.path, line)

    def word(self, name: str) -> str:
        """Return the value of an entry in lower case; raises InputError if it is missing."""
        if name not in self.header:
            raise self.error(name, "is missing")
        return self.header[name][1].lower()

    def whole(self, name: str) -> int:
        """Return the value of an entry as an integer; raises InputError unless it is at least 1."""
        value = self.word(name)
        if not re.fullmatch(r"[0-9]{1,12}", value) or int(value) < 1:
            raise self.error(name, f"is '{value[:40]}'; expected a whole number of at least 1")
        return int(value)


def recognises(begin: bytes) -> bool:
    """Return whether the first bytes of a file are those of an OVF file."""
    return FIRST.match(begin) is not None


def read(path: Path, lattice: Lattice) -> NDArray[np.float64]:
    """Read the vectors [site, 3] of the first segment, normalised, with a warning, if all have one length other than 1.

    Raises InputError, with file and line, for invalid files and for a mesh that does not fit the lattice.
    """
    segment = _segment(path)
    if segment.whole("valuedim") != 3:
        raise segment.error("valuedim", f"is {segment.word('valuedim')}; expected 3")
    mesh = segment.word("meshtype")
    if mesh == "rectangular":
        nodes = [segment.whole(f"{axis}nodes") for axis in "xyz"]
        n1, n2, n3 = lattice.size
        if nodes != [lattice.atoms * n1, n2, n3]:
            told = " x ".join(map(str, nodes))
            raise segment.error("xnodes", f"x ynodes x znodes is {told}; expected {lattice.atoms * n1} x {n2} x {n3}")
    elif mesh == "irregular":
        points = segment.whole("pointcount")
        if points != lattice.sites:
            raise segment.error("pointcount", f"is {points}; the lattice has {lattice.sites} sites")
    else:
        raise segment.error("meshtype", f"is {mesh[:40]}; expected rectangular or irregular")
    vectors = _values(segment, lattice.sites, mesh)
    with np.errstate(over="ignore"):
        length = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(length).all():
        raise InputError("contains vectors that are not finite", path)
    longest = length.max()
    filled = length > 0
    if longest > 0 and abs(longest - 1) > UNIT and (np.abs(length[filled] / longest - 1) <= UNIT).all():
        warnings.warn(f"{path}: vectors have the length {longest:.6g} and are normalised", stacklevel=4)
        return vectors / longest
    return vectors


def _segment(path: Path) -> Segment:
    raw = read_bytes(path)
    begin = BEGIN.search(raw)
    if begin is None:
        raise InputError("has no line '# Begin: Data Text', 'Binary 4' or 'Binary 8'", path)
    lines = raw[: begin.end()].decode("utf-8", errors="replace").splitlines()
    if not re.match(r"\s*#\s*OOMMF\s+OVF\s+2", lines[0], re.IGNORECASE):
        raise InputError(f"begins with '{lines[0][:60]}'; expected # OOMMF OVF 2.0", path, 1)
    header: dict[str, tuple[int, str]] = {}
    for n, text in enumerate(lines, start=1):
        name, colon, value = text.split("##")[0].lstrip("# \t").partition(":")
        if colon:
            header.setdefault("".join(name.lower().split()), (n, value.strip()))
    _, count = header.get("segmentcount", (0, "1"))
    if re.fullmatch(r"[0-9]{1,9}", count) and int(count) > 1:
        warnings.warn(f"{path}: has {int(count)} segments; the first is read", stacklevel=5)
    kind = "".join(begin[1].decode().lower().split())
    return Segment(path, header, kind, len(lines) + 1, raw[begin.end() :])


def _values(segment: Segment, sites: int, mesh: str) -> NDArray[np.float64]:
    """Return the vectors [site, 3] without the positions that an irregular mesh may have."""
    widths = (3, 6) if mesh == "irregular" else (3,)
    if segment.kind in ("text", "csv"):
        return _text(segment, sites, widths)
    size = int(segment.kind[-1])
    for width in widths:
        end = size * (1 + width * sites)
        if len(segment.data) >= end and END.match(segment.data, end):
            break
    else:
        raise InputError(
            f"data do not end after {' or '.join(f'{w} x {sites}' for w in widths)} numbers of {size} bytes",
            segment.path,
            segment.line,
        )
    values = np.frombuffer(segment.data, dtype=f"<f{size}", count=1 + width * sites)
    if values[0] != CHECK[size]:
        message = f"binary data begin with {values[0]:.8g}; expected {CHECK[size]:.15g}: the file is damaged"
        raise InputError(message, segment.path, segment.line)
    return values[1:].astype(np.float64).reshape(sites, width)[:, -3:]


def _text(segment: Segment, sites: int, widths: tuple[int, ...]) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    for n, text in enumerate(segment.data.decode("utf-8", errors="replace").splitlines(), start=segment.line):
        if text.lstrip().startswith("#"):
            if re.match(r"\s*#\s*end:", text, re.IGNORECASE):
                break
            continue
        tokens = text.replace(",", " ").split()
        if not tokens:
            continue
        try:
            values = [number(token) for token in tokens]
        except ValueError:
            raise InputError(f"'{text.strip()[:80]}' is not all numbers", segment.path, n) from None
        if len(values) not in widths or len(values) != len(rows[0] if rows else values):
            expected = " or ".join(map(str, widths))
            raise InputError(f"{counted(len(values), 'number')} in a row; expected {expected}", segment.path, n)
        rows.append(values)
    if len(rows) != sites:
        raise InputError(f"has {counted(len(rows), 'vector')} for {sites} sites", segment.path, segment.line)
    return np.array(rows)[:, -3:]


def data(spins: NDArray[np.float64], lattice: Lattice, kind: str) -> bytes:
    """Return the contents of an OVF file with spins [site, 3]; kind is Text, Binary 4 or Binary 8.

    The mesh is rectangular with the atoms of a cell side by side, as in Spirit; its steps are the lengths of the cell
    vectors, since meshes of OVF are orthogonal.
    """
    n1, n2, n3 = lattice.size
    a, b, c = np.linalg.norm(lattice.cell, axis=1)
    low, high = lattice.positions.min(axis=0), lattice.positions.max(axis=0)
    header = [
        "OOMMF OVF 2.0", "", "Segment count: 000001", "", "Begin: Segment", "Begin: Header", "", "Title: magsearch",
        "", "meshtype: rectangular", "meshunit: angstrom", "valuedim: 3", "valueunits: 1 1 1",
        "valuelabels: spin_x spin_y spin_z",
        *(f"{axis}min: {x:.9g}" for axis, x in zip("xyz", low, strict=True)),
        *(f"{axis}max: {x:.9g}" for axis, x in zip("xyz", high, strict=True)),
        "xbase: 0", "ybase: 0", "zbase: 0", f"xstepsize: {a / lattice.atoms:.9g}", f"ystepsize: {b:.9g}",
        f"zstepsize: {c:.9g}", f"xnodes: {lattice.atoms * n1}", f"ynodes: {n2}", f"znodes: {n3}",
        "", "End: Header", "", f"Begin: Data {kind}",
    ]  # fmt: skip
    top = "".join(f"# {line}".rstrip() + "\n" for line in header).encode()
    if kind == "Text":
        body = "".join(f"{x:24.16e}{y:25.16e}{z:25.16e}\n" for x, y, z in spins.tolist()).encode()
    else:
        size = int(kind[-1])
        body = np.concatenate([[CHECK[size]], spins.ravel()]).astype(f"<f{size}").tobytes() + b"\n"
    return top + body + f"# End: Data {kind}\n# End: Segment\n".encode()
