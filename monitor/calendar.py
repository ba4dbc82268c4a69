"""Dates as people write them: names of zones and months, and which of two numbers is the day."""

# ruff: noqa: E501  months of many languages

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

#: Zones by the names they are written with.
ZONES: dict[str, tzinfo] = {
    name: timezone(timedelta(hours=hours))
    for name, hours in {
        "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
        "PDT": -7, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
        "BST": 1, "IST": 5.5, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "AEST": 10, "AEDT": 11, "WIB": 7,
    }.items()
} | {  # these mean the time on the clock, in summer and winter
    "ET": ZoneInfo("America/New_York"), "CT": ZoneInfo("America/Chicago"),
    "MT": ZoneInfo("America/Denver"), "PT": ZoneInfo("America/Los_Angeles"),
}  # fmt: skip
#: The months as dates are written in: full and, where that is usual, short.
MONTHS = {
    word: number
    for names in """
        january february march april may june july august september october november december
        jan feb mar apr may jun jul aug sep oct nov dec
        januar februar märz april mai juni juli august september oktober november dezember
        jän feb mrz apr mai jun jul aug sept okt nov dez
        janvier février mars avril mai juin juillet août septembre octobre novembre décembre
        janv févr mars avr mai juin juil août sept oct nov déc
        enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
        ene feb mar abr may jun jul ago set oct nov dic
        janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
        jan fev mar abr mai jun jul ago set out nov dez
        gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
        gen feb mar apr mag giu lug ago set ott nov dic
        января февраля марта апреля мая июня июля августа сентября октября ноября декабря
        янв фев мар апр май июн июл авг сен окт ноя дек
        січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня
        stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia
        ledna února března dubna května června července srpna září října listopadu prosince
        januari februari maart april mei juni juli augustus september oktober november december
        januari februari mars april maj juni juli augusti september oktober november december
        januar februar mars april maj juni juli august september oktober november desember
        tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta
        ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
        ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου
        januari februari maret april mei juni juli agustus september oktober november desember
        ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie
        يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر
        जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर
    """.strip().splitlines()
    for number, word in enumerate(names.split(), 1)
}
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_NUMERIC = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})[./-](\d{4})(?!\d)[,\s|-]*")
_MONTH_FIRST = frozenset({"US", "PH"})


def ascii_digits(text: str) -> str:
    """The text with its digits, of whichever script, as 0 to 9."""
    return text if text.isascii() else _FOREIGN_DIGIT.sub(lambda digit: str(int(digit[0])), text)


def day_of(numbers: tuple[int, int, int], *, dotted: bool, country: str | None, latest: datetime) -> datetime:
    """The day written as two numbers and a year.

    The month comes first in the United States and the Philippines, the day elsewhere and wherever dots stand between
    them.  Where the country is not known, it is the later of both readings that is not after ``latest``.
    Raises ValueError where there is no such day.
    """
    first, second, year = numbers
    by_day, by_month = (second, first), (first, second)
    if first > 12 or second > 12:
        order = by_day if first > 12 else by_month
    elif dotted or (country and country.upper() not in _MONTH_FIRST):
        order = by_day
    elif country:
        order = by_month
    else:
        order = max((o for o in (by_day, by_month) if datetime(year, *o, tzinfo=UTC) <= latest), default=by_day)
    return datetime(year, *order, tzinfo=UTC)


def with_iso_day(text: str, *, country: str | None, latest: datetime) -> str:
    """The text with its day in the ISO form, where it is written as two numbers and a year, see `day_of`.

    Raises ValueError where there is no such day.
    """
    match = _NUMERIC.search(text)
    if not match:
        return text
    first, mark, second, year = match.groups()
    day = day_of((int(first), int(second), int(year)), dotted=mark == ".", country=country, latest=latest)
    return f"{text[: match.start()]}{day:%Y-%m-%d} {text[match.end() :]}"
