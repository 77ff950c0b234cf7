"""Input files and settings: the tables of an input and the values that they become."""

from magsearch.config.input import ENDINGS, Input, again, as_model, read, varied
from magsearch.config.keys import TABLES

__all__ = ["ENDINGS", "TABLES", "Input", "again", "as_model", "read", "varied"]
