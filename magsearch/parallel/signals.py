"""Signals by which a terminal or a batch system asks a run to stop: SIGINT, SIGTERM and SIGUSR1."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Signals:
    """Notes the first signal instead of obeying it; a second SIGINT (Ctrl-C) interrupts as usual.

    As a context manager it restores the handlers that were there before. A command does not: a signal that comes while
    the process ends would only spoil its exit code. Outside of the main thread, where Python sets no handlers, it notes
    nothing.

    name   of the signal received; empty if none
    """

    def __init__(self) -> None:
        self.name = ""
        self._before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in CAUGHT}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Return whether a signal has been received."""
        return bool(self.name)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.name = self.name or signal.Signals(number).name
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
