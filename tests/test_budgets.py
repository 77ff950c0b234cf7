"""The lower bound and the refinement of the elites may take their time only; what there is then is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import MODEL, printed
from models import MODELS

from magsearch import storage
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.errors import Interrupted, Overdue
from magsearch.runs.run import bound_of
from magsearch.search.budget import Budget, allowed
from magsearch.symmetry.spin_group import spin_group


def spent(seconds: float = 1e-9) -> Budget:
    return Budget(seconds, lambda: None)


def test_a_part_may_take_a_tenth_of_the_search_and_a_minute_at_least():
    assert allowed(None, None) == allowed(None, 300.0) == 60.0
    assert allowed(None, 3600.0) == 360.0
    assert allowed(5.0, 3600.0) == 5.0


@pytest.mark.parametrize("name", ["square_bloch", "icosahedron"])
def test_a_bound_ends_when_its_time_is_spent(name):
    """Of a box with wave vectors, and of a cluster."""
    with pytest.raises(Overdue):
        lower_bound(MODELS[name], watch=spent())
    none, why = bound_of(MODELS[name], True, spent())
    assert none is None
    assert why == "stopped after its budget of 1e-09 s (search.bound_seconds)"
    assert bound_of(MODELS[name], True, spent(1e9))[0] == lower_bound(MODELS[name])


def test_symmetries_end_when_their_time_is_spent():
    with pytest.raises(Overdue):
        spin_group(MODELS["square_bloch"], watch=spent())


def test_a_signal_ends_a_bound():
    def watch():
        raise Interrupted

    assert bound_of(MODELS["square_bloch"], True, Budget(1e9, watch)) == (None, "interrupted")


def test_a_run_continues_without_a_bound_and_stores_elites_that_are_not_refined(tmp_path: Path, capsys):
    (tmp_path / "in.toml").write_text(MODEL)
    out = tmp_path / "out.h5"
    tight = ("--set", "search.bound_seconds=1e-9", "--set", "search.polish_seconds=1e-9")
    told = printed(capsys, "run", tmp_path / "in.toml", "-o", out, "--set", "search.bound=true", *tight)
    assert "no lower bound: stopped after its budget of 1e-09 s (search.bound_seconds)" in told
    lacking = "energies in double precision, stability and degeneracies"
    assert f"elites without {lacking}: stopped after its budget of 1e-09 s (search.polish_seconds)" in told
    stored, sound = storage.read(out), tmp_path / "sound.h5"
    printed(capsys, "run", tmp_path / "in.toml", "-o", sound)
    whole = storage.read(sound)
    assert stored.stopped is not None
    assert stored.bound is None
    assert stored.elites[0].energy == pytest.approx(whole.elites[0].energy, rel=1e-3)
    assert stored.elites[0].degeneracy is None
    assert whole.elites[0].degeneracy is not None
