"""Parses dates and times in the formats that pages use, and chooses the most credible of several."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

from dateutil import parser as dateutil_parser

from monitor.calendar import (
    MONTH_NUMBER_BY_NAME,
    TIMEZONE_BY_ABBREVIATION,
    UrlDate,
    resolve_numeric_date,
    with_ascii_digits,
    with_iso_date,
)
from monitor.date_text import ParsedTime, first_date_in_line, is_us_time
from monitor.models import now
from monitor.other_calendars import with_gregorian_dates
from monitor.timezones import parse_timezone

_ISO_DATE_PATTERN = re.compile(
    r"^\s*(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"
    r"(?:[T\s_,|]+(?:at\s+)?(\d{1,2})[:.](\d{2})(?::(\d{2})(?:[.,:](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\b\.?)?"
    r"\s*(Z\b|z\b|(?:(?:UTC|GMT)\s?)?(?:[+-]\s?\d{2}:?\d{2}|[+-]\d{1,2})(?![\d:])|(?:UTC|GMT)\b)?)?"
)
# 20240505 or 20240505T1507Z
_COMPACT_DATE_PATTERN = re.compile(r"^\s*(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?(Z|[+-]\d{2}:?\d{2})?\s*$")
_EPOCH_PATTERN = re.compile(r"^\s*(\d{10})(\d{3})?\s*$")  # Unix time in seconds or milliseconds
# Removed before dateutil parses, because it inverts the sign of "GMT+2".
_GMT_BEFORE_OFFSET_PATTERN = re.compile(r"\b(?:GMT|UTC)\s?(?=[+-]\d)")
# Dates that the parser of e-mail headers reads right: it ignores PM and the time zones that RFC 822 does not name.
_RFC_822_PATTERN = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?\d{1,2}[\s-][A-Za-z]{3,9}[\s-]\d{2,4},?\s+\d{1,2}:\d{2}(?::\d{2})?"
    r"\s*(?:UTC|GMT|UT|[ECMP][SD]T|[+-]\d{4})?(?:\s*\([^)]*\))?"
)
_TIME_OF_DAY_PATTERN = re.compile(r"\d\s?(?:[:時时点點시]|[ap]\.?\s?m\b)", re.IGNORECASE)
# 2026/05/06, 2026-05-06, 20260506, 2026/may/06 or 2026/05 in the path of a URL.
_DAY_IN_URL_PATTERN = re.compile(
    r"[/_-](?:(?P<year>20\d\d)(?P<mark>[/-]?)(?P<month>\d\d?)(?P=mark)(?P<day>\d\d?)(?=[/_.-]|$)"
    r"|(?P<named_year>20\d\d)[/-](?P<name>[a-z]{3,9})[/-](?P<named_day>\d\d?)(?=[/_.-]|$)"
    r"|(?P<first_year>20\d\d)/(?P<only_month>\d\d)/)",
    re.IGNORECASE,
)
MIN_PLAUSIBLE_TIME = datetime(1990, 1, 1, tzinfo=UTC)  # earlier dates are taken for errors
MAX_CLOCK_SKEW = timedelta(hours=1)  # by which a publisher's clock may be fast; later dates are taken for errors


def parse_date(
    text: str,
    *,
    country: str | None = None,
    latest: datetime | None = None,
    lenient: bool = True,
    url_date: UrlDate | None = None,
) -> ParsedTime | None:
    """Parses a date with or without a time of day; None if the text is not a date or its year is before 1990.

    ``country`` (ISO 3166), ``latest`` (default: now, with `MAX_CLOCK_SKEW`) and ``url_date`` decide which number of
    "05/11/2026" is the day, see `monitor.calendar.resolve_numeric_date`.  ``lenient`` also parses rare forms, which
    takes half a millisecond per date: too slow for long sitemaps.
    """
    text = with_ascii_digits(text.strip()[:80])
    if not any(character.isdigit() for character in text):
        return None
    latest = latest or now() + MAX_CLOCK_SKEW
    try:
        country = country or ("US" if is_us_time(text) else None)
        text = with_iso_date(with_gregorian_dates(text), country=country, latest=latest, url_date=url_date)
    except ValueError:
        return None
    day_of = partial(resolve_numeric_date, country=country, latest=latest, url_date=url_date)
    parse_line = partial(first_date_in_line, day_of=day_of)
    parsers = (_parse_iso, _parse_compact, _parse_epoch, _parse_rfc822, parse_line, _parse_english)
    for parse in parsers if lenient else parsers[:-1]:
        try:
            parsed = parse(text)
        except (ValueError, OverflowError, TypeError):
            continue
        if parsed is not None:
            return parsed if parsed.time.year >= MIN_PLAUSIBLE_TIME.year else None
    return None


def find_url_date(url: str) -> UrlDate | None:
    """Returns the year, month and day that the URL's path states, or the year and month alone; None without any."""
    for match in _DAY_IN_URL_PATTERN.finditer(urlsplit(url).path):
        year = int(match["year"] or match["named_year"] or match["first_year"])
        month = int(match["month"] or match["only_month"] or MONTH_NUMBER_BY_NAME.get((match["name"] or "").lower(), 0))
        day = int(match["day"] or match["named_day"] or 1)
        try:
            date(year, month, day)
        except ValueError:
            continue
        return UrlDate(year, month, None if match["only_month"] else day)
    return None


def _parse_iso(text: str) -> ParsedTime | None:
    """Parses dates that begin as ISO 8601 does, such as ``2024-05-05 3:07 PM EDT``; None for other text.

    The `_parse_` functions raise ValueError, OverflowError or TypeError if the date does not exist.
    """
    match = _ISO_DATE_PATTERN.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, half_day, zone = match.groups()
    rest = text[match.end() :].strip(" .)")
    zone = zone or (rest.split()[0].strip("()") if rest else None)
    stated_timezone = parse_timezone(zone.replace(" ", "") if zone else None)
    if hour is None and _TIME_OF_DAY_PATTERN.search(rest):
        return None
    if hour is None:
        return ParsedTime(datetime(int(year), int(month), int(day), tzinfo=UTC), has_time=False, has_timezone=False)
    hours = int(hour)
    if half_day:
        hours = hours % 12 + (12 if half_day.lower().startswith("p") else 0)
    microseconds = int((fraction or "0")[:6].ljust(6, "0"))
    if hours == 24:
        hours = 0
    time = datetime(
        int(year),
        int(month),
        int(day),
        hours,
        int(minute),
        int(second or 0),
        microseconds,
        tzinfo=stated_timezone or UTC,
    )
    return ParsedTime(time, has_time=True, has_timezone=stated_timezone is not None)


def _parse_compact(text: str) -> ParsedTime | None:
    """Parses dates without separators, such as ``20240505T150700Z``; None for other text."""
    match = _COMPACT_DATE_PATTERN.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    time = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        tzinfo=parse_timezone(zone) or UTC,
    )
    return ParsedTime(time, has_time=hour is not None, has_timezone=zone is not None)


def _parse_epoch(text: str) -> ParsedTime | None:
    """Parses a Unix time of 10 digits (seconds) or 13 digits (milliseconds); None for other text."""
    match = _EPOCH_PATTERN.match(text)
    if not match:
        return None
    return ParsedTime(datetime.fromtimestamp(int(match[1]), tz=UTC), has_time=True, has_timezone=True)


def _parse_rfc822(text: str) -> ParsedTime | None:
    """Parses dates such as ``Sun, 05 May 2024 15:07:00 +0200``; None for other text."""
    if not _RFC_822_PATTERN.fullmatch(text):
        return None
    time = parsedate_to_datetime(text)
    return ParsedTime(
        time if time.tzinfo else time.replace(tzinfo=UTC), has_time=True, has_timezone=time.tzinfo is not None
    )


def _parse_english(text: str) -> ParsedTime | None:
    """Parses English dates such as ``May 5, 2024 3:07 PM EDT``; None for text without a year and a word."""
    if not re.search(r"(?:19|20)\d\d", text) or not re.search(r"[A-Za-z]{3}", text):
        return None
    unset = datetime(1, 1, 1)  # noqa: DTZ001  naive and year 1, to see whether the text states zone and year
    text = re.sub(r"\([^)]*\)", "", text)  # removes the name of the time zone in brackets
    text = _GMT_BEFORE_OFFSET_PATTERN.sub("", text)
    time = dateutil_parser.parse(text, default=unset, tzinfos=_timezone_for_dateutil)
    if time.year == 1:
        return None
    has_time = bool(re.search(r"\d[:.]\d\d", text))
    return ParsedTime(
        time if time.tzinfo else time.replace(tzinfo=UTC), has_time=has_time, has_timezone=time.tzinfo is not None
    )


def _timezone_for_dateutil(name: str | None, offset_seconds: int | None) -> tzinfo | None:
    """Returns the time zone that dateutil read as an offset or a name; None for an unknown name."""
    if offset_seconds is not None:
        return timezone(timedelta(seconds=offset_seconds))
    return TIMEZONE_BY_ABBREVIATION.get((name or "").upper())


def choose_plausible_time(
    candidates: list[ParsedTime], *, latest: datetime, default_timezone: tzinfo | None = None
) -> datetime | None:
    """Returns the first plausible candidate in UTC, made precise by a later candidate for the same day; None if none.

    Candidates after ``latest`` or before 1990 are ignored.  A time without a time zone is taken to be in
    ``default_timezone``, or in UTC if that is None.  If the first candidate states no time of day, or midnight, the
    result is the first later candidate with a time on that day, else midnight UTC.  If it states no time zone, the
    result is the first later candidate with a time zone and the same wall-clock minute, else the candidate itself.
    """
    candidates = [
        candidate
        for parsed in candidates
        if MIN_PLAUSIBLE_TIME <= (candidate := in_timezone(parsed, default_timezone, latest=latest)).time <= latest
    ]
    if not candidates:
        return None
    first, later = candidates[0], candidates[1:]
    exact = first.time
    if not first.has_time or first.time.time() == time(0):
        day = datetime.combine(first.time.date(), time(0), tzinfo=UTC)
        start = day if day <= latest else first.time  # the day has begun in the outlet's time zone, but not in UTC
        exact = next((candidate.time for candidate in later if _states_time_on(candidate, day.date())), start)
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


def in_timezone(parsed: ParsedTime, default_timezone: tzinfo | None, *, latest: datetime) -> ParsedTime:
    """Returns the time in ``default_timezone`` if its text stated no time zone, see `ParsedTime`.

    A day without a time of day begins at midnight UTC, or if that is after ``latest``, at midnight in
    ``default_timezone``, where the day may have begun already.
    """
    if default_timezone is not None and not parsed.has_time and parsed.time > latest:
        return replace(parsed, time=parsed.time.replace(tzinfo=default_timezone))
    return parsed.with_default_timezone(default_timezone)


def _states_time_on(parsed: ParsedTime, day: date) -> bool:
    """Returns True if a time of day other than midnight was stated, on this day in its time zone or in UTC."""
    return (
        parsed.has_time
        and parsed.time.time() != time(0)
        and day in {parsed.time.date(), parsed.time.astimezone(UTC).date()}
    )


def _wall_clock_minute(time: datetime) -> datetime:
    """Returns date, hour and minute as they were stated, labelled as UTC, to compare them across time zones."""
    return time.replace(tzinfo=UTC, second=0, microsecond=0)
