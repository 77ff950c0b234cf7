"""CUDA graphs: launches that are recorded once and then started together, by one call instead of one for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

Launch = Callable[[], None]  # a kernel with its arguments


class Fixed(partial):
    """A launch on arrays that stay where they are. It allocates nothing and waits for nothing: a graph may hold it."""


def recorded(cupy: Any, launches: Iterable[Launch]) -> Any:
    """Return the CUDA graph of launches, which do not run meanwhile."""
    stream = cupy.cuda.Stream(non_blocking=True)  # the default stream cannot be recorded
    with stream:
        # in this mode the driver refuses what a graph could not repeat, such as an allocation
        stream.begin_capture(cupy.cuda.runtime.streamCaptureModeThreadLocal)
        try:
            for launch in launches:
                launch()
        finally:
            graph = stream.end_capture()
    return graph


class Chain:
    """Launches in turn as one. Once it runs for the second time, they are a graph, where all of them may be in one.

    cupy   the module; None: no graphs
    """

    def __init__(self, cupy: Any, launches: Iterable[Launch]):
        self.launches: tuple[Launch, ...] = tuple(
            part for launch in launches for part in (launch.launches if isinstance(launch, Chain) else (launch,))
        )
        self._cupy = cupy if all(isinstance(launch, Fixed) for launch in self.launches) else None
        self._ran, self._graph = False, None

    def __call__(self) -> None:
        """Run the launches."""
        if self._graph is None and self._ran and self._cupy is not None and len(self.launches) > 1:
            self._graph = recorded(self._cupy, self.launches)
        if self._graph is not None:
            self._graph.launch()
            return
        for launch in self.launches:
            launch()
        self._ran = True
