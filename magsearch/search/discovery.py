"""Statistics of discovery: how many islands found the champion by themselves, and the chance of minima not seen.

Islands that have not received the champion, or anything as low, are independent searches. Of n such searches, each
ends in a minimum; if f1 of these minima were found by one search only, the next search finds a minimum that none has
found with a probability of about f1 / n (Good, Biometrika 40, 237 (1953)). A lower minimum is one of these, so that
this is an upper estimate for a lower one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from magsearch.search.history import History


@dataclass(frozen=True)
class Discovery:
    """Statistics of how a search found its champion.

    islands       number of them
    alone         islands that found the champion before anything as low arrived from others
    singles       minima that one island only has found by itself, at the end or when the champion arrived
    generations   since the champion's energy was found first
    """

    islands: int
    alone: int
    singles: int
    generations: int

    @property
    def unseen(self) -> float | None:
        """Estimated probability that one more island finds a minimum that none has found; None with one island."""
        return self.singles / self.islands if self.islands > 1 else None

    @property
    def limit(self) -> float | None:
        """Upper limit of that probability with a confidence of 95 %, where no minimum was found by one island only.

        If it were p, that all n islands find what others have found had a probability of about (1 - p)^n.
        """
        return 1 - 0.05 ** (1 / self.islands) if self.islands > 1 and not self.singles else None


def discovery(history: History, energy: float, tolerance: float) -> Discovery | None:
    """Return the statistics of a champion's discovery; None where the history does not contain it.

    energy      of the champion, meV per site
    tolerance   meV per site, within which two minima of the search are one
    """
    if not len(history):
        return None
    best = np.minimum.accumulate(history["best"], axis=0)  # [generation, island]
    there = best <= energy + tolerance
    if not there.any():
        return None
    arrived = np.full(history.islands, len(history))  # generation at whose end something as low arrived
    for arrival in history.migrations:
        if arrival["best"] <= energy + tolerance:
            arrived[arrival["target"]] = min(arrived[arrival["target"]], arrival["generation"])
    last = np.minimum(arrived, len(history) - 1)
    own = best[last, np.arange(history.islands)]  # what each island had by itself
    near = np.abs(own[:, None] - own) <= tolerance
    return Discovery(
        islands=history.islands,
        alone=int((own <= energy + tolerance).sum()),
        singles=int((near.sum(axis=1) == 1).sum()),
        generations=len(history) - 1 - int(there.any(axis=1).argmax()),
    )
