"""Warns about valid configuration that is probably a mistake.  monitor/query/lint.py warns about queries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.config.schema import Config

# Between two polls of an outlet; a shorter one is probably a typing error.
MIN_SENSIBLE_POLL_INTERVAL = timedelta(minutes=1)


def too_frequent_poll_warnings(config: Config) -> list[str]:
    """Returns a warning of one line for each outlet whose ``every`` is shorter than MIN_SENSIBLE_POLL_INTERVAL."""
    return [
        f"outlets.{outlet.name}: every: {outlet.every.total_seconds():g}s polls it more often than once a minute; "
        "write 5m or more"
        for outlet in config.outlets
        if outlet.every and outlet.every < MIN_SENSIBLE_POLL_INTERVAL
    ]
