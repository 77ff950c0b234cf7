"""Classification of textures and thermal states into phases, by rules on their portraits.

A rule is a name, a sentence for readers, and the same condition as a function of a portrait. The first rule that holds
names the phase. To add a phase, put a rule into ``RULES`` before the rules of which it is a special case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from magsearch.observables.topological_charge import SMOOTH
from magsearch.phases.portrait import Portrait


@dataclass(frozen=True)
class Rule:
    """The definition of a phase: its name, a sentence, and the condition as a function of a portrait."""

    name: str
    sentence: str
    holds: Callable[[Portrait], bool]


def _compensated(p: Portrait) -> bool:
    """Return whether collinear spins alternate without a mean spin, each with three nearest neighbours."""
    return p.antiparallel and p.linear > 0.9 and p.uniform < 0.01 and p.coordination == 3


RULES = (
    Rule(
        "independent spins",
        "a model without couplings: every spin follows its own anisotropy and the field",
        lambda p: not p.coupled,
    ),
    Rule(
        "hedgehog lattice",
        "several Bragg peaks coexist, with hedgehogs and antihedgehogs between cells of three dimensions",
        lambda p: p.crystalline and p.together > 1.5 and p.hedgehogs > 0,
    ),
    Rule(
        "isolated skyrmions",
        "a minimum with a topological charge whose mean spin has more than twice the weight of its waves",
        lambda p: p.kelvin == 0 and abs(p.charge) > 0.5 and p.alike > SMOOTH and p.uniform > 2 * p.modulated,
    ),
    Rule(
        "skyrmion lattice",
        "several Bragg peaks coexist, with a topological charge above one half per cell of their lattice",
        lambda p: p.crystalline and p.together > 1.5 and p.density > 0.5,
    ),
    Rule(
        "antiferromagnetic skyrmion lattice",
        "several magnetic sublattices, on each of which Bragg peaks coexist, with a topological charge above one half "
        "per cell of their lattice",
        lambda p: p.sublattices > 1 and p.opposed > 0.5,
    ),
    Rule(
        "canted antiferromagnet",
        "spins that alternate along a line, with a mean spin across it",
        lambda p: p.antiparallel and p.line > 0.9 and 0.01 < p.uniform < 0.75 and p.leaning < 0.25,
    ),
    Rule(
        "ferromagnet",
        "no Bragg peak, equal sublattices, and a mean spin above one half",
        lambda p: not p.crystalline and p.uniform > max(0.25, p.staggered),
    ),
    Rule(
        "skyrmion liquid",
        "a thermal state without Bragg peaks, with a topological charge above half that of a skyrmion lattice",
        lambda p: p.kelvin > 0 and not p.crystalline and p.density > 0.5,
    ),
    Rule(
        "zigzag",
        "collinear spins that compensate each other, each parallel to two of three nearest neighbours",
        lambda p: _compensated(p) and abs(p.bonded - p.linear / 3) < 0.15,
    ),
    Rule(
        "stripy",
        "collinear spins that compensate each other, each parallel to one of three nearest neighbours",
        lambda p: _compensated(p) and abs(p.bonded + p.linear / 3) < 0.15,
    ),
    Rule(
        "antiferromagnet",
        "collinear sublattices of one cell that compensate each other",
        lambda p: p.staggered > max(0.25, p.modulated) and p.collinear > 0.9 and p.uniform < 0.01,
    ),
    Rule(
        "ferrimagnet",
        "collinear, opposed sublattices of one cell with a net mean spin",
        lambda p: p.staggered > max(0.25, p.modulated) and p.collinear > 0.9,
    ),
    Rule(
        "noncollinear antiferromagnet",
        "noncollinear sublattices of one cell",
        lambda p: p.staggered > max(0.25, p.modulated),
    ),
    Rule(
        "paramagnet",
        "a thermal state without Bragg peaks or order of sublattices",
        lambda p: p.kelvin > 0 and not p.crystalline,
    ),
    Rule("disordered", "a minimum of the energy without Bragg peaks", lambda p: not p.crystalline),
    Rule(
        "cuboc",
        "three Bragg peaks whose 2 q are reciprocal lattice vectors, on three atoms with spins in all directions",
        lambda p: (
            2.5 < p.together < 3.5
            and p.atoms == 3
            and p.extent > 0.2
            and p.uniform < 0.01
            and all(arm.order == 2 for arm in p.arms[:3])
        ),
    ),
    Rule("multi-q", "several Bragg peaks coexist", lambda p: p.together > 1.5),
    Rule(
        "antiferromagnet",
        "one Bragg peak whose 2 q is a reciprocal lattice vector",
        lambda p: p.arms[0].order == 2,
    ),
    Rule(
        "antiferromagnet",
        "one Bragg peak of collinear spins that compensate each other, with more antiparallel than parallel neighbours",
        lambda p: p.linear > 0.9 and p.uniform < 0.01 and p.bonded < 0,
    ),
    Rule(
        "120 degree antiferromagnet",
        "one Bragg peak of rotating spins whose 3 q is a reciprocal lattice vector",
        lambda p: p.arms[0].order == 3 and p.arms[0].circular > 0.5,
    ),
    Rule(
        "conical",
        "one Bragg peak of spins that rotate about the mean spin",
        lambda p: p.arms[0].circular > 0.5 and p.uniform > 0.01 and abs(p.tilt) > 0.9,
    ),
    Rule("spiral", "one Bragg peak of rotating spins", lambda p: p.arms[0].circular > 0.5),
    Rule("stripes", "one Bragg peak of spins that oscillate along a line", lambda p: True),
)


def rule_of(portrait: Portrait) -> Rule:
    """Return the first rule that holds, by which a portrait is named; several rules may give one name."""
    return next(rule for rule in RULES if rule.holds(portrait))


def label(portrait: Portrait) -> str:
    """Return the name of the phase of a portrait, that of the first rule that holds."""
    return rule_of(portrait).name
