"""The headers with which a server says when to ask again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.crawl.response_hints import parse_max_age
from monitor.retry_after import MAX_RETRY_AFTER, parse_retry_after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"120", 120),
        ("0", 0),
        ("99999999999999", MAX_RETRY_AFTER.total_seconds()),
        ("Sun, 22 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("-5", None),
        ("soon", None),
        ("Sun, 22 Nov 99999999999 12:00:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: bytes | str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, now=datetime(2026, 11, 22, 12, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"public, max-age=300", 300),
        ("max-age=300, no-cache", 0),
        ('max-age="60"', 60),
        ("max-age=-1", 0),
        ("max-age=99999999999999", 604800),
        ("no-store", 0),
        (None, 0),
    ],
)
def test_max_age_is_read_from_cache_control(header: bytes | str | None, seconds: int) -> None:
    assert parse_max_age(header) == timedelta(seconds=seconds)
