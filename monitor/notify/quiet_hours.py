"""Quiet hours of an alert: a part of each day in which it sends no instant or hourly mail."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_QUIET_HOURS_PATTERN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


def parse_quiet_hours(text: str) -> tuple[time, time]:
    """Parses ``22:00-07:00`` to the times of day at which the quiet hours begin and end.  Raises ValueError."""
    match = _QUIET_HOURS_PATTERN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} are no quiet hours; write 22:00-07:00")
    hours, minutes = (int(match[1]), int(match[3])), (int(match[2]), int(match[4]))
    if max(hours) > 23 or max(minutes) > 59:
        raise ValueError(f"{text[:40]!r} has no times of day; write 22:00-07:00")
    start, end = time(hours[0], minutes[0]), time(hours[1], minutes[1])
    if start == end:
        raise ValueError("begin and end at the same time; write 22:00-07:00, or snooze the alert")
    return start, end


def end_of_quiet_hours(text: str, timezone: str, now: datetime) -> datetime | None:
    """Returns the end, in UTC, of the quiet hours in which ``now`` is; None outside of them.

    If a clock change skips the local time of the end, the end is an hour later.
    """
    start, end = parse_quiet_hours(text)
    local = now.astimezone(ZoneInfo(timezone))
    clock = local.time()
    is_quiet = start <= clock < end if start < end else clock >= start or clock < end
    if not is_quiet:
        return None
    day = local.date() if clock < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, tzinfo=local.tzinfo).astimezone(UTC)
