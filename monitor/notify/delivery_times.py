"""Delivery times of alerts: instant, hourly, or at a time of the day or week in a time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from monitor.config import Alert
    from monitor.models import Notification

Frequency: TypeAlias = Literal["instant", "hourly", "daily", "weekly"]

WEEKDAY_ABBREVIATIONS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DIGEST_SCHEDULE_PATTERN = re.compile(
    r"(?P<every>daily|weekly)(?:\s+(?P<day>[a-z]+))?\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})"
)
_HOUR_ALONE_PATTERN = re.compile(
    rf"(?P<words>daily|weekly ({'|'.join(WEEKDAY_ABBREVIATIONS)})[a-z]*) (?P<hour>[01]?\d|2[0-3])h?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliverySchedule:
    """The parsed ``deliver`` of an alert: ``instant``, ``hourly``, ``daily 07:00`` or ``weekly mon 07:00``."""

    frequency: Frequency
    weekday: int = 0  # Monday is 0; only used if the frequency is weekly
    hour: int = 0
    minute: int = 0


def parse_schedule(deliver: str) -> DeliverySchedule:
    """Parses an alert's ``deliver``, such as ``daily 07:00``.  Raises ValueError; the message shows the valid forms."""
    text = " ".join(deliver.lower().split())
    if text == "instant":
        return DeliverySchedule(frequency="instant")
    if text == "hourly":
        return DeliverySchedule(frequency="hourly")
    match = _DIGEST_SCHEDULE_PATTERN.fullmatch(text)
    if match is None:
        if parts := _HOUR_ALONE_PATTERN.fullmatch(text):
            raise ValueError(f"{deliver!r} is not a delivery time; write {parts['words']} {int(parts['hour']):02}:00")
        raise ValueError(f"{deliver!r} is not a delivery time; write instant, hourly, daily 07:00 or weekly mon 07:00")
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 23 or minute > 59:
        raise ValueError(f"{match['hour']}:{match['minute']} is not a time of day; write it as 07:00 or 18:30")
    if match["every"] == "daily":
        if match["day"]:
            raise ValueError(f"daily takes no day; write daily {hour:02}:{minute:02}")
        return DeliverySchedule(frequency="daily", hour=hour, minute=minute)
    if match["day"] is None or match["day"][:3] not in WEEKDAY_ABBREVIATIONS:
        raise ValueError(
            f"weekly needs a day ({', '.join(WEEKDAY_ABBREVIATIONS)}); write weekly mon {hour:02}:{minute:02}"
        )
    return DeliverySchedule(
        frequency="weekly", weekday=WEEKDAY_ABBREVIATIONS.index(match["day"][:3]), hour=hour, minute=minute
    )


def next_delivery_time(deliver: str, timezone: str, now: datetime) -> datetime:
    """Returns the first delivery time after ``now``, in UTC; returns ``now`` itself if ``deliver`` is ``instant``.

    If a clock change skips the local time of a delivery, the delivery is an hour later.  If a clock change repeats
    the local time, the delivery is at the first occurrence.
    """
    schedule = parse_schedule(deliver)
    if schedule.frequency == "instant":
        return now
    if schedule.frequency == "hourly":
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    zone = ZoneInfo(timezone)
    local = now.astimezone(zone)
    day = local.date()
    if schedule.frequency == "weekly":
        day += timedelta(days=(schedule.weekday - local.weekday()) % 7)
    step = timedelta(days=1 if schedule.frequency == "daily" else 7)
    while True:
        due = datetime(day.year, day.month, day.day, schedule.hour, schedule.minute, tzinfo=zone).astimezone(UTC)
        if due > now:
            return due
        day += step


def is_instant(alert: Alert) -> bool:
    """Returns True if the alert mails each event at once; False if it sends digests only."""
    return parse_schedule(alert.deliver).frequency == "instant"


def next_digest_time(alert: Alert, after: datetime) -> datetime:
    """Returns the first time after ``after`` at which the alert sends a digest; of an instant alert, its ``rest``."""
    return next_delivery_time(alert.rest if is_instant(alert) else alert.deliver, alert.timezone, after)


def is_in_rest(alert: Alert, notification: Notification) -> bool:
    """Returns True if a notification of an instant alert goes into a digest, as a time of the alert's ``rest`` passed.

    This is so for late joiners, for what exceeds a limit, and for what waited longer for another reason.
    """
    return is_instant(alert) and next_digest_time(alert, notification.created_at) <= notification.due_at


def local_time_text(time: datetime, timezone: str) -> str:
    """Returns a time with its time zone for readers: ``22 Nov 2026, 07:00 UTC``."""
    local = time.astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%b %Y, %H:%M %Z}"
