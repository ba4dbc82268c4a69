"""Parses the date formats of feeds and sitemaps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from dateutil import parser

from monitor.calendar import TIMEZONE_BY_ABBREVIATION, with_iso_date
from monitor.models import now

if TYPE_CHECKING:
    from collections.abc import Iterable

# Earlier dates count as unknown: web pages are not older, and programs write 1970 or 0001 for an unset date.
EARLIEST_YEAR = 1990
MAX_DATE_LENGTH = 64  # characters of a date that are read; the rest is ignored
MIN_FREE_FORM_DIGITS = 6  # a text with fewer digits is not parsed as a free-form date
_YEAR_ONE_PATTERN = re.compile(r"\b0001\b")  # the year of an unset date; RFC 2822 parsing would read it as 2001
# YYYY or YYYY-MM, valid in W3C-DTF but not for fromisoformat.
_YEAR_OR_MONTH_PATTERN = re.compile(r"(\d{4})(?:-(\d{2}))?$")


def first_time(texts: Iterable[str], *, country: str | None = None) -> datetime | None:
    """Returns the time of the first text that `parse_time` can parse, or None."""
    return next(filter(None, (parse_time(text) for text in texts if text)), None)


def parse_time(text: str | None, *, lenient: bool = True) -> datetime | None:
    """Returns the time in UTC, or None if the text cannot be parsed or the year is before `EARLIEST_YEAR`.

    A time without a zone counts as UTC.  ``lenient`` also parses non-standard forms, which takes half a millisecond
    per date: acceptable for feeds, too slow for long sitemaps.
    """
    text = (text or "").strip()[:MAX_DATE_LENGTH]
    if not text or _YEAR_ONE_PATTERN.search(text):
        return None
    parsers = (datetime.fromisoformat, _parse_rfc_2822_date, _parse_year_or_month, _parse_free_form)
    for parse in parsers[: 4 if lenient else 3]:
        try:
            time = parse(text)
            time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return time if time.year >= EARLIEST_YEAR else None
    return None


_FINAL_CAPITALS_PATTERN = re.compile(r"\b([A-Z]{2,4})$")  # a time zone abbreviation, AM or PM at the end of a date
# The time zone names that RFC 2822 defines.
_RFC_2822_ZONES = frozenset({"UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"})
# Endings of dates that are not in RFC 2822 format.
_NON_RFC_2822_ENDINGS = (TIMEZONE_BY_ABBREVIATION.keys() - _RFC_2822_ZONES) | {"AM", "PM"}


def _parse_rfc_2822_date(text: str) -> datetime:
    zone = _FINAL_CAPITALS_PATTERN.search(text)
    if zone and zone.group(1) in _NON_RFC_2822_ENDINGS:
        # parsedate_to_datetime would ignore this ending: an unknown zone would be UTC, PM would be AM.
        raise ValueError(text)
    return parsedate_to_datetime(text)


def _parse_year_or_month(text: str) -> datetime:
    match = _YEAR_OR_MONTH_PATTERN.match(text)
    if not match:
        raise ValueError(text)
    return datetime(int(match.group(1)), int(match.group(2) or 1), 1, tzinfo=UTC)


def _parse_free_form(text: str) -> datetime:
    if sum(c.isdigit() for c in text) < MIN_FREE_FORM_DIGITS:
        raise ValueError(text)  # dateutil completes a date from today's, so "Monday" alone would be accepted as a date
    text = with_iso_date(text, country=None, latest=now() + timedelta(days=1))
    return parser.parse(text, tzinfos=TIMEZONE_BY_ABBREVIATION)
