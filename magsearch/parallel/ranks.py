"""The MPI ranks of a run. Only this module imports mpi4py, and only if a launcher has started several processes.

A rank that waits polls between short sleeps and calls ``watch`` in between: its cores are free for the ranks that work,
and it keeps receiving signals.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.limits import cores

T = TypeVar("T")
Records = NDArray[np.void]
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")  # set by launchers
PLACES = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
AGAIN = 75  # exit code of what stopped early and can be resumed (EX_TEMPFAIL of sysexits.h)
GRACE = 0.6  # seconds within which every other rank must receive that this one asks it to stop
SHORTEST, LONGEST = 2e-5, 2e-3  # seconds between two polls for a message
MIGRANTS, INTERRUPT = 1, 2  # tags


def launched() -> Ranks:
    """Return the ranks that the launcher started. Raises InputError if MPI does not see them."""
    started = max(_environment(SIZES), default=1)
    return World(started) if started > 1 else Ranks()


def is_launched() -> bool:
    """Return whether a launcher has started several processes together."""
    return max(_environment(SIZES), default=1) > 1


def is_first_rank() -> bool:
    """Return whether this process is rank 0 of those started together, or the only one: the one that prints."""
    return max(_environment(PLACES), default=0) == 0


def _environment(names: Iterable[str]) -> list[int]:
    given = [os.environ.get(name, "") for name in names]
    return [int(number) for number in given if number.isascii() and number.isdigit() and len(number) < 10]


@dataclass(eq=False)
class Pending:
    """A transfer in progress."""

    result: Any
    arrived: Callable[[], bool] = lambda: True
    ranks: Ranks | None = None

    def wait(self) -> Any:
        """Wait for the transfer and return what has arrived."""
        if self.ranks is not None:
            self.ranks.wait(self.arrived)
            self.ranks = None
        return self.result


class Ranks:
    """The only process of a run; the ranks of a larger one are a ``World``.

    rank, size   number of this rank, and how many there are
    local        number of this rank on its node, and how many there are
    threads      cores for this rank: its own, or its share of those that the node's ranks have in common
    host         name of the node
    watch        called repeatedly while this rank waits
    waited       seconds spent waiting
    asked        when this rank asked all others to stop; None if it has not
    """

    rank, size = 0, 1
    local = (0, 1)

    def __init__(self) -> None:
        self.host = socket.gethostname()
        self.threads = len(cores())
        self.watch: Callable[[], Any] = lambda: None
        self.waited = 0.0
        self.asked: float | None = None

    def share(self, record: Records) -> Pending:
        """Begin to send one record to all ranks; the result holds those of all, [rank]."""
        return Pending(record.reshape(1).copy())

    def send(self, parcels: Iterable[tuple[int, Records]], expected: Iterable[tuple[int, Records]]) -> Pending:
        """Begin to send records to ranks and to receive theirs; messages between two ranks keep their order.

        parcels    (rank, records to send)
        expected   (rank, records to fill)
        """
        return Pending(None)

    def gather(self, value: T) -> list[T]:
        """Return the values of all ranks [rank] on rank 0, an empty list elsewhere."""
        return [value]

    def broadcast(self, value: T) -> T:
        """Return the value of rank 0 on every rank."""
        return value

    def scatter(self, values: Sequence[T]) -> T:
        """Return this rank's one of the values [rank] of rank 0."""
        return values[0]

    def interrupt(self) -> None:
        """Ask all other ranks to stop."""

    def interrupted(self) -> bool:
        """Return whether another rank has asked to stop since the last call."""
        return False

    def acknowledged(self) -> bool:
        """Return whether all other ranks have received that this one asks them to stop, if it does."""
        return True

    def settle(self) -> None:
        """Receive what is still on its way and release the ranks: the last call."""

    def split(self, group: int) -> Ranks:
        """Return the ranks with the same ``group`` as ranks of their own, in their order. Collective."""
        return Ranks()

    def abort(self, code: int) -> None:
        """End all ranks at once with an exit code."""

    def wait(self, arrived: Callable[[], bool]) -> None:
        """Poll until a message has arrived, with ``watch`` called in between.

        If a rank does not receive soon that this one asks it to stop, since a library or a kernel computes for long,
        end all of them with exit code 75: files are complete at any moment.
        """
        begin, pause = time.monotonic(), SHORTEST
        while not arrived():
            self.watch()
            if self.asked is not None and time.monotonic() - self.asked > GRACE and not self.acknowledged():
                words = "another rank is amid a computation; what has been stored before is complete"
                print(f"magsearch: {words}", file=sys.stderr, flush=True)
                self.abort(AGAIN)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST)
        self.waited += time.monotonic() - begin

    def on_first(self, work: Callable[[], T]) -> T:
        """Call a function on rank 0 alone; return its result, or raise its InputError, on every rank."""
        return _shared(self.broadcast(_outcome(work) if self.rank == 0 else None))

    def on_all(self, work: Callable[[], T]) -> T:
        """Call a function on every rank; if it raises InputError on some, all ranks raise the first one."""
        result, error = _outcome(work)
        errors = [error for error in self.gather(error) if error is not None]
        return _shared((result, self.broadcast(errors[0] if errors else None)))


def _outcome(work: Callable[[], T]) -> tuple[T | None, InputError | None]:
    try:
        return work(), None
    except InputError as error:
        return None, error


def _shared(outcome: Any) -> Any:
    result, error = outcome
    if error is not None:
        error.everywhere = True
        raise error
    return result


class World(Ranks):
    """The ranks that an MPI launcher started. Raises InputError if MPI is missing or does not see them."""

    def __init__(self, started: int) -> None:
        super().__init__()
        try:
            self._mpi = importlib.import_module("mpi4py.MPI")
        except (ImportError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{started} processes were started together, but MPI cannot be used: {reason}; "
                "pip install 'magsearch[mpi]' brings mpi4py for the MPI library of the system",
                everywhere=True,
            ) from None
        self._comm = self._mpi.COMM_WORLD.Dup()
        self.rank, self.size = self._comm.rank, self._comm.size
        if self.size == 1:
            raise InputError(
                f"{started} processes were started together, but MPI sees one: its library does not understand this "
                "launcher; use the mpiexec that belongs to it, or srun --mpi=...",
                everywhere=True,
            )
        node = self._comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        self.local = node.rank, node.size
        self.threads = max(1, len(cores()) // node.allgather(cores()).count(cores()))
        node.Free()
        self._interrupts: list[Any] = []

    def split(self, group: int) -> Ranks:
        """Return the ranks with the same ``group`` as ranks of their own. Collective."""
        part = copy(self)
        part._comm = self._comm.Split(group, self.rank)
        part.rank, part.size = part._comm.rank, part._comm.size
        part.watch, part.waited, part._interrupts = (lambda: None), 0.0, []
        part.asked = None
        return part

    def share(self, record: Records) -> Pending:
        """Begin to send one record to all ranks; the result holds those of all, [rank]."""
        sent, every = record.reshape(1).copy(), np.empty(self.size, record.dtype)
        return self._pending([self._comm.Iallgather(self._bytes(sent), self._bytes(every))], every)

    def send(self, parcels: Iterable[tuple[int, Records]], expected: Iterable[tuple[int, Records]]) -> Pending:
        """Begin to send records to ranks and to receive theirs."""
        requests = [self._comm.Irecv(self._bytes(records), rank, MIGRANTS) for rank, records in expected]
        requests += [self._comm.Isend(self._bytes(records), rank, MIGRANTS) for rank, records in parcels]
        return self._pending(requests, None)

    def gather(self, value: T) -> list[T]:
        """Return the values of all ranks [rank] on rank 0, an empty list elsewhere. Collective."""
        self._meet()
        return self._comm.gather(value) or []

    def broadcast(self, value: T) -> T:
        """Return the value of rank 0 on every rank. Collective."""
        self._meet()
        return self._comm.bcast(value)

    def scatter(self, values: Sequence[T]) -> T:
        """Return this rank's one of the values [rank] of rank 0. Collective."""
        self._meet()
        return self._comm.scatter(values if self.rank == 0 else None)

    def interrupt(self) -> None:
        """Ask all other ranks to stop."""
        self.asked = time.monotonic()
        others = [rank for rank in range(self.size) if rank != self.rank]
        self._interrupts += [self._comm.Issend([b"", 0, self._mpi.BYTE], rank, INTERRUPT) for rank in others]

    def interrupted(self) -> bool:
        """Return whether another rank has asked to stop since the last call."""
        received = False
        while self._comm.Iprobe(self._mpi.ANY_SOURCE, INTERRUPT):
            self._comm.Recv([bytearray(), 0, self._mpi.BYTE], self._mpi.ANY_SOURCE, INTERRUPT)
            received = True
        return received

    def acknowledged(self) -> bool:
        """Return whether all other ranks have received that this one asks them to stop: synchronous sends tell."""
        return bool(self._mpi.Request.Testall(self._interrupts))

    def settle(self) -> None:
        """Receive what is still on its way and free the communicator: the last call.

        Interrupts are synchronous sends, complete once they are received; then all meet, receiving meanwhile (NBX:
        Hoefler, Siebert & Lumsdaine, PPoPP 2010).
        """
        self.watch, self.asked = self.interrupted, None
        self._pending(self._interrupts, None).wait()
        self._meet()
        self._comm.Free()

    def abort(self, code: int) -> None:
        """End all ranks at once with an exit code."""
        self._comm.Abort(code)

    def _meet(self) -> None:
        """Wait until all ranks are here, so that the collective call that follows does not keep a core busy."""
        self._pending([self._comm.Ibarrier()], None).wait()

    def _pending(self, requests: list[Any], result: Any) -> Pending:
        return Pending(result, lambda: self._mpi.Request.Testall(requests), self)

    def _bytes(self, records: Records) -> Any:
        return [records.view(np.uint8).reshape(-1), self._mpi.BYTE]
