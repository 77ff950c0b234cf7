"""Checks of a model for what looks wrong although it can be read: units, signs, missing bonds, boundaries, the box.

A check is a function of the ``Couplings`` that yields a ``Finding`` for each thing it finds, or raises ``NotChecked``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from magsearch.checks import box, couplings, magnitudes
from magsearch.checks.finding import Finding, NotChecked
from magsearch.model.couplings import Couplings
from magsearch.model.hamiltonian import Hamiltonian

__all__ = ["CHECKS", "Examination", "Finding", "NotChecked", "examine"]

CHECKS: tuple[Callable[[Couplings], Iterator[Finding]], ...] = (
    couplings.uncoupled,
    couplings.incomplete,
    couplings.unrelated,
    couplings.strange,
    magnitudes.strength,
    magnitudes.field,
    magnitudes.anisotropy,
    magnitudes.moments,
    magnitudes.places,
    magnitudes.vacancies,
    box.open_edges,
    box.small,
    box.vacuum,
    box.independent,
    box.incommensurate,
)


@dataclass(frozen=True)
class Examination:
    """The findings of all checks, and why some checks could not be made."""

    findings: tuple[Finding, ...]
    skipped: tuple[str, ...]


def examine(hamiltonian: Hamiltonian) -> Examination:
    """Return what all checks find in a model."""
    found: list[Finding] = []
    skipped: list[str] = []
    subject = Couplings(hamiltonian)
    for check in CHECKS:
        try:
            found.extend(check(subject))
        except NotChecked as why:
            skipped.append(str(why))
    return Examination(tuple(found), tuple(skipped))
