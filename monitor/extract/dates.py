"""Points in time as pages state them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

from dateutil import parser as fuzzy

from monitor.calendar import ZONES, ascii_digits, with_iso_day
from monitor.models import now

_ISO = re.compile(
    r"^\s*(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"
    r"(?:[T\s_,|]+(?:at\s+)?(\d{1,2})[:.](\d{2})(?::(\d{2})(?:[.,:](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\.?)?"
    r"\s*(Z|z|UTC|GMT|[+-]\s?\d{2}:?\d{2}|[+-]\d{1,2}(?!\d))?)?"
)
_COMPACT = re.compile(r"^\s*(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?(Z|[+-]\d{2}:?\d{2})?\s*$")
_EPOCH = re.compile(r"^\s*(\d{10})(\d{3})?\s*$")
_OFFSET_FROM = re.compile(r"\b(?:GMT|UTC)\s?(?=[+-]\d)")  # what dateutil turns the sign of
EARLIEST_TIME = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ParsedTime:
    """A time, with how exactly it was stated."""

    time: datetime  # aware
    has_time: bool  # to the minute or finer, not the day alone
    has_timezone: bool  # its zone was stated; taken as UTC else

    def with_default_timezone(self, clock: tzinfo | None) -> ParsedTime:
        """The same time read off ``clock``, where no zone was stated."""
        if clock is None or self.has_timezone or not self.has_time:
            return self
        return replace(self, at=self.time.replace(tzinfo=clock))


def parse_date(text: str, *, country: str | None = None, latest: datetime | None = None) -> ParsedTime | None:
    """What the text says, if it is a date at all; times without a zone count as UTC.

    ``country`` and ``latest`` tell apart the days that "05/11/2026" can mean, see `day_of`.
    """
    text = _OFFSET_FROM.sub("", ascii_digits(text.strip()[:80]))
    if not any(character.isdigit() for character in text):
        return None
    try:
        text = with_iso_day(text, country=country, latest=latest or now() + timedelta(days=1))
    except ValueError:
        return None
    for reader in (_iso, _compact, _epoch, _rfc822, _fuzzy):
        try:
            moment = reader(text)
        except (ValueError, OverflowError, TypeError):
            continue
        if moment is not None:
            return moment if moment.time.year >= EARLIEST_TIME.year else None
    return None


def _iso(text: str) -> ParsedTime | None:
    match = _ISO.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, half, zone = match.groups()
    rest = text[match.end() :].strip(" .)")
    if rest and zone is None and rest.split()[0].strip("()").upper() in ZONES:
        zone = rest.split()[0].strip("()").upper()
    if hour is None:
        return ParsedTime(datetime(int(year), int(month), int(day), tzinfo=UTC), has_time=False, has_timezone=False)
    hours = int(hour)
    if half:
        hours = hours % 12 + (12 if half.lower().startswith("p") else 0)
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    if hours == 24:
        hours = 0
    at = datetime(int(year), int(month), int(day), hours, int(minute), int(second or 0), micro, tzinfo=parse_timezone(zone))
    return ParsedTime(at, has_time=True, has_timezone=zone is not None)


def _compact(text: str) -> ParsedTime | None:
    match = _COMPACT.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    at = datetime(
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=parse_timezone(zone)
    )
    return ParsedTime(at, has_time=hour is not None, has_timezone=zone is not None)


def _epoch(text: str) -> ParsedTime | None:
    match = _EPOCH.match(text)
    if not match:
        return None
    return ParsedTime(datetime.fromtimestamp(int(match[1]), tz=UTC), has_time=True, has_timezone=True)


def _rfc822(text: str) -> ParsedTime | None:
    if "," not in text[:5]:
        return None
    at = parsedate_to_datetime(text)
    return ParsedTime(at if at.tzinfo else at.replace(tzinfo=UTC), has_time=True, has_timezone=at.tzinfo is not None)


def _fuzzy(text: str) -> ParsedTime | None:
    """English prose: ``May 5, 2024 3:07 PM EDT``."""
    if not re.search(r"(?:19|20)\d\d", text) or not re.search(r"[A-Za-z]{3}", text):
        return None
    unset = datetime(1, 1, 1)  # noqa: DTZ001  a default that no page states: naive, so that a stated zone shows
    text = re.sub(r"\([^)]*\)", "", text)  # a zone's name behind its offset
    at = fuzzy.parse(text, default=unset, tzinfos=_offset)
    if at.year == 1:
        return None
    timed = bool(re.search(r"\d[:.]\d\d", text))
    return ParsedTime(at if at.tzinfo else at.replace(tzinfo=UTC), has_time=timed, has_timezone=at.tzinfo is not None)


def _offset(name: str | None, offset: int | None) -> tzinfo | None:
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    return ZONES.get((name or "").upper())


def parse_timezone(text: str | None) -> tzinfo:
    """The zone of a name or an offset; UTC where there is none."""
    if not text or text in {"Z", "z", "UTC", "GMT"}:
        return UTC
    if text in ZONES:
        return ZONES[text]
    sign = -1 if text[0] == "-" else 1
    digits = re.sub(r"\D", "", text)
    hours, minutes = int(digits[:2]), int(digits[2:4] or 0)
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def choose_time(candidates: list[ParsedTime], *, latest: datetime, default_timezone: tzinfo | None = None) -> datetime | None:
    """The first plausible moment, told more exactly by a later one where that speaks of the same day.

    Moments after ``latest`` or before 1990 are not believed.  Times without a zone are read off ``clock``, or as UTC.
    Midnight, in whichever zone, stands for its day: where nothing tells the time of that day, it is the day in UTC.
    """
    candidates = [moment for told in candidates if EARLIEST_TIME <= (moment := told.with_default_timezone(default_timezone)).time <= latest]
    if not candidates:
        return None
    first, others = candidates[0], candidates[1:]
    exact = first.time
    if not first.has_time or first.time.time() == time(0):
        day = datetime.combine(first.time.date(), time(0), tzinfo=UTC)
        exact = next((other.time for other in others if _tells_time_of(other, day.date())), day)
    elif not first.has_timezone:
        exact = next((other.time for other in others if other.has_timezone and _minute(other.time) == _minute(first.time)), exact)
    return exact.astimezone(UTC)


def _tells_time_of(moment: ParsedTime, day: date) -> bool:
    return moment.has_time and moment.time.time() != time(0) and day in {moment.time.date(), moment.time.astimezone(UTC).date()}


def _minute(moment: datetime) -> datetime:
    """The time on the clock, whatever the zone."""
    return moment.replace(tzinfo=UTC, second=0, microsecond=0)
