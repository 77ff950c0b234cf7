"""Input files and settings: the tables of an input and the values that they become."""

from magsearch.config.input import TABLES, Input, again, read, varied

__all__ = ["TABLES", "Input", "again", "read", "varied"]
