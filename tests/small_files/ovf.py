"""Six spins in an OVF 2.0 file as OOMMF, mumax and Spirit lay it out."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from magsearch.model.lattice import Lattice

SQUARE = Lattice.named("square", (3, 2, 1))
# of the six sites of SQUARE, in the order of the file: x fastest
ROWS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0.6, 0.0, -0.8]])


def file(
    rows: Sequence[str] | bytes,
    kind: str = "Text",
    mesh: str = "rectangular",
    nodes: tuple[int, int, int] = (3, 2, 1),
    newline: str = "\n",
    **header: str,
) -> bytes:
    """A file as OOMMF writes it, with the header's entries replaced; rows of text, or the bytes of binary data."""
    counts = (
        {"pointcount": "6"}
        if mesh == "irregular"
        else dict(zip(("xnodes", "ynodes", "znodes"), map(str, nodes), strict=True))
    )
    entries = {"Title": "m", "meshtype": mesh, "meshunit": "m", "valuedim": "3", "valuelabels": "m_x m_y m_z"}
    lines = [
        "# OOMMF OVF 2.0", "#", "# Segment count: 1", "# Begin: Segment", "# Begin: Header",
        *(f"# {name}: {value}" for name, value in (entries | counts | header).items()),
        "# End: Header", f"# Begin: Data {kind}",
    ]  # fmt: skip
    body = rows if isinstance(rows, bytes) else "".join(f"{row}{newline}" for row in rows).encode()
    end = f"# End: Data {kind}{newline}# End: Segment{newline}".encode()
    return "".join(f"{line}{newline}" for line in lines).encode() + body + end


def text(rows: np.ndarray) -> list[str]:
    return [" ".join(f"{x:.12g}" for x in row) for row in rows]


def binary(rows: np.ndarray, size: int) -> bytes:
    check = struct.pack("<f", 1234567.0) if size == 4 else struct.pack("<d", 123456789012345.0)
    return check + rows.astype(f"<f{size}").tobytes()
