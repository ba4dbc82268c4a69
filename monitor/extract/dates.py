"""Parses dates and times as pages state them, and chooses between several."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

from dateutil import parser as dateutil_parser

from monitor.calendar import TIMEZONE_BY_ABBREVIATION, with_ascii_digits, with_iso_date
from monitor.models import now

_ISO_DATE_PATTERN = re.compile(
    r"^\s*(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"
    r"(?:[T\s_,|]+(?:at\s+)?(\d{1,2})[:.](\d{2})(?::(\d{2})(?:[.,:](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\.?)?"
    r"\s*(Z|z|UTC|GMT|[+-]\s?\d{2}:?\d{2}|[+-]\d{1,2}(?!\d))?)?"
)
_COMPACT_DATE_PATTERN = re.compile(r"^\s*(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?(Z|[+-]\d{2}:?\d{2})?\s*$")
_EPOCH_PATTERN = re.compile(r"^\s*(\d{10})(\d{3})?\s*$")
_GMT_BEFORE_OFFSET_PATTERN = re.compile(
    r"\b(?:GMT|UTC)\s?(?=[+-]\d)"
)  # dateutil inverts the sign of an offset behind it
MIN_PLAUSIBLE_TIME = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ParsedTime:
    """A time, and how precisely it was stated."""

    time: datetime  # aware
    has_time: bool  # states a time of day, not only the day
    has_timezone: bool  # states a time zone; otherwise `time` is in UTC

    def with_default_timezone(self, default_timezone: tzinfo | None) -> ParsedTime:
        """Returns the same wall-clock time in ``default_timezone`` if no time zone was stated."""
        if default_timezone is None or self.has_timezone or not self.has_time:
            return self
        return replace(self, time=self.time.replace(tzinfo=default_timezone))


def parse_date(text: str, *, country: str | None = None, latest: datetime | None = None) -> ParsedTime | None:
    """Parses a date with or without a time, in UTC unless it states a time zone; None if the text is no date.

    ``country`` and ``latest`` resolve dates such as "05/11/2026", see `monitor.calendar.day_of`.
    """
    text = _GMT_BEFORE_OFFSET_PATTERN.sub("", with_ascii_digits(text.strip()[:80]))
    if not any(character.isdigit() for character in text):
        return None
    try:
        text = with_iso_date(text, country=country, latest=latest or now() + timedelta(days=1))
    except ValueError:
        return None
    for parse in (_parse_iso, _parse_compact, _parse_epoch, _parse_rfc822, _parse_english):
        try:
            parsed = parse(text)
        except (ValueError, OverflowError, TypeError):
            continue
        if parsed is not None:
            return parsed if parsed.time.year >= MIN_PLAUSIBLE_TIME.year else None
    return None


def _parse_iso(text: str) -> ParsedTime | None:
    match = _ISO_DATE_PATTERN.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, half_day, zone = match.groups()
    rest = text[match.end() :].strip(" .)")
    if rest and zone is None and rest.split()[0].strip("()").upper() in TIMEZONE_BY_ABBREVIATION:
        zone = rest.split()[0].strip("()").upper()
    if hour is None:
        return ParsedTime(datetime(int(year), int(month), int(day), tzinfo=UTC), has_time=False, has_timezone=False)
    hours = int(hour)
    if half_day:
        hours = hours % 12 + (12 if half_day.lower().startswith("p") else 0)
    microseconds = int((fraction or "0")[:6].ljust(6, "0"))
    if hours == 24:
        hours = 0
    time = datetime(
        int(year), int(month), int(day), hours, int(minute), int(second or 0), microseconds, tzinfo=parse_timezone(zone)
    )
    return ParsedTime(time, has_time=True, has_timezone=zone is not None)


def _parse_compact(text: str) -> ParsedTime | None:
    match = _COMPACT_DATE_PATTERN.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    time = datetime(
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=parse_timezone(zone)
    )
    return ParsedTime(time, has_time=hour is not None, has_timezone=zone is not None)


def _parse_epoch(text: str) -> ParsedTime | None:
    match = _EPOCH_PATTERN.match(text)
    if not match:
        return None
    return ParsedTime(datetime.fromtimestamp(int(match[1]), tz=UTC), has_time=True, has_timezone=True)


def _parse_rfc822(text: str) -> ParsedTime | None:
    if "," not in text[:5]:
        return None
    time = parsedate_to_datetime(text)
    return ParsedTime(
        time if time.tzinfo else time.replace(tzinfo=UTC), has_time=True, has_timezone=time.tzinfo is not None
    )


def _parse_english(text: str) -> ParsedTime | None:
    """Parses English prose such as ``May 5, 2024 3:07 PM EDT``."""
    if not re.search(r"(?:19|20)\d\d", text) or not re.search(r"[A-Za-z]{3}", text):
        return None
    unset = datetime(1, 1, 1)  # noqa: DTZ001  naive, so that a stated time zone shows; no page states the year 1
    text = re.sub(r"\([^)]*\)", "", text)  # the name of the time zone behind its offset
    time = dateutil_parser.parse(text, default=unset, tzinfos=_timezone_for_dateutil)
    if time.year == 1:
        return None
    has_time = bool(re.search(r"\d[:.]\d\d", text))
    return ParsedTime(
        time if time.tzinfo else time.replace(tzinfo=UTC), has_time=has_time, has_timezone=time.tzinfo is not None
    )


def _timezone_for_dateutil(name: str | None, offset_seconds: int | None) -> tzinfo | None:
    if offset_seconds is not None:
        return timezone(timedelta(seconds=offset_seconds))
    return TIMEZONE_BY_ABBREVIATION.get((name or "").upper())


def parse_timezone(text: str | None) -> tzinfo:
    """Returns the time zone that a name or an offset states; UTC for no text."""
    if not text or text in {"Z", "z", "UTC", "GMT"}:
        return UTC
    if text in TIMEZONE_BY_ABBREVIATION:
        return TIMEZONE_BY_ABBREVIATION[text]
    sign = -1 if text[0] == "-" else 1
    digits = re.sub(r"\D", "", text)
    hours, minutes = int(digits[:2]), int(digits[2:4] or 0)
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def choose_plausible_time(
    candidates: list[ParsedTime], *, latest: datetime, default_timezone: tzinfo | None = None
) -> datetime | None:
    """Returns the first plausible candidate, refined by a later one that states the same day more precisely; in UTC.

    Candidates after ``latest`` or before 1990 are ignored.  Times without a time zone are in ``default_timezone``, or
    in UTC.  Midnight in any time zone counts as a day without a time; without a refinement, the result is midnight UTC
    of that day.
    """
    candidates = [
        candidate
        for parsed in candidates
        if MIN_PLAUSIBLE_TIME <= (candidate := parsed.with_default_timezone(default_timezone)).time <= latest
    ]
    if not candidates:
        return None
    first, later = candidates[0], candidates[1:]
    exact = first.time
    if not first.has_time or first.time.time() == time(0):
        day = datetime.combine(first.time.date(), time(0), tzinfo=UTC)
        exact = next((candidate.time for candidate in later if _states_time_on(candidate, day.date())), day)
    elif not first.has_timezone:
        exact = next(
            (
                candidate.time
                for candidate in later
                if candidate.has_timezone and _wall_clock_minute(candidate.time) == _wall_clock_minute(first.time)
            ),
            exact,
        )
    return exact.astimezone(UTC)


def _states_time_on(parsed: ParsedTime, day: date) -> bool:
    return (
        parsed.has_time
        and parsed.time.time() != time(0)
        and day in {parsed.time.date(), parsed.time.astimezone(UTC).date()}
    )


def _wall_clock_minute(time: datetime) -> datetime:
    """Returns the time to the minute, without regard to its time zone."""
    return time.replace(tzinfo=UTC, second=0, microsecond=0)
