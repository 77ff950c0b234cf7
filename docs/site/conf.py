"""Sphinx configuration of the documentation; docs/site/__main__.py assembles the pages and runs it."""

from __future__ import annotations

from importlib.metadata import version as installed

import docstrings

project = "magsearch"
author = "the magsearch developers"
copyright = "2026, the magsearch developers"
version = release = installed("magsearch")

extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["docs/site"]
nitpicky = False  # types of signatures are names of NumPy and of private modules

# the headings of Markdown pages get the anchors that GitHub gives them
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
highlight_language = "text"
suppress_warnings = ["misc.highlighting_failure"]

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give shapes and units

html_theme = "furo"
html_title = f"magsearch {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False


def setup(app):
    """Convert docstrings to reStructuredText."""
    app.connect("autodoc-process-docstring", docstrings.convert)
