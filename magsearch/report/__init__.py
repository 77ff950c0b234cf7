"""Interactive HTML reports of runs and scans, self-contained (Bokeh: ``pip install 'magsearch[report]'``)."""

from magsearch.report.page import write
from magsearch.report.scan import write_scan

__all__ = ["write", "write_scan"]
