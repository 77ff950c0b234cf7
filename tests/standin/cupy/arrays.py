"""Arrays of the device: NumPy's memory behind CuPy's rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import queue
from .counts import counts
from .memory import Block, poisoned

SUPPORTED = set("?bhilqBHILQefdFD")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
ARITHMETIC = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
    "matmul",
)
NUMPY_NAMES = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift", "matmul": "matmul", "lt": "less", "le": "less_equal",
    "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}  # fmt: skip
REDUCING = (
    "sum", "prod", "max", "min", "mean", "var", "std", "all", "any", "argmax", "argmin", "cumsum", "cumprod", "clip",
    "round", "take", "repeat", "argsort", "argpartition", "dot", "nonzero", "trace", "diagonal", "compress", "ptp",
    "conj", "conjugate", "searchsorted", "choose",
)  # fmt: skip

ours: dict[str, Any] = {}  # the names of the package, once it is complete


def supported(dtype: Any) -> np.dtype:
    """Return a dtype; ValueError for one that a GPU has not."""
    found = np.dtype(dtype)
    if found.char not in SUPPORTED or found.byteorder == ">":
        raise ValueError(f"Unsupported dtype {found}")
    return found


class ndarray:
    """An array of the device. ``a`` is its memory, for this package alone.

    base   the array that a view belongs to, None for one with memory of its own
    """

    __slots__ = ("__weakref__", "_block", "a", "base")
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = 100

    def __init__(self, shape: Any, dtype: Any = float, memptr: None = None, strides: None = None, order: str = "C"):
        values = poisoned(shape, supported(dtype), order)
        self.a, self._block, self.base = values, Block(values), None

    @classmethod
    def of(cls, values: np.ndarray) -> ndarray:
        """Return a new device array with memory of its own."""
        supported(values.dtype)
        made = object.__new__(cls)
        made.a, made._block, made.base = values, Block(values), None
        return made

    def over(self, values: np.ndarray) -> ndarray:
        """Return a view of this array."""
        made = object.__new__(ndarray)
        made.a, made._block, made.base = values, self._block, self if self.base is None else self.base
        return made

    # -- facts

    shape = property(lambda self: self.a.shape)
    dtype = property(lambda self: self.a.dtype)
    ndim = property(lambda self: self.a.ndim)
    size = property(lambda self: self.a.size)
    nbytes = property(lambda self: self.a.nbytes)
    itemsize = property(lambda self: self.a.itemsize)
    strides = property(lambda self: self.a.strides)
    flags = property(lambda self: self.a.flags)
    T = property(lambda self: self.over(self.a.T))

    @property
    def real(self) -> ndarray:
        """A view of the real parts; the array itself where it is real."""
        return self.over(self.a.real) if self.dtype.kind == "c" else self

    @property
    def imag(self) -> ndarray:
        """A view of the imaginary parts; zeros where there are none."""
        return self.over(self.a.imag) if self.dtype.kind == "c" else ndarray.of(np.zeros_like(self.a))

    @property
    def data(self) -> Any:
        """Where the values are, as CuPy's MemoryPointer."""
        return type("MemoryPointer", (), {"ptr": self.a.ctypes.data})

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(self.shape[0]))

    # -- no way to the host but these

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def _waited(self, reason: str) -> np.ndarray:
        queue.expect_free(reason)
        queue.settle()
        counts.waits[reason] += 1
        counts.bytes["to host"] += self.nbytes
        return self.a

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous.")
        return bool(self._waited("bool"))

    def __int__(self) -> int:
        return int(self._waited("int"))

    def __float__(self) -> float:
        return float(self._waited("float"))

    def __complex__(self) -> complex:
        return complex(self._waited("complex"))

    def __repr__(self) -> str:
        return repr(self._waited("repr"))

    def item(self, *args: Any) -> Any:
        """Return a Python number."""
        return self._waited("item").item(*args)

    def tolist(self) -> Any:
        """Return Python numbers."""
        return self._waited("tolist").tolist()

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        """Copy to the host; without ``blocking`` the values are there once somebody has waited for the stream."""
        if out is None:
            out = np.empty(self.shape, self.dtype, order=order)
        if not isinstance(out, np.ndarray):
            raise TypeError("Only numpy.ndarray can be obtained from cupy.ndarray")
        if self.dtype != out.dtype:
            raise TypeError(f"{out.dtype} array cannot be obtained from {self.dtype} array")
        if self.shape != out.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, actual shape: {out.shape}")
        if not (out.flags.c_contiguous or out.flags.f_contiguous):
            raise RuntimeError("`out` cannot be specified when copying to non-contiguous ndarray")
        if not (out.flags.c_contiguous and self.flags.c_contiguous):
            counts.kernels["ascontiguousarray"] += self.size > 0
        if blocking:
            out[...] = self._waited("get")
            return out
        queue.expect_free("get")
        counts.bytes["to host"] += self.nbytes
        values = self.a.copy()
        out.fill(np.nan if out.dtype.kind in "fc" else 0)
        queue.later.append(lambda: np.copyto(out, values))
        return out

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        """Overwrite the values by those of the host."""
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if self.shape != arr.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self.flags.c_contiguous or self.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        queue.expect_free("set")
        counts.bytes["to device"] += self.nbytes
        self.a[...] = arr

    # -- copies and views

    def copy(self, order: str = "C") -> ndarray:
        """Return a copy."""
        return self.astype(self.dtype, order)

    def astype(
        self, dtype: Any, order: str = "K", casting: None = None, subok: None = None, copy: bool = True
    ) -> ndarray:
        """Return the array in another type."""
        if casting is not None or subok is not None:
            raise TypeError("casting and subok are not supported yet")
        kind = supported(dtype)
        fits = order == "K" or (order == "C" and self.flags.c_contiguous) or (order == "F" and self.flags.f_contiguous)
        if not copy and kind == self.dtype and fits:
            return self
        made = ndarray.of(poisoned(self.shape, kind, "C")) if order == "C" else ndarray.of(
            np.empty_like(self.a, kind, order=order, subok=False)
        )  # fmt: skip
        move("copy" if kind == self.dtype else "astype", self, made)
        return made

    def fill(self, value: Any) -> None:
        """Set every value to one number."""
        if isinstance(value, ndarray):
            if value.shape != ():
                raise ValueError("non-scalar cupy.ndarray cannot be used for fill")
            return move("fill", value, self)
        number = np.asarray(value, dtype=self.dtype)
        if number.shape != ():
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        record("fill", self.nbytes, lambda: self.a.fill(number[()]))

    def view(self, dtype: Any = None) -> ndarray:
        """Return the same memory, perhaps as another type."""
        if dtype is None:
            return self.over(self.a.view())
        kind = np.dtype(dtype)
        if kind.itemsize != self.itemsize:
            if not self.ndim:
                raise ValueError("Changing the dtype of a 0d array is only supported if the itemsize is unchanged")
            if self.shape[-1] != 1 and self.size and self.strides[-1] != self.itemsize:
                raise ValueError("To change to a dtype of a different size, the last axis must be contiguous")
        return self.over(self.a.view(kind))

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> ndarray:
        """Return a view in another shape, or a copy where there is none."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        new = self.a.reshape(wanted, order=order)
        if not new.size or np.may_share_memory(new, self.a):
            return self.over(new)
        made = ndarray.of(np.empty(new.shape, new.dtype))
        source = self.a
        record("reshape", 2 * self.nbytes, lambda: np.copyto(made.a, source.reshape(wanted, order=order)))
        return made

    def ravel(self, order: str = "C") -> ndarray:
        """Return the values in one row; a view where that is possible."""
        return self.reshape(-1, order=order)

    def flatten(self, order: str = "C") -> ndarray:
        """Return a copy of the values in one row."""
        return self.copy(order).reshape(-1, order=order)

    def transpose(self, *axes: Any) -> ndarray:
        """Return a view with the axes in another order."""
        wanted = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else (axes or None)
        return self.over(self.a.transpose(wanted))

    def swapaxes(self, axis1: int, axis2: int) -> ndarray:
        """Return a view with two axes exchanged."""
        return self.over(self.a.swapaxes(axis1, axis2))

    def squeeze(self, axis: Any = None) -> ndarray:
        """Return a view without axes of length one."""
        return self.over(self.a.squeeze(axis))

    def sort(self, axis: int = -1, kind: str | None = None) -> None:
        """Sort in place."""
        if kind not in (None, "stable"):
            raise ValueError("kind can only be None or 'stable'")
        record("sort", 2 * self.nbytes, lambda: self.a.sort(axis, "stable"))

    # -- indices

    def _index(self, given: Any) -> tuple[Any, bool]:
        """Return an index for NumPy, and whether it gathers; CuPy wraps around where NumPy raises, as here."""
        parts, gathers = [], False
        for part in given if isinstance(given, tuple) else (given,):
            if isinstance(part, ndarray):
                part, gathers = part.a, True
            elif isinstance(part, (list, tuple, np.ndarray, bool, np.bool_)):
                part, gathers = array(part).a, True
            elif not (part is None or part is Ellipsis or isinstance(part, slice) or np.isscalar(part)):
                raise IndexError(
                    "only integers, slices, ellipsis, None and integer or boolean arrays are valid indices"
                )
            if isinstance(part, np.ndarray):
                if part.dtype.kind not in "iub":
                    raise IndexError("arrays used as indices must be of integer or boolean type")
                if part.dtype.kind == "b":
                    queue.expect_free("mask")
                    counts.waits["mask"] += 1
            parts.append(part)
        return tuple(parts), gathers

    def __getitem__(self, given: Any) -> ndarray:
        index, gathers = self._index(given)
        if gathers:
            return made_by("take", self.a[index], [self])
        everything = any(part is Ellipsis for part in index)
        return self.over(self.a[index if everything else (*index, ...)])

    def __setitem__(self, given: Any, value: Any) -> None:
        index, gathers = self._index(given)
        if not gathers:
            place = self[given]
            return move("setitem", value, place) if isinstance(value, ndarray) else place.fill(value)
        if not isinstance(value, ndarray):
            value = array(value, self.dtype)
        source, target = value.a, self.a

        def scatter() -> None:
            target[index] = source

        record("scatter", 2 * value.nbytes, scatter)

    # -- arithmetic

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **keywords: Any) -> Any:
        if method != "__call__" or ufunc.__name__ not in ours:
            return NotImplemented
        return ours[ufunc.__name__](*inputs, **({"out": out[0]} if out else {}), **keywords)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        _, _, inner = func.__module__.partition(".")
        names = vars(ours[inner]) if inner in ours else ours
        return names[func.__name__](*args, **kwargs) if func.__name__ in names else NotImplemented

    def __neg__(self) -> ndarray:
        return np.negative(self)

    def __pos__(self) -> ndarray:
        return np.positive(self)

    def __abs__(self) -> ndarray:
        return np.absolute(self)

    def __invert__(self) -> ndarray:
        return np.invert(self)


def _operators() -> None:
    """Give the class its operators; all of them are ufuncs of CuPy."""

    def forward(name: str) -> Any:
        return lambda self, other: getattr(np, name)(self, other)

    def backward(name: str) -> Any:
        return lambda self, other: getattr(np, name)(other, self)

    def in_place(name: str) -> Any:
        return lambda self, other: getattr(np, name)(self, other, out=self)

    for operator in (*ARITHMETIC, *COMPARISONS):
        name = NUMPY_NAMES[operator]
        setattr(ndarray, f"__{operator}__", forward(name))
        if operator in ARITHMETIC:
            setattr(ndarray, f"__r{operator}__", backward(name))
            setattr(ndarray, f"__i{operator}__", in_place(name))
    for name in REDUCING:
        setattr(ndarray, name, lambda self, *a, _name=name, **k: ours[_name](self, *a, **k))


_operators()


def record(kernel: str, moved: int, work: queue.Work) -> None:
    """Run one of CuPy's own kernels."""

    def counted() -> None:
        counts.kernels[kernel] += 1
        counts.bytes["kernels"] += moved
        work()

    queue.run(counted)


def move(kernel: str, source: ndarray, target: ndarray) -> None:
    """Copy between arrays of the device, with broadcasting: ones before the shape of the source are dropped."""
    values, place = source.a, target.a
    while values.ndim > place.ndim and values.shape[0] == 1:
        values = values[0]
    np.broadcast_shapes(values.shape, place.shape)
    if np.broadcast_shapes(values.shape, place.shape) != place.shape:
        raise ValueError(f"could not broadcast input array from shape {values.shape} into shape {place.shape}")
    record(kernel, values.nbytes + place.nbytes, lambda: np.copyto(place, values, casting="unsafe"))


def made_by(kernel: str, values: Any, sources: list[ndarray]) -> ndarray:
    """Return what a kernel computed as an array of the device: a view of a source, or with memory of its own."""
    queue.expect_free(f"{kernel} with a new result (give it out=)")
    values = np.asarray(values)
    for source in sources:
        if values.size and np.may_share_memory(values, source.a):
            return source.over(values)
    counts.kernels[kernel] += 1
    counts.bytes["kernels"] += sum(s.nbytes for s in sources) + values.nbytes
    return ndarray.of(np.ascontiguousarray(values) if values.ndim else values)


def array(
    obj: Any, dtype: Any = None, copy: Any = True, order: str = "K", subok: bool = False, ndmin: int = 0, *,
    blocking: bool = False,
) -> ndarray:  # fmt: skip
    """Copy numbers to the device; of a device array, or of a list of them, make another."""
    if subok:
        raise NotImplementedError("subok")
    if isinstance(obj, ndarray):
        made = obj.astype(dtype or obj.dtype, order, copy=bool(copy))
        return made.reshape((1,) * max(0, ndmin - made.ndim) + made.shape) if ndmin > made.ndim else made
    queue.expect_free("array")
    if isinstance(obj, (list, tuple)) and obj and all(isinstance(part, ndarray) for part in obj):
        made = made_by("concatenate", np.stack([part.a for part in obj]), list(obj))
        return made if dtype is None else made.astype(dtype, copy=False)
    if isinstance(obj, (list, tuple)) and any(isinstance(part, ndarray) for part in obj):
        raise TypeError("a list of device arrays and of other things")
    if copy is False:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    fortran = order == "F" or (order in "KA" and isinstance(obj, np.ndarray) and obj.flags.fnc)
    values = np.array(obj, dtype=dtype, ndmin=ndmin, order="F" if fortran else "C")
    counts.bytes["to device"] += values.nbytes
    return ndarray.of(values)


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None, blocking: bool = False
) -> ndarray:
    """Return an array of the device: the same where it is one already."""
    return array(a, dtype, copy, order or "K")


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    """Return a contiguous array of at least one axis."""
    made = array(a, dtype, None, "C")
    return made if made.ndim else made.reshape(1)
