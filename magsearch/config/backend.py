"""The local back-ends by name: [search.backend] and [search.variance] of an input, and the values that they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from magsearch.relaxation.relax import EARLY, Convergence, Method, Minimizer, VarianceControl
from magsearch.relaxation.step_control import Fixed
from magsearch.thermal.basin_hopping import BasinHopping
from magsearch.thermal.heat_bath import HeatBath
from magsearch.thermal.parallel_tempering import ParallelTempering
from magsearch.thermal.population_annealing import PopulationAnnealing
from magsearch.thermal.random_restarts import RandomRestarts
from magsearch.thermal.simulated_annealing import Geometric, Linear, SimulatedAnnealing
from magsearch.thermal.stochastic_llg import StochasticLLG

MinimizerName = Literal["barzilai-borwein", "lbfgs", "velocity-projection", "fire", "llg"]
METHODS: dict[str, Callable[..., Method]] = {
    "simulated-annealing": SimulatedAnnealing,
    "parallel-tempering": ParallelTempering,
    "population-annealing": PopulationAnnealing,
    "random-restarts": RandomRestarts,
    "basin-hopping": BasinHopping,
}
SCHEDULES: dict[str, type] = {"geometric": Geometric, "linear": Linear}
KEYS = {  # of [search.backend], besides the name
    "heat-bath": ("temperature", "reflections"),
    "stochastic-llg": ("temperature", "damping", "step"),
    "simulated-annealing": ("hottest", "coldest", "schedule", "sweeps", "reflections"),
    "parallel-tempering": ("hottest", "coldest", "rungs", "sweeps", "every", "reflections"),
    "population-annealing": ("coldest", "share", "sweeps", "reflections"),
    "random-restarts": ("restarts",),
    "basin-hopping": ("hops", "angle", "temperature"),
}
Positive = Annotated[float, Field(strict=True, gt=0)]
NotNegative = Annotated[float, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=1)]
STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class VarianceTable:
    """The [search.variance] table: variance control of a minimiser or of the heat bath; what is not given is usual.

    window   steps or sweeps over which both variances must be small; 0: no variance control
    energy   meV^2, of the energy per site
    moment   of the mean spin
    """

    __pydantic_config__ = STRICT
    window: Annotated[int, Field(strict=True, ge=0)] | None = None
    energy: NotNegative | None = None
    moment: NotNegative | None = None

    def control(self) -> VarianceControl | None:
        """ValueError for thresholds of no window, and for a window without a variance."""
        if self.window == 0:
            if self.energy is not None or self.moment is not None:
                raise ValueError("search.variance has thresholds, but its window is 0: no variance control")
            return None
        if self.window == 1:
            raise ValueError("search.variance.window is 1; a variance needs two steps or more")
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(EARLY, **{key: value for key, value in given.items() if value is not None})


@dataclass(frozen=True)
class BackendTable:
    """The [search.backend] table: what relaxes offspring instead of a minimiser alone. ``KEYS`` says what is whose.

    name          a key of KEYS
    temperature   kelvin, of the heat bath and of stochastic LLG; of basin hopping's acceptance of whole textures
    damping       Gilbert's, of stochastic LLG; without it there is no precession
    step          of stochastic LLG: about the radians that a spin turns in one
    hottest       kelvin, where annealing and tempering begin
    coldest       kelvin, where they end
    schedule      geometric or linear: how annealing cools
    sweeps        of annealing and tempering; of population annealing at every temperature
    reflections   sweeps of over-relaxation after each sweep
    rungs         temperatures of a tempering ladder; they must divide search.replicas
    every         sweeps from one exchange to the next
    share         of a population that still counts after a step of its temperature
    restarts      random textures for each offspring
    hops          kicks of each offspring
    angle         radians, of a kick
    """

    __pydantic_config__ = STRICT
    name: Literal[
        "heat-bath", "stochastic-llg", "simulated-annealing", "parallel-tempering", "population-annealing",
        "random-restarts", "basin-hopping",
    ]  # fmt: skip
    temperature: NotNegative | None = None
    damping: Positive | None = None
    step: Positive | None = None
    hottest: Positive | None = None
    coldest: Positive | None = None
    schedule: Literal["geometric", "linear"] | None = None
    sweeps: Count | None = None
    reflections: Annotated[int, Field(strict=True, ge=0)] | None = None
    rungs: Annotated[int, Field(strict=True, ge=2)] | None = None
    every: Count | None = None
    share: Annotated[float, Field(strict=True, gt=0, lt=1)] | None = None
    restarts: Count | None = None
    hops: Count | None = None
    angle: Annotated[float, Field(strict=True, gt=0, le=3.1416)] | None = None

    def backend(self, convergence: Convergence, minimizer: Minimizer, replicas: int) -> Minimizer | Method:
        """``minimizer`` ends a method; ``convergence`` is that of heat bath and stochastic LLG.

        ValueError for keys of other back-ends, and for those that do not go together.
        """
        given = self._given()
        if self.name in ("heat-bath", "stochastic-llg"):
            if self.temperature is None:
                raise ValueError("search.backend needs a temperature: that of the spins, in kelvin")
            if self.name == "heat-bath":
                return HeatBath(convergence=convergence, **given)
            if self.step is not None:
                given["pace"] = Fixed(given.pop("step"))
            return StochasticLLG(convergence=convergence, **given)
        if self.name in ("simulated-annealing", "parallel-tempering"):
            if (self.hottest is None) != (self.coldest is None):
                raise ValueError("search.backend needs both hottest and coldest, or neither")
            if self.hottest is not None and self.coldest is not None and self.hottest < self.coldest:
                raise ValueError(f"search.backend.hottest is {self.hottest:g} K, colder than coldest")
        if self.rungs is not None and replicas % self.rungs:
            raise ValueError(f"search.backend.rungs is {self.rungs}, which does not divide the {replicas} replicas")
        if self.every is not None and self.every > given.get("sweeps", ParallelTempering.sweeps):
            raise ValueError(f"search.backend.every is {self.every}, more than there are sweeps: nothing is exchanged")
        if self.name == "simulated-annealing":
            ends = {key: given.pop(key) for key in ("hottest", "coldest") if key in given}
            given["schedule"] = SCHEDULES[given.get("schedule", "geometric")](**ends)
        return METHODS[self.name](minimizer=minimizer, **given)

    def _given(self) -> dict[str, Any]:
        every = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}
        given = {key: value for key, value in every.items() if value is not None}
        strange = sorted(set(given) - set(KEYS[self.name]))
        if strange:
            known = ", ".join(KEYS[self.name])
            raise ValueError(f"search.backend.{strange[0]} is no key of {self.name}; its keys are {known}")
        return given
