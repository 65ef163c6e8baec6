"""Photograph the pages that the README shows: docs/images/report.png and timeline.png.

python docs/make_screens.py runs/demo/report.html runs/quickstart/timeline/timeline.html

`make demo` makes the first, colab/quickstart.ipynb the second. Needs Chromium.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 900, 1100


def main(report: str, timeline: str) -> None:
    """The first screen of both pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name, path in (("report", report), ("timeline", timeline)):
            page.goto(Path(path).resolve().as_uri())
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
