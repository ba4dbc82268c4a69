"""Makes the pictures of the page in docs/images, of a running page with the demo's stories.

python docs/images/web_pictures.py http://127.0.0.1:8080/
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from monitor.rendering import browser

WIDTHS = (390, 1280, 1920)
PATHS = {"search": "?q=BRICS+NEAR/10+AI", "trends": "trends?q=Sberbank&q=chip&since=7d", "alerts": "alerts"}


def main() -> None:
    folder, address = Path(__file__).parent, sys.argv[1]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.find_chromium(None), args=["--no-sandbox"])
        for width in WIDTHS:
            tab = chromium.new_page(viewport={"width": width, "height": 820})
            for name, path in PATHS.items():
                tab.goto(address + path)
                tab.screenshot(path=folder / f"web-{name}-{width}.png")
        chromium.close()


if __name__ == "__main__":
    main()
