"""The report of a GPU as a page: figures beside what the memory's bandwidth allows, and beside those of an H200."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Known:
    """What is known of a figure.

    bytes  that an update must move to and from memory at the least
    h200   updates per second of an NVIDIA H200 with 64, 1024 replicas (docs/performance.md)
    """

    bytes: float
    h200: dict[int, float]


KNOWN = {
    ("evaluate", "4 bonds, direct"): Known(36, {64: 5.0e10, 1024: 5.2e10}),
    ("BB step", "4 bonds, direct"): Known(48, {64: 2.9e10, 1024: 4.1e10}),
    ("heat bath", "4 bonds, direct"): Known(24, {64: 2.0e10, 1024: 2.8e10}),
    ("evaluate", "360 bonds, direct"): Known(36, {64: 9.1e8, 1024: 1.5e9}),
    ("heat bath", "360 bonds, direct"): Known(24, {64: 4.3e8, 1024: 8.3e8}),
    ("evaluate", "360 bonds, fourier"): Known(120, {64: 1.25e10, 1024: 1.74e10}),
    ("BB step", "360 bonds, fourier"): Known(204, {64: 6.8e9, 1024: 9.3e9}),
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
    lines += ["The last column is what an NVIDIA H200 did on 2026-11-29 (docs/performance.md).", ""]
    lines += ["| figure | model | replicas | measured | of the roofline | H200 |", "|---|---|---|---|---|---|"]
    for f in figures:
        if f["unit"] != "site updates/s":
            continue
        known = KNOWN.get((f["figure"], f["model"]))
        part = f"{f['value'] * known.bytes / bandwidth:.0%}" if known and bandwidth else ""
        h200 = known.h200.get(f["replicas"]) if known else None
        beside = f"{h200:.3g}" if h200 else ""
        lines.append(f"| {f['figure']} | {f['model']} | {f['replicas']} | {f['value']:.3g} | {part} | {beside} |")
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
