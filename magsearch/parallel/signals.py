"""What a terminal or a batch system says to a run: SIGINT, SIGTERM and SIGUSR1."""

from __future__ import annotations

import signal
from types import FrameType

HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Signals:
    """Notes the first signal instead of obeying it, from now to the end of the process.

    A second SIGINT (Ctrl-C) interrupts as usual. Nothing is set back at the end of a run: a signal that comes while the
    process ends would only spoil its exit code.

    name   of the signal that came; empty while there was none
    """

    def __init__(self) -> None:
        self.name = ""
        for number in HEARD:
            signal.signal(number, self._note)

    def __call__(self) -> bool:
        """Whether one came."""
        return bool(self.name)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.name = self.name or signal.Signals(number).name
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
