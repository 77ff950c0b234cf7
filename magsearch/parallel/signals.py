"""Signals by which a terminal or a batch system asks a run to stop: SIGINT, SIGTERM and SIGUSR1."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from types import FrameType
from typing import Any, Self

from magsearch.parallel.ranks import is_launched

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Signals:
    """Notes the first signal instead of obeying it; a second one ends what is under way.

    As a context manager it restores the handlers that were there before. A command does not: a signal that comes while
    the process ends would only spoil its exit code. Outside of the main thread, where Python sets no handlers, it notes
    nothing.

    name      of the signal received; empty if none
    enforced  whether a thread outside of Python (kernels/watchdog.cpp) ends the process with exit code 75 if nobody has
              looked for a signal 0.8 seconds after it, since a library computes for long: files are complete at any
              moment. A second signal then ends it at once, with the exit code of a process that the signal has killed.
              Without it, a second SIGINT raises KeyboardInterrupt
    """

    def __init__(self, enforced: bool = False) -> None:
        self.name = ""
        self._watchdog: Any = None
        self._before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        if enforced:  # the system writes into the pipe, also while a library keeps Python from running
            end, begin = os.pipe()
            os.set_blocking(begin, False)
            signal.set_wakeup_fd(begin, warn_on_full_buffer=False)
            self._watchdog = importlib.import_module("magsearch._watchdog")
            self._watchdog.start(end, is_launched())
        self._before = {number: signal.signal(number, self._note) for number in CAUGHT}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Return whether a signal has been received."""
        if self.name and self._watchdog:
            self._watchdog.notice()
        return bool(self.name)

    def ignore(self) -> None:
        """Ignore signals from now on: all is done, and Python would die of them while it ends."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.name = self.name or signal.Signals(number).name
        if number == signal.SIGINT and not self._watchdog:
            signal.signal(signal.SIGINT, signal.default_int_handler)
