"""Parses the dates of feeds and sitemaps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from monitor.date_text import ParsedTime
from monitor.dates import MAX_CLOCK_SKEW, MIN_PLAUSIBLE_TIME, in_timezone, parse_date
from monitor.models import now
from monitor.timezones import timezone_of_country

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DATE_LENGTH = 64  # characters of a date that are read; the rest is ignored
_YEAR_ONE_PATTERN = re.compile(r"\b0001\b")  # the year of an unset date; RFC 2822 parsing would read it as 2001
# YYYY or YYYY-MM, valid in W3C-DTF but not for fromisoformat.
_YEAR_OR_MONTH_PATTERN = re.compile(r"(\d{4})(?:-(\d{2}))?$")
_TIME_OF_DAY_PATTERN = re.compile(r"[T :]")


def first_time(texts: Iterable[str], *, country: str | None = None) -> datetime | None:
    """Returns the time of the first text that `parse_time` can parse, or None."""
    return next(filter(None, (parse_time(text, country=country) for text in texts if text)), None)


def parse_time(text: str | None, *, country: str | None = None, lenient: bool = True) -> datetime | None:
    """Returns the time in UTC, or None if the text cannot be parsed, the year is before 1990 or the time in the future.

    A time without a zone is in the time zone of ``country`` (ISO 3166), else in UTC.  The publisher's clock may be fast
    by `MAX_CLOCK_SKEW`.  ``lenient`` also parses rare forms, see `monitor.dates.parse_date`.
    """
    text = (text or "").strip()[:MAX_DATE_LENGTH]
    if not text or ("0001" in text and _YEAR_ONE_PATTERN.search(text)):
        return None
    latest = now() + MAX_CLOCK_SKEW
    parsed = _parse_iso_8601(text) or parse_date(text, country=country, latest=latest, lenient=lenient)
    if parsed is None:
        return None
    try:
        time = in_timezone(parsed, timezone_of_country(country), latest=latest).time.astimezone(UTC)
    except OverflowError:
        return None
    return time if MIN_PLAUSIBLE_TIME <= time <= latest else None


def _parse_iso_8601(text: str) -> ParsedTime | None:
    """Parses ISO 8601, the form of nearly all dates in Atom and sitemaps, fast; None for other text."""
    if match := _YEAR_OR_MONTH_PATTERN.match(text):
        year, month = int(match.group(1)), int(match.group(2) or 1)
        if year < MIN_PLAUSIBLE_TIME.year or not 1 <= month <= 12:
            return None
        return ParsedTime(datetime(year, month, 1, tzinfo=UTC), has_time=False, has_timezone=False)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    zone: tzinfo | None = time.tzinfo
    return ParsedTime(
        time if zone else time.replace(tzinfo=UTC),
        has_time=_TIME_OF_DAY_PATTERN.search(text) is not None,
        has_timezone=zone is not None,
    )
