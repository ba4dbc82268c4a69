"""Checks that Scrapy finds the spiders that outlets name; it gives no error if another `spiders` hides them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import monitor
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from monitor.config import Outlet


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


def unknown_spider_faults(outlets: Iterable[Outlet], spiders: Collection[str]) -> list[str]:
    """Returns a line for each outlet whose spider is not among ``spiders``."""
    return [
        f"outlet {outlet.name!r}: there is no spider {outlet.spider!r}; there are {', '.join(spiders)}"
        for outlet in outlets
        if outlet.spider not in spiders
    ]
