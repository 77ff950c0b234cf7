"""CuPy's functions of arrays: NumPy's, with CuPy's signatures, on device arrays and numbers alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import array, asarray, made_by, ndarray, record
from .counts import counts

# Elementwise functions take (x, ..., out=None, casting=, dtype=)
UFUNCS = [
    "add", "subtract", "multiply", "divide", "true_divide", "floor_divide", "remainder", "mod", "fmod", "power",
    "negative", "positive", "absolute", "abs", "fabs", "sign", "sqrt", "square", "cbrt", "exp", "exp2", "expm1",
    "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "hypot", "sinh",
    "cosh", "tanh", "rint", "floor", "ceil", "trunc", "maximum", "minimum", "fmax", "fmin", "equal", "not_equal",
    "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_not", "logical_xor",
    "isfinite", "isinf", "isnan", "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift",
    "conj", "conjugate", "reciprocal", "copysign", "deg2rad", "rad2deg", "degrees", "radians", "matmul",
]  # fmt: skip

# The others, as CuPy 14.2 declares them
SIGNATURES = """
where(condition, x=None, y=None)
concatenate(tup, axis=0, out=None, dtype=None, casting='same_kind')
stack(tup, axis=0, out=None, dtype=None, casting='same_kind')
vstack(tup, dtype=None, casting='same_kind')
hstack(tup, dtype=None, casting='same_kind')
split(ary, indices_or_sections, axis=0)
array_split(ary, indices_or_sections, axis=0)
sort(a, axis=-1, kind=None)
argsort(a, axis=-1, kind=None)
lexsort(keys)
partition(a, kth, axis=-1)
argpartition(a, kth, axis=-1)
take(a, indices, axis=None, out=None)
take_along_axis(a, indices, axis)
choose(a, choices, out=None, mode='raise')
compress(condition, a, axis=None, out=None)
sum(a, axis=None, dtype=None, out=None, keepdims=False)
prod(a, axis=None, dtype=None, out=None, keepdims=False)
max(a, axis=None, out=None, keepdims=False)
min(a, axis=None, out=None, keepdims=False)
amax(a, axis=None, out=None, keepdims=False)
amin(a, axis=None, out=None, keepdims=False)
mean(a, axis=None, dtype=None, out=None, keepdims=False)
var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False)
std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False)
ptp(a, axis=None, out=None, keepdims=False)
median(a, axis=None, out=None, overwrite_input=False, keepdims=False)
cumsum(a, axis=None, dtype=None, out=None)
cumprod(a, axis=None, dtype=None, out=None)
diff(a, n=1, axis=-1, prepend=None, append=None)
searchsorted(a, v, side='left', sorter=None)
digitize(x, bins, right=False)
clip(a, a_min, a_max, out=None)
unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, equal_nan=True)
tile(A, reps)
repeat(a, repeats, axis=None)
roll(a, shift, axis=None)
flip(a, axis=None)
rot90(a, k=1, axes=(0, 1))
nonzero(a)
flatnonzero(a)
argwhere(a)
argmax(a, axis=None, dtype=None, out=None, keepdims=False)
argmin(a, axis=None, dtype=None, out=None, keepdims=False)
all(a, axis=None, out=None, keepdims=False)
any(a, axis=None, out=None, keepdims=False)
count_nonzero(a, axis=None)
bincount(x, weights=None, minlength=None)
cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None)
dot(a, b, out=None)
vdot(a, b)
inner(a, b)
outer(a, b, out=None)
tensordot(a, b, axes=2)
kron(a, b)
trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None)
diagonal(a, offset=0, axis1=0, axis2=1)
diag(v, k=0)
tril(m, k=0)
triu(m, k=0)
moveaxis(a, source, destination)
rollaxis(a, axis, start=0)
swapaxes(a, axis1, axis2)
transpose(a, axes=None)
expand_dims(a, axis)
squeeze(a, axis=None)
ravel(a, order='C')
reshape(a, newshape, order='C', copy=None)
broadcast_to(array, shape)
isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False)
allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False)
array_equal(a1, a2, equal_nan=False)
real(val)
imag(val)
angle(z, deg=False)
nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None)
round(a, decimals=0, out=None)
around(a, decimals=0, out=None)
unravel_index(indices, dims, order='C')
""".strip().splitlines()

FRESH = """
arange(start, stop=None, step=1, dtype=None)
linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0)
eye(N, M=None, k=0, dtype=float, order='C')
identity(n, dtype=float)
indices(dimensions, dtype=int)
""".strip().splitlines()
WAITING = {"nonzero", "flatnonzero", "argwhere", "unique", "compress", "bincount"}  # sizes that the host must know


def values_of(value: Any, sources: list[ndarray]) -> Any:
    """Return an argument for NumPy, and note the device arrays in it. TypeError for an array of the host."""
    if isinstance(value, ndarray):
        sources.append(value)
        return value.a
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)):
        return type(value)(values_of(part, sources) for part in value)
    return value


def on_device(
    name: str, function: Callable[..., Any], signature: inspect.Signature | None = None
) -> Callable[..., Any]:
    """Return a function of NumPy as one of the device, which takes what ``signature`` allows."""

    def call(*args: Any, **keywords: Any) -> Any:
        if signature is not None:
            signature.bind(*args, **keywords)
        sources: list[ndarray] = []
        out = keywords.pop("out", None)
        given = [values_of(a, sources) for a in args]
        named = {k: values_of(v, sources) for k, v in keywords.items()}
        if not sources and out is None and not all(np.isscalar(a) for a in given):
            raise TypeError(f"{name} takes device arrays")
        if out is not None:
            if not isinstance(out, ndarray):
                raise TypeError(f"return arrays must be of ArrayType, not {type(out)}")
            place = out.a
            record(name, sum(s.nbytes for s in sources) + out.nbytes, lambda: function(*given, **named, out=place))
            return out
        if name in WAITING:
            counts.waits[name] += 1
        result = function(*given, **named)
        if isinstance(result, (tuple, list)):
            return type(result)(made_by(name, part, sources) for part in result)
        return made_by(name, result, sources)

    call.__name__ = call.__qualname__ = name
    return call


def declared(line: str) -> tuple[str, inspect.Signature]:
    """Return the name and the signature of a declaration."""
    found: dict[str, Any] = {}
    exec(f"def {line}: ...", found)
    name = line.partition("(")[0]
    return name, inspect.signature(found[name])


def renamed(name: str, signature: inspect.Signature) -> Callable[..., Any]:
    """Return NumPy's function with CuPy's names of arguments and its choice of values."""
    function = getattr(np, name)

    def call(*args: Any, **keywords: Any) -> Any:
        out = {"out": keywords.pop("out")} if keywords.get("out") is not None else {}
        bound = signature.bind(*args, **keywords)
        if name in ("sort", "argsort"):
            if bound.arguments.get("kind") not in (None, "stable"):
                raise ValueError("kind can only be None or 'stable'")
            bound.arguments["kind"] = "stable"
        positional, named = [], {}
        first_named = False
        for parameter in signature.parameters.values():
            if parameter.name not in bound.arguments:
                first_named = True
            elif first_named or parameter.default is not inspect.Parameter.empty:
                named[parameter.name] = bound.arguments[parameter.name]
            else:
                positional.append(bound.arguments[parameter.name])
        if name == "where":
            positional += named.values()
            named = {}
        if name == "argmax" or name == "argmin":
            named.pop("dtype", None)
        return function(*positional, **named, **out)

    return call


def einsum(*operands: Any, **keywords: Any) -> ndarray:
    """Sum products as a text says."""
    if set(keywords) - {"dtype", "optimize", "out"}:
        raise TypeError(f"einsum does not take {set(keywords)}")
    text, *arrays = operands
    return on_device("einsum", lambda *a, **k: np.einsum(text, *a, **k))(*arrays, **keywords)


def copyto(dst: ndarray, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    """Copy values into an array."""
    if where is not None:
        chosen, target = values_of(where, []), dst.a
        source = values_of(src, [])
        record("copyto", 2 * dst.nbytes, lambda: np.copyto(target, source, casting=casting, where=chosen))
        return
    dst[...] = src


def put_along_axis(arr: ndarray, indices: ndarray, values: Any, axis: int) -> None:
    """Set values at indices along an axis."""
    target, index, given = arr.a, indices.a, values_of(values, [])
    record("put_along_axis", 2 * indices.nbytes, lambda: np.put_along_axis(target, index, given, axis))


def meshgrid(*xi: ndarray, **keywords: Any) -> list[ndarray]:
    """Return the coordinates of a grid."""
    return list(on_device("meshgrid", np.meshgrid)(*xi, **keywords))


def atleast_1d(*arys: ndarray) -> ndarray | list[ndarray]:
    """Return arrays with one axis at least."""
    made = [a if a.ndim else a.reshape(1) for a in arys]
    return made[0] if len(made) == 1 else made


def copy(a: Any, order: str = "K") -> ndarray:
    """Return a copy on the device."""
    return array(a, order=order)


def fresh(line: str) -> Callable[..., ndarray]:
    """Return one of NumPy's functions that make arrays from numbers."""
    name, signature = declared(line)

    def call(*args: Any, **keywords: Any) -> ndarray:
        signature.bind(*args, **keywords)
        return made_by(name, getattr(np, name)(*args, **keywords), [])

    return call


FUNCTIONS: dict[str, Any] = {name: on_device(name, getattr(np, name)) for name in UFUNCS}
FUNCTIONS |= {
    name: on_device(name, renamed(name, signature), signature) for name, signature in map(declared, SIGNATURES)
}
FUNCTIONS |= {line.partition("(")[0]: fresh(line) for line in FRESH}
FUNCTIONS |= {
    "einsum": einsum, "copyto": copyto, "put_along_axis": put_along_axis, "meshgrid": meshgrid, "copy": copy,
    "atleast_1d": atleast_1d, "asanyarray": asarray, 
    "result_type": lambda *a: np.result_type(*[values_of(x, []) for x in a]),
    "can_cast": np.can_cast, "shape": lambda a: a.shape, "ndim": lambda a: a.ndim,
}  # fmt: skip
