"""When a profiler listens: none does here."""


def start() -> None:
    """Begin to listen."""


def stop() -> None:
    """Listen no more."""
