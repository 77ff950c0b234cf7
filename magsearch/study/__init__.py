"""Unattended studies of a model: a sequence of commands whose results lie in one folder."""
