"""The processes of a run. Only this module imports mpi4py, and only where a launcher has started several processes.

Whoever waits asks again after a short sleep, and looks around in between (``watch``): its cores are free for the ranks
that work, and it goes on hearing signals.
"""

from __future__ import annotations

import importlib
import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError

T = TypeVar("T")
Records = NDArray[np.void]
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")  # set by launchers
PLACES = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
SHORTEST, LONGEST = 2e-5, 2e-3  # seconds between two questions whether a message has arrived
PARCEL, ALARM = 1, 2  # tags


def launched() -> Ranks:
    """The ranks of this run, as many as its launcher started. InputError where MPI does not work as it should."""
    started = max(_environment(SIZES), default=1)
    return World(started) if started > 1 else Ranks()


def first() -> bool:
    """Whether this process is the first of those that were started together: it speaks for all."""
    return max(_environment(PLACES), default=0) == 0


def _environment(names: Iterable[str]) -> list[int]:
    return [int(os.environ[name]) for name in names if os.environ.get(name, "").isdigit()]


def affinity() -> frozenset[int]:
    """Cores that this process may use."""
    return frozenset(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))


@dataclass(eq=False)
class Pending:
    """A transfer that is under way."""

    result: Any
    arrived: Callable[[], bool] = lambda: True
    ranks: Ranks | None = None

    def wait(self) -> Any:
        """What has arrived, once it has."""
        if self.ranks is not None:
            self.ranks.wait(self.arrived)
            self.ranks = None
        return self.result


class Ranks:
    """A run of one process; the ranks of a larger one are a ``World``.

    rank, size   which one this is, of how many
    local        which one of its node this is, of how many
    threads      cores that it may use: its own, or its share of those that the node's ranks may all use
    host         name of the node
    watch        called again and again while this rank waits
    waited       seconds
    """

    rank, size = 0, 1
    local = (0, 1)

    def __init__(self) -> None:
        self.host = socket.gethostname()
        self.threads = len(affinity())
        self.watch: Callable[[], Any] = lambda: None
        self.waited = 0.0

    def share(self, record: Records) -> Pending:
        """Begin to tell all ranks one record; the result is [rank], in their order."""
        return Pending(record.reshape(1).copy())

    def send(self, parcels: Iterable[tuple[int, Records]], expected: Iterable[tuple[int, Records]]) -> Pending:
        """Begin to send records to ranks, and to fill those that ranks will send; parcels between two keep their order.

        parcels    (rank, records) on their way out
        expected   (rank, records to be filled)
        """
        return Pending(None)

    def gather(self, value: T) -> list[T]:
        """The value of every rank on rank 0, nothing elsewhere."""
        return [value]

    def broadcast(self, value: T) -> T:
        """The value of rank 0 on every rank."""
        return value

    def scatter(self, values: Sequence[T]) -> T:
        """One of rank 0's values for each rank, in their order."""
        return values[0]

    def alarm(self) -> None:
        """Tell the others to stop what they are doing."""

    def alarmed(self) -> bool:
        """Whether one of the others did so since the last question."""
        return False

    def settle(self) -> None:
        """No rank has anything more to say: take in what is still under way."""

    def split(self, group: int) -> Ranks:
        """The ranks that name the same ``group``, in their order, as a run of their own. All must ask."""
        return Ranks()

    def abort(self, code: int) -> None:
        """End all ranks at once."""

    def wait(self, arrived: Callable[[], bool]) -> None:
        begin, pause = time.monotonic(), SHORTEST
        while not arrived():
            self.watch()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST)
        self.waited += time.monotonic() - begin

    def on_first(self, work: Callable[[], T]) -> T:
        """Do something on rank 0 alone; every rank has its result, or raises its InputError."""
        return _told(self.broadcast(_outcome(work) if self.rank == 0 else None))

    def on_all(self, work: Callable[[], T]) -> T:
        """Do something on every rank; where some have an InputError, all ranks raise the first one's."""
        result, error = _outcome(work)
        errors = [error for error in self.gather(error) if error is not None]
        return _told((result, self.broadcast(errors[0] if errors else None)))


def _outcome(work: Callable[[], T]) -> tuple[T | None, InputError | None]:
    try:
        return work(), None
    except InputError as error:
        return None, error


def _told(outcome: Any) -> Any:
    result, error = outcome
    if error is not None:
        error.everywhere = True
        raise error
    return result


class World(Ranks):
    """The ranks that an MPI launcher started. InputError where MPI is missing, or does not see them."""

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
        self.threads = max(1, len(affinity()) // node.allgather(affinity()).count(affinity()))
        self._alarms: list[Any] = []

    def split(self, group: int) -> Ranks:
        part = copy(self)
        part._comm = self._comm.Split(group, self.rank)
        part.rank, part.size = part._comm.rank, part._comm.size
        part.watch, part.waited, part._alarms = (lambda: None), 0.0, []
        return part

    def share(self, record: Records) -> Pending:
        sent, every = record.reshape(1).copy(), np.empty(self.size, record.dtype)
        return self._pending([self._comm.Iallgather(self._bytes(sent), self._bytes(every))], every)

    def send(self, parcels: Iterable[tuple[int, Records]], expected: Iterable[tuple[int, Records]]) -> Pending:
        requests = [self._comm.Irecv(self._bytes(records), rank, PARCEL) for rank, records in expected]
        requests += [self._comm.Isend(self._bytes(records), rank, PARCEL) for rank, records in parcels]
        return self._pending(requests, None)

    def gather(self, value: T) -> list[T]:
        self._meet()
        return self._comm.gather(value) or []

    def broadcast(self, value: T) -> T:
        self._meet()
        return self._comm.bcast(value)

    def scatter(self, values: Sequence[T]) -> T:
        self._meet()
        return self._comm.scatter(values if self.rank == 0 else None)

    def alarm(self) -> None:
        others = [rank for rank in range(self.size) if rank != self.rank]
        self._alarms += [self._comm.Issend([b"", 0, self._mpi.BYTE], rank, ALARM) for rank in others]

    def alarmed(self) -> bool:
        heard = False
        while self._comm.Iprobe(self._mpi.ANY_SOURCE, ALARM):
            self._comm.Recv([bytearray(), 0, self._mpi.BYTE], self._mpi.ANY_SOURCE, ALARM)
            heard = True
        return heard

    def settle(self) -> None:
        """Alarms are sent so that they end when they are heard; after that all meet, hearing what comes (NBX).

        Hoefler, Siebert & Lumsdaine, PPoPP 2010.
        """
        self.watch = self.alarmed
        self._pending(self._alarms, None).wait()
        self._meet()

    def abort(self, code: int) -> None:
        self._comm.Abort(code)

    def _meet(self) -> None:
        """Wait until all ranks are here: collective calls that follow do not keep a core busy."""
        self._pending([self._comm.Ibarrier()], None).wait()

    def _pending(self, requests: list[Any], result: Any) -> Pending:
        return Pending(result, lambda: self._mpi.Request.Testall(requests), self)

    def _bytes(self, records: Records) -> Any:
        return [records.view(np.uint8).reshape(-1), self._mpi.BYTE]
