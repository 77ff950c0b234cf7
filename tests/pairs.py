"""Two runs with one name at the same time: one is carried out, the other is refused."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from forked import Tally, begin
from processes import MODEL


def pairs(seconds: float, seed: int, most: int = 10**9) -> Tally:
    """Start pairs of runs within a moment, new ones, overwriting ones and resumed ones."""
    chance, tally, begun = random.Random(seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.toml").write_text(MODEL)
        while time.monotonic() - begun < seconds and tally.trials < most:
            out = folder / f"{tally.trials}.h5"
            more = chance.choice([(), ("--overwrite",)])
            commands = []
            for seed_of_one in (1, 2):
                commands.append(
                    begin(["run", folder / "in.toml", "-o", out, "--set", f"search.seed={seed_of_one}", *more])
                )
                time.sleep(chance.choice([0, 0.01, 0.1]))
            ends = [command.ended() for command in commands]
            tally.trials += 1
            for code, *_ in ends:
                tally.ended(code)
            codes = sorted(code for code, *_ in ends)
            told = "".join(err for *_, err in ends)
            tally.expect(codes == [0, 2], f"exit codes {codes} {more}: {told}")
            tally.expect("Traceback" not in told and out.exists(), told)
    return tally
