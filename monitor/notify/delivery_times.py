"""Delivery times of alerts: instant, hourly, or at a time of the day or week in a time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

Every: TypeAlias = Literal["instant", "hourly", "daily", "weekly"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DIGEST = re.compile(r"(?P<every>daily|weekly)(?:\s+(?P<day>[a-z]+))?\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A parsed ``instant``, ``hourly``, ``daily 07:00`` or ``weekly mon 07:00``."""

    every: Every
    day: int = 0  # of the week, Monday is 0
    hour: int = 0
    minute: int = 0


def parse(deliver: str) -> Schedule:
    """Parses an alert's ``deliver``.  Raises ValueError with the valid forms."""
    text = " ".join(deliver.lower().split())
    if text == "instant":
        return Schedule(every="instant")
    if text == "hourly":
        return Schedule(every="hourly")
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise ValueError(f"{deliver!r} is not a delivery time; write instant, hourly, daily 07:00 or weekly mon 07:00")
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 23 or minute > 59:
        raise ValueError(f"{match['hour']}:{match['minute']} is not a time of day; write it as 07:00 or 18:30")
    if match["every"] == "daily":
        if match["day"]:
            raise ValueError(f"daily takes no day; write daily {hour:02}:{minute:02}")
        return Schedule(every="daily", hour=hour, minute=minute)
    if match["day"] is None or match["day"][:3] not in DAYS:
        raise ValueError(f"weekly needs a day ({', '.join(DAYS)}); write weekly mon {hour:02}:{minute:02}")
    return Schedule(every="weekly", day=DAYS.index(match["day"][:3]), hour=hour, minute=minute)


def due_at(deliver: str, timezone: str, now: datetime) -> datetime:
    """Returns the first delivery time after ``now`` (UTC); ``now`` itself for instant.

    A local time that a clock change skips is delivered an hour later, one that it repeats at its first occurrence.
    """
    schedule = parse(deliver)
    if schedule.every == "instant":
        return now
    if schedule.every == "hourly":
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    zone = ZoneInfo(timezone)
    local = now.astimezone(zone)
    day = local.date()
    if schedule.every == "weekly":
        day += timedelta(days=(schedule.day - local.weekday()) % 7)
    step = timedelta(days=1 if schedule.every == "daily" else 7)
    while True:
        due = datetime(day.year, day.month, day.day, schedule.hour, schedule.minute, tzinfo=zone).astimezone(UTC)
        if due > now:
            return due
        day += step
