"""Relaxation of a whole population at T = 0: the loop (``relax``) and the minimisers that it drives, one a module."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module

from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.relax import Minimizer


def found() -> dict[str, Callable[[Convergence], Minimizer]]:
    """Return the minimisers of this package by ``name``, in which an input selects them."""
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return {
        vars(member)["name"]: member
        for module in modules
        for member in vars(module).values()
        if isinstance(member, type)
        and member.__module__ == module.__name__
        and isinstance(vars(member).get("name"), str)
    }


MINIMIZERS: dict[str, Callable[[Convergence], Minimizer]] = found()
