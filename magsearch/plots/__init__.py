"""Figures of textures, structure factors and searches.

Functions draw on given axes or write a file (``pages``). None uses pyplot or needs a display. Matplotlib is imported
when the first figure is drawn. Scalars are drawn with colour maps that colour-blind readers can distinguish.
"""

from magsearch.plots.generations import best_so_far, convergence, migrations, operators, ridges
from magsearch.plots.pages import PICTURES, STYLE, SUFFIXES, elites, page, summary, title_of
from magsearch.plots.planes import AXES, Plane, brillouin_zone, layer, wigner_seitz
from magsearch.plots.reciprocal import structure
from magsearch.plots.sphere import colours
from magsearch.plots.textures import charge, texture
from magsearch.plots.view import View

__all__ = [
    "AXES", "PICTURES", "STYLE", "SUFFIXES", "Plane", "View", "best_so_far", "brillouin_zone", "charge", "colours",
    "convergence", "elites", "layer", "migrations", "operators", "page", "ridges", "structure", "summary", "texture",
    "title_of", "wigner_seitz",
]  # fmt: skip
