"""Checks of variables and limits before the numerical libraries are loaded, which hang or crash otherwise."""

from __future__ import annotations

from magsearch.engine.threads import threads
from magsearch.errors import InputError
from magsearch.formatting import counted
from magsearch.limits import memory

LEAST, OF_A_THREAD = 10**9, 64 * 10**6  # bytes of address space for the libraries, and for their buffers of a thread


def expect_sound() -> None:
    """Raise InputError for a wrong number of threads or instruction set, and for a limit of memory that is too low."""
    try:
        needed = LEAST + OF_A_THREAD * threads()
    except RuntimeError as error:
        raise InputError(str(error)) from None
    if memory() < needed:
        raise InputError(
            f"this process may use {memory() / 1e6:.0f} MB of memory (ulimit -v); expected at least "
            f"{needed / 1e6:.0f} MB for {counted(threads(), 'thread')}"
        )
    from magsearch.engine.choice import choose  # loads the libraries

    try:
        choose("cpu")
    except RuntimeError as error:
        raise InputError(str(error)) from None
