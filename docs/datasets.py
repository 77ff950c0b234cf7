"""Write docs/datasets.md, the datasets of runs and scans, from two small files: python docs/datasets.py."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

import magsearch as ms
from magsearch import storage
from magsearch.magnons.spectrum import Spectrum
from magsearch.search.supercells.race import Race, Standing

HEAD = """\
# Datasets of runs and scans

<!-- Made by `make docs` from files of a run and a scan; do not edit. -->

[storage.md](storage.md) describes the groups. In names, `*` stands for a number.
"""
MODEL = """\
[model]
cell = [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]]
size = [4, 4, 1]
periodic = [true, true, false]
nonmagnetic = [{position = [0.5, 0.5, 0.5]}]

[[model.exchange]]
J = 1.0
shell = 1
"""
MORE = """
[[model.biquadratic]]
B = 0.1
shell = 1

[[model.tensor_product]]
sites = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0]]
A = [[0.1, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
B = [[0.0, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.0]]

[[model.q]]
Q = [0.5, 0.0, 0.0]
J = 1.0
"""
SETTINGS = {"generations": 2, "replicas": 4, "progress": False, "seed": 1}


def files(folder: Path) -> Iterator[Path]:
    """Make a run and a scan, and yield their paths."""
    source, more = folder / "model.toml", folder / "more.toml"
    source.write_text(MODEL)
    more.write_text(MODEL + MORE)
    run, scan = folder / "run.h5", folder / "scan.h5"
    ms.search(source, store=run, islands=2, bound=True, checkpoints={"textures": 1}, **SETTINGS)
    ms.landscape(run)
    sheared(run)
    storage.store_magnons(run, spin_waves(run))
    yield run
    yield compared(run)
    ms.scan(more, store=scan, field=[0, 1], temperature=[0, 1], search={"generations": 1}, progress=False)
    yield scan


def sheared(run: Path) -> None:
    """Store a run as if its cell vectors were others than those of its input."""
    stored = storage.read(run)
    lattice = stored.hamiltonian.lattice
    given = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]) @ lattice.cell
    other = replace(stored.hamiltonian, lattice=replace(lattice, given=given))
    storage.write(run, replace(stored, hamiltonian=other), storage.read_states(run))


def compared(run: Path) -> Path:
    """Write a run that was ended while supercells were compared, and return its path."""
    stored, out = storage.read(run), run.with_name("compared.h5")
    race = Race(stored.hamiltonian, ms.choose("cpu"), 4)
    race.run()
    storage.write(out, replace(stored, race=Standing(1.0, race.known, (stored.elites[0].spins,))))
    return out


def spin_waves(run: Path) -> Spectrum:
    """Return spin waves of the champion, with all that there can be."""
    stored = storage.read(run)
    waves = ms.SpinWaves.about(stored.hamiltonian, stored.elites[0].spins)
    found = ms.spectrum(waves, ms.path_of("G-X", stored.hamiltonian.lattice, 10, 2), (2, 2, 1), 1.0)
    return replace(found, k=np.zeros(3))  # as of a spiral


def groups(path: Path) -> dict[str, dict[str, tuple[str, str, str]]]:
    """Return axes, unit and description of the datasets, by group and name."""
    found: dict[str, dict[str, tuple[str, str, str]]] = {}

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and "axes" in item.attrs:
            place, _, own = re.sub(r"/\d+/", "/*/", f"/{name}").rpartition("/")
            found.setdefault(place, {})[own] = tuple(str(item.attrs[key]) for key in ("axes", "unit", "description"))

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def page() -> str:
    """Return the page as Markdown."""
    text = HEAD
    with tempfile.TemporaryDirectory() as folder:
        described: dict[str, dict[str, tuple[str, str, str]]] = {}
        for path in files(Path(folder)):
            found = groups(path)
            described |= {place: items for place, items in found.items() if place not in described}
    for place, items in described.items():
        text += f"\n## {place}\n\n| dataset | axes | unit | content |\n|---|---|---|---|\n"
        for name, (axes, unit, about) in items.items():
            text += f"| `{name}` | {axes} | {unit} | {about.replace('|', chr(92) + '|')} |\n"
    return text


if __name__ == "__main__":
    (Path(__file__).parent / "datasets.md").write_text(page())
