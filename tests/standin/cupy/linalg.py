"""Linear algebra of the device (cuSOLVER)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .functions import declared, on_device

_SIGNATURES = """
norm(x, ord=None, axis=None, keepdims=False)
eigh(a, UPLO='L')
eigvalsh(a, UPLO='L')
svd(a, full_matrices=True, compute_uv=True)
qr(a, mode='reduced')
det(a)
inv(a)
solve(a, b)
cholesky(a)
slogdet(a)
""".strip().splitlines()


def _of(line: str) -> tuple[str, Any]:
    name, signature = declared(line)
    function = getattr(np.linalg, name)

    def plain(*args: Any, **keywords: Any) -> Any:
        result = function(*args, **keywords)
        return tuple(result) if isinstance(result, tuple) else result  # a named tuple otherwise

    return name, on_device(name, plain, signature)


FUNCTIONS = dict(map(_of, _SIGNATURES))
globals().update(FUNCTIONS)
