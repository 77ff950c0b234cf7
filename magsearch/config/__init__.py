"""Input files and settings: the tables of an input and the values that they become."""

from magsearch.config.input import ENDINGS, TABLES, Input, again, read, stored, varied

__all__ = ["ENDINGS", "TABLES", "Input", "again", "read", "stored", "varied"]
