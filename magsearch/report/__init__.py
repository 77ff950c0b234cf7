"""A run as one page for the browser, which works offline (Bokeh; ``pip install 'magsearch[report]'``)."""

from magsearch.report.page import write

__all__ = ["write"]
