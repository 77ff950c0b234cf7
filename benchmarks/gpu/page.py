"""The report of a GPU as a page: figures beside what the memory's bandwidth allows, and beside what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Expected:
    """What is known of a figure before it is measured, for an H100 SXM.

    bytes      that an update must move to and from memory at the least
    predicted  updates per second (docs/performance.md says from what)
    goal       updates per second that are wanted
    """

    bytes: float
    predicted: float
    goal: float | None = None


EXPECTED = {
    ("evaluate", "4 bonds, direct"): Expected(36, 4.4e10, 5e10),
    ("BB step", "4 bonds, direct"): Expected(48, 2.5e10, 2.5e10),
    ("heat bath", "4 bonds, direct"): Expected(24, 2.1e10),
    ("evaluate", "360 bonds, direct"): Expected(36, 1.3e9),
    ("heat bath", "360 bonds, direct"): Expected(24, 1.2e9),
    ("evaluate", "360 bonds, fourier"): Expected(96, 1.7e10, 1e10),
    ("BB step", "360 bonds, fourier"): Expected(192, 1e10, 5e9),
}


def page(report: dict[str, Any]) -> str:
    """Return the Markdown page of a report."""
    every = [figure for part in report["parts"] for figure in part.get("figures", ())]
    figures = [figure for figure in every if "error" not in figure]
    bandwidth = next((f["value"] for f in figures if f["figure"] == "bandwidth"), None)
    lines = [f"# {report['device']['gpu']}, {report['date']}", ""]
    if report["quick"]:
        lines += ["Small sizes: whether everything runs, not how fast.", ""]
    lines += [f"Commit {report['commit']}. " + ", ".join(f"{k} {v}" for k, v in report["device"].items()) + ".", ""]
    lines += ["| part | result | seconds | last line |", "|---|---|---|---|"]
    for part in report["parts"]:
        last = part.get("last", "").replace("|", "/")[:100]
        lines.append(f"| {part['name']} | {part['result']} | {part.get('seconds', 0):.1f} | {last} |")
    if bandwidth:
        lines += ["", f"Bandwidth of a large copy: {bandwidth / 1e12:.3g} TB/s."]
    lines += ["", "Site updates per second; the roofline is the bandwidth over the bytes that an update must move."]
    lines += ["Predictions are for an H100 SXM (docs/performance.md).", ""]
    lines += [
        "| figure | model | replicas | measured | of the roofline | predicted | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    for f in figures:
        if f["unit"] != "site updates/s":
            continue
        known = EXPECTED.get((f["figure"], f["model"]))
        part = f"{f['value'] * known.bytes / bandwidth:.0%}" if known and bandwidth else ""
        predicted = f"{known.predicted:.2g}" if known else ""
        goal = f"{known.goal:.2g}" if known and known.goal else ""
        lines.append(
            f"| {f['figure']} | {f['model']} | {f['replicas']} | {f['value']:.3g} | {part} | {predicted} | {goal} |"
        )
    lines += ["", "| seconds of | model | replicas | measured |", "|---|---|---|---|"]
    for f in figures:
        if f["unit"] == "s":
            besides = f.get("replicas", f.get("reached", ""))
            lines.append(f"| {f['figure']} | {f['model']} | {besides} | {f['value']:.3g} |")
    lines += [""] if len(figures) < len(every) else []
    for f in every:
        if "error" in f:
            of = " ".join(str(f[key]) for key in ("figure", "model", "replicas") if key in f)
            lines.append(f"- No figure for {of}: {f['error']}")
    return "\n".join(lines) + "\n"
