"""Damaged and forged files of runs and scans: what is intact is shown, all else is refused in one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command import here, refused, stopped
from lines import sound
from models import MODELS
from processes import MODEL, datasets, done
from records import made_early, stored

from magsearch import storage
from magsearch.errors import InputError
from magsearch.storage.integrity import seal

DATA = Path(__file__).parent / "data"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "run.h5"
    storage.write(found, stored(MODELS["square_bloch"]))
    return found


@pytest.fixture(scope="module")
def resumable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that can be resumed, from which a few generations follow in no time."""
    folder = tmp_path_factory.mktemp("resumable")
    (folder / "in.toml").write_text(MODEL.replace("generations = 12", "generations = 4"))
    done("run", folder / "in.toml", "-o", folder / "run.h5")
    return folder / "run.h5"


@pytest.mark.slow
def test_damaged_copies_are_read_or_refused_by_every_command():
    """damage.py tries any number of them; in a process of its own, which an abort would end."""
    script = Path(__file__).with_name("damage.py")
    paths = os.pathsep.join([str(script.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    told = subprocess.run(
        [sys.executable, script, "--copies", "3"],
        capture_output=True, text=True, timeout=500, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr.splitlines()[-1]


def test_a_run_with_a_flipped_bit_is_refused_or_has_the_same_content(resumable, tmp_path):
    """Every part of it that another result could come from; bits that nothing is stored in do not matter."""
    rng, content, copy = np.random.default_rng(5), resumable.read_bytes(), tmp_path / "copy.h5"
    sound, refusals = datasets(resumable), 0
    for place in rng.integers(len(content), size=14):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.integers(8)
        copy.write_bytes(changed)
        try:
            record = storage.read(copy)
            storage.read_states(copy)
        except InputError:
            refusals += 1
            continue
        if record.damaged:
            refusals += 1
            continue
        same = datasets(copy)
        assert {name for name in sound if same[name] != sound[name]} <= {"elites/charge_density"}
    assert refusals > 4


def test_a_resumed_run_whose_file_is_damaged_is_refused(resumable, tmp_path, capsys):
    for part in ("checkpoint/texture", "history/best", "elites/energy", "config/settings"):
        copy = tmp_path / "copy.h5"
        copy.write_bytes(resumable.read_bytes())
        with h5py.File(copy, "a") as file:
            dataset = file[part]
            if dataset.shape:
                dataset[0] = dataset[0] * 2 + 1
            else:
                dataset[()] = dataset[()].replace(b"4", b"5")
        before = copy.read_bytes()
        assert "damaged" in stopped(capsys, "run", "--resume", copy, "--set", "search.generations=6")
        assert copy.read_bytes() == before


@pytest.mark.parametrize("part", ["elites", "history"])
def test_what_is_intact_is_shown(part, path, capsys):
    with h5py.File(path, "a") as file:
        name = next(iter(file[part]))
        file[part][name][0] = 77
    code, out, err = here(capsys, "show", path)
    assert code == 0, err
    assert f"damaged    {part}" in out
    assert part == "elites" or "meV per site" in out
    assert storage.read(path).damaged[0].startswith(part)
    wanted = {"elites": "texture", "history": "generations"}[part]
    assert f"is damaged: {part}" in stopped(capsys, "plot", path, "--what", wanted, "-o", path.with_suffix(".png"))


def test_values_of_another_type_are_not_elites(path):
    """Also where the checksums agree."""
    with h5py.File(path, "a") as file:
        values = file["elites/energy"][()].astype(complex)
        del file["elites/energy"]
        file["elites/energy"] = values
        seal(file)
    record = storage.read(path)
    assert record.elites == ()
    assert "elites/energy is complex128" in record.damaged[0]


def test_forged_numbers_of_a_model_or_a_column_are_refused(path, tmp_path, capsys):
    """Also where the checksums agree."""
    with h5py.File(path, "a") as file:
        file["model"].attrs["periodic"] = np.ones(6, dtype=bool)
        seal(file)
    assert "6 flags; expected three, one for each axis" in refused(capsys, "show", path)
    scan = tmp_path / "scan.h5"
    for name, value, told in (
        ("columns/00001/minima/energy", np.nan, "/minima/energy has numbers that are not finite"),
        ("config/model", "2.5", "holds float in JSON; expected a table"),
        ("config/settings", '{"search": 1}', "the settings of search are not a table"),
    ):
        shutil.copy(sound("scan.h5"), scan)
        with h5py.File(scan, "a") as file:
            file[name][...] = value
            seal(file)
        for command in ("show", "info"):
            assert told in refused(capsys, command, scan)
    for attribute, value, told in (
        (
            "temperatures",
            np.zeros((1, 2)),
            "temperatures of /columns/00001 is float64 (1, 2); expected a row of numbers",
        ),
        ("temperatures", np.array([4.0, 4.0]), "temperatures of /columns/00001 do not rise from 0 kelvin on"),
        ("temperatures", np.array([np.nan]), "temperatures of /columns/00001 has numbers that are not finite"),
        ("seconds", np.zeros(3), "seconds of /columns/00001 is float64 (3,); expected a row of 2 numbers"),
    ):
        shutil.copy(sound("scan.h5"), scan)
        with h5py.File(scan, "a") as file:
            file["columns/00001"].attrs[attribute] = value
            seal(file)
        assert told in refused(capsys, "show", scan)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bound/q", np.zeros((2, 4))),
        ("bound/multipliers", np.array([np.nan])),
        ("bound/per_site", np.zeros(2)),
        ("history/seconds", np.zeros(1)),
    ],
)
def test_a_part_with_forged_shapes_is_left_out(tmp_path, capsys, name, value):
    path = Path(shutil.copy(sound("run.h5"), tmp_path))
    with h5py.File(path, "a") as file:
        kept = dict(file[name].attrs)
        del file[name]
        file[name] = value
        file[name].attrs.update(kept)
        seal(file)
    code, out, err = here(capsys, "show", path)
    assert code == 0
    assert f"/{name}" in (out + err).replace("\n", " ")


def test_attributes_are_covered(path, capsys):
    with h5py.File(path, "a") as file:
        file["model"].attrs["size"] = np.array([6, 5, 2])
    assert "/model is not what was written" in refused(capsys, "show", path)


def test_a_group_or_dataset_that_is_added_or_removed_is_noticed(path, capsys):
    with h5py.File(path, "a") as file:
        file["model"]["more"] = 1
    assert "/model is not what was written" in refused(capsys, "show", path)


def test_parts_are_covered(tmp_path, capsys):
    (tmp_path / "in.toml").write_text(MODEL.replace("generations = 12", "generations = 4"))
    done("run", tmp_path / "in.toml", "-o", tmp_path / "a.h5", "--set", "storage.gather=0")
    part = next((tmp_path / "a.h5.parts").glob("*.h5"))
    with h5py.File(part, "a") as file:
        file["energy"][0] += 1e-9
    assert "/energy is not what was written" in stopped(
        capsys, "run", "--resume", tmp_path / "a.h5", "--set", "search.generations=6"
    )


@pytest.mark.parametrize("name", ["finished.h5", "resumable.h5", "scan.h5"])
def test_files_of_early_versions_open(name, capsys):
    code, _, err = here(capsys, "show", DATA / name)
    assert code == 0, err


def test_an_early_file_whose_populations_hold_nan_is_refused(resumable, tmp_path, capsys):
    copy = tmp_path / "copy.h5"
    copy.write_bytes(resumable.read_bytes())
    made_early(copy)
    with h5py.File(copy, "a") as file:
        file["checkpoint/energy"][0] = np.nan
    assert "not a number" in stopped(capsys, "run", "--resume", copy, "--set", "search.generations=6")


# -- forged ------------------------------------------------------------------------------------------------------------


def external(group: h5py.Group, name: str, secret: Path) -> None:
    group[name] = h5py.ExternalLink(str(secret), "text")


def soft(group: h5py.Group, name: str, secret: Path) -> None:
    group[name] = h5py.SoftLink("/model/cell")


def raw(group: h5py.Group, name: str, secret: Path) -> None:
    group.create_dataset(name, (8,), "S1", external=[(str(secret), 0, 8)])


def shown(group: h5py.Group, name: str, secret: Path) -> None:
    layout = h5py.VirtualLayout((1,), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "number", (1,), "f8")
    group.create_virtual_dataset(name, layout)


def itself(group: h5py.Group, name: str, secret: Path) -> None:
    group[name] = group


def huge(group: h5py.Group, name: str, secret: Path) -> None:
    group.create_dataset(name, (1 << 50,), "f8", chunks=(1024,), compression="gzip")


@pytest.mark.parametrize("forge", [external, soft, raw, shown, itself, huge])
@pytest.mark.parametrize("place", ["config/text", "elites/energy", "model/cell"])
def test_content_of_other_files_is_not_followed(forge: Any, place, path, tmp_path, capsys):
    """Also in a file without checksums, whose refusal would be for another reason otherwise."""
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["text"], file["number"] = "password", [1.0]
    made_early(path)
    with h5py.File(path, "a") as file:
        group, _, name = place.partition("/")
        del file[place]
        forge(file[group], name, secret)
    assert "password" not in refused(capsys, "report", path, "-o", tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_a_pipe_is_no_run(tmp_path, capsys):
    os.mkfifo(tmp_path / "a.h5")
    assert "is a pipe" in refused(capsys, "show", tmp_path / "a.h5")
