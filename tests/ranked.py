"""Ranks under mpiexec that are forks of this process, which has everything imported: an interpreter takes seconds.

mpiexec starts one small program a rank. It hands its environment and its open files, among them the socket to mpiexec,
over to a fork of the tests, and ends as that does. Signals are not passed on: what receives one is started by itself.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

IN_PLACE = """
import json, os, socket, sys
files = []
for number in range(64):
    try:
        os.fstat(number)
    except OSError:
        continue
    files.append(number)
tests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
tests.connect(sys.argv[1])
socket.send_fds(tests, [json.dumps([files, dict(os.environ)]).encode()], files)
os._exit(int(tests.recv(16) or 1) % 256)
"""


def start(launcher: list[str], work: Callable[[dict[str, str]], NoReturn], piped: dict[str, Any]) -> Any:
    """Start work on all ranks of a launcher; it is given the environment of its rank, and must end the process."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        path = str(Path(folder) / "door")
        door.bind(path)
        door.listen()
        door.settimeout(60)
        process = subprocess.Popen([*launcher, sys.executable, "-IS", "-c", IN_PLACE, path], **piped)
        for _ in range(int(launcher[-1])):
            rank, _ = door.accept()
            message, handles, _, _ = socket.recv_fds(rank, 1 << 20, 64)
            files, env = json.loads(message)
            if not (between := os.fork()):
                if not os.fork():
                    _watch(rank, dict(zip(files, handles, strict=True)), env, work)
                os._exit(0)
            os.waitpid(between, 0)
            for number in (*handles, rank.detach()):
                os.close(number)
    return process


def _watch(
    rank: socket.socket, files: dict[int, int], env: dict[str, str], work: Callable[[dict[str, str]], NoReturn]
) -> NoReturn:
    """Do the work of a rank in a fork; tell its end, or end it when the program in its place has been killed."""
    try:
        if not (worker := os.fork()):
            _take(files)
            work(env)
        for number in files.values():
            os.close(number)
        ready, _, _ = select.select([os.pidfd_open(worker), rank], [], [])
        if rank in ready:
            os.kill(worker, signal.SIGKILL)
        rank.send(str(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])).encode())
    finally:
        os._exit(0)


def _take(files: dict[int, int]) -> None:
    """Give the files of another process the numbers that they have there, and close all others."""
    highest = os.sysconf("SC_OPEN_MAX")
    above = max(*files, *files.values()) + 1
    aside = {number: above + place for place, number in enumerate(files)}
    for number, here in files.items():
        os.dup2(here, aside[number])
    for number in files:
        os.dup2(aside[number], number)
    for number in set(range(3, above)) - set(files):
        try:
            os.close(number)
        except OSError:
            continue
    os.closerange(above, highest)
