"""Reads the header with which a server says how long to wait.  No I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from monitor.models import now as clock

MAX_RETRY_AFTER = timedelta(hours=24)  # a longer Retry-After is shortened to this


def parse_retry_after(header: bytes | str | None, *, now: datetime | None = None) -> float | None:
    """Returns the seconds that a Retry-After header asks for, 0 to MAX_RETRY_AFTER; None if it is absent or invalid.

    The header is a number of seconds or a date (RFC 9110, 10.2.3).
    """
    text = header.decode("latin-1") if isinstance(header, bytes) else header
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(min(int(text[:9]), MAX_RETRY_AFTER.total_seconds()))
    try:
        retry_at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if retry_at.tzinfo is None:
        retry_at = retry_at.replace(tzinfo=UTC)
    seconds = (retry_at - (now or clock())).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER.total_seconds())
