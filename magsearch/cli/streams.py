"""Standard output and error that may be closed, full, or of an encoding that lacks a character."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from magsearch.errors import InputError, visible


class _Tolerant(io.FileIO):
    """An open file descriptor whose writes never fail: what cannot be written is dropped.

    lost   the first reason why something was dropped; that nobody reads a pipe any more is none
    """

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        """Write some bytes, or drop them."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            pass
        except OSError as error:
            self.lost = self.lost or error
        return memoryview(data).nbytes


def open_tolerant() -> None:
    """Let commands continue when their output cannot be written, and escape what its encoding lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(_raw(stream), io.FileIO):
            stream.flush()
            raw = _Tolerant(stream.fileno(), "wb", closefd=False)
            through = stream.write_through  # python -u
            buffer: Any = raw if through else io.BufferedWriter(raw)
            lines = stream.line_buffering
            made = io.TextIOWrapper(
                buffer, stream.encoding, "backslashreplace", line_buffering=lines, write_through=through
            )
            setattr(sys, name, made)


def _raw(stream: Any) -> Any:
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def expect_written() -> None:
    """Raise InputError if something could not be written to the standard output."""
    if sys.stdout is not None:
        sys.stdout.flush()
        if (lost := getattr(_raw(sys.stdout), "lost", None)) is not None:
            raise InputError(f"cannot be written: {os.strerror(lost.errno or 0)}", "standard output")


def say(*texts: object, err: bool = False) -> None:
    """Print texts of users or files, a line each, with control characters escaped."""
    for text in texts:
        print(visible(str(text)), file=sys.stderr if err else sys.stdout)
