"""Rewrites dates of the Persian, Taiwanese and Thai calendars, and Arabic dates with two names of a month."""

from __future__ import annotations

import re
from datetime import date, timedelta

_BUDDHIST_ERA_YEARS = 543  # that the Thai calendar is ahead
_REPUBLIC_ERA_YEARS = 1911  # that the Taiwanese calendar is behind
_PERSIAN_YEARS = range(1370, 1421)  # 1991 to 2042; later years are those of the Islamic calendar
# Persian months, in Iran and in Afghanistan.
_PERSIAN_MONTH_NAMES = (
    "فروردین اردیبهشت خرداد تیر مرداد شهریور مهر آبان آذر دی بهمن اسفند",
    "حمل ثور جوزا سرطان اسد سنبله میزان عقرب قوس جدی دلو حوت",
)
_PERSIAN_MONTHS = {name: number for names in _PERSIAN_MONTH_NAMES for number, name in enumerate(names.split(), 1)}
_THAI_MONTH_NAMES = (
    "มกราคม กุมภาพันธ์ มีนาคม เมษายน พฤษภาคม มิถุนายน กรกฎาคม สิงหาคม กันยายน ตุลาคม พฤศจิกายน ธันวาคม",
    "ม.ค. ก.พ. มี.ค. เม.ย. พ.ค. มิ.ย. ก.ค. ส.ค. ก.ย. ต.ค. พ.ย. ธ.ค.",
)
_THAI_MONTHS = {name: number for names in _THAI_MONTH_NAMES for number, name in enumerate(names.split(), 1)}
# The months' names in the Levant and the Maghreb, by the usual Arabic one.
_ARABIC_MONTH_NAMES = {
    "يناير": "كانون الثاني|جانفي",
    "فبراير": "شباط|فيفري",
    "مارس": "آذار|اذار",
    "أبريل": "نيسان|أفريل|افريل|ابريل|إبريل",
    "مايو": "أيار|ايار|ماي",
    "يونيو": "حزيران|جوان",
    "يوليو": "تموز|جويلية|يوليوز",
    "أغسطس": "آب|أوت|اوت|اغسطس|غشت",
    "سبتمبر": "أيلول|ايلول|شتنبر",
    "أكتوبر": "تشرين الأول|تشرين الاول|اكتوبر",
    "نوفمبر": "تشرين الثاني|نونبر",
    "ديسمبر": "كانون الأول|كانون الاول|دجنبر",
}
_ARABIC_MONTHS = {other: name for name, others in _ARABIC_MONTH_NAMES.items() for other in others.split("|")}


def _alternatives(names: dict[str, int] | dict[str, str]) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


_ARABIC_MONTH_PATTERN = re.compile(rf"(?<!\w)(?:{_alternatives(_ARABIC_MONTHS)})(?!\w)")
_ARABIC_MONTH_TWICE_PATTERN = re.compile(rf"({'|'.join(_ARABIC_MONTH_NAMES)})\s?[/\-(–|،]\s?\1\)?")
_PERSIAN_PATTERN = re.compile(
    r"(?<!\d)(?P<year>1[34]\d\d)(?P<mark>[/.-])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?!\d)"
    rf"|(?<!\d)(?P<worded_day>\d{{1,2}})\s?(?P<name>{_alternatives(_PERSIAN_MONTHS).replace('ی', '[یي]')})"
    r"(?:\s?ماه)?[،,]?\s(?P<worded_year>1[34]\d\d)(?!\d)"
)
_TAIWANESE_PATTERN = re.compile(
    r"民國\s?(?P<era>\d{2,3})\s?年\s?(?P<era_month>\d{1,2})\s?月\s?(?P<era_day>\d{1,2})\s?日"
    r"|(?<![\d./-])(?P<year>1[0-3]\d)(?:\s?年\s?|(?P<mark>[./-]))(?P<month>\d{1,2})(?(mark)(?P=mark)|\s?月\s?)"
    r"(?P<day>\d{1,2})(?(mark)(?![\d./-])|\s?日)"
)
_THAI_PATTERN = re.compile(
    rf"(?<!\d)(?P<day>\d{{1,2}})\s?(?P<name>{_alternatives(_THAI_MONTHS)})\s?(?:พ\.ศ\.\s?)?(?P<year>25\d\d|[5-9]\d)(?!\d)"
    r"|(?<![\d./-])(?P<numbered_day>\d{1,2})[/-](?P<month>\d{1,2})[/-](?P<last>25[3-9]\d)(?!\d)"
    r"|(?<!\d)(?P<first>25[3-9]\d)-(?P<second>\d\d)-(?P<third>\d\d)(?!\d)"
)


def with_gregorian_dates(text: str) -> str:
    """Returns the text with its first date of another calendar rewritten as ``2026-05-04``, in ASCII digits.

    An Arabic month that is named twice, as "أيار / مايو", or by another than the usual name gets the usual name.
    ``text`` must have ASCII digits, see `monitor.calendar.with_ascii_digits`.
    """
    if not text.isascii():
        text = _ARABIC_MONTH_PATTERN.sub(lambda name: _ARABIC_MONTHS[name[0]], text)
        text = _ARABIC_MONTH_TWICE_PATTERN.sub(r"\1", text)
    for pattern, to_date in (
        (_PERSIAN_PATTERN, _persian_date),
        (_TAIWANESE_PATTERN, _taiwanese_date),
        (_THAI_PATTERN, _thai_date),
    ):
        match = pattern.search(text)
        try:
            day = to_date(match) if match else None
        except (ValueError, OverflowError):
            continue
        if match and day:
            return f"{text[: match.start()]}{day:%Y-%m-%d} {text[match.end() :].lstrip('T ')}"
    return text


def _persian_date(match: re.Match[str]) -> date | None:
    """Returns the day of a match of `_PERSIAN_PATTERN`; None if the year is not one of `_PERSIAN_YEARS`.

    Leap years follow a cycle of 33 years, which is right for all of these.
    """
    year, day = int(match["year"] or match["worded_year"]), int(match["day"] or match["worded_day"])
    month = int(match["month"] or 0) or _PERSIAN_MONTHS[match["name"].replace("ي", "ی")]
    if year not in _PERSIAN_YEARS or not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    years = year - 979  # since the cycle that began on 20 March 1600
    leap_days = years // 33 * 8 + (years % 33 + 3) // 4
    days_before_month = 31 * (month - 1) - max(0, month - 7)  # six months of 31 days, then months of 30
    return date(1600, 3, 20) + timedelta(days=365 * years + leap_days + days_before_month + day - 1)


def _taiwanese_date(match: re.Match[str]) -> date:
    year, month, day = (
        match["era"] or match["year"],
        match["era_month"] or match["month"],
        match["era_day"] or match["day"],
    )
    return date(int(year) + _REPUBLIC_ERA_YEARS, int(month), int(day))


def _thai_date(match: re.Match[str]) -> date:
    year = int(match["year"] or match["last"] or match["first"])
    month = int(match["month"] or match["second"] or 0) or _THAI_MONTHS[match["name"]]
    day = int(match["day"] or match["numbered_day"] or match["third"])
    return date((year + 2500 if year < 100 else year) - _BUDDHIST_ERA_YEARS, month, day)
