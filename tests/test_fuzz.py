"""Files that are nearly right, a few for every reader; fuzz.py tries any number of them."""

from __future__ import annotations

import pytest

fuzz = pytest.importorskip("fuzz", reason="no hypothesis: pip install hypothesis", exc_type=ImportError)


@pytest.mark.parametrize("name", fuzz.SEEDS)
def test_the_undamaged_files_are_read(tmp_path, name):
    """Otherwise fuzzing would only see the first refusal."""
    for n, files in enumerate(fuzz.SEEDS[name]):
        folder = tmp_path / str(n)
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_bytes(content)
        assert fuzz.read(name, folder / next(iter(files))) == ""


@pytest.mark.parametrize("name", fuzz.SEEDS)
def test_damaged_files_are_read_or_refused(name):
    fuzz.attempt(name, max_examples=30, derandomize=True)()
