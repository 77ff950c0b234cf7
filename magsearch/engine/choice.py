"""Choice of the device that ``--device`` names."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from magsearch.engine.cpu import Cpu
from magsearch.engine.cuda import Cuda
from magsearch.engine.device import Device

DRIVER = Path("/dev")  # where a driver shows its GPUs, as nvidia0


def _cpu(note: str = "") -> Cpu:
    found = Cpu(note)
    assert found.description  # raises for an environment that the kernels cannot run in
    return found


def choose(name: str = "auto", place: int = 0, places: int = 1) -> Device:
    """Return the device for ``--device auto|cpu|cuda|cuda:N``.

    Raises RuntimeError where a GPU is asked for and there is none, and for a wrong MAGSEARCH_ISA or OMP_NUM_THREADS.

    place, places   number of this process among those of its node, and how many there are: they share its GPUs in turn
    """
    if name == "cpu":
        return _cpu()
    if name == "auto":
        try:
            return Cuda(place=place, places=places)
        except RuntimeError as error:
            signs = find_spec("cupy") is not None or any(DRIVER.glob("nvidia[0-9]*"))
            note = f"no GPU is used: {error}" if signs else ""
        return _cpu(note)
    kind, _, index = name.partition(":")
    if kind != "cuda" or (index and not (index.isascii() and index.isdigit() and len(index) < 10)):
        raise RuntimeError(f"unknown device '{name}'; expected auto, cpu, cuda or cuda:N")
    return Cuda(int(index) if index else None, place, places)
