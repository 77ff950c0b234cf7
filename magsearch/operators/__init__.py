"""Operators of the genetic search: each makes new textures, one for each replica, from none, one or several parents.

Operators are frozen dataclasses named by what they do to the spins; a mixture is a tuple of (operator, weight). An
operator has ``parents``, the number of textures that it needs, and is called with the crystal, a batch of parents
[replica, parent, site, 3] and the random numbers of the replicas. It returns textures [replica, site, 3], whose spins
the search normalises. All arrays are those of the device (``crystal.xp``). ``HostOperator`` is the base of operators
that make one texture at a time with NumPy.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from magsearch.operators.host import HostOperator
from magsearch.operators.mixtures import BREEDING, RESTARTS, SEEDS, Mixture
from magsearch.operators.operator import Operator


def found() -> dict[str, type]:
    """Return the operators of this package by name: all dataclasses that have ``parents``, in any of its modules."""
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return {
        member.__name__: member
        for module in modules
        for member in vars(module).values()
        if isinstance(member, type)
        and member.__module__ == module.__name__
        and "parents" in getattr(member, "__dataclass_fields__", {})
    }


OPERATORS: dict[str, type] = found()

__all__ = ["BREEDING", "OPERATORS", "RESTARTS", "SEEDS", "HostOperator", "Mixture", "Operator", "found"]
