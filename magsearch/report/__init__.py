"""A run or a scan as one page for the browser, which works offline (Bokeh; ``pip install 'magsearch[report]'``)."""

from magsearch.report.page import write
from magsearch.report.scan import write_scan

__all__ = ["write", "write_scan"]
