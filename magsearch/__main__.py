"""The command ``magsearch``: Ctrl-C and SIGTERM end it at once and silently, also while it imports."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

from magsearch.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
