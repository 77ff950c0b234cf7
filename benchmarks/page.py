"""Seconds until the page of a run or a scan stands in headless Chromium: from the request to Bokeh's being idle.

python benchmarks/page.py report.html [--repeat 4]
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import sync_playwright

IDLE = "window.Bokeh && Bokeh.documents.length > 0 && Bokeh.documents.every(d => d.is_idle)"
PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def main(page: Path, repeat: Annotated[int, typer.Option(min=1)] = 4) -> None:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(repeat):
            tab = browser.new_page(viewport={"width": 1280, "height": 1500})
            begin = time.perf_counter()
            tab.goto(page.resolve().as_uri(), wait_until="commit")
            tab.wait_for_function(IDLE)
            tab.evaluate(PAINTED)
            print(f"{page}: {page.stat().st_size / 1e6:.2f} MB, {time.perf_counter() - begin:.2f} s")
            tab.close()
        browser.close()


if __name__ == "__main__":
    typer.run(main)
