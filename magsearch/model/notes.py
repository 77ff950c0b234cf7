"""Notes: what a reader or a model wants the user to know."""

from __future__ import annotations

from typing import Any


class Note(str):
    """A note that does not say that something of the input was left out, changed or guessed, or not in every case.

    harmless  whether ``--strict`` accepts it
    about     the key of [model] whose default it is about; the note is dropped where the key is set

    Notes without these properties are plain strings: ``--strict`` refuses a model that has one.
    """

    harmless: bool
    about: str

    def __new__(cls, text: str, *, harmless: bool = False, about: str = "") -> Note:
        """Return the text as a note."""
        note = super().__new__(cls, text)
        note.harmless, note.about = harmless, about
        return note

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the properties in copies."""
        return _restored, (str(self), self.harmless, self.about)


def _restored(text: str, harmless: bool, about: str) -> Note:
    return Note(text, harmless=harmless, about=about)


def harmless(note: str) -> bool:
    """Return whether a note says nothing of a loss, a change or a guess."""
    return isinstance(note, Note) and note.harmless


def about(note: str) -> str:
    """Return the key of [model] that a note is about, or nothing."""
    return note.about if isinstance(note, Note) else ""


def like(text: str, note: str) -> str:
    """Return a text with the properties of a note."""
    return Note(text, harmless=note.harmless, about=note.about) if isinstance(note, Note) else text
