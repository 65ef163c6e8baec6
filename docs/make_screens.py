"""Photograph the pages that the README shows: docs/images/report.png and timeline.png.

python docs/make_screens.py runs/demo/report.html runs/quickstart/timeline/timeline.html

`make demo` makes the first, colab/quickstart.ipynb the second. Needs Chromium.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
SIZES = {"report": (900, 1100), "timeline": (1400, 1711)}  # pixels, of the same shape


def main(report: str, timeline: str) -> None:
    """The first screen of both pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page()
        for name, path in (("report", report), ("timeline", timeline)):
            width, height = SIZES[name]
            page.set_viewport_size({"width": width, "height": height})
            page.goto(Path(path).resolve().as_uri())
            page.wait_for_timeout(1000)  # ms, for the video's first frame
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
