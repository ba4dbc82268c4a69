"""What is valid in a configuration, and hardly meant.  Doubts about its queries are in monitor/query/lint.py."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.config.schema import Config

MIN_SENSIBLE_INTERVAL = timedelta(minutes=1)  # between two polls: a slip of the finger, or a test


def asked_too_often(config: Config) -> list[str]:
    """One line for each outlet whose ``every`` is shorter than any outlet should be asked."""
    return [
        f"outlets.{outlet.name}: every: {outlet.every.total_seconds():g}s asks it more often than once a minute; "
        "write 5m or more"
        for outlet in config.outlets
        if outlet.every and outlet.every < MIN_SENSIBLE_INTERVAL
    ]
