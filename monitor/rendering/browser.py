"""Find an installed Chromium."""

from __future__ import annotations

import shutil

_EXECUTABLES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell")


def find_chromium(configured: str | None) -> str | None:
    """Returns the browser's path: the configured one, else the first usual name on PATH, else None."""
    if configured:
        return shutil.which(configured)
    return next((path for name in _EXECUTABLES if (path := shutil.which(name))), None)
