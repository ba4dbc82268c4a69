"""Reads times and durations that people write in options and forms."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_YEAR_OR_MONTH_PATTERN = re.compile(r"(19|20)\d\d(-\d\d)?", re.ASCII)
_PERIOD_PATTERN = re.compile(r"(19|20)\d\d(-\d\d(-\d\d)?)?", re.ASCII)
_BARE_NUMBER_PATTERN = re.compile(r"\s*\d+(\.\d*)?\s*")


def parse_time(text: str, at: datetime) -> datetime:
    """Returns the time that a text stands for: ``7d`` and ``12h`` count back from ``at``, others are dates or times.

    Accepts ``2026``, ``2026-11``, ``2026-11-01`` and ISO 8601 times; those without a zone are in UTC.  Raises
    ValueError with what to write.
    """
    if _YEAR_OR_MONTH_PATTERN.fullmatch(text):
        from monitor.query import time_ranges

        return time_ranges.period_of_time_text(text, at)[0]
    if _BARE_NUMBER_PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} has no unit; write 7d, 12h or a date")
    try:
        return at - parse_duration(text)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write 7d, 12h, 2026-11-01 or 2026-11-01T12:00") from None
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)


def parse_end_time(text: str, at: datetime) -> datetime:
    """Returns the end of the day, month or year that a text stands for, exclusive; of other texts `parse_time`."""
    if _PERIOD_PATTERN.fullmatch(text):
        from monitor.query import time_ranges

        return time_ranges.period_of_time_text(text, at)[1]
    return parse_time(text, at)


def parse_span(text: str) -> timedelta:
    """Returns a duration with a unit, as ``2d``, ``12h`` or ``1h30m``.  Raises ValueError with what to write."""
    if _BARE_NUMBER_PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} has no unit; write 2d or 12h")
    return parse_duration(text)


def parse_duration(text: str) -> timedelta:
    """Parses a duration in the notation of monitor.yaml, such as ``1h30m``.  Raises ValueError."""
    from monitor.config.types import to_timedelta

    value = to_timedelta(text)
    assert isinstance(value, timedelta)
    return value
