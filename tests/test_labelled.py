"""Every dataset of a file says what it is, and results as xarray datasets and pandas tables hold what files hold."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from models import MODELS
from numpy.testing import assert_array_equal
from records import stored
from scans import heated, scan

from magsearch import storage
from magsearch.errors import InputError
from magsearch.runs.result import Result

PAGE = Path(__file__).parent.parent / "docs" / "datasets.md"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    run, made = (tmp_path_factory.mktemp("files") / name for name in ("run.h5", "scan.h5"))
    storage.write(run, stored(MODELS["disordered"]))
    storage.write_scan(made, heated(scan(fields=(0.0, 1.0))))
    return [run, made]


def datasets(path: Path) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}
    h5py.File(path).visititems(lambda name, item: found.update({name: item} if isinstance(item, h5py.Dataset) else {}))
    return {name: item for name, item in found.items() if not name.startswith("config")}


def test_every_dataset_is_in_the_docs_with_its_axes_unit_and_content(files):
    if not PAGE.exists():
        pytest.skip("the docs are not installed")
    listed, place = set(), ""
    for line in PAGE.read_text().splitlines():
        place = line[3:] if line.startswith("## ") else place
        if line.startswith("| `"):
            name, *rest = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
            listed.add((f"{place}/{name.strip('`')}", *(cell.replace("\\|", "|") for cell in rest)))
    for path in files:
        for name, item in datasets(path).items():
            where = re.sub(r"/\d+/", "/*/", f"/{name}")
            if item.attrs["description"] == f"setting {where.rpartition('/')[2]}":
                continue
            where = where.replace("/site_bonds/", "/bonds/")
            assert (where, *(item.attrs[key] for key in ("axes", "unit", "description"))) in listed


def test_axes_have_labels_and_those_that_are_counted_have_scales(files):
    for name, item in datasets(files[0]).items():
        labels = [axis.label for axis in item.dims]
        assert labels == [axis.strip() for axis in item.attrs["axes"].split(",")][: item.ndim], name
    with h5py.File(files[0]) as file:
        offspring, history = file["history/offspring"], file["history"]
        for axis, name in enumerate(("generation", "island", "operator")):
            assert offspring.dims[axis][0] == history[name]
        scaled = [[len(axis) > 0 for axis in item.dims] for item in map(file.get, datasets(files[0]))]
        assert all(all(one) or not any(one) for one in scaled), "netCDF knows no dataset with scales on some axes only"
        assert history["operator"].asstr()[()].tolist() == list(history.attrs["operators"])


def test_xarray_holds_the_elites_and_the_history_of_the_file(files):
    xarray = pytest.importorskip("xarray")
    record = storage.read(files[0])
    labelled = Result(record, files[0]).to_xarray()
    assert isinstance(labelled, xarray.Dataset)
    for k, elite in enumerate(record.elites):
        assert_array_equal(labelled.spins.isel(elite=k), elite.spins)
        assert labelled.energy.values[k] == elite.energy
        assert labelled.label.values[k] == elite.phase
    assert labelled.spins.dims == ("elite", "site", "xyz")
    assert labelled.energy.attrs == {"units": "meV", "long_name": "energy"}
    assert_array_equal(labelled.best.transpose("generation", "island"), record.history["best"])
    name = record.history.operators[-1]
    assert_array_equal(labelled.offspring.sel(operator=name), record.history["offspring"][..., -1])
    assert_array_equal(labelled.position, record.hamiltonian.lattice.positions)
    assert labelled.spins.sel(xyz="z").equals(labelled.spins.isel(xyz=2))


def test_tables_hold_the_points_of_the_file(files):
    pytest.importorskip("pandas")
    scan = storage.read_scan(files[1])
    table, labelled = scan.to_pandas(), scan.to_xarray()
    with h5py.File(files[1]) as file:
        points = file["points"]
        assert len(table) == len(points["energy_per_site"]) > 1
        for name, item in points.items():
            values = item.asstr()[()] if item.dtype.kind == "O" else item[()]
            assert_array_equal(labelled[name], values)
            assert_array_equal(table[name] if values.ndim == 1 else table[[f"{name}_{x}" for x in "xyz"]], values)


@pytest.mark.parametrize("name", ["xarray", "pandas"])
def test_without_the_library_a_line_says_how_to_get_it(files, name, monkeypatch):
    def missing(wanted):
        raise ImportError(wanted)

    monkeypatch.setattr("magsearch.storage.labelled.import_module", missing)
    with pytest.raises(InputError, match=r"pip install 'magsearch\[data\]'"):
        getattr(storage.read_scan(files[1]), f"to_{name}")()


def test_a_scale_of_another_length_is_not_attached(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for axis, length in (("wave", 3), ("other", 2)):
            file[axis] = np.arange(length)
            file[axis].attrs["axes"] = "wave"
        storage.files.attach_scales(file)
        assert not len(file["other"].dims[0])
        assert file["wave"].is_scale
