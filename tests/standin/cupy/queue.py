"""The order in which a device works: at once, or recorded while a stream is captured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .failures import CUDARuntimeError

Work = Callable[[], Any]
captured: list[list[Work]] = []  # innermost last; at most one at a time
later: list[Work] = []  # copies to the host that nobody has waited for


def run(work: Work) -> None:
    """Do work that writes to arrays that exist, or record it."""
    captured[-1].append(work) if captured else work()


def expect_free(what: str) -> None:
    """Raise what CUDA or this stand-in raises for something that cannot be captured."""
    if captured:
        raise CUDARuntimeError(900, f"cudaErrorStreamCaptureUnsupported: {what} while a stream is captured")


def settle() -> None:
    """Complete the copies to the host."""
    while later:
        later.pop(0)()
