"""Pictures of a texture, its structure factor and the search that found it.

Nothing here touches pyplot or needs a display: functions draw on axes that are given, or write a file (``pages``).
Matplotlib is imported when the first picture is drawn. Scalars have maps that the colour-blind can read.
"""

from magsearch.plots.generations import best_so_far, convergence, migrations, operators, ridges
from magsearch.plots.pages import PICTURES, STYLE, SUFFIXES, elites, page, summary
from magsearch.plots.planes import AXES, Plane, brillouin_zone, layer, wigner_seitz
from magsearch.plots.reciprocal import structure
from magsearch.plots.sphere import colours
from magsearch.plots.textures import charge, texture

__all__ = [
    "AXES", "PICTURES", "STYLE", "SUFFIXES", "Plane", "best_so_far", "brillouin_zone", "charge", "colours",
    "convergence", "elites", "layer", "migrations", "operators", "page", "ridges", "structure", "summary", "texture",
    "wigner_seitz",
]  # fmt: skip
