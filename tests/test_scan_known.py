"""Scans whose phases are known from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import done

from magsearch import storage
from magsearch.phases.crossings import crossings
from magsearch.scan.cut import cut_of
from magsearch.units import MU_B

INPUT = Path(__file__).parent.parent / "inputs" / "square-bloch.toml"


@pytest.mark.slow
def test_square_lattice_goes_from_helix_to_skyrmions_to_ferromagnet(tmp_path):
    """D / J = 0.5: skyrmions from h = 0.06 J on (Yi et al., Phys. Rev. B 80, 054416 (2009)), a ferromagnet from 0.19 J
    to 0.20 J on (inputs/square-bloch.toml); h = mu_B m B."""
    out = tmp_path / "scan.h5"
    tesla = [round(h / MU_B, 4) for h in (0.02, 0.05, 0.08, 0.12, 0.16, 0.18, 0.21)]
    cheap = ("--set", "search.replicas=32", "--set", "search.window=5")
    done("scan", INPUT, "-o", out, "--set", f"scan.field={tesla}", *cheap, seconds=1800)
    record = storage.read_scan(out)
    (row,) = cut_of(record, out, None, None, []).rows
    first, second = crossings(row)
    assert (first.before, first.after) == ("spiral", "skyrmion lattice")
    assert 0.055 < first.low * MU_B <= first.at * MU_B <= first.high * MU_B < 0.065
    assert (second.before, second.after) == ("skyrmion lattice", "ferromagnet")
    assert 0.185 < second.at * MU_B < 0.205
    ferromagnet = row.columns[-1].minima[0]
    assert ferromagnet.per_site == pytest.approx(-2 - 0.21, abs=1e-5)
    assert ferromagnet.slopes["field"] == pytest.approx(-MU_B, rel=1e-6)
