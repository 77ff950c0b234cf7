"""Colours that encode the directions of spins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

VACANCY = (0.6, 0.6, 0.6)
IN_PLANE = 0.7  # Oklab lightness of spins in the plane
HUES = np.linspace(-np.pi, np.pi, 361)


def colours(directions: ArrayLike) -> NDArray[np.float64]:
    """Return the sRGB colours of unit vectors [..., 3] in a frame e1, e2, normal.

    Hue is the in-plane angle, up is white, down black, and a zero vector (a vacancy) grey. In-plane spins have one
    lightness and the most vivid colour of their hue within sRGB; from there colours go linearly to white and black in
    the perceptually uniform space Oklab (B. Ottosson, https://bottosson.github.io/posts/oklab, 2020).
    """
    x, y, z = np.moveaxis(np.asarray(directions, dtype=np.float64), -1, 0)
    angle, height = np.arctan2(y, x), np.arctan2(z, np.hypot(x, y)) / (np.pi / 2)  # height -1 to 1
    vivid = np.interp(angle, HUES, _vivid(HUES), period=2 * np.pi) * (1 - np.abs(height))
    lightness = np.where(height > 0, IN_PLANE + (1 - IN_PLANE) * height, IN_PLANE * (1 + height))
    rgb = _linear_rgb(lightness, vivid * np.cos(angle), vivid * np.sin(angle)).clip(0, 1)
    rgb = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055).round(6)
    return np.where((x * x + y * y + z * z > 0)[..., None], rgb, VACANCY)


def _vivid(hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest chroma within sRGB at the lightness of in-plane spins, limited to 0.19, [hue]."""
    chroma = np.linspace(0, 0.19, 191)
    rgb = _linear_rgb(np.float64(IN_PLANE), chroma * np.cos(hue[:, None]), chroma * np.sin(hue[:, None]))
    return chroma[(np.abs(rgb - 0.5) <= 0.5).all(axis=-1).sum(axis=1) - 1]


def _linear_rgb(L: Any, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert Oklab to linear sRGB, [..., 3]."""
    l_ = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m_ = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s_ = (L - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * l_ - 3.3077115913 * m_ + 0.2309699292 * s_
    green = -1.2684380046 * l_ + 2.6097574011 * m_ - 0.3413193965 * s_
    blue = -0.0041960863 * l_ - 0.7034186147 * m_ + 1.7076147010 * s_
    return np.stack([red, green, blue], axis=-1)
