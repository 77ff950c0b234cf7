"""Formulas of a wave vector: the arithmetic of an expression and nothing else of Python."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.formatting import counted

LONGEST = 2000  # characters
FUNCTIONS = {"cos": np.cos, "sin": np.sin, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs}
OPERATORS = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power}


def evaluate(text: str, variables: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the value of a formula for arrays of its variables. ValueError for anything but arithmetic.

    Numbers, the variables, pi, + - * / **, parentheses, and cos, sin, exp, log, sqrt and abs of one argument.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the formula has {counted(len(text), 'character')}; expected at most {LONGEST}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        with np.errstate(all="ignore"):
            value = _value(tree, {"pi": np.float64(np.pi), **variables})
    except SyntaxError as error:
        raise ValueError(f"not a formula: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise ValueError("the formula is nested too deeply") from None
    return np.asarray(np.broadcast_to(value, np.broadcast_shapes(*(part.shape for part in variables.values()))))


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            try:
                return np.float64(number)
            except OverflowError:
                raise ValueError("a number is too large") from None
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Name(id=name):
            raise ValueError(f"unknown name '{name}'; expected one of {', '.join([*names, *FUNCTIONS])}")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(left, names), _value(right, names))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](_value(argument, names))
        case ast.BinOp(op=ast.BitXor()):
            raise ValueError("'^' is not a power; write **")
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
            raise ValueError(f"{name} takes one argument")
    part = ast.unparse(node)
    raise ValueError(f"'{part}' is not part of a formula; expected numbers, + - * / ** and {', '.join(FUNCTIONS)}")
