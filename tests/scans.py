"""Scans whose transitions are known on paper, to be cut, drawn and reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from models import MODELS

from magsearch.phases.column import ALL, Column, Minimum, ThermalState, lowest
from magsearch.phases.portrait import Portrait
from magsearch.storage import ScanRecord
from magsearch.thermal.sampling import Averages
from magsearch.thermal.statistics import Estimate

FIGURES = Portrait(0.0, (0.0, 0.0, 1.0), 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, ())
UP, AGAINST = FIGURES, replace(FIGURES, magnetization=(0.0, 0.0, 0.0), staggered=1.0)
FIELDS, MOMENTS, SEEDS = (0.0, 1.0, 2.0, 3.0), (1.0, 2.0, 4.0), (1, 2)
SPINS = np.array([[0.0, 0.0, 1.0]])


def minima(field: float, moment: float) -> tuple[Minimum, ...]:
    """A ferromagnet whose energy is - m B beside an antiferromagnet's -3: they cross at B = 3 / m."""
    up = Minimum(SPINS, -moment * field, 0.0, UP, "made", {"field": -moment, "model.moment": -field})
    return lowest([up, Minimum(SPINS, -3.0, 0.0, AGAINST, "made", {"field": 0.0, "model.moment": 0.0})])


def scan(**axes: tuple) -> ScanRecord:
    """Over field, moment, seed, those that are given."""
    points = [
        {"model.field": [0.0, 0.0, b], "model.moment": m, "search.seed": s}
        for b in axes.get("fields", (1.0,))
        for m in axes.get("moments", (2.0,))
        for s in axes.get("seeds", (1,))
    ]
    columns = [
        Column(k, p, minima=minima(p["model.field"][2], p["model.moment"]), states=None) for k, p in enumerate(points)
    ]
    return ScanRecord(
        name="made", hamiltonian=MODELS["square_bloch"], input_path="made.toml", input_text="", settings={}, model=None,
        columns=tuple(columns), followed=1, stopped=None, seconds=0.0, device="", created="", version="", command="",
    )  # fmt: skip


def heated(record: ScanRecord, kelvin: tuple[float, ...] = (5.0, 20.0)) -> ScanRecord:
    """Also at temperatures above 0: a ferromagnet below 10 K and a paramagnet above, on which the ladders disagree."""

    def state(t: float, column: Column) -> ThermalState:
        cold, means = (column.minima or ())[0], [Estimate(value, 0.01, 0.5) for value in (t, 0.0, 0.0, 1.0, 0.5, 0.0)]
        portrait = UP if t < 10 else replace(UP, kelvin=t, magnetization=(0.0, 0.0, 0.0), along=0.0, alike=0.0)
        averages = Averages(t, means[0], (means[1], means[2], means[3]), means[3], means[4], means[5])
        begun = ALL if t < 10 else "ferromagnet"
        return ThermalState(averages, (portrait,), means[4], begun, 0.5, cold.texture.astype(np.float32))

    return replace(
        record,
        columns=tuple(
            replace(c, temperatures=(0.0, *kelvin), states=tuple(state(t, c) for t in kelvin)) for c in record.columns
        ),
    )


def grown(made: ScanRecord) -> ScanRecord:
    """With random textures on all sites, at the same energies per site."""
    random, sites = np.random.default_rng(1), made.hamiltonian.lattice.sites

    def minimum(one: Minimum) -> Minimum:
        spins = random.normal(size=(sites, 3))
        spins /= np.linalg.norm(spins, axis=1, keepdims=True)
        return replace(one, texture=spins, energy=one.energy * sites)

    return replace(made, columns=tuple(replace(c, minima=tuple(map(minimum, c.minima or ()))) for c in made.columns))
