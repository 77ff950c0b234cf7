"""What a run is told: an input file, and settings that overrule it from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from magsearch import formats
from magsearch.errors import InputError
from magsearch.formats import toml
from magsearch.formats.source import Source
from magsearch.hamiltonian import Hamiltonian
from magsearch.island import OPERATORS, SEEDS, GeneticTunneling, Mixture
from magsearch.minimizers import LBFGS, BarzilaiBorwein, Fire, VelocityProjection
from magsearch.operators import OPERATORS as NAMED_OPERATORS
from magsearch.relaxation import Convergence, Minimizer, VarianceControl
from magsearch.search import Stop
from magsearch.selection import Roulette, Selection, SteadyState, Tournament

MINIMIZERS: dict[str, type] = {
    "barzilai-borwein": BarzilaiBorwein,
    "lbfgs": LBFGS,
    "velocity-projection": VelocityProjection,
    "fire": Fire,
}
Positive = Annotated[float, Field(strict=True, gt=0)]
Count = Annotated[int, Field(strict=True, ge=1)]
Weights = dict[str, Annotated[float, Field(ge=0)]]


@dataclass(frozen=True)
class SearchTable:
    """The [search] table: strings and numbers, as a user writes them.

    replicas      offspring of a generation
    elites        minima that are stored
    generations   at the most
    seconds       at the most, on the wall clock; the elites' polish comes after
    seed          of everything random
    window        generations in which the elites' energies must not vary for the search to end
    deviation     meV per site, below which they do not vary; default: 1e-7 of the stiffest coupling
    minimizer     a key of MINIMIZERS
    steps         of one relaxation, at the most
    torque        meV, at which a relaxation may end; default: 1e-6 of the stiffest coupling
    selection     steady-state, tournament or roulette
    temperature   kelvin, of the roulette's Boltzmann weights (asks for the roulette)
    seeds         weights of the operators that make the first generation
    operators     weights of the operators that make offspring
    path          direct or fourier, where the cost model is to be overruled
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    replicas: Annotated[int, Field(strict=True, ge=2)] = 64
    elites: Count = 8
    generations: Count = 200
    seconds: Positive | None = None
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = 1
    window: Annotated[int, Field(strict=True, ge=2)] = 10
    deviation: Annotated[float, Field(strict=True, ge=0)] | None = None
    minimizer: Literal["barzilai-borwein", "lbfgs", "velocity-projection", "fire"] = "barzilai-borwein"
    steps: Count = 2000
    torque: Positive | None = None
    selection: Literal["steady-state", "tournament", "roulette"] | None = None
    temperature: Positive | None = None
    seeds: Weights = field(default_factory=dict)
    operators: Weights = field(default_factory=dict)
    path: Literal["direct", "fourier"] | None = None

    def settings(self) -> GeneticTunneling:
        """The settings of an island as values. ValueError for operators that do not exist."""
        minimizer: Minimizer = MINIMIZERS[self.minimizer](Convergence(self.torque, self.steps, VarianceControl()))
        return GeneticTunneling(
            replicas=self.replicas,
            elites=self.elites,
            seed=self.seed,
            minimizer=minimizer,
            selection=self._selection(),
            seeds=_mixture("seeds", self.seeds, SEEDS),
            operators=_mixture("operators", self.operators, OPERATORS),
        )

    def stop(self) -> Stop:
        return Stop(self.generations, self.seconds, self.window, self.deviation)

    def _selection(self) -> Selection:
        name = self.selection or ("roulette" if self.temperature else "steady-state")
        if name == "roulette":
            return Roulette(self.temperature)
        if self.temperature:
            raise ValueError(f"search.temperature is the roulette's, but search.selection is {name}")
        return Tournament() if name == "tournament" else SteadyState()


def _mixture(key: str, weights: Mapping[str, float], usual: Mixture) -> Mixture:
    unknown = sorted(set(weights) - set(NAMED_OPERATORS))
    if unknown:
        raise ValueError(f"search.{key}: no operator '{unknown[0]}'; known are {', '.join(NAMED_OPERATORS)}")
    chosen = tuple((NAMED_OPERATORS[name](), weight) for name, weight in weights.items() if weight > 0)
    if weights and not chosen:
        raise ValueError(f"search.{key}: every weight is zero")
    chosen = chosen or usual
    if key == "seeds" and any(operator.parents for operator, _ in chosen):
        raise ValueError(
            "search.seeds: only operators that need no parents (RandomSpins, SoftWaves) can begin a search"
        )
    return chosen


@dataclass(frozen=True, eq=False)
class Input:
    """An input file, read and overruled."""

    path: Path
    text: str
    hamiltonian: Hamiltonian
    search: SearchTable

    def as_json(self) -> dict[str, Any]:
        return {"search": asdict(self.search)}


def read(path: str | Path, overrides: Sequence[str] = ()) -> Input:
    """The input in a .toml or inpsd.dat, with ``key=value`` settings on top (model.size, search.seed, ...).

    InputError, with file and line, for what is wrong.
    """
    path = Path(path)
    known = ("model", "search")
    unpickle = ("model", "unpickle", True) in [_override(item, known) for item in overrides]
    hamiltonian, text = formats.read(path, unpickle), formats.source_text(path)
    tables = formats.read_toml(path) if formats.is_toml(path, text) else {}
    for table in tables:
        if table not in known:
            raise Source(path, text, table).error((), f"unknown table [{table}]; known are {', '.join(known)}")
    search = _search(tables.get("search", {}), Source(path, text, "search"))
    if overrides:
        given = [_override(item, known) for item in overrides]
        try:
            hamiltonian = _model(
                path, text, tables, hamiltonian, {key: v for table, key, v in given if table == "model"}
            )
            changed = {**tables.get("search", {}), **{key: v for table, key, v in given if table == "search"}}
            search = _search(changed, Source("--set", "", "search"))
        except InputError as error:
            raise InputError(error.message, "--set") from None
        except ValueError as error:
            raise InputError(str(error), "--set") from None
    return Input(path, text, hamiltonian, search)


def _override(item: str, known: Sequence[str]) -> tuple[str, str, Any]:
    """--set search.seed=3 as ("search", "seed", 3): a TOML value, or a word."""
    name, equals, value = item.partition("=")
    table, dot, key = name.strip().partition(".")
    if not (equals and dot and key) or table not in known:
        raise InputError(f"{item!r} is not table.key=value with table one of {', '.join(known)}", "--set")
    try:
        return table, key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return table, key, value.strip()


def _model(path: Path, text: str, tables: Mapping[str, Any], read: Hamiltonian, changes: dict[str, Any]) -> Hamiltonian:
    if not changes:
        return read
    if tables:
        return toml.hamiltonian({**tables["model"], **changes}, text, path)
    settable = ("size", "field", "periodic", "unpickle")
    unknown = sorted(set(changes) - set(settable))
    if unknown:
        known = ", ".join(f"model.{key}" for key in settable[:-1])
        raise InputError(f"model.{unknown[0]} cannot be set for this format; {known} can", "--set")
    if "periodic" in changes:
        periodic = _numbers("model.periodic", changes["periodic"], bool)
        read = replace(read, lattice=replace(read.lattice, periodic=periodic))
    if "size" in changes:
        read = read.with_size(_numbers("model.size", changes["size"], int))
    if "field" in changes:
        field = changes["field"]
        along_z = isinstance(field, int | float)
        read = replace(read, field=(0.0, 0.0, float(field)) if along_z else _numbers("model.field", field, float))
    return read


def _numbers(name: str, value: Any, kind: type) -> tuple[Any, ...]:
    expected = (int, float) if kind is float else (kind,)
    if not isinstance(value, list) or len(value) != 3 or any(type(v) not in expected for v in value):
        what = {bool: "of true and false", int: "whole numbers", float: "numbers"}[kind]
        raise InputError(f"{name} is {value!r}; expected three {what}", "--set")
    return tuple(np.array(value, dtype=kind).tolist())


def _search(table: dict[str, Any], source: Source) -> SearchTable:
    try:
        search = TypeAdapter(SearchTable).validate_python(table)
    except ValidationError as error:
        raise source.invalid(error, table, SearchTable) from None
    try:
        search.settings()
    except ValueError as error:
        key = next((k for k in ("seeds", "operators", "temperature") if k in table and k in str(error)), "")
        raise source.error((key,) if key else (), str(error)) from None
    return search
