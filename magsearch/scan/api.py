"""Scans from Python: ``scan`` runs one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from magsearch import storage
from magsearch.engine.device import Device
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.parallel.ranks import Ranks
from magsearch.runs.api import call, carry_out_in_python, input_of
from magsearch.runs.launch import Launch
from magsearch.scan.run import Beginning, ScanRun, new_scan
from magsearch.search.stopping import Reason
from magsearch.storage import ScanRecord


def scan(
    model: Hamiltonian | str | Path,
    *,
    store: str | Path,
    search: Mapping[str, Any] | None = None,
    islands: Mapping[str, Any] | None = None,
    device: str | Device = "auto",
    ranks: Ranks | None = None,
    progress: bool = True,
    overwrite: bool = False,
    **settings: Any,
) -> ScanRecord:
    """Scan a model over fields, temperatures or other settings; return the scan. Under mpiexec, on all ranks together.

    The outcome is that of ``magsearch scan`` with the same settings, bitwise, and so is the file.

    model       a Hamiltonian, or the name of a file of any format, whose tables hold for what is not given here
    store       where the scan is stored
    search      keys of the [search] table
    islands     keys of the [islands] table
    device      auto, cpu, cuda, cuda:1, or a device
    ranks       None: those that an MPI launcher started
    progress    whether to report progress on the standard error
    overwrite   whether ``store`` may exist
    settings    keys of the [scan] table: field=[0, 1, 2], temperature=[0, 10], refine=4, ...

    Raises InputError, which names the key, for wrong settings. Signals are handled as by ``search``.
    """
    tables = {"scan": settings, "search": search or {}, "islands": islands or {}}

    def begin(held: ExitStack) -> Beginning:
        return new_scan(input_of(model, tables, "scan"), Path(store), overwrite, held, command=call(tables, "scan"))

    def work(launch: Launch, start: Beginning) -> tuple[ScanRecord, Reason]:
        current = ScanRun(launch, start)
        reason = current.go()
        current.settle()
        return launch.ranks.on_first(lambda: storage.read_scan(start.out)), reason

    return carry_out_in_python(begin, work, device, ranks, progress)
