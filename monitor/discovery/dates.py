"""Dates as feeds and sitemaps write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from dateutil import parser

_W3C = re.compile(r"(\d{4})(?:-(\d{2}))?$")  # the two W3C forms that are no ISO day
_OFFSETS = {  # abbreviations seen in feeds that the mail format does not know; seconds east of UTC
    name: int(hours * 3600)
    for name, hours in {
        "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "IST": 5.5,
        "HKT": 8, "SGT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11,
    }.items()
}  # fmt: skip


def moment(text: str | None, *, free: bool = True) -> datetime | None:
    """The time in UTC, None where it cannot be made out; without a zone it is taken as UTC.

    ``free`` also tries forms that no standard knows, half a millisecond each: for feeds, not for long sitemaps.
    """
    text = (text or "").strip()[:64]
    if not text:
        return None
    for read in (datetime.fromisoformat, _mail, _partial, _free)[: 4 if free else 3]:
        try:
            found = read(text)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


_ZONE = re.compile(r"\b([A-Z]{3,4})$")


def _mail(text: str) -> datetime:
    zone = _ZONE.search(text)
    if zone and zone.group(1) in _OFFSETS:
        raise ValueError(text)  # the mail format would take it as UTC
    return parsedate_to_datetime(text)


def _partial(text: str) -> datetime:
    match = _W3C.match(text)
    if not match:
        raise ValueError(text)
    return datetime(int(match.group(1)), int(match.group(2) or 1), 1, tzinfo=UTC)


def _free(text: str) -> datetime:
    if sum(c.isdigit() for c in text) < 6:  # dateutil fills what is missing from today: "Monday" is no date
        raise ValueError(text)
    return parser.parse(text, tzinfos=_OFFSETS, dayfirst="." in text)
