"""A picture of a page: `python -m tests.browser.shoot PAGE PICTURE [WIDTHxHEIGHT] [light|dark]`.

README's is `demo/dataset/reports/audit.html docs/images/report.png 1100x1300`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.browser.window import Window


def shoot(page: Path, picture: Path, size: tuple[int, int], scheme: str) -> None:
    """Write a PNG of the top of a page."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        sys.exit("no chromium with chromedriver; try: make browser")
    with tempfile.TemporaryDirectory() as profile:
        window = Window(browser, driver, Path(profile), "--hide-scrollbars")
        try:
            window.open(page.resolve(), size, scheme)
            picture.write_bytes(window.driver.get_screenshot_as_png())
        finally:
            window.close()


if __name__ == "__main__":
    page, picture, *rest = sys.argv[1:]
    wide, _, high = (rest[0] if rest else "1100x1300").partition("x")
    shoot(Path(page), Path(picture), (int(wide), int(high)), rest[1] if len(rest) > 1 else "light")
