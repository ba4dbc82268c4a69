"""Our own spiders: another package of that name would make Scrapy find none, and say nothing of it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import monitor
from monitor.errors import ConfigError


def own_spiders() -> str:
    """The name of the package with our spiders.  Raises ConfigError where another package of that name hides it."""
    spiders = import_module("spiders")
    where = [Path(place).resolve() for place in getattr(spiders, "__path__", [])]
    if Path(monitor.__file__).resolve().parent.parent / "spiders" not in where:
        found = spiders.__file__ or ", ".join(map(str, where))
        hidden = f"another package called `spiders` ({found}) hides the monitor's own"
        raise ConfigError([f"{hidden}: uninstall it, or start the program elsewhere"])
    return "spiders"
