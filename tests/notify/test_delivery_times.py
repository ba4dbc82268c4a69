"""Delivery times of alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notify.delivery_times import DeliverySchedule, next_delivery_time, parse_schedule

datetimes = st.integers(1_577_836_800, 2_051_222_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
zones = st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "Pacific/Chatham"])
times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
days = st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("deliver", "zone", "now", "due"),
    [
        ("instant", "UTC", "2026-11-22T12:34:56", "2026-11-22T12:34:56"),
        ("hourly", "UTC", "2026-11-22T12:34:56", "2026-11-22T13:00:00"),
        ("hourly", "UTC", "2026-11-22T12:00:00", "2026-11-22T13:00:00"),
        ("daily 07:00", "UTC", "2026-11-22T06:59:59", "2026-11-22T07:00:00"),
        ("daily 07:00", "UTC", "2026-11-22T07:00:00", "2026-11-23T07:00:00"),
        ("daily 07:00", "Asia/Tokyo", "2026-11-22T12:00:00", "2026-11-22T22:00:00"),
        ("weekly mon 07:00", "UTC", "2026-11-22T12:00:00", "2026-11-23T07:00:00"),
        ("weekly Sunday 07:00", "UTC", "2026-11-22T12:00:00", "2026-11-29T07:00:00"),
        ("daily 07:00", "Europe/London", "2026-03-28T12:00:00", "2026-03-29T06:00:00"),  # clocks go forward
        ("daily 01:30", "Europe/London", "2026-03-29T00:00:00", "2026-03-29T01:30:00"),  # an hour that is skipped
        ("daily 01:30", "Europe/London", "2026-10-25T00:00:00", "2026-10-25T00:30:00"),  # one that comes twice
        ("daily 01:30", "Europe/London", "2026-10-25T00:45:00", "2026-10-26T01:30:00"),  # and is taken once
    ],
)
def test_a_mail_is_due_at_the_next_delivery_time_of_its_zone(deliver: str, zone: str, now: str, due: str) -> None:
    assert next_delivery_time(deliver, zone, at(now)) == at(due)


@given(datetimes, zones, times)
def test_a_daily_mail_is_due_within_a_day_at_its_local_time(now: datetime, zone: str, time: str) -> None:
    due = next_delivery_time(f"daily {time}", zone, now)
    assert now < due <= now + timedelta(hours=25)
    local = due.astimezone(ZoneInfo(zone))
    skipped = local.replace(tzinfo=None) - local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert f"{local:%H:%M}" == time or not skipped


@given(datetimes, zones, days, times)
def test_a_weekly_mail_is_due_within_a_week_on_its_day(now: datetime, zone: str, day: str, time: str) -> None:
    due = next_delivery_time(f"weekly {day} {time}", zone, now)
    assert now < due <= now + timedelta(days=7, hours=1)
    assert f"{due.astimezone(ZoneInfo(zone)):%a}".lower() == day


@given(st.sampled_from(["hourly", "daily 07:00", "weekly mon 07:00"]), datetimes, zones)
def test_every_notification_before_the_delivery_time_is_due_then(deliver: str, now: datetime, zone: str) -> None:
    due = next_delivery_time(deliver, zone, now)
    assert next_delivery_time(deliver, zone, now + (due - now) / 2) == due


@given(st.text(max_size=30))
def test_an_invalid_delivery_time_is_refused_with_the_valid_forms(text: str) -> None:
    try:
        assert isinstance(parse_schedule(text), DeliverySchedule)
    except ValueError as error:
        assert "write" in str(error)  # noqa: PT017  parsing may succeed or fail
