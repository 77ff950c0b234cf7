"""Magnetic CIF (mCIF), the IUCr's text format of magnetic structures.

Moments are components along unit vectors of the crystal axes, in Bohr magnetons (magCIF dictionary 0.9.8,
``_atom_site_moment.crystalaxis``). A file holds lengths and angles of its cell, not its orientation: that is given by
``_parent_space_group.child_transform_Pp_abc``, the vectors of the magnetic cell in those of the chemical one.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import InputError
from magsearch.formats.spins.tiling import tiled
from magsearch.formats.table import number, read_text, sensible
from magsearch.formatting import counted
from magsearch.model.lattice import Lattice

TRANSFORM = "_parent_space_group_child_transform_pp_abc"
OPERATIONS, CENTERINGS = "_space_group_symop_magn_operation_xyz", "_space_group_symop_magn_centering_xyz"
SAME = 1e-3  # relative difference of lengths, and of angles in radians, of equal cells; of places of one atom in a cell
MOMENT = "_atom_site_moment_label"
UNEQUAL = 0.01  # of the largest moment: rounding of those that several operations give one atom
LARGEST = 1e4  # coefficient in a transformation or an operation
TOKEN = re.compile(r"'((?:[^']|'(?=\S))*)'|\"((?:[^\"]|\"(?=\S))*)\"|(\S+)")


def recognises(begin: bytes) -> bool:
    """Return whether the beginning of a file is that of a CIF: comments, and a block data_NAME."""
    lines = (line.strip() for line in begin.decode("utf-8", errors="replace").splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first.lower().startswith("data_")


@dataclass(frozen=True)
class Block:
    """The first data block of a CIF: values and the columns of its loops by tag, lower case with _ for a point.

    values   text of each tag
    columns  texts of each tag of a loop
    lines    line at which each tag stands, from 1
    """

    values: dict[str, str]
    columns: dict[str, list[str]]
    lines: dict[str, int]


def parse(path: Path) -> Block:
    """Read the first data block of a CIF. Raises InputError, with file and line, for a loop with cells missing."""
    block, tokens, k, begun = Block({}, {}, {}), _tokens(path), 0, False

    def kind(at: int) -> str:
        if at >= len(tokens):
            return "end"
        text, _, quoted = tokens[at]
        if quoted or not text.lower().startswith(("data_", "loop_", "_")):
            return "value"
        return "tag" if text.startswith("_") else text[:5].lower()

    def name(at: int) -> str:
        tag = tokens[at][0].lower().replace(".", "_")
        block.lines[tag] = tokens[at][1]
        return tag

    while k < len(tokens) and not (begun and kind(k) == "data_"):
        begun, this, k = begun or kind(k) == "data_", kind(k), k + 1
        if this == "tag" and kind(k) == "value":
            block.values[name(k - 1)] = tokens[k][0]
        elif this == "loop_":
            end = next(n for n in range(k, len(tokens) + 1) if kind(n) != "tag")
            last = next(n for n in range(end, len(tokens) + 1) if kind(n) != "value")
            tags, cells = [name(n) for n in range(k, end)], [token[0] for token in tokens[end:last]]
            if tags and len(cells) % len(tags):
                told = (
                    f"the loop of {tokens[k][0]} has {counted(len(tags), 'column')} and {counted(len(cells), 'value')}"
                )
                raise InputError(told, path, tokens[k][1])
            block.columns.update({tag: cells[n :: len(tags)] for n, tag in enumerate(tags)})
            k = last
    more = sum(kind(n) == "data_" for n in range(k, len(tokens)))
    if more:
        warnings.warn(f"{path}: has {1 + more} data blocks; the first is read", stacklevel=5)
    return block


def _tokens(path: Path) -> list[tuple[str, int, bool]]:
    """Return words and quoted texts with their lines, and whether they were quoted."""
    found: list[tuple[str, int, bool]] = []
    lines = read_text(path).splitlines()
    k = 0
    while k < len(lines):
        if lines[k].startswith(";"):
            end = next((n for n in range(k + 1, len(lines)) if lines[n].startswith(";")), len(lines))
            found.append(("\n".join([lines[k][1:], *lines[k + 1 : end]]), k + 1, True))
            k = end + 1
            continue
        for match in TOKEN.finditer(lines[k]):
            if match[3] and match[3].startswith("#"):
                break
            text = next(group for group in match.groups() if group is not None)
            found.append((text, k + 1, match[3] is None))
        k += 1
    return found


def read(path: Path, lattice: Lattice) -> NDArray[np.float64]:
    """Read the directions [site, 3] of the moments, repeated over the box; zero without a moment.

    Raises InputError, with file and line, for invalid files and for cells and positions that do not fit the lattice.
    """
    block = parse(path)
    cell = _cell(path, block, lattice)
    labels = _column(path, block, "_atom_site_label")
    fractions = _vectors(path, block, "_atom_site_fract_", "xyz")
    moments = dict.fromkeys(labels, np.zeros(3))
    named = _column(path, block, MOMENT)
    for label, moment in zip(named, _vectors(path, block, "_atom_site_moment_crystalaxis_", "xyz"), strict=True):
        if labels.count(label) != 1 or named.count(label) != 1:
            known = "several atoms" if labels.count(label) > 1 else "an atom with another moment"
            what = known if label in moments else "no atom"
            raise InputError(f"a moment of {label}, which is {what} of the file", path, block.lines[MOMENT])
        moments[label] = moment / np.linalg.norm(cell, axis=1)  # in cell vectors
    places, vectors = _expanded(path, block, fractions, np.array([moments[label] for label in labels]))
    magnetic = (vectors != 0).any(axis=1)
    found = tiled(path, lattice, cell, places[magnetic] @ cell, vectors[magnetic] @ cell)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(length > 0, length, 1.0)


def _column(path: Path, block: Block, tag: str) -> list[str]:
    if tag not in block.columns:
        raise InputError(f"has no loop with {tag}; expected the atoms and moments of a magnetic structure", path)
    return block.columns[tag]


def _numbers(path: Path, block: Block, tag: str, texts: list[str]) -> list[float]:
    found = []
    for text in texts:
        try:
            found.append(number(re.sub(r"\(\d+\)$", "", text)))
        except ValueError:
            found.append(np.nan)
        if not sensible(found[-1]):
            raise InputError(f"{tag} is {text!r}; expected a number", path, block.lines[tag])
    return found


def _vectors(path: Path, block: Block, tag: str, axes: str) -> NDArray[np.float64]:
    return np.array(
        [_numbers(path, block, tag + axis, _column(path, block, tag + axis)) for axis in axes], dtype=np.float64
    ).T.reshape(-1, 3)


def _cell(path: Path, block: Block, lattice: Lattice) -> NDArray[np.float64]:
    """Return the cell of the file in the frame of the lattice, [3, 3] angstrom."""
    tags = [
        f"_cell_{name}" for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    ]
    for tag in tags:
        if tag not in block.values:
            raise InputError(f"has no {tag}; expected lengths and angles of the cell", path)
    given = np.array([_numbers(path, block, tag, [block.values[tag]])[0] for tag in tags])
    if not (given > 0).all():
        raise InputError(
            f"has the cell {' '.join(f'{x:g}' for x in given)}; expected positive lengths and angles", path
        )

    def alike(cell: NDArray[np.float64]) -> bool:
        own = parameters(cell)
        return bool(
            (np.abs(own[:3] - given[:3]) <= SAME * given[:3]).all()
            and (np.abs(own[3:] - given[3:]) <= np.degrees(SAME)).all()
        )

    if TRANSFORM in block.values:
        line = block.lines[TRANSFORM]
        cell = combination(path, block.values[TRANSFORM], line) @ lattice.cell
        if not alike(cell):
            raise InputError("the lengths and angles are not those of this cell of the model's lattice", path, line)
        return cell
    found = next((cell for cell in (lattice.cell, lattice.box) if alike(cell)), None)
    if found is None:
        raise InputError(
            "its cell is neither that of the model nor the box; expected _parent_space_group.child_transform_Pp_abc, "
            "which gives its vectors in those of the model",
            path,
        )
    return found


def combination(path: Path, text: str, line: int | None = None) -> NDArray[np.float64]:
    """Return vectors in rows from text such as 'a+b,-a+b,2c;0,0,0'. Raises InputError for other texts."""
    vectors, _, origin = text.partition(";")
    rows = [_linear(part, "abc") for part in vectors.split(",")]
    whole = len(rows) == 3 and None not in rows and all(shift.strip() in ("0", "") for shift in origin.split(","))
    matrix = np.array(rows if whole else np.zeros((3, 4)), dtype=np.float64)[:, :3]
    if not (np.abs(matrix) <= LARGEST).all() or abs(np.linalg.det(matrix)) < SAME:
        raise InputError(f"{text!r} is not understood; expected, for example, 'a+b,-a+b,2c;0,0,0'", path, line)
    return matrix


def _linear(text: str, names: str) -> list[float] | None:
    """Return the coefficients of the names and the constant in -x+y+1/2; None for what is no such sum."""
    text, found = text.replace(" ", "").lower(), [0.0] * 4
    parts = re.findall(r"[+-]?[^+-]+", text)
    if "".join(parts) != text or not parts:
        return None
    for part in parts:
        match = re.fullmatch(rf"([+-]?)(\d+(?:\.\d*)?|\.\d+)?(?:/(\d+))?\*?([{names}])?(?:/(\d+))?", part)
        if not match or not (match[2] or match[4]) or "0" in (match[3], match[5]):
            return None
        value = float(match[2] or 1) / float(match[3] or 1) / float(match[5] or 1)
        found[names.index(match[4]) if match[4] else 3] += -value if match[1] == "-" else value
    return found


def _expanded(
    path: Path, block: Block, fractions: NDArray[np.float64], moments: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return all atoms of the cell, fractions and moments in cell vectors, by the operations that the file lists."""
    places, vectors = list[NDArray[np.float64]](), list[NDArray[np.float64]]()
    operations, centerings = (
        [_operation(path, block, tag, text) for text in block.columns.get(tag, ["x,y,z,+1"])]
        for tag in (OPERATIONS, CENTERINGS)
    )
    for W, w, time in operations:
        for C, c, flip in centerings:
            places.append((fractions @ W.T + w) @ C.T + c)
            vectors.append(np.linalg.det(C @ W) * time * flip * moments @ W.T @ C.T)
    x, m = np.concatenate(places) % 1.0, np.concatenate(vectors)
    kept: list[int] = []
    for k in range(len(x)):
        apart = x[kept] - x[k]
        same = (np.abs(apart - np.rint(apart)) < SAME).all(axis=1)
        if not same.any():
            kept.append(k)
        elif np.abs(m[kept][same] - m[k]).max() > UNEQUAL * np.abs(m).max():
            told = "({:g}, {:g}, {:g})".format(*x[k])
            raise InputError(f"the operations make different moments at {told}; expected one at each site", path)
    return x[kept], m[kept]


def _operation(path: Path, block: Block, tag: str, text: str) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    parts = text.split(",")
    rows = [_linear(part, "xyz") for part in parts[:3]]
    whole = len(parts) == 4 and None not in rows and parts[3].strip() in ("1", "+1", "-1")
    matrix = np.array(rows if whole else np.zeros((3, 4)), dtype=np.float64)
    if not (np.abs(matrix) <= LARGEST).all() or abs(abs(np.linalg.det(matrix[:, :3])) - 1) > SAME:
        raise InputError(
            f"{text!r} is no magnetic operation; expected, for example, -x,y,z+1/2,-1", path, block.lines[tag]
        )
    return matrix[:, :3], matrix[:, 3], int(parts[3])


def parameters(cell: ArrayLike) -> NDArray[np.float64]:
    """Return a, b, c in angstrom and alpha, beta, gamma in degrees of a cell [3, 3] with vectors in rows, [6]."""
    cell = np.asarray(cell, dtype=np.float64)
    length = np.linalg.norm(cell, axis=1)
    unit = cell / length[:, None]
    cosine = np.clip([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]], -1.0, 1.0)
    return np.concatenate([length, np.degrees(np.arccos(cosine))])
