"""Converts the bounds of ranges (dates, times, times relative to now, numbers) to half-open intervals.

Times are rounded down to the millisecond, the precision that Elasticsearch stores.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_DURATION_BY_UNIT = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_MONTHS_BY_UNIT = {"M": 1, "y": 12}
_RELATIVE_TIME_PATTERN = re.compile(r"[nN][oO][wW](?:([+-])(\d{1,5})([smhHdDwWMyY]))?")
_DATE_OR_TIME_PATTERN = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:?\d\d)?)?)?)?",
    re.IGNORECASE,
)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range, as text: ``2026-11-01``, ``now-7d``, ``2026-11-01T07:30Z`` or ``300``.

    With ``inclusive`` the range contains the bound itself; for a date, the complete day.
    """

    text: str
    inclusive: bool = True

    def __str__(self) -> str:
        return self.text


def check_time(text: str) -> None:
    """Raises ValueError with the reason if the text is not a date, a time or a time relative to now."""
    period_of_time_text(text, datetime(2026, 1, 1, tzinfo=UTC))


def canonical_time(text: str) -> str:
    """Returns the text of a time in one case: ``now-12h``, ``2026-11-01T07:30Z``; ``M`` (months) differs from ``m``."""
    if match := _RELATIVE_TIME_PATTERN.fullmatch(text):
        sign, amount, unit = match.groups()
        return f"now{sign}{amount}{unit if unit == 'M' else unit.lower()}" if amount else "now"
    return text.upper()


def _moved_time(time: datetime, amount: int, unit: str) -> datetime:
    """Returns the time moved by so many units; by months and years to the same day, or the last one of its month."""
    unit = unit if unit == "M" else unit.lower()
    if unit in _DURATION_BY_UNIT:
        return time + amount * _DURATION_BY_UNIT[unit]
    months = time.year * 12 + time.month - 1 + amount * _MONTHS_BY_UNIT[unit]
    year, month = months // 12, months % 12 + 1
    return time.replace(year=year, month=month, day=min(time.day, calendar.monthrange(year, month)[1]))


def period_of_time_text(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Returns the start (inclusive) and end (exclusive) of the period that a date or time text stands for.

    The period is as long as the text's precision: a year, month, day, minute, second or millisecond.  Times relative to
    ``now`` last a millisecond.  Raises ValueError with the reason if the text is not a date or time.
    """
    if match := _RELATIVE_TIME_PATTERN.fullmatch(text):
        sign, amount, unit = match.groups()
        try:
            start = floor_to_millisecond(_moved_time(now, int(f"{sign}{amount}"), unit) if amount else now)
            return start, start + _MILLISECOND
        except (OverflowError, ValueError):
            raise ValueError(f"{text} is outside the calendar") from None
    if not (match := _DATE_OR_TIME_PATTERN.fullmatch(text)):
        raise ValueError(f"{text!r} is not a time")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        start = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), tzinfo=UTC)
        start = start.replace(second=int(second or 0), microsecond=int((fraction or "").ljust(6, "0")))
        if zone and zone.upper() != "Z":
            hours, minutes = int(zone[1:3]), int(zone[-2:])
            utc_offset = timedelta(hours=hours, minutes=minutes)
            start += utc_offset if zone[0] == "-" else -utc_offset
        if month is None:
            return start, start.replace(year=start.year + 1)
        if day is None:
            return start, (start + timedelta(days=32)).replace(day=1)
        if hour is None:
            return start, start + timedelta(days=1)
        start = floor_to_millisecond(start)
        return start, start + (_MILLISECOND if fraction else timedelta(seconds=1) if second else timedelta(minutes=1))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text} is not a date of the calendar: {error}") from None


def time_interval(low: Bound | None, high: Bound | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Converts the bounds of a time range to (start, end); None is an open end.

    The range contains t if ``start <= floor_to_millisecond(t) < end``.
    """
    start = end = None
    if low:
        first, after = period_of_time_text(low.text, now)
        start = first if low.inclusive else after
    if high:
        first, after = period_of_time_text(high.text, now)
        end = after if high.inclusive else first
    return start, end


def number_interval(low: Bound | None, high: Bound | None) -> tuple[int | None, int | None]:
    """Converts the bounds of a number range to (start, end); it contains n if ``start <= n < end``; None is open."""
    start = int(low.text) + (not low.inclusive) if low else None
    end = int(high.text) + high.inclusive if high else None
    return start, end


def floor_to_millisecond(time: datetime) -> datetime:
    """Rounds a time down to the millisecond."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
