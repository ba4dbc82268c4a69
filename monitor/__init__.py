"""Watches news outlets, indexes their stories and mails the analyst when one matters.

`open_monitor` opens a monitor's stories for other programs and notebooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.python_api import Monitor

__all__ = ["__version__", "open_monitor"]

__version__ = "0.1.0"


def open_monitor(config: str | Path = "monitor.yaml") -> Monitor:
    """Reads a configuration and returns its monitor, which `with` closes.

    Environment variables change the configuration as they do for the commands.  The store is opened by the first call
    that reads it.  Raises ConfigError if the configuration is missing or invalid.
    """
    from monitor.python_api import Monitor  # the import of this package itself must stay cheap

    return Monitor.of_file(config)
