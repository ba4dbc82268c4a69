"""Where an installed Chromium is."""

from __future__ import annotations

import shutil

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell")


def find(configured: str | None) -> str | None:
    """The browser's path: as configured, else the first of its usual names on PATH."""
    if configured:
        return shutil.which(configured)
    return next((path for name in _NAMES if (path := shutil.which(name))), None)
