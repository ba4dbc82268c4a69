"""Parse dates as feeds and sitemaps write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from dateutil import parser

from monitor.calendar import TIMEZONE_BY_ABBREVIATION, with_iso_date
from monitor.models import now

EARLIEST_YEAR = 1990  # no web page is older; programs write 1970 or 0001 for an unknown date
MAX_DATE_LENGTH = 64  # characters read of a date
MIN_FREE_FORM_DIGITS = 6
_YEAR_ONE = re.compile(r"\b0001\b")  # an unset date, which RFC 2822 parsing would take for 2001
_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?$")  # YYYY and YYYY-MM: in W3C-DTF, but not read by fromisoformat


def parse_time(text: str | None, *, lenient: bool = True) -> datetime | None:
    """Returns the time in UTC, or None when it cannot be read.  A time without a zone counts as UTC.

    ``lenient`` also tries non-standard forms, at half a millisecond each: for feeds, not for long sitemaps.
    """
    text = (text or "").strip()[:MAX_DATE_LENGTH]
    if not text or _YEAR_ONE.search(text):
        return None
    parsers = (datetime.fromisoformat, _parse_mail_date, _parse_partial_date, _parse_free_form)
    for parse in parsers[: 4 if lenient else 3]:
        try:
            time = parse(text)
            time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return time if time.year >= EARLIEST_YEAR else None
    return None


_FINAL_ZONE = re.compile(r"\b([A-Z]{2,4})$")
_MAIL_ZONES = frozenset({"UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"})  # defined by RFC 2822
_NON_MAIL_ENDINGS = (TIMEZONE_BY_ABBREVIATION.keys() - _MAIL_ZONES) | {"AM", "PM"}


def _parse_mail_date(text: str) -> datetime:
    zone = _FINAL_ZONE.search(text)
    if zone and zone.group(1) in _NON_MAIL_ENDINGS:
        raise ValueError(text)  # parsedate_to_datetime would read these zones as UTC, and PM as AM
    return parsedate_to_datetime(text)


def _parse_partial_date(text: str) -> datetime:
    match = _PARTIAL_DATE.match(text)
    if not match:
        raise ValueError(text)
    return datetime(int(match.group(1)), int(match.group(2) or 1), 1, tzinfo=UTC)


def _parse_free_form(text: str) -> datetime:
    if sum(c.isdigit() for c in text) < MIN_FREE_FORM_DIGITS:
        raise ValueError(text)  # dateutil takes missing parts from today, so "Monday" would become a date
    text = with_iso_date(text, country=None, latest=now() + timedelta(days=1))
    return parser.parse(text, tzinfos=TIMEZONE_BY_ABBREVIATION)
