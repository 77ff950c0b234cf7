"""Completion of arguments by the shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def one_of(words: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a completion by the words that begin with what is there."""
    known = list(words)
    return lambda incomplete: [word for word in known if word.startswith(incomplete)]


def settings(incomplete: str) -> list[tuple[str, str]]:
    """Return the keys of --set that begin with what is there, each with its meaning."""
    from magsearch.config.document import every

    keys = [(f"{table.PATH}.{key.name}=", key.facts["doc"]) for table in every() for key in table.KEYS.values()]
    return [(name, doc) for name, doc in keys if name.startswith(incomplete)]
