"""The command ``magsearch device``: what this machine computes with, and whether it does so correctly."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from magsearch.cli.arguments import Json, device_named
from magsearch.console import model
from magsearch.engine.choice import choose
from magsearch.engine.cpu import Cpu
from magsearch.engine.cuda import Cuda
from magsearch.engine.device import Device
from magsearch.runs import self_test


def device(
    name: Annotated[
        str, typer.Option("--device", help="Device: auto (all that there are), cpu, cuda or cuda:N.")
    ] = "auto",
    seconds: Annotated[float, typer.Option(min=0.01, help="Time for each measurement of speed, in seconds.")] = 1.0,
    as_json: Json = False,
) -> None:
    """List the devices of this machine and test them.

    Energies, forces, a relaxation and a heat bath are compared with formulas and exact results; the speed is that of
    64 replicas of 128 x 128 sites with 6 bonds. The exit code is 2 if a device does not work or is wrong.
    """
    found, broken = _devices(name)
    reports = [_report(each, seconds) for each in found]
    right = not broken and all(report["passed"] for report in reports)
    if as_json:
        print(json.dumps({"devices": reports, "broken": broken, "passed": right}, indent=1))
    else:
        console = model.console()
        for report in reports:
            for line in _lines(report):
                console.print(line, soft_wrap=True)
        for line in broken:
            console.print(f"broken     {line}", soft_wrap=True)
    raise typer.Exit(0 if right else 2)


def _devices(name: str) -> tuple[list[Device], list[str]]:
    """Return the devices of a name, and what is said of those of "auto" that do not work. Raises InputError."""
    if name != "auto":
        return [device_named(name)], []
    first = choose(name)
    if not isinstance(first, Cuda):
        return [first], [first.note] if first.note else []
    found: list[Device] = [Cpu()]
    broken = []
    for index in range(first.found):
        try:
            found.append(choose(f"cuda:{index}"))
        except RuntimeError as error:
            broken.append(str(error))
    return found, broken


def _report(device: Device, seconds: float) -> dict[str, Any]:
    if isinstance(device, Cuda):
        device.use()
    checks = [
        {"name": check.name, "error": check.error, "allowed": check.allowed, "passed": check.passed}
        for check in self_test.checks(device)
    ]
    return {
        "device": device.name,
        **device.facts(),
        "checks": checks,
        "updates_per_second": self_test.throughput(device, seconds=seconds),
        "passed": all(check["passed"] for check in checks),
    }


def _lines(report: dict[str, Any]) -> list[str]:
    facts = {k: v for k, v in report.items() if k not in ("device", "checks", "updates_per_second", "passed")}
    facts |= {k: f"{v / 1e9:.3g} GB" for k, v in facts.items() if k.startswith("memory")}
    lines = [
        f"{report['device']:10} " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
    ]
    for check in report["checks"]:
        verdict = "right" if check["passed"] else "WRONG"
        lines.append(f"{'':10} {verdict}  {check['name']}: off by {check['error']:.1e}, allowed {check['allowed']:.0e}")
    for name, rate in report["updates_per_second"].items():
        lines.append(f"{'':10} {rate / 1e6:.4g} million site updates/s ({name.replace('_', ', ')} path)")
    return lines
