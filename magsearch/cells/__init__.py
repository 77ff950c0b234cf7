"""The right cell: which box holds the ground state, asked of the couplings and not of the user."""

from magsearch.cells.box import Box, boxes, own_box
from magsearch.cells.race import Best, Race
from magsearch.cells.ranking import Ranked, SoftModes, ranked, soft_modes

__all__ = ["Best", "Box", "Race", "Ranked", "SoftModes", "boxes", "own_box", "ranked", "soft_modes"]
