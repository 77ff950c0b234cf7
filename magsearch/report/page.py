"""The report of a run: its result and confidence, interactive textures, the course of the search, and provenance."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from magsearch import output
from magsearch.console.run import ROUGH, stable, wavelength
from magsearch.formatting import fixed, html, vector
from magsearch.observables.propagation import described, propagation_vectors
from magsearch.observables.topological_charge import rough
from magsearch.report.panels import convergence, panels
from magsearch.report.sections import Section, laid_out
from magsearch.search.supercells import misfit
from magsearch.storage import Record
from magsearch.storage.summary import above, certificate

SAME_ENERGY = 1e-4  # meV per site: largest difference of the best energies of islands that have found one minimum
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin-bottom: 0 } h2 { font-size: 1.15em; margin: 1.6em 0 0.4em }
table { border-collapse: collapse } td, th { padding: 0.15em 1em 0.15em 0; text-align: left; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.panels { display: flex; flex-wrap: wrap; gap: 1em } .quiet { color: #666 }
.panels, table { max-width: 100%; overflow-x: auto } table { display: block }
pre { background: #f5f5f5; padding: 0.8em; overflow: auto; max-height: 24em; font-size: 12px }
"""


def write(record: Record, path: str | Path, sections: Sequence[Section] = ()) -> None:
    """Write the interactive report of a run as one self-contained HTML file.

    sections   what was computed besides, between the elites and the search

    Raises InputError if it cannot be written, ValueError for a run without elites.
    """
    from bokeh.embed import components

    if not record.elites:
        raise ValueError(f"the run {record.absent('elites')}")
    (slider, texture, zone), words = panels(record)
    more = [drawn for section in sections for drawn in section.figures]
    script, divs = components((slider, texture, zone, convergence(record.history), *more))
    slider, texture, zone, energies, *drawn = divs
    name = html(Path(record.input_path).name)
    body = [
        f"<h1>{name}</h1>",
        f'<p class="quiet">magsearch {html(record.version)}, {html(record.created)}</p>',
        "<h2>Result</h2>", table(result(record)),
        "<h2>Elites</h2>", slider, f'<p class="quiet">{html(words)}</p>' if words else "",
        f'<div class="panels">{texture}{zone}</div>',
        '<p class="quiet">Hue is the in-plane direction of a spin; white points out of the page, black into it.</p>',
        elites(record), *laid_out(sections, drawn),
        "<h2>Search</h2>", f'<div class="panels">{energies}</div>', table(course(record)),
        "<h2>Provenance</h2>", table(provenance(record)),
        "<h2>Settings</h2>", f"<pre>{html(json.dumps(record.settings, indent=1))}</pre>",
        f"<h2>Input</h2><pre>{html(record.input_text)}</pre>",
    ]  # fmt: skip
    output.write({Path(path): document(name, body, script)})


def document(name: str, body: Iterable[str], script: str) -> str:
    """Return a self-contained HTML document from the parts of its body; ``name`` is already escaped."""
    from bokeh.resources import Resources

    inline = Resources(mode="inline", components=["bokeh", "bokeh-widgets"])
    head = f'<meta charset="utf-8"><title>{name}</title><link rel="icon" href="data:,"><style>{STYLE}</style>'
    text = "\n".join(["<!doctype html>", f'<html lang="en"><head>{head}', inline.render(), "</head><body>", *body])
    return f"{text}\n{script}\n</body></html>\n"


def table(rows: Mapping[str, str]) -> str:
    """Return an HTML table of names and values."""
    lines = "".join(f"<tr><th>{html(name)}</th><td>{html(value)}</td></tr>" for name, value in rows.items())
    return f"<table>{lines}</table>"


def result(record: Record) -> dict[str, str]:
    """Return the properties of the champion as text, by name."""
    champion, hamiltonian = record.elites[0], record.hamiltonian
    lattice = hamiltonian.lattice
    size, atoms = " x ".join(map(str, lattice.size)), "1 atom" if lattice.atoms == 1 else f"{lattice.atoms} atoms"
    noted = f" (undefined: {ROUGH})" if rough(lattice, champion.spins) else ""
    lost = misfit.noticed(hamiltonian)
    return {
        "model": f"{size} cells, {atoms} in the basis, {hamiltonian.coordination:.4g} couplings per site",
        **({"box": str(lost)} if lost else {}),
        "field": f"{vector(hamiltonian.field)} T",
        "energy": f"{champion.energy / hamiltonian.n_spins:.8f} meV per site",
        "phase": champion.phase or "not known",
        "waves": described(propagation_vectors(lattice, champion.spins)),
        "topological charge": fixed(champion.charge, 2) + noted,
        "mean spin": vector(champion.magnetization),
        "largest torque": f"{champion.torque:.1e} meV",
        "bound": bound(certificate(record)),
        "confidence": "; ".join(confidence(record)),
    }


def bound(proven: Mapping[str, Any] | None) -> str:
    """Return a sentence on the lower bound of the energy and on the gap of the champion."""
    if proven is None:
        return "no lower bound was computed"
    below = (
        f"lower bound of the energy in this supercell: {proven['bound_per_site']:.8f} meV per site ({proven['method']})"
    )
    if proven["gap"] is None:
        return below
    if proven["tight"]:
        return f"{below}; the champion attains it and is a proven ground state of this supercell"
    gap = f"the ground state is at most {max(proven['gap'], 0.0):.2g} meV per site below the champion"
    return f"{below}; {gap}"


def confidence(record: Record) -> list[str]:
    """Return statements on the champion: since when it is the best, how many islands agree, why the run stopped."""
    history = record.history
    ended = f"stopped: {record.stopped}" if record.stopped else "still running"
    if not len(history):
        return [ended]
    best = np.minimum.accumulate(history.overall()["best"])
    since = int(np.flatnonzero(best - best[-1] > SAME_ENERGY)[-1]) + 1 if best[0] - best[-1] > SAME_ENERGY else 0
    said = [f"best energy unchanged within {SAME_ENERGY:g} meV per site since generation {since} of {len(history)}"]
    if history.islands > 1:
        own = history["best"].min(axis=0)
        agree = int((own - own.min() <= SAME_ENERGY).sum())
        said.append(f"{agree} of {history.islands} islands agree (they exchange elites)")
    if len(record.elites) > 1:
        next_ = 1e3 * above(record, 1)
        said.append(f"the next distinct minimum is {next_:.3g} µeV per site higher")
    return [*said, ended]


def elites(record: Record) -> str:
    """Return an HTML table of the elites of a run."""
    spins = record.hamiltonian.n_spins
    rows = (
        (str(k), f"{e.energy / spins:.8f}", f"{1e3 * above(record, k):.3g}", fixed(e.charge, 2),
         str(e.degeneracy or ""), e.phase, wavelength(e), stable(e), vector(e.magnetization, 3),
         f"{e.origin}, generation {e.generation}, island {e.island}")
        for k, e in enumerate(record.elites)
    )  # fmt: skip
    names = (
        "", "meV per site", "µeV above", "charge", "degeneracy", "phase", "wavelength", "stability", "mean spin",
        "origin",
    )  # fmt: skip
    return grid(names, rows, range(5))


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[int]) -> str:
    """Return an HTML table with a header row; the columns whose indices are in ``numbers`` are right-aligned."""

    def line(cells: Sequence[str], tag: str) -> str:
        number = ' class="number"'
        return "".join(f"<{tag}{number if k in numbers else ''}>{html(c)}</{tag}>" for k, c in enumerate(cells))

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{line(heads, 'th')}</tr>{body}</table>"


def course(record: Record) -> dict[str, str]:
    """Return the size and the cost of a search as text, by name."""
    history = record.history
    return {
        "generations": str(len(history)),
        "islands": str(history.islands),
        "evaluations": f"{int(history['evaluations'].sum())} (energy and field of one replica)",
        "seconds": f"{record.seconds:.1f}",
    }


def provenance(record: Record) -> dict[str, str]:
    """Return how, when and on which device a run was made as text, by name."""
    return {
        "input": record.input_path,
        "command": record.command,
        "created": record.created,
        "device": record.device,
        "layout": "; ".join(record.layout),
        "notes on the input": "; ".join(record.hamiltonian.remarks) or "none",
    }
