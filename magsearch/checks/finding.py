"""Results of the checks of a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something in a model that looks wrong.

    code   a word that never changes, for programs
    text   what was found
    hint   what was expected, and how to write it
    """

    code: str
    text: str
    hint: str


class NotChecked(Exception):
    """Raised by a check that cannot be made of this model; the message says why."""
