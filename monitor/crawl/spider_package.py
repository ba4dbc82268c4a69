"""Checks that Scrapy finds the monitor's spiders; if another package `spiders` hides them, Scrapy gives no error."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import monitor
from monitor.errors import ConfigError


def spider_package() -> str:
    """Returns "spiders", the name of the package with the monitor's spiders.

    Raises ConfigError if another package called "spiders" is imported instead.
    """
    spiders = import_module("spiders")
    folders = [Path(folder).resolve() for folder in getattr(spiders, "__path__", [])]
    if Path(monitor.__file__).resolve().parent.parent / "spiders" not in folders:
        location = spiders.__file__ or ", ".join(map(str, folders))
        problem = f"another package called `spiders` ({location}) hides the monitor's own"
        raise ConfigError([f"{problem}: uninstall it, or start the program elsewhere"])
    return "spiders"
