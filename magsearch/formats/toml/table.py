"""Tables of an input file, derived from the dataclasses that they become.

The metadata of a field declare a key of the input: ``field(default=64, metadata={"doc": ..., "ge": 2})``. A ``Table``
collects the keys of such classes and adds keys of its own; ``Source.read`` checks what a file gives for them, and
``Table.make`` turns it into the values. docs/settings.md is made of the same metadata (magsearch/config/document.py).

    doc          one sentence; a field without it is not a key
    unit         of a number
    default      in words, where the default is computed
    ge gt le lt  bounds of the number, or of every number of a list
    key          name in the file, where it is not the field's
    type         of the value in the file, where it is not the field's
    becomes      function that turns the value in the file into the field's
    family       {name: class}: the key names a class, whose keys stand in the same table
    needed       whether a class of a family cannot do without the key, despite its default
    per_island   whether [[islands.own]] may hold the key
    later        whether a resumed run or scan may change the key
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from functools import cache
from inspect import get_annotations
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import Field as Checks
from pydantic import TypeAdapter

from magsearch.errors import SettingError

BOUNDS = ("ge", "gt", "le", "lt")
LARGEST = 2**53  # of integers without bounds of their own: floating-point numbers hold them, their sums have 64 bits
METADATA = {*BOUNDS, "doc", "unit", "default", "key", "type", "becomes", "family", "needed", "per_island", "later"}
T = TypeVar("T")


@dataclass(frozen=True)
class Key:
    """A key of a table.

    kind      type of its value in the file
    default   MISSING where the table needs the key
    facts     the metadata of the field that declares it
    owners    its declarations in the classes of a family that have it, by name; empty where it is common to all
    choices   the family, where the key names a class of one
    """

    name: str
    kind: Any
    default: Any
    facts: Mapping[str, Any]
    owners: Mapping[str, Key] = field(default_factory=dict)
    choices: Mapping[str, type] = field(default_factory=dict)

    @property
    def optional(self) -> Key:
        """The key as one that a table may leave out, and that has no default then."""
        return replace(self, kind=self.kind | None, default=None)

    @property
    def is_table(self) -> bool:
        """Whether the value is a table."""
        kinds = get_args(self.kind) if get_origin(self.kind) in (Union, types.UnionType) else [self.kind]
        return any(get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, Table)) for kind in kinds)

    @property
    def annotation(self) -> Any:
        """The type, with its bounds, as pydantic checks it."""
        return _checked(self.kind, {name: self.facts[name] for name in BOUNDS if name in self.facts})


def _checked(kind: Any, bounds: Mapping[str, Any]) -> Any:
    """Return a type whose numbers have bounds and whose scalars are not converted: neither 1 to true nor "1" to 1."""
    if kind is int:
        lower = {} if {"ge", "gt"} & bounds.keys() else {"gt": -LARGEST}
        upper = {} if {"le", "lt"} & bounds.keys() else {"lt": LARGEST}
        bounds = {**bounds, **lower, **upper}
    if kind in (int, float):
        return Annotated[kind, Checks(strict=True, **bounds)]
    if kind in (bool, str):
        return Annotated[kind, Checks(strict=True)]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[_checked(inner[0], bounds), *inner[1:]]
    if origin in (Union, types.UnionType):
        return Union[tuple(_checked(part, bounds) for part in inner)]  # noqa: UP007
    if origin in (list, dict):
        return origin[tuple(_checked(part, bounds) for part in inner)]
    return kind


def keys(source: Any) -> list[Key]:
    """Return the keys that a dataclass declares; of an instance, with its values as defaults."""
    if isinstance(source, type) and issubclass(source, Table):
        return list(source.KEYS.values())
    if isinstance(source, Key):
        return [source]
    if not is_dataclass(source):
        return []
    owner = source if isinstance(source, type) else type(source)
    found = []
    for f in fields(source):
        if "doc" in f.metadata:
            given = f if isinstance(source, type) else field(default=getattr(source, f.name))
            found += _declared(f.name, f.metadata, _default(given), get_type_hints(owner, include_extras=True)[f.name])
    return found


def _default(f: Field[Any]) -> Any:
    return f.default_factory() if f.default_factory is not MISSING else f.default


def _declared(name: str, facts: Mapping[str, Any], default: Any, hint: Any) -> list[Key]:
    """Return the key of one field, and with a family those of its classes."""
    if strange := facts.keys() - METADATA:
        raise TypeError(f"{name} has unknown metadata {sorted(strange)}")
    name, family = facts.get("key", name), facts.get("family")
    if family is None:
        default = MISSING if default is MISSING else None if "becomes" in facts else default
        kind = facts.get("type", hint)
        return [Key(name, kind | None if default is None else kind, default, facts)]
    if default is not None and default is not MISSING:
        default = default if isinstance(default, str) else named(family, default)
    kind = Literal[tuple(family)]
    return [Key(name, kind | None if default is None else kind, default, facts, choices=family), *_members(family)]


def named(family: Mapping[str, type], value: Any) -> str:
    """Return the name of a value's class in a family."""
    return next(name for name, member in family.items() if type(value) is member)


@cache
def _keys_of(member: type) -> tuple[Key, ...]:
    return tuple(keys(member))


def _members(family: Mapping[str, type]) -> list[Key]:
    """Return the keys of the classes of a family: with a default where all have the key with the same one."""
    owners: dict[str, dict[str, Key]] = {}
    for label, member in family.items():
        for key in _keys_of(member):
            owners.setdefault(key.name, {})[label] = key
    found = []
    for by in owners.values():
        key = next(iter(by.values()))
        if len(by) == len(family) and all(other.default == key.default for other in by.values()):
            found.append(key)
        else:
            found.append(replace(key.optional, owners=by, facts={**key.facts, "needed": False}))
    return found


class Table:
    """A table of an input: a frozen dataclass with the keys of the classes ``of`` and those of its own fields.

    ``path`` is its name in the file ("search.backend").
    """

    KEYS: ClassVar[dict[str, Key]]
    PATH: ClassVar[str]
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "allow_inf_nan": False}

    if TYPE_CHECKING:  # the dataclass is made below, from fields that a type checker does not see
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

        def __init__(self, **keys: Any): ...

        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(cls, path: str, of: Iterable[Any] = ()):
        hints, own = get_type_hints(cls, include_extras=True), []
        for name in get_annotations(cls):
            if isinstance(declared := cls.__dict__.get(name), Field):
                own += _declared(name, declared.metadata, _default(declared), hints[name])
        cls.PATH, cls.KEYS = path, {key.name: key for key in [*(key for source in of for key in keys(source)), *own]}
        ordered = sorted(cls.KEYS.values(), key=lambda key: key.default is not MISSING)
        cls.__annotations__ = {key.name: key.annotation for key in ordered}
        for key in ordered:
            if key.default is MISSING:
                if key.name in cls.__dict__:
                    delattr(cls, key.name)
            elif isinstance(key.default, list | dict | Table):
                setattr(cls, key.name, field(default_factory=_always(key.default)))
            else:
                setattr(cls, key.name, key.default)
        dataclass(frozen=True)(cls)

    def make(self, kind: type[T], **values: Any) -> T:
        """Return an object of a class that the table is derived from; ``values`` are its fields that are no keys."""
        for f in fields(kind) if is_dataclass(kind) else ():
            if f.name in values or "doc" not in f.metadata:
                continue
            key = f.metadata.get("key", f.name)
            if "family" in f.metadata:
                values[f.name] = self._member(key, f.metadata["family"], getattr(self, key) or None, _default(f))
            elif (value := getattr(self, key)) is not None:
                values[f.name] = f.metadata["becomes"](value) if "becomes" in f.metadata else value
        return kind(**values)

    def chosen(self, choice: str, usual: str | None = None, **values: Any) -> Any:
        """Return an object of the class that the key ``choice`` names; ``values`` are its fields that are no keys.

        ``usual`` is the name where the key is not given. SettingError for keys of other classes of the family, and for
        those that the class cannot do without.
        """
        return self._member(choice, self.KEYS[choice].choices, getattr(self, choice) or usual, None, **values)

    def _member(self, choice: str, family: Mapping[str, type], name: str | None, default: Any, **values: Any) -> Any:
        name = name or named(family, default)
        own = {key.name: key for key in _keys_of(family[name])}
        for key in _members(family):
            if key.name in own or getattr(self, key.name) is None:
                continue
            owners = " and ".join(key.owners)
            raise self.error(key.name, f"belongs to {owners}, but {self.PATH}.{choice} is {name}")
        for key in own.values():
            if getattr(self, key.name) is None and (key.facts.get("needed") or key.default is MISSING):
                raise self.error(choice, f"is {name}, which needs {self.PATH}.{key.name}")
        return self.make(family[name], **values)

    def error(self, key: str, message: str) -> SettingError:
        """Return the error of a key: "search.gap " and the message."""
        return SettingError(f"{self.PATH}.{key}", f"{self.PATH}.{key} {message}")


def _always(value: T) -> Any:
    """Return a function that gives every table a default of its own."""
    return (lambda: value) if isinstance(value, Table) else value.copy  # type: ignore[attr-defined]


def tables(kind: Any) -> Iterator[type[Table]]:
    """Yield the tables in a type, as in ``list[Exchange]``."""
    if isinstance(kind, type) and issubclass(kind, Table):
        yield kind
    for inner in get_args(kind):
        yield from tables(inner)


@cache
def adapter(schema: type[Table]) -> TypeAdapter[Any]:
    """Return what checks the entries of a table, and makes it."""
    return TypeAdapter(schema)
