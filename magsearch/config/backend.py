"""[search.backend] and [search.variance]: what relaxes the offspring, and when a relaxation ends."""

from __future__ import annotations

import pkgutil
from dataclasses import field, fields
from importlib import import_module
from typing import Any

from magsearch import thermal
from magsearch.formats.toml.table import Table
from magsearch.relaxation.convergence import EARLY, Convergence, VarianceControl
from magsearch.relaxation.relax import Method, Minimizer
from magsearch.thermal.parallel_tempering import ParallelTempering

METHODS: dict[str, type] = {  # every class of the package thermal that has a name
    vars(member)["name"]: member
    for found in pkgutil.iter_modules(thermal.__path__)
    for module in [import_module(f"{thermal.__name__}.{found.name}")]
    for member in vars(module).values()
    if isinstance(member, type) and member.__module__ == module.__name__ and isinstance(vars(member).get("name"), str)
}


class VarianceTable(Table, path="search.variance", of=[EARLY]):
    """Variance control (Xu et al. 2023) of the minimiser, of the heat bath or of stochastic LLG.

    A replica is at rest when, over a window, both variances are below their thresholds. At a temperature, thresholds
    must be above the thermal variances to end anything.
    """

    def control(self) -> VarianceControl | None:
        """Return the values. SettingError for thresholds without a window, and for a window without a variance."""
        if self.window == 0:
            if self != VarianceTable(window=0):
                raise self.error("window", "is 0, no variance control, but thresholds are given")
            return None
        if self.window == 1:
            raise self.error("window", "is 1; a variance needs two steps or more")
        return self.make(VarianceControl, relative=EARLY.relative)


class BackendTable(Table, path="search.backend"):
    """A method that relaxes offspring instead of a minimiser alone.

    All but the heat bath and stochastic LLG end with `search.minimizer`; what these two leave is compared as it is, and
    the best of it is refined like all elites. Elites are minima at any temperature of the back-end. Population
    annealing begins at infinite temperature: it replaces the offspring by random textures.
    """

    name: str = field(metadata={"doc": "The method.", "family": METHODS})

    def backend(self, convergence: Convergence, minimizer: Minimizer, replicas: int) -> Minimizer | Method:
        """Return the method; it ends with ``minimizer``, or as ``convergence`` says where it has no minimiser.

        SettingError for keys of other methods, and for those that do not go together.
        """
        names = {f.name for f in fields(METHODS[self.name])}
        parts: dict[str, Any] = {"convergence": convergence, "minimizer": minimizer}
        made = self.chosen("name", **{key: part for key, part in parts.items() if key in names})
        if {"hottest", "coldest"} <= {key for key, of in self.KEYS.items() if self.name in of.owners}:
            if (self.hottest is None) != (self.coldest is None):
                missing = "hottest" if self.hottest is None else "coldest"
                given = "coldest" if self.hottest is None else "hottest"
                raise self.error(given, f"needs search.backend.{missing}: both hottest and coldest, or neither")
            if self.hottest is not None and self.hottest < self.coldest:
                raise self.error("hottest", f"is {self.hottest:g} K, colder than coldest")
        if isinstance(made, ParallelTempering):
            if made.rungs is not None and replicas % made.rungs:
                raise self.error("rungs", f"is {made.rungs}, which does not divide the {replicas} replicas")
            if made.every > made.sweeps:
                raise self.error("every", f"is {made.every}, more than the {made.sweeps} sweeps: nothing is exchanged")
        return made
