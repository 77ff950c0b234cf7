"""docs/settings.md, made from the declarations of the keys.

python -m magsearch.config.document > docs/settings.md
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import MISSING
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Len

from magsearch.config.keys import TABLES
from magsearch.formats.toml.schema import Model
from magsearch.formats.toml.table import Key, Table, tables

HEAD = """\
# Settings

<!-- Made by `make docs` from the declarations of the keys; do not edit. -->

The keys of an input file, table by table; [formats.md](formats.md) explains [model], the crystal. All keys are optional
unless their default is "needed". `--set table.key=value` overrules a file of any format; values are written as in TOML:
`--set search.seed=3`, `--set search.variance.window=20`, `--set 'search.backend={name="heat-bath", temperature=3.0}'`.
Integers are between -2^53 and 2^53 unless a key says otherwise. Unknown keys are errors. The settings of a run are
stored in its file (`/config/settings`).
"""
FOOT = """
## The settings of GTO-2D

The examples of the authors' program use the heat bath at 1e-4 K, 1800 sweeps, a window of 100, both thresholds 1e-10,
energies in mRy, 64 offspring, 10 elites and 50 generations:

```toml
[search]
replicas = 64
elites = 10
generations = 50
window = 20
deviation = 4.3e-5            # sqrt(1e-11) mRy
steps = 1800
torque = 0.0

[search.variance]
window = 100
energy = 1.8511e-8            # 1e-10 mRy^2
moment = 1e-10

[search.backend]
name = "heat-bath"
temperature = 1e-4
```
"""
SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
SCALARS = {  # singular and plural
    int: ("integer", "integers"), float: ("number", "numbers"), str: ("text", "texts"), bool: ("boolean", "booleans"),
    Any: ("value", "values"),
}  # fmt: skip


def page() -> str:
    """Return the text of docs/settings.md."""
    return HEAD + "".join(_section(table) for table in every()) + FOOT


def every() -> Iterator[type[Table]]:
    """Yield every table of an input, each followed by the tables in it."""

    def inside(table: type[Table]) -> Iterator[type[Table]]:
        yield table
        for key in table.KEYS.values():
            for inner in tables(key.kind):
                yield from inside(inner)

    tops: list[type[Table]] = [Model, *TABLES.values()]
    return iter({inner.PATH: inner for top in tops for inner in inside(top)}.values())


def _section(table: type[Table]) -> str:
    rows = "".join(
        f"| `{key.name}` | {type_of(key)} | {_apart(key, default_of)} | {_apart(key, _unit)} | {_meaning(key)} |\n"
        for key in table.KEYS.values()
    )
    head = "| key | type | default | unit | meaning |\n|---|---|---|---|---|\n"
    return f"\n## [{table.PATH}]\n\n{inspect.getdoc(table)}\n\n{head}{rows}"


def _by_owner(key: Key, words: Callable[[Key], str]) -> list[tuple[str, str]]:
    """Return each text about a key with the classes of a family that give it."""
    said: dict[str, list[str]] = {}
    for name, own in (key.owners or {"": key}).items():
        said.setdefault(words(own), []).append(name)
    return [(text, ", ".join(names)) for text, names in said.items()]


def _apart(key: Key, words: Callable[[Key], str]) -> str:
    said = _by_owner(key, words)
    return said[0][0] if len(said) == 1 else "; ".join(f"{text} ({names})" for text, names in said)


def _meaning(key: Key) -> str:
    said = _by_owner(key, lambda one: one.facts["doc"])
    return " ".join(f"*{names}*: {text}" if names else text for text, names in said)


def default_of(key: Key) -> str:
    """Return the default in words: "needed" where there is none."""
    if key.facts.get("needed") or key.default is MISSING:
        return "needed"
    if "default" in key.facts:
        return str(key.facts["default"])
    return "none" if key.default is None or key.default in ([], {}) else _literal(key.default)


def _unit(key: Key) -> str:
    return str(key.facts.get("unit", ""))


def _literal(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return str(value)


def type_of(key: Key) -> str:
    """Return the type of a key in words, with its bounds."""
    bounds = " and ".join(f"{sign} {_bound(key.facts[name])}" for name, sign in SIGNS.items() if name in key.facts)
    return " or ".join(_words(key.kind, f" {bounds}" if bounds else "", plural=False))


def _bound(value: float) -> str:
    return "2^63" if value == 2**63 else f"{value:g}"


def _words(kind: Any, bounds: str, plural: bool) -> Iterator[str]:
    """Yield the members of a type in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        for part in inner:
            yield from _words(part, bounds, plural)
    elif origin is Literal:
        *most, last = map(_literal, inner)
        yield f"{', '.join(most)} or {last}" if most else last
    elif origin is Annotated:
        length = next((fact for fact in inner[1:] if isinstance(fact, Len)), None)
        yield from _list(inner[0], length, bounds, plural)
    elif origin is list:
        yield from _list(kind, None, bounds, plural)
    elif origin is dict:
        yield f"table of {' or '.join(_words(inner[1], bounds, plural=True))}"
    elif isinstance(kind, type) and issubclass(kind, Table):
        yield "tables" if plural else "table"
    elif kind is not types.NoneType:
        name = SCALARS[kind][plural]
        yield f"{name}{bounds}" if kind in (int, float) else name


def _list(kind: Any, length: Len | None, bounds: str, plural: bool) -> Iterator[str]:
    """Yield the words for a list of any length, or of a given one."""
    (item,) = get_args(kind)
    count = f"{length.min_length} " if length and length.max_length else ""
    yield f"{'lists' if plural else 'list'} of {count}{' or '.join(_words(item, bounds, plural=True))}"


if __name__ == "__main__":
    print(page(), end="")
