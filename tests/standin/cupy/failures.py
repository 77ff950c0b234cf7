"""Failures of the software and the hardware below CuPy, injected by name."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


class CUDARuntimeError(RuntimeError):
    """An error that the CUDA runtime reports; ``status`` is its number."""

    def __init__(self, status: int, text: str):
        self.status = status
        super().__init__(text)


class NVRTCError(RuntimeError):
    """An error of the run-time compiler."""


@dataclass
class Failures:
    """What is broken.

    driver, nvrtc, cufft   the libraries that are missing
    allocation             number of the allocation that fails, counted from 1; None: none
    onwards                whether all later ones fail too
    """

    driver: bool = False
    nvrtc: bool = False
    cufft: bool = False
    allocation: int | None = None
    onwards: bool = False
    allocations: int = field(default=0, init=False)

    @classmethod
    def named(cls, text: str) -> Failures:
        """Read ``driver,nvrtc,cufft,memory=7`` or ``memory=7+``. ValueError for anything else."""
        broken = cls()
        for word in filter(None, text.split(",")):
            name, _, number = word.partition("=")
            if name == "memory":
                broken.allocation, broken.onwards = int(number.removesuffix("+")), number.endswith("+")
            elif name in ("driver", "nvrtc", "cufft") and not number:
                setattr(broken, name, True)
            else:
                raise ValueError(f"STANDIN_FAIL has '{word}'")
        return broken

    def allocate(self) -> bool:
        """Count an allocation and return whether it fails."""
        self.allocations += 1
        if self.allocation is None:
            return False
        return self.allocations == self.allocation or (self.onwards and self.allocations > self.allocation)


failures = Failures.named(os.environ.get("STANDIN_FAIL", ""))
