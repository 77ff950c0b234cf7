"""A catalogue of minima by topological charge, stored as the elites of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch import storage
from magsearch.config.input import Input
from magsearch.engine.device import Device
from magsearch.engine.evaluator import SUM, Evaluator
from magsearch.errors import InputError
from magsearch.formatting import counted
from magsearch.landscape.catalogue import catalogue, seeds
from magsearch.landscape.explore import TIGHT
from magsearch.model.sphere import unit
from magsearch.model.triangulation import triangles
from magsearch.observables.fingerprint import fingerprint
from magsearch.operators.crystal import Crystal
from magsearch.parallel.division import Division
from magsearch.parallel.ranks import Ranks
from magsearch.relaxation.relax import Relaxation, relax
from magsearch.relaxation.seats import families
from magsearch.runs.launch import claim, command_line, expect_free
from magsearch.runs.record import now
from magsearch.search.candidate import Candidate, measured
from magsearch.search.history import History
from magsearch.search.stopping import Stored

SEED = "Textures"  # origin of the elites of a catalogue


def textures(
    given: Input,
    out: Path,
    charges: Sequence[int],
    count: int,
    each: int,
    seed: int,
    device: Device,
    harvest: Path | None,
    overwrite: bool,
    watch: Callable[[], None],
    say: Callable[[str], None],
    ranks: Ranks,
) -> storage.Record | None:
    """Relax seeds of every charge in one background, and store the distinct minima as elites of a run without history.

    The background is the uniform texture along the field, relaxed.

    count     seeds of a charge
    each      largest number of minima of a charge
    harvest   a run whose elites and populations are seeds as well
    ranks     that divide the relaxations, all of which call this; the file does not depend on their number. Ranks but
              the first return None

    Raises InputError for a lattice without a topological charge, and a file that exists or cannot be written.
    """
    hamiltonian, begin, created = given.hamiltonian, time.monotonic(), now()
    if not len(triangles(hamiltonian.lattice)):
        raise InputError("has no planes of spins, and no topological charge", given.path)
    with ExitStack() as held:
        ranks.on_first(lambda: _free(held, out, overwrite))
        evaluator = Evaluator(hamiltonian, device, np.float64, given.search.path)
        division = Division(ranks, lambda part: part(evaluator, watch))
        if ranks.rank > 0:
            division.serve()
            return None
        held.callback(division.end)
        along = unit(np.array(hamiltonian.field)) if any(hamiltonian.field) else np.array([0.0, 0.0, 1.0])
        uniform = np.where(hamiltonian.occupied[:, None], along, 0.0)
        background = np.asarray(relax(TIGHT, evaluator, uniform[None], watch=watch).textures)[0]
        wavelength = Crystal(hamiltonian, device, watch).wavelength
        made = [seeds(hamiltonian, background, charge, count, wavelength, seed) for charge in charges]
        starts = np.concatenate([background[None], *made, *_harvested(harvest, hamiltonian.lattice.sites)])
        say(f"{counted(len(starts), 'texture', 'are')} relaxed")
        minima = catalogue(evaluator, starts, charges, each, watch, say, lambda s: descended(division, s))
        spins = np.array([one.spins for one, _ in minima]).reshape(-1, hamiltonian.lattice.sites, 3)
        torque = np.sqrt(evaluator.sums(spins)[SUM["LARGEST2"]]) if minima else np.zeros(0)
        elites = [
            Candidate(
                one.spins, one.energy, float(largest), SEED, 0,
                fingerprint(hamiltonian.lattice, one.spins, one.energy), True, stability=known,
            )
            for (one, known), largest in zip(minima, torque, strict=True)
        ]  # fmt: skip
        record = storage.Record(
            hamiltonian=hamiltonian, input_path=str(given.path), input_text=given.text, settings=given.as_json(),
            history=History((), 0), elites=tuple(measured(evaluator, elites)),
            stopped=Stored("catalogue of charges complete", "completed"), seconds=time.monotonic() - begin,
            device=device.description, created=created, version=version("magsearch"), command=command_line(),
        )  # fmt: skip
        storage.write(out, record)
        return record


def _free(held: ExitStack, out: Path, overwrite: bool) -> None:
    claim(held, out)
    expect_free(out, overwrite, "run")


@dataclass(frozen=True, eq=False)
class Descent:
    """Textures [replica, site, 3] that one rank relaxes."""

    textures: NDArray[np.float64]

    def __call__(self, evaluator: Evaluator, watch: Callable[[], None]) -> Relaxation:
        """Relax them."""
        return relax(TIGHT, evaluator, self.textures, watch=watch)


def descended(division: Division, textures: NDArray[np.float64]) -> Relaxation:
    """Relax textures [replica, site, 3] in families on all ranks: the result does not depend on their number."""
    count, size = len(textures), division.ranks.size
    whole = families(count)
    owned = [np.concatenate(own) for rank in range(size) if (own := whole[rank::size])]
    parts: list[Relaxation] = division([Descent(textures[own]) for own in owned])
    back = np.argsort(np.concatenate(owned))
    reasons = [reason for part in parts for reason in part.reason]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])[back]

    return Relaxation(
        joined("textures"), joined("energy"), joined("torque"), joined("magnetization"), joined("steps"),
        tuple(reasons[k] for k in back), joined("tightened"),
    )  # fmt: skip


def _harvested(path: Path | None, sites: int) -> list[np.ndarray]:
    """Return the textures of a run, its elites and populations, [texture, site, 3]."""
    if path is None:
        return []
    record = storage.read(path)
    found = [one.spins for one in record.elites]
    if record.resumable:
        found += [one.spins for state in storage.read_states(path).values() for one in state.candidates]
    if not found:
        return []
    textures = np.array(found, dtype=np.float64)
    if textures.shape[1] != sites:
        raise InputError(f"has {textures.shape[1]} spins; the lattice has {sites} sites", path)
    return [unit(textures)]
