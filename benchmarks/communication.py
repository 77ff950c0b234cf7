"""Share of communication and checkpoints in the wall time of a run, on every rank.

    OMP_NUM_THREADS=1 mpiexec -n 2 python benchmarks/communication.py INPUT [--set model.size=[100,100,1] ...]

Ranks that wait for a slower one do not communicate. To tell the two apart, all ranks meet before each takes in news and
elites: the time until the last is there is the islands' uneven work, what comes after is communication (news, packing,
messages, unpacking, merging). Without the meeting a rank may be a generation ahead, and waits less.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from magsearch import storage
from magsearch.parallel.ranks import Ranks, launched
from magsearch.parallel.signals import Signals
from magsearch.runs import beginning
from magsearch.runs.launch import Launch, carry_out
from magsearch.runs.run import Run
from magsearch.search.archipelago import Archipelago


class Clock:
    """Seconds in a method, without those in ``meeting`` before it."""

    def __init__(self) -> None:
        self.seconds, self.uneven = 0.0, 0.0

    def over(self, name: str, meeting: bool = False) -> None:
        method: Callable[..., Any] = getattr(Archipelago, name)

        def timed(search: Archipelago, *arguments: Any) -> Any:
            begin = time.monotonic()
            if meeting:
                search.ranks.broadcast(None)
            met = time.monotonic()
            try:
                return method(search, *arguments)
            finally:
                self.uneven += met - begin
                self.seconds += time.monotonic() - met

        setattr(Archipelago, name, timed)


def main(input_file: Path, settings: Annotated[list[str] | None, typer.Option("--set")] = None) -> None:
    ranks: Ranks = launched()
    clock = Clock()
    for name, meeting in (("_send", False), ("_share", False), ("_collect", True), ("_receive", False)):
        clock.over(name, meeting)
    with tempfile.TemporaryDirectory() as folder:
        out = ranks.broadcast(Path(folder) / "run.h5")

        def work(launch: Launch, start: beginning.Beginning) -> None:
            Run(launch, start).go()
            every = ranks.gather((clock.seconds, clock.uneven))
            if ranks.rank == 0:
                stored = storage.read(out)
                for rank, (seconds, uneven) in enumerate(every):
                    share = (
                        f"communication {seconds:.3f} s ({seconds / stored.seconds:.2%}), uneven work {uneven:.1f} s"
                    )
                    print(f"rank {rank}: of {stored.seconds:.1f} s, {share} ({uneven / stored.seconds:.1%})")
                print(f"checkpoints: {stored.writing:.2f} s ({stored.writing / stored.seconds:.2%})")

        carry_out(
            lambda held: beginning.begin(input_file, out, settings or [], False, [], False, held),
            work,
            "auto",
            ranks,
            Signals(),
        )


if __name__ == "__main__":
    typer.run(main)
