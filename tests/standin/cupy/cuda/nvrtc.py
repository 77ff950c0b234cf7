"""The run-time compiler."""

from __future__ import annotations

from ..failures import failures

MISSING = (
    "CuPy failed to load libnvrtc.so.13: OSError: libnvrtc.so.13: cannot open shared object file: "
    "No such file or directory"
)


def getVersion() -> tuple[int, int]:
    """Return major and minor version."""
    if failures.nvrtc:
        raise RuntimeError(MISSING)
    return 13, 0
