"""Notes: what a reader or a model wants the user to know."""

from __future__ import annotations


class Note(str):
    """A note with properties; one that is a plain string is neither harmless nor about a key.

    harmless  whether it says nothing of a loss, a change or a guess; ``--strict`` refuses a model with any other note
    about     the key of [model] whose default it is about; the note is dropped where the key is set
    """

    harmless: bool
    about: str

    def __new__(cls, text: str, *, harmless: bool = False, about: str = "") -> Note:
        """Return the text as a note."""
        note = super().__new__(cls, text)
        note.harmless, note.about = harmless, about
        return note


def harmless(note: str) -> bool:
    """Return whether a note says nothing of a loss, a change or a guess."""
    return isinstance(note, Note) and note.harmless


def about(note: str) -> str:
    """Return the key of [model] that a note is about, or nothing."""
    return note.about if isinstance(note, Note) else ""


def like(text: str, note: str) -> str:
    """Return a text with the properties of a note."""
    return Note(text, harmless=note.harmless, about=note.about) if isinstance(note, Note) else text
