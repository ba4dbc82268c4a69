"""Finds a date and a time of day in a line of text, in the languages of `monitor.calendar`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from monitor.calendar import MONTH_NUMBER_BY_NAME, TIMEZONE_BY_ABBREVIATION, TIMEZONE_BY_SPOKEN_NAME, with_ascii_digits
from monitor.other_calendars import with_gregorian_dates
from monitor.timezones import parse_timezone

if TYPE_CHECKING:
    from typing import Protocol

    class NumericDateResolver(Protocol):
        """`monitor.calendar.resolve_numeric_date` with the outlet's country and the latest time filled in."""

        def __call__(self, numbers: tuple[int, int, int], /, *, dotted: bool) -> datetime: ...


MAX_TIME_DISTANCE = 40  # characters between a date and its time of day
_BUDDHIST_ERA_YEARS = 543  # that the Thai calendar is ahead
# [^\W\d] does not match the vowel signs of Indian and Thai scripts.
_MONTH_NAME_REGEX = r"(?:[\u0900-\u0dff\u0e00-\u0eff]{2,16}|[^\W\d]{3,16})"
# A date in figures or words; years outside of 1900 to 2099, as of other calendars (1405/09/03), do not match.
_DATE_PATTERN = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)\s?[./\-年년]\s?(?P<month>\d{1,2})\s?[./\-月월]\s?(?P<day>\d{1,2})"
    r"|(?<!\d)(?<!\d[./-])(?P<first>\d{1,2})\s?[./-]\s?(?P<second>\d{1,2})\s?[./-]\s?(?P<last>(?:19|20)?\d\d)(?!\d)"
    r"|(?<!\d)(?P<numbered_day>\d{1,2})\stháng\s(?P<numbered_month>\d{1,2})(?:,|\snăm)?\s(?P<numbered_year>20\d\d)"
    rf"|(?P<worded>(?<!\d)\d{{1,2}}(?:st|nd|rd|th|er|º|\.)?[\s-](?:de\s|d')?{_MONTH_NAME_REGEX}\.?,?[\s-](?:de\s|del\s)?(?:19|20|25)\d\d"
    rf"|{_MONTH_NAME_REGEX}\.?\s\d{{1,2}}(?:st|nd|rd|th)?,?\s(?:19|20)\d\d"
    rf"|(?<!\d)(?:19|20)\d\d\.?\s{_MONTH_NAME_REGEX}\.?\s\d{{1,2}}(?!\d))"
)
_MORNING_WORDS = ("上午", "午前", "오전", "凌晨", "早上", "清晨", "AM", "am", "a.m.")
# Values of the group "half" that mean p.m.
_AFTERNOON_WORDS = ("下午", "午後", "오후", "晚上", "傍晚", "中午", "PM", "pm", "p.m.", "م")
_ZONE_REGEX = (
    r"(?:UTC|GMT|UT)\s?[+\-\u2212]\s?\d{1,2}(?::?\d{2})?(?!\d)"
    r"|[+\-\u2212]\d{2}:?\d{2}(?!\d)|[+\-\u2212]\d{2}(?![\d.:/-])"
    r"|[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?"
    r"|(?:Eastern|Central|Mountain|Pacific)(?:\s(?:Standard|Daylight))?(?:\s[Tt]ime)?\b(?!\sEurop)"
    rf"|(?:{'|'.join(name.title() for name in TIMEZONE_BY_SPOKEN_NAME)})\s[Tt]ime\b"
    rf"|(?:{'|'.join(sorted(TIMEZONE_BY_ABBREVIATION, key=len, reverse=True))})\b"
)
# A time of day with an optional 12-hour mark before or behind it and an optional time zone.
_TIME_PATTERN = re.compile(
    rf"(?:(?P<half>{'|'.join(map(re.escape, (*_MORNING_WORDS, *_AFTERNOON_WORDS)))})\s?)?"
    r"(?<![\d:.])(?P<hour>\d{1,2})"
    r"(?:\s?[:.hH时時点點시]\s?(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d{1,9})?)?(?!\d|\.\d)[分분]?|(?=\s?[AaPp]\.?\s?[Mm]\b))"
    r"(?:\s?(?P<mark>[AaPp]\.?\s?[Mm]\b\.?|[πμ]\.?\s?μ\b\.?|(?:صباح|مساء)[\u064b\u0627]*|[صم](?!\w)))?"
    rf"(?:\s?\(?(?P<zone>{_ZONE_REGEX}))?"
)
_US_TIMEZONE_PATTERN = re.compile(r"\d\s?(?:[AaPp]\.?[Mm]\.?)?\s\(?[ECMP][SD]?T\b")
_ZONE_BEHIND_DATE_PATTERN = re.compile(rf"[\s,]*\(?(?P<zone>{_ZONE_REGEX})")
# Between a time of day and its date: separators and at most one word, such as a weekday.
_GAP_BETWEEN_TIME_AND_DATE_PATTERN = re.compile(r"[\s,|·()–—-]*(?:[^\W\d]+\.?)?[\s,|·()–—-]*")


@dataclass(frozen=True, slots=True)
class ParsedTime:
    """A parsed date, and whether its text stated a time of day and a time zone."""

    time: datetime  # timezone-aware; midnight if no time of day was stated
    has_time: bool  # the text states a time of day
    has_timezone: bool  # the text states a time zone; if not, `time` has the time zone UTC

    def with_default_timezone(self, default_timezone: tzinfo | None) -> ParsedTime:
        """Returns the same time of day in ``default_timezone`` if the text stated a time of day but no time zone.

        Returns self otherwise, or if ``default_timezone`` is None.
        """
        if default_timezone is None or self.has_timezone or not self.has_time:
            return self
        return replace(self, time=self.time.replace(tzinfo=default_timezone))


def first_date_in_line(text: str, day_of: NumericDateResolver) -> ParsedTime | None:
    """Returns the first date in a line, with the time of day directly after or before it; None if there is no date.

    ``day_of`` decides which number of "05/11/2026" is the day.
    """
    text = with_gregorian_dates(unicodedata.normalize("NFC", with_ascii_digits(text)))
    match = _DATE_PATTERN.search(text)
    if not match:
        return None
    day = _day_of_match(match, day_of, is_month_first=is_us_time(text))
    if day is None:
        return None
    time = _TIME_PATTERN.search(text, match.end(), match.end() + MAX_TIME_DISTANCE) or _time_match_before_date(
        text, match.start()
    )
    zone_behind_date = _ZONE_BEHIND_DATE_PATTERN.match(text, match.end())
    if time:
        hour, minute, second = int(time["hour"]), int(time["minute"] or 0), int(time["second"] or 0)
        half = time["half"] or time["mark"]
        if half:
            is_afternoon = half in _AFTERNOON_WORDS or half[0] in "pPμم"
            hour = hour % 12 + (12 if is_afternoon else 0) if hour <= 12 else hour
        if hour < 24 and minute < 60:
            zone_name = time["zone"] or (zone_behind_date["zone"] if zone_behind_date else None)
            if not time["zone"] and time.start() > match.start() and zone_name and not zone_name[0].isalpha():
                zone_name = None  # "2026-05-04 -10:15": a time of day behind a dash
            zone = parse_timezone(zone_name)
            at = day.replace(hour=hour, minute=minute, second=min(second, 59), tzinfo=zone or UTC)
            return ParsedTime(at, has_time=True, has_timezone=zone is not None)
    return ParsedTime(day, has_time=False, has_timezone=False)


def is_us_time(text: str) -> bool:
    """Returns True if the text states a time of day in a time zone of the United States, such as "3:33 PM ET"."""
    return _US_TIMEZONE_PATTERN.search(text) is not None


def _time_match_before_date(text: str, end: int) -> re.Match[str] | None:
    """Returns the match of the time of day directly before a date, which starts at ``end``; None if there is none."""
    times = _TIME_PATTERN.finditer(text, max(0, end - MAX_TIME_DISTANCE), end)
    return next((time for time in times if _GAP_BETWEEN_TIME_AND_DATE_PATTERN.fullmatch(text, time.end(), end)), None)


def _day_of_match(
    match: re.Match[str], day_of: NumericDateResolver, *, is_month_first: bool = False
) -> datetime | None:
    """Returns the day that a match of `_DATE_PATTERN` states, as midnight UTC; None if the day does not exist.

    ``is_month_first`` says that 05/11/2026 is a day in May, as beside a time in a time zone of the United States.
    """
    try:
        if match["year"]:
            return datetime(int(match["year"]), int(match["month"]), int(match["day"]), tzinfo=UTC)
        if match["numbered_year"]:
            year, month, day = (int(match[f"numbered_{name}"]) for name in ("year", "month", "day"))
            return datetime(year, month, day, tzinfo=UTC)
        if match["first"]:
            first, second, year = int(match["first"]), int(match["second"]), int(match["last"])
            if is_month_first and first <= 12:
                return datetime(year + 2000 if year < 100 else year, first, second, tzinfo=UTC)
            return day_of((first, second, year + 2000 if year < 100 else year), dotted="." in match[0])
        day, year = sorted(int(number) for number in re.findall(r"\d+", match["worded"]))
        names = (word for word in re.findall(_MONTH_NAME_REGEX, match["worded"].casefold()))
        month = next((MONTH_NUMBER_BY_NAME[name] for name in names if name in MONTH_NUMBER_BY_NAME), 0)
        return datetime(year - _BUDDHIST_ERA_YEARS if year >= 2500 else year, month, day, tzinfo=UTC)
    except ValueError:
        return None
