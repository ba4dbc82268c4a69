"""Converts times to the microseconds since 1970 that SQLite tables hold, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def maybe_micros(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def from_micros(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def maybe_from_micros(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_micros(microseconds)
