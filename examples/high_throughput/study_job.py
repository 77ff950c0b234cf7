"""A study as a job of jobflow, for FireWorks, jobflow-remote or atomate2: its output is the table of key figures.

python study_job.py model.toml
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from jobflow import Flow, job
from jobflow.managers.local import run_locally


@job
def study(text: str, suffix: str, *options: str) -> dict[str, Any]:
    """Study the model of an input, given as its text and the ending of its name; return the key figures."""
    source = Path(f"model{suffix}")
    source.write_text(text)
    subprocess.run(["magsearch", "study", str(source), "-o", "study", *options], check=True)
    return json.loads(Path("study/summary.json").read_text())["figures"]


if __name__ == "__main__":
    given = Path(sys.argv[1])
    made = study(given.read_text(), given.suffix, "--budget", "60", "--skip", "landscape", "--skip", "tc")
    found = run_locally(Flow([made]), create_folders=True, ensure_success=True)
    print(json.dumps(found[made.uuid][1].output, indent=1))
