"""Finds an installed Chromium."""

from __future__ import annotations

import shutil

_CHROMIUM_EXECUTABLES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chromium-headless-shell",
)


def find_chromium(configured: str | None) -> str | None:
    """Returns the path of the configured browser, or without one, of the first Chromium on PATH.  None if not found."""
    if configured:
        return shutil.which(configured)
    return next((path for name in _CHROMIUM_EXECUTABLES if (path := shutil.which(name))), None)
