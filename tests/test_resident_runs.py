"""Islands of a rank relax in one batch: on a simulated GPU, ranks and a resumed run differ in no bit either."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import MODEL, differences, done
from simulated import environment


def settings(path: str, generations: int) -> list[str]:
    wanted = [f"search.generations={generations}", f'search.path="{path}"', "search.elites=2", "search.modes=0"]
    return [word for setting in wanted for word in ("--set", setting)]


def run(folder: Path, path: str, ranks: int = 0, generations: int = 4) -> Path:
    source, out = folder / "model.toml", folder / "out.h5"
    source.write_text(MODEL.replace("[8, 8, 1]", "[6, 4, 1]"))
    words = ("run", source, "-o", out, "--device", "cuda", *settings(path, generations))
    done(*words, ranks=ranks, env=environment())
    return out


pytestmark = pytest.mark.slow  # test_simulated_runs.py has a short run on two ranks


@pytest.fixture(scope="module", params=["direct", "fourier"])
def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return request.param, run(tmp_path_factory.mktemp(request.param), request.param)


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_differ_in_no_bit(alone, ranks, tmp_path):
    path, out = alone
    assert differences(out, run(tmp_path, path, ranks=ranks)) == set()


def test_a_resumed_run_differs_in_no_bit(alone, tmp_path):
    path, out = alone
    part = run(tmp_path, path, generations=2)
    done("run", "--resume", part, "--device", "cuda", "--set", "search.generations=4", ranks=2, env=environment())
    assert differences(out, part) == set()
