"""Results of a run as plain values: the JSON of ``magsearch show`` and the captions of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.formatting import fixed
from magsearch.model.lattice import Lattice
from magsearch.observables.neighbours import chirality
from magsearch.observables.propagation import propagation_vectors
from magsearch.observables.sublattice_charge import sublattice_charges
from magsearch.observables.three_d import hedgehogs, hopf_index
from magsearch.observables.topological_charge import rough
from magsearch.search.candidate import Candidate
from magsearch.search.discovery import discovery
from magsearch.search.records import Place, columns
from magsearch.search.stopping import UNKNOWN, Converged
from magsearch.search.supercells import misfit
from magsearch.storage import Record

SAME = 1e-6  # of the stiffest coupling, per site: minima of a search that are closer may be one
ROUNDING = 1e-12  # relative: a smaller difference of energies is rounding


def summary(record: Record) -> dict[str, Any]:
    """Return the JSON of ``magsearch show --json``; energies in meV."""
    best = record.elites[0].spins if record.elites else None
    lattice, lost = record.hamiltonian.lattice, misfit.noticed(record.hamiltonian)
    elites, history = [described(elite, record.hamiltonian.n_spins) for elite in record.elites], record.history
    for elite, said in zip(record.elites, elites, strict=True):
        said["charge_defined"] = not rough(lattice, elite.spins)
    return {
        "champion": elites[0] if elites else None,
        "topology": None if best is None else topology(lattice, best),
        "propagation_vectors": [] if best is None else [arm.as_json() for arm in propagation_vectors(lattice, best)],
        "misfit": None if lost is None else lost.as_json(),
        "bound": certificate(record),
        "discovery": discovered(record),
        "elites": elites,
        "generations": len(history),
        "islands": history.islands,
        "evaluations": int(history["evaluations"].sum()),
        "migrations": len(history.migrations),
        "stopped": str(record.stopped) if record.stopped else None,
        "stop_code": record.stopped.code if record.stopped else None,
        "catalogue_converged": catalogue_converged(record),
        "resumable": record.resumable or record.race is not None,
        "supercells": _compared(record),
        "seconds": record.seconds,
        "device": record.device,
        "sites": record.hamiltonian.lattice.sites,
        "field": list(record.hamiltonian.field),
        "version": record.version,
        "created": record.created,
        "damaged": list(record.damaged),
    }


def _compared(record: Record) -> dict[str, Any] | None:
    """Return how far supercells had been compared when a signal ended it; None where none were, or to the end."""
    if record.race is None:
        return None
    best = record.race.best
    return {
        "seconds": record.race.seconds,
        "tasks": len(record.race.known),
        "energy_per_site": None if best is None else best.energy,
        "vectors": None if best is None else best.supercell.H.tolist(),
    }


def topology(lattice: Lattice, spins: NDArray[Any]) -> dict[str, Any]:
    """Return the topological figures of a texture [site, 3] beside its charge; None for what is undefined."""
    charges, found, hopf = sublattice_charges(lattice, spins), hedgehogs(lattice, spins), hopf_index(lattice, spins)
    return {
        "sublattices": None if charges is None else charges.count,
        "charges": None if charges is None else charges.charge.tolist(),  # [layer, atom, part]
        "hedgehogs": int((found > 0).sum()),
        "antihedgehogs": int((found < 0).sum()),
        "hopf_index": hopf if np.isfinite(hopf) else None,
        "chirality": chirality(lattice, spins),
    }


def described(elite: Candidate, n_spins: int) -> dict[str, Any]:
    """Return the properties of an elite as plain values: per site where they grow with it, None where absent."""
    found: dict[str, Any] = {}
    for column in columns(Candidate, Place.SUMMARY):
        value = column.value(elite)
        if column.axes:
            value = [] if value is None else np.asarray(value).tolist()
        elif column.dtype.kind == "S":
            value = value or None
        elif column.extensive and value is not None:
            value /= n_spins
        found[column.shown[0]] = value
    return found


def catalogue(record: Record) -> dict[str, Any]:
    """Return the JSON of ``magsearch show --minima --json``; energies in meV."""
    names = (
        "energy_per_site", "label", "degeneracy", "continuous", "stability", "zero_modes", "charge", "charge_defined",
        "magnetization", "wave_vector",
    )  # fmt: skip
    said = summary(record)
    return {
        "minima": [{name: elite[name] for name in names} for elite in said["elites"]],
        **{name: said[name] for name in ("field", "sites", "stopped", "catalogue_converged")},
    }


def catalogue_converged(record: Record) -> bool | None:
    """Return whether the minima had stopped varying when the search ended; None while it is under way, or unknown."""
    code = record.stopped.code if record.stopped else UNKNOWN
    return None if code == UNKNOWN else code == Converged.code


def above(record: Record, number: int) -> float:
    """Return the energy of an elite above the champion, meV per site; 0 where it is rounding."""
    best, energy = record.elites[0].energy, record.elites[number].energy
    return (energy - best) / record.hamiltonian.n_spins if abs(energy - best) > ROUNDING * abs(best) else 0.0


def caption(record: Record, number: int) -> str:
    """Return energy and topological charge of an elite as a caption."""
    energy = record.elites[number].energy / record.hamiltonian.n_spins
    return f"{energy:.6f} meV per site{charge_words(record, number)}"


def charge_words(record: Record, number: int) -> str:
    """Return ", charge -9.0", or nothing where neighbouring spins differ too much for a charge."""
    elite = record.elites[number]
    return "" if rough(record.hamiltonian.lattice, elite.spins) else f", charge {fixed(elite.charge, 1)}"


def certificate(record: Record) -> dict[str, Any] | None:
    """Return bound and gap of the champion, meV per site; None where no bound was computed."""
    bound = record.bound
    if bound is None:
        return None
    champion = record.elites[0].energy / record.hamiltonian.n_spins if record.elites else None
    return {
        "bound_per_site": bound.per_site,
        "gap": None if champion is None else bound.gap(champion),
        "tight": champion is not None and bound.reached(champion),
        "method": bound.method,
        "margin": bound.margin,
    }


def discovered(record: Record) -> dict[str, Any] | None:
    """Return how often islands found the champion by themselves, and the estimate for minima not seen; None without."""
    if not record.elites:
        return None
    found = discovery(record.history, record.elites[0].energy_per_site, SAME * record.hamiltonian.stiffness)
    if found is None:
        return None
    return {
        "islands": found.islands,
        "found_alone": found.alone,
        "unseen_probability": found.unseen,
        "unseen_limit": found.limit,
        "generations_since": found.generations,
    }
