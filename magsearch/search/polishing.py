"""The elites of an island as they are reported: in double precision, distinct spin by spin, their stability known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from magsearch.engine.evaluator import Evaluator
from magsearch.minima.degeneracy import Minima
from magsearch.minima.stability import pushed, stability
from magsearch.model.sphere import unit
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.search.candidate import Candidate, on_host, ranked
from magsearch.search.island import Island

FLAT = LBFGS(Convergence(steps=3000, variance=None))  # for flat minima: each step costs more, far fewer are needed
PUSHES = 3  # maximum number of times that saddle points are displaced and relaxed again


def converged(island: Island, candidate: Candidate) -> Candidate:
    """Return a candidate relaxed in double precision, by ``FLAT`` if the minimiser of the polish does not converge."""
    precise = _precise(island)
    for minimizer in (island.settings.polish, FLAT):
        (candidate,), _ = island.relaxed(_doubled(island, [candidate]), minimizer, precise, refined=True)
        if candidate.refined:
            break
    return candidate


def polish(island: Island) -> list[Candidate]:
    """Relax elites and the best rough candidates in double precision; return the best distinct minima on the host.

    Those that do not converge are relaxed with ``FLAT``. Minima are compared spin by spin, whereas ``distinct``
    compares fingerprints. Saddle points are displaced along the unstable mode.
    """
    *_, (elites, _) = stages(island)
    return elites


def stages(island: Island) -> Iterator[tuple[list[Candidate], str]]:
    """Yield the elites as ``polish`` has them so far, and what they lack, in words, for when time is short."""
    precise = _precise(island)
    minima = Minima(precise, island.evaluator.tolerance, island.watch)
    chosen = {id(candidate): candidate for candidate in island.elites + island.rough}
    whole = _doubled(island, list(chosen.values()))
    yield whole[: len(island.elites)], "energies in double precision, stability and degeneracies"
    polished, _ = island.relaxed(whole, island.settings.polish, precise, refined=True)
    best = _distinct_by_spins(island, polished, minima)[: island.settings.elites]
    yield best, "stability and degeneracies"
    moving = [candidate for candidate in best if not candidate.refined]
    if moving:
        again, _ = island.relaxed(moving, FLAT, precise, refined=True)
        best = _distinct_by_spins(island, [*(candidate for candidate in best if candidate.refined), *again], minima)
        yield best, "stability and degeneracies"
    elites = _settled(island, best, minima)[: island.settings.elites]
    for place, one in enumerate(elites):
        yield elites, "degeneracies"
        elites[place] = one.but(degeneracy=minima.degeneracy(one.spins, one.stability))
    yield elites, ""


def _precise(island: Island) -> Evaluator:
    """Return an evaluator in double precision."""
    return Evaluator(island.crystal.hamiltonian, island.evaluator.device, np.float64, island.evaluator.path)


def _doubled(island: Island, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates on the host with spins in double precision.

    Spins of single precision deviate from length 1: a texture that has converged already would keep a wrong energy.
    """
    here = on_host(island.evaluator.device, candidates)
    return [one.but(spins=unit(one.spins.astype(np.float64))) for one in here]


def _distinct_by_spins(island: Island, candidates: Sequence[Candidate], minima: Minima) -> list[Candidate]:
    """Return the candidates that are not the same minimum as a better one, best first."""
    kept: list[Candidate] = []
    for candidate in ranked(candidates):
        island.watch()
        texture, known = candidate.spins, candidate.fingerprint
        if not any(minima.one(texture, known, other.spins, other.fingerprint) for other in kept):
            kept.append(candidate)
    return kept


def _settled(island: Island, candidates: list[Candidate], minima: Minima) -> list[Candidate]:
    """Find the stability of the elites; displace saddle points in both directions and relax them again."""
    elites, count, precise = island.settings.elites, island.settings.modes, minima.evaluator
    for push in range(PUSHES + 1 if count else 0):
        new = [place for place, c in enumerate(candidates[:elites]) if c.stability is None]
        if not new:
            break
        found, lowest = stability(precise, [candidates[place].spins for place in new], count, island.watch)
        off = []
        for place, known, mode in zip(new, found, lowest, strict=True):
            candidate = candidates[place]
            candidates[place] = candidate.but(stability=known)
            if known.kind == "saddle" and push < PUSHES:
                off += [candidate.but(spins=texture) for texture in pushed(candidate.spins, mode)]
        if off:
            fallen, _ = island.relaxed(off, FLAT, precise, refined=True)
            left = [c for c in candidates if c.stability is None or c.stability.kind != "saddle"]
            candidates = _distinct_by_spins(island, [*left, *fallen], minima)
    return candidates
