"""A candidate of a search: one relaxed texture with its properties.

This is the one place that names the properties. Files, checkpoints, messages between ranks and summaries iterate over
the fields and read off their metadata (search/records.py) how to store them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.formatting import fixed
from magsearch.minima.degeneracy import Degeneracy
from magsearch.minima.stability import Stability
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.observables import energy_density as density
from magsearch.observables.fingerprint import Fingerprint, fingerprints
from magsearch.observables.magnetization import magnetization
from magsearch.observables.propagation import ordering_vector
from magsearch.observables.topological_charge import topological_charge
from magsearch.phases.rules import label
from magsearch.phases.spectrum import portrait_of
from magsearch.search import records
from magsearch.search.records import Place

Measure = Callable[[Evaluator, Sequence[NDArray[Any]]], Sequence[Any]]


UNMEASURED = np.full(3, np.nan)
UNMEASURED.flags.writeable = False


def kept(places: Place, dtype: Any, unit: str = "", axes: str = "", **more: Any) -> dict[str, Any]:
    """Return the metadata of a field of ``Candidate`` (search/records.py).

    measure   among ``more``: function of an evaluator and textures that returns the property of each, see ``measured``
    """
    return {"places": places, "dtype": dtype, "unit": unit, **({"axes": axes} if axes else {}), **more}


def each(measure: Callable[[Hamiltonian, NDArray[Any]], Any]) -> Measure:
    """Return a measure of textures from one of a Hamiltonian and a single texture [site, 3]."""
    return lambda evaluator, textures: [measure(evaluator.hamiltonian, spins) for spins in textures]


def _charge(hamiltonian: Hamiltonian, spins: NDArray[Any]) -> float:
    return float(topological_charge(hamiltonian.lattice, spins))


def _magnetization(hamiltonian: Hamiltonian, spins: NDArray[Any]) -> NDArray[np.float64]:
    return magnetization(spins)


def _wave(hamiltonian: Hamiltonian, spins: NDArray[Any]) -> NDArray[np.float64]:
    return ordering_vector(hamiltonian.lattice, spins)


def _phase(hamiltonian: Hamiltonian, spins: NDArray[Any]) -> str:
    return label(portrait_of(hamiltonian, spins))


@dataclass(frozen=True, eq=False)
class Candidate:
    """A relaxed texture and its properties; energies and torques in meV, of the whole texture.

    spins           [site, 3]; during a search a row of an array on the device, on the host where it leaves the search
    energy
    torque          largest |s x b|
    origin          operator that generated it
    generation      in which it was generated
    fingerprint     invariants by which it is recognised; computed again on reading
    refined         whether it is tightly converged
    island          on which it was generated
    free_energy     by which it is ranked, where the fitness is a free energy
    stability       of polished ones
    degeneracy      of polished ones
    magnetization   [3] mean spin; from here on measured where candidates are stored
    charge          topological charge
    wave            [3] heaviest propagation vector other than zero, 1/angstrom; zero without one
    phase           by the rules of phases/rules.py; empty in files that do not give it
    energy_density  [site]
    """

    spins: Any = field(
        metadata=kept(
            Place.SEARCH | Place.ELITES, "f4", "1", "site, xyz", record="texture", precise=True, about="unit vectors"
        )
    )
    energy: float = field(metadata=kept(Place.EVERYWHERE, "f8", "meV", extensive=True, title="energy", about="energy"))
    torque: float = field(metadata=kept(Place.EVERYWHERE, "f8", "meV", about="largest |s x b|"))
    origin: str = field(metadata=kept(Place.EVERYWHERE, "S48", about="operator that generated it"))
    generation: int = field(metadata=kept(Place.EVERYWHERE, "i8", about="generation in which it was generated"))
    fingerprint: Fingerprint
    refined: bool = field(
        default=False, metadata=kept(Place.SEARCH | Place.ELITES, "?", about="whether it is tightly converged")
    )
    island: int = field(default=0, metadata=kept(Place.EVERYWHERE, "i4", about="island where it was generated"))
    free_energy: float | None = field(
        default=None,
        metadata=kept(
            Place.EVERYWHERE, "f8", "meV", extensive=True, about="free energy by which it is ranked; nan without"
        ),
    )
    stability: Stability | None = field(default=None, metadata=kept(Place.RESULT, Stability))
    degeneracy: Degeneracy | None = field(default=None, metadata=kept(Place.RESULT, Degeneracy))
    magnetization: NDArray[np.float64] = field(
        default_factory=lambda: UNMEASURED,
        metadata=kept(Place.RESULT, "f8", "1", "xyz", measure=each(_magnetization), about="mean spin"),
    )
    charge: float = field(
        default=np.nan,
        metadata=kept(
            Place.RESULT, "f8", "1", title="topological charge", measure=each(_charge), about="topological charge"
        ),
    )
    wave: NDArray[np.float64] = field(
        default_factory=lambda: UNMEASURED,
        metadata=kept(
            Place.RESULT, "f8", "1/angstrom", "xyz", name="wave_vector", measure=each(_wave),
            about="heaviest propagation vector other than zero; zero without one",
        ),
    )  # fmt: skip
    phase: str = field(
        default="", metadata=kept(Place.RESULT, "S48", name="label", measure=each(_phase), about="phase by rule")
    )
    energy_density: NDArray[np.float64] | None = field(
        default=None,
        metadata=kept(
            Place.ELITES,
            "f4",
            "meV",
            "site",
            measure=density.energy_density,
            about="energy; that of a coupling is halved",
        ),
    )

    def __repr__(self) -> str:
        kind = f", {self.stability.kind}" if self.stability else ""
        energy = f"{self.energy_per_site:.9f} meV per site"
        return f"<{self.phase or 'texture'}, {energy}, charge {fixed(self.charge, 2)}{kind}>"

    def but(self, **changes: Any) -> Candidate:
        """Return the candidate with other values of some fields; dataclasses.replace would take ten times as long."""
        new = object.__new__(Candidate)
        new.__dict__.update(self.__dict__, **changes)
        return new

    @property
    def worth(self) -> float:
        """Energy or free energy by which candidates are ranked, meV; the lowest is the best."""
        return self.energy if self.free_energy is None else self.free_energy

    @property
    def has_fingerprint(self) -> bool:
        """Whether the fingerprint has been computed."""
        return isfinite(self.fingerprint.energy)

    @property
    def energy_per_site(self) -> float:
        """Energy per site that carries a spin, meV."""
        return self.energy / int((self.spins != 0).any(axis=-1).sum())


NO_SPINS = np.empty((0, 3))  # of candidates whose textures are elsewhere, while these are relaxed
NOWHERE = Fingerprint(np.inf, 0.0, 0.0, ())
GIVEN = "Given"  # origin of textures that a search begins with


def given(spins: NDArray[Any]) -> Candidate:
    """Return a candidate for the first generation to relax, from spins [site, 3] of another source."""
    return Candidate(spins, np.inf, np.inf, GIVEN, 0, NOWHERE)


def gathered(device: Device, candidates: Sequence[Candidate]) -> Any:
    """Return the textures of candidates as a new array [candidate, site, 3], on the device if any of them is there."""
    rows = [candidate.spins for candidate in candidates]
    host = [isinstance(row, np.ndarray) for row in rows]
    if all(host):
        return np.stack(rows)
    return device.xp.stack([device.array(row, np.float32) if h else row for row, h in zip(rows, host, strict=True)])


def compact(device: Device, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates whose textures are the rows of one array on the device, and keep no other array alive."""
    if not candidates:
        return []
    return _with(candidates, device.array(gathered(device, candidates), np.float32))


def on_host(device: Device, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates whose textures are on the host, in one transfer."""
    away = [candidate for candidate in candidates if not isinstance(candidate.spins, np.ndarray)]
    if not away:
        return list(candidates)
    here = {id(one): moved for one, moved in zip(away, _with(away, device.host(gathered(device, away))), strict=True)}
    return [here.get(id(candidate), candidate) for candidate in candidates]


def _with(candidates: Sequence[Candidate], textures: Any) -> list[Candidate]:
    return [candidate.but(spins=textures[row]) for row, candidate in enumerate(candidates)]


def measured(evaluator: Evaluator, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates of the host with the properties whose metadata hold a measure."""
    textures = [candidate.spins for candidate in candidates]
    measures = {f.name: f.metadata["measure"] for f in fields(Candidate) if "measure" in f.metadata}
    found = {name: measure(evaluator, textures) for name, measure in measures.items()} if candidates else {}
    return [one.but(**{name: of[k] for name, of in found.items()}) for k, one in enumerate(candidates)]


def axis_sizes(sites: int) -> dict[str, int]:
    """Return the lengths of the axes that are the same for all candidates on a lattice."""
    return {"site": sites, "xyz": 3}


def record_type(sites: int, place: Place = Place.MESSAGE) -> np.dtype:
    """Return the dtype of a candidate as one record of fixed size: in a message, or in a checkpoint."""
    return records.record_type(Candidate, place, axis_sizes(sites))


def packed(candidates: Sequence[Candidate], sites: int, place: Place = Place.MESSAGE) -> NDArray[np.void]:
    """Return candidates as records [candidate]; spins in single precision, as in the search."""
    return records.packed(Candidate, candidates, place, axis_sizes(sites))


def restored(
    place: Place, arrays: Mapping[str, NDArray[Any]], count: int, device: Device, lattice: Lattice
) -> list[Candidate]:
    """Return candidates from arrays [candidate, ...] of their properties by name, with fingerprints computed again.

    device   that the search computes fingerprints on

    Raises KeyError where a property without a default is missing.
    """
    if not count:
        return []
    found = records.values(Candidate, place, arrays, count)
    textures, energies = np.stack([one["spins"] for one in found]), [one["energy"] for one in found]
    known = fingerprints(device, lattice, textures, energies)
    return [Candidate(**values, fingerprint=known[k]) for k, values in enumerate(found)]


def unpacked(records: NDArray[np.void], device: Device, lattice: Lattice) -> list[Candidate]:
    """Return the candidates in records of a message."""
    arrays = {name: records[name] for name in records.dtype.names or ()}
    return restored(Place.MESSAGE, arrays, len(records), device, lattice)


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates whose energies are finite, best first."""
    return sorted((c for c in candidates if np.isfinite(c.energy)), key=lambda c: c.worth)
