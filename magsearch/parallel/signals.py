"""Signals by which a terminal or a batch system asks a run to stop: SIGINT, SIGTERM and SIGUSR1."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, Self

from magsearch.parallel.ranks import is_launched

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
GRACE = 0.8  # seconds after which a signal that nobody looks at ends the process
TWICE = 0.5  # seconds within which a launcher and a terminal may both deliver one signal
AGAIN = 75  # exit code of what stopped early and can be resumed (EX_TEMPFAIL of sysexits.h)


class Signals:
    """Notes the first signal instead of obeying it; a second one ends what is under way.

    As a context manager it restores the handlers that were there before. A command does not: a signal that comes while
    the process ends would only spoil its exit code. Outside of the main thread, where Python sets no handlers, it notes
    nothing.

    name      of the signal received; empty if none
    enforced  whether a thread ends the process with exit code 75 if nobody has looked for a signal GRACE seconds after
              it, since a library computes for long: files are complete at any moment. A second signal then ends it at
              once, with the exit code of a process that the signal has killed. Without it, a second SIGINT raises
              KeyboardInterrupt
    """

    def __init__(self, enforced: bool = False) -> None:
        self.name, self._heard, self._enforced = "", False, enforced
        self._before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        if enforced:  # the system writes into the pipe, also while Python computes elsewhere
            end, begin = os.pipe()
            os.set_blocking(begin, False)
            signal.set_wakeup_fd(begin, warn_on_full_buffer=False)
            threading.Thread(target=self._enforce, args=(end,), daemon=True).start()
        self._before = {number: signal.signal(number, self._note) for number in CAUGHT}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Return whether a signal has been received."""
        self._heard = self._heard or bool(self.name)
        return self._heard

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.name = self.name or signal.Signals(number).name
        if number == signal.SIGINT and not self._enforced:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _enforce(self, pipe: int) -> None:
        """End the process if its first signal is not looked at, or at the second one."""
        first = _next(pipe, None)
        assert first is not None
        self.name = self.name or first.name
        begin = time.monotonic()
        while True:
            second = _next(pipe, 0.05)
            late = time.monotonic() - begin
            if second is not None and not (is_launched() and late < TWICE):
                _end(128 + second, f"{second.name}: ended at once")
            if late > GRACE and not self._heard:
                _end(AGAIN, f"{first.name}: ended amid a computation; what has been stored before is complete")


def _next(pipe: int, seconds: float | None) -> signal.Signals | None:
    """Return the next signal, waiting for some time at most."""
    while select.select([pipe], [], [], seconds)[0]:
        number = os.read(pipe, 1)[0]
        if number in CAUGHT:
            return signal.Signals(number)
    return None


def _end(code: int, words: str) -> None:
    if sys.__stderr__ is not None and sys.__stderr__.isatty():
        words = f"\x1b[?25h\n{words}"  # a table of the progress hides the cursor
    try:
        os.write(2, f"magsearch: {words}\n".encode())
    finally:
        os._exit(code)
