"""Formats times and durations for people, rounded to one unit."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.models import now

if TYPE_CHECKING:
    from datetime import datetime


def relative_time(time: datetime | None, reference: datetime | None = None) -> str:
    """Formats a time relative to ``reference`` (default: now): ``3m ago``, ``in 2h``, or ``-`` for None."""
    if time is None:
        return "-"
    seconds = ((reference or now()) - time).total_seconds()
    text = short_duration(timedelta(seconds=abs(seconds)))
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def short_duration(duration: timedelta) -> str:
    """Formats a duration, rounded down to one unit: ``45s``, ``3m``, ``2h``, ``5d``.

    Hours begin at two hours, days at two days: ``90m``, ``36h``.
    """
    seconds = int(duration.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size or (unit == "m" and seconds >= size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
