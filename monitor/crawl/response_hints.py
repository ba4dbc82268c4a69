"""Reads the headers with which a server says when to ask again.  No I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from monitor.models import now as clock
from monitor.polling.next_poll import MAX_RETRY_AFTER


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


def parse_max_age(header: bytes | str | None) -> timedelta:
    """Returns max-age of a Cache-Control header, at most a week.

    Returns zero if max-age is absent or invalid, and for no-cache and no-store.
    """
    text = (header.decode("latin-1") if isinstance(header, bytes) else header or "").lower()
    directives = dict(part.strip().partition("=")[::2] for part in text.split(","))
    if "no-cache" in directives or "no-store" in directives:
        return timedelta(0)
    seconds = directives.get("max-age", "").strip('" ')
    return (
        timedelta(seconds=min(int(seconds[:9]), 604800)) if seconds.isdecimal() and seconds.isascii() else timedelta(0)
    )
