"""The kernel source, and the signatures, enums and constants that Python reads from it instead of repeating them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = Path(__file__).resolve().parents[1]  # magsearch/, where the compiled modules are
KERNELS = next((d for d in (PACKAGE / "kernels", PACKAGE.parent / "kernels") if (d / "portable.cuh").exists()), PACKAGE)
SIZES = (256, 512)  # threads of a block at most, of a FULL_LINE_KERNEL
CTYPES: dict[str, Any] = {"float": np.float32, "double": np.float64, "int": np.int32, "uint32": np.uint32}


@cache
def kernel_source() -> str:
    """Return all kernels as one translation unit, headers inlined: CuPy's cache does not look into included files."""
    seen: set[str] = set()

    def inline(name: str) -> str:
        if name in seen:
            return ""
        seen.add(name)
        text = (KERNELS / name).read_text().replace("#pragma once\n", "")
        return re.sub(r'#include "(.+)"\n', lambda found: inline(found[1]), text)

    return "".join(inline(path.name) for path in sorted(KERNELS.glob("*.cuh")))


@cache
def signatures() -> dict[str, list[str]]:
    """Return the argument types of every kernel, as written: {"advance_spins": ["real*", "const real*", ...]}."""
    text = kernel_source() + (KERNELS / "convolution.hpp").read_text()
    found = re.findall(r"^(?:FULL_)?(?:BLOCK_|LINE_)?KERNEL (\w+)\(([^)]*)\)", text, flags=re.MULTILINE)
    return {
        name: [" ".join(argument.replace("__restrict__", "").split()[:-1]) for argument in arguments.split(",")]
        for name, arguments in found
    }


@cache
def by_chunks() -> set[str]:
    """Return the kernels in which the threads of a GPU work on a chunk of sites together."""
    body = r"^(?:FULL_)?KERNEL (\w+)\([^)]*\) {\s+FOR_EACH_CHUNK "
    return set(re.findall(body, kernel_source(), flags=re.MULTILINE))


@cache
def sized() -> set[str]:
    """Return the kernels that are compiled once for each of ``SIZES``, the largest number of threads of a block."""
    return set(re.findall(r"^FULL_LINE_KERNEL (\w+)\(", kernel_source(), flags=re.MULTILINE))


def instances(kernel: str) -> list[str]:
    """Return the names of all instances of a kernel on a GPU: "field<float>", or "transform_lines<float, 256>"."""
    names = [f"{kernel}<float>", f"{kernel}<double>"]
    return [for_threads(name, most) for name in names for most in SIZES] if kernel in sized() else names


def for_threads(name: str, threads: int) -> str:
    """Return the instance of a ``sized`` kernel for blocks of ``threads`` threads; name is "kernel<real>"."""
    return f"{name.removesuffix('>')}, {next(most for most in SIZES if threads <= most)}>"


@cache
def declared(kernel: str, real: np.dtype) -> tuple[str, list[tuple[np.dtype, bool]]]:
    """Return the name of an instance, and of every argument the type and whether it is an array."""
    name = "float" if real == np.float32 else "double"
    types = [given.removeprefix("const ").replace("real", name) for given in signatures()[kernel]]
    return f"{kernel}<{name}>", [(np.dtype(CTYPES[t.removesuffix("*").strip()]), t.endswith("*")) for t in types]


@cache
def rows(enum: str) -> dict[str, int]:
    """Return the members of a C++ enum in the kernel source with their values, so that Python need not repeat them."""
    found = re.search(rf"enum {enum} {{(.*?)}};", kernel_source(), flags=re.DOTALL)
    if found is None:
        raise KeyError(enum)
    values: dict[str, int] = {}
    for name, _, given in (member.partition("=") for member in re.sub(r"//[^\n]*", "", found[1]).split(",")):
        summands = [term.strip() for term in given.split("+") if term.strip()]  # `= PAST + memory`
        value = sum(
            int(term) if term.isdigit() else values[term] if term in values else constant(term) for term in summands
        )
        values[name.strip()] = value if summands else len(values)
    return values


@cache
def constant(name: str) -> int:
    """Return a constexpr int of the kernel source whose value is a plain number."""
    found = re.search(rf"constexpr int {name} = (\d+);", kernel_source())
    if found is None:
        raise KeyError(name)
    return int(found[1])
