"""Which phase a texture or a thermal state belongs to, by rules that read its portrait.

A rule is a name, a sentence, and what the sentence says of a portrait; the first that holds names the phase. To know
another phase, put another rule into ``RULES``, in front of those that it is a special case of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from magsearch.observables.topological_charge import SMOOTH
from magsearch.phases.spectrum import Portrait


@dataclass(frozen=True)
class Rule:
    """A phase, in words and as what the words say of a portrait."""

    name: str
    sentence: str
    holds: Callable[[Portrait], bool]


RULES = (
    Rule(
        "isolated skyrmions",
        "a minimum with a topological charge whose mean spin outweighs its waves by two to one",
        lambda p: p.kelvin == 0 and abs(p.charge) > 0.5 and p.alike > SMOOTH and p.uniform > 2 * p.modulated,
    ),
    Rule(
        "skyrmion lattice",
        "several waves stand together, and every second cell of their lattice or more carries a topological charge",
        lambda p: p.crystalline and p.together > 1.5 and p.density > 0.5,
    ),
    Rule(
        "ferromagnet",
        "no wave stands, sublattices agree, and the mean spin is longer than a half",
        lambda p: not p.crystalline and p.uniform > max(0.25, p.staggered),
    ),
    Rule(
        "skyrmion liquid",
        "no wave stands in a thermal state that carries half of a skyrmion lattice's charge or more",
        lambda p: p.kelvin > 0 and not p.crystalline and p.density > 0.5,
    ),
    Rule(
        "antiferromagnet",
        "sublattices of one cell point against each other along one line, and cancel",
        lambda p: p.staggered > max(0.25, p.modulated) and p.collinear > 0.9 and p.uniform < 0.01,
    ),
    Rule(
        "ferrimagnet",
        "sublattices of one cell point against each other along one line, and leave a mean spin",
        lambda p: p.staggered > max(0.25, p.modulated) and p.collinear > 0.9,
    ),
    Rule(
        "noncollinear antiferromagnet",
        "sublattices of one cell differ, but not along one line",
        lambda p: p.staggered > max(0.25, p.modulated),
    ),
    Rule("paramagnet", "nothing stands in a thermal state", lambda p: p.kelvin > 0 and not p.crystalline),
    Rule("disordered", "no wave stands in a minimum of the energy", lambda p: not p.crystalline),
    Rule("multi-q", "several waves stand together", lambda p: p.together > 1.5),
    Rule(
        "antiferromagnet",
        "one wave stands, twice its q is a reciprocal vector",
        lambda p: p.arms[0].order == 2,
    ),
    Rule(
        "120 degree antiferromagnet",
        "one wave stands in which spins turn, three times its q is a reciprocal vector",
        lambda p: p.arms[0].order == 3 and p.arms[0].circular > 0.5,
    ),
    Rule(
        "conical",
        "one wave stands in which spins turn about the mean spin",
        lambda p: p.arms[0].circular > 0.5 and p.uniform > 0.01 and abs(p.tilt) > 0.9,
    ),
    Rule("spiral", "one wave stands in which spins turn", lambda p: p.arms[0].circular > 0.5),
    Rule("stripes", "one wave stands in which spins swing along a line", lambda p: True),
)


def label(portrait: Portrait) -> str:
    """The name of the first rule that holds."""
    return next(rule.name for rule in RULES if rule.holds(portrait))
