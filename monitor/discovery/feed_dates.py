"""Dates as feeds and sitemaps write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from dateutil import parser

from monitor.calendar import ZONES, with_iso_day
from monitor.models import now

EARLIEST_YEAR = 1990  # no page of the web is older: 1970 and 0001 are what programs write where they know no date
_UNSET = re.compile(r"\b0001\b")  # as a year; the mail format would read it as 2001
_W3C = re.compile(r"(\d{4})(?:-(\d{2}))?$")  # the two W3C forms that are no ISO day


def parse_time(text: str | None, *, free: bool = True) -> datetime | None:
    """The time in UTC, None where it cannot be made out; without a zone it is taken as UTC.

    ``free`` also tries forms that no standard knows, half a millisecond each: for feeds, not for long sitemaps.
    """
    text = (text or "").strip()[:64]
    if not text or _UNSET.search(text):
        return None
    for read in (datetime.fromisoformat, _mail, _partial, _free)[: 4 if free else 3]:
        try:
            found = read(text)
            found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return found if found.year >= EARLIEST_YEAR else None
    return None


_ZONE = re.compile(r"\b([A-Z]{2,4})$")
_KNOWN = frozenset({"UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"})  # to the mail format
_NOT_MAIL = (ZONES.keys() - _KNOWN) | {"AM", "PM"}


def _mail(text: str) -> datetime:
    zone = _ZONE.search(text)
    if zone and zone.group(1) in _NOT_MAIL:
        raise ValueError(text)  # the mail format would take it as UTC, and the afternoon as the morning
    return parsedate_to_datetime(text)


def _partial(text: str) -> datetime:
    match = _W3C.match(text)
    if not match:
        raise ValueError(text)
    return datetime(int(match.group(1)), int(match.group(2) or 1), 1, tzinfo=UTC)


def _free(text: str) -> datetime:
    if sum(c.isdigit() for c in text) < 6:  # dateutil fills what is missing from today: "Monday" is no date
        raise ValueError(text)
    text = with_iso_day(text, country=None, latest=now() + timedelta(days=1))
    return parser.parse(text, tzinfos=ZONES)
