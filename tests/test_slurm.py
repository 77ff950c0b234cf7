"""The scripts of examples/slurm start, resume and requeue as they say, with stand-ins for the programs of a cluster."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from pages import ROOT

SCRIPTS = sorted((ROOT / "examples" / "slurm").glob("*.sh"))
pytestmark = pytest.mark.skipif(not SCRIPTS, reason="the examples are not installed")

PROGRAMS = {
    "srun": 'while [[ $1 == -* ]]; do shift; done\nexec "$@"',
    "mpiexec": 'shift 2\nexec "$@"',
    "scontrol": 'echo "scontrol $*" >> calls',
    "sleep": '[[ $1 == 30 ]] || exec /bin/sleep "$@"',  # half a minute before a requeue
    # writes the file after -o and ends with $CODE; when it is to be stopped, it waits for the signal
    "magsearch": """\
echo "magsearch $*" >> calls
while [[ $1 && $1 != -o ]]; do shift; done
[[ $2 ]] && touch "$2"
if [[ $STOPPED ]]; then
    trap 'exit 75' USR1
    touch started
    for _ in {1..600}; do sleep 0.05; done
fi
exit $CODE""",
}
JOB = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "2", "SLURM_CPUS_PER_TASK": "1"}
TASK = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """PATH with the stand-ins first, and what Slurm tells a job."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/bash\n{text}\n")
        (programs / name).chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}", "CODE": "0", **JOB, **TASK}


def calls(folder: Path) -> list[str]:
    """What was called, and forget it."""
    text = (folder / "calls").read_text()
    (folder / "calls").unlink()
    return text.splitlines()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_job_that_was_stopped_is_requeued_and_resumed(script, environment, tmp_path):
    command = ["bash", str(script), "model.toml", "out.h5"]
    stopped = subprocess.run(command, cwd=tmp_path, env=environment | {"CODE": "75"}, timeout=60)
    assert stopped.returncode == 75
    first, requeued = calls(tmp_path)
    assert first.split()[1:3] in (["run", "model.toml"], ["scan", "model.toml"])
    assert requeued == f"scontrol requeue {'7_3' if '--array' in script.read_text() else '7'}"
    assert subprocess.run(command, cwd=tmp_path, env=environment, timeout=60).returncode == 0
    (second,) = calls(tmp_path)
    out = first.split()[first.split().index("-o") + 1]
    assert second == first if script.stem == "scan" else second.startswith(f"magsearch run --resume {out}")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_error_is_the_exit_code_of_the_job(script, environment, tmp_path):
    command = ["bash", str(script), "model.toml", "out.h5"]
    assert subprocess.run(command, cwd=tmp_path, env=environment | {"CODE": "2"}, timeout=60).returncode == 2
    assert len(calls(tmp_path)) == 1, "not requeued"


def test_a_signal_to_the_script_of_mpiexec_reaches_the_run(environment, tmp_path):
    command = ["bash", str(ROOT / "examples" / "slurm" / "mpiexec.sh"), "model.toml", "out.h5"]
    job = subprocess.Popen(command, cwd=tmp_path, env=environment | {"STOPPED": "1"})
    while not (tmp_path / "started").exists():
        assert job.poll() is None
        time.sleep(0.01)
    job.send_signal(10)  # SIGUSR1
    assert job.wait(60) == 75
    assert calls(tmp_path)[1:] == ["scontrol requeue 7"]


def test_every_script_says_what_a_cluster_needs_besides():
    for script in SCRIPTS:
        text = script.read_text()
        for word in ("--account", "--partition", "module load", "activate"):
            assert word in text, f"{script.name}: {word}"
        assert "--gpus" in text, script.name
