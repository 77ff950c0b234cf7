"""Interactive HTML reports of runs and scans, self-contained (Bokeh: ``pip install 'magsearch[report]'``)."""

from magsearch.report.contents import sections_of
from magsearch.report.page import write
from magsearch.report.scan import write_scan

__all__ = ["sections_of", "write", "write_scan"]
