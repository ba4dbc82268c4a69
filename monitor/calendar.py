"""Written dates: names of zones and months, and which of two numbers is the day."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

#: Zones by their written abbreviation.
TIMEZONE_BY_ABBREVIATION: dict[str, tzinfo] = {
    name: timezone(timedelta(hours=hours))
    for name, hours in {
        "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
        "PDT": -7, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
        "BST": 1, "IST": 5.5, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "AEST": 10, "AEDT": 11, "WIB": 7,
    }.items()
} | {  # local time, standard or daylight saving
    "ET": ZoneInfo("America/New_York"), "CT": ZoneInfo("America/Chicago"),
    "MT": ZoneInfo("America/Denver"), "PT": ZoneInfo("America/Los_Angeles"),
}  # fmt: skip
_MONTH_NAME_LISTS = (
    # en
    "january february march april may june july august september october november december",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    # de
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jän feb mrz apr mai jun jul aug sept okt nov dez",
    # fr
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    # es
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ene feb mar abr may jun jul ago set oct nov dic",
    # pt
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "jan fev mar abr mai jun jul ago set out nov dez",
    # it
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "gen feb mar apr mag giu lug ago set ott nov dic",
    # ru
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "янв фев мар апр май июн июл авг сен окт ноя дек",
    # uk
    "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
    # pl
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    # cs
    "ledna února března dubna května června července srpna září října listopadu prosince",
    # nl
    "januari februari maart april mei juni juli augustus september oktober november december",
    # sv
    "januari februari mars april maj juni juli augusti september oktober november december",
    # no
    "januar februar mars april maj juni juli august september oktober november desember",
    # fi
    "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta "
    "heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
    # tr
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    # el
    "ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου "
    "ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου",
    # id
    "januari februari maret april mei juni juli agustus september oktober november desember",
    # ro
    "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    # ar
    "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    # hi
    "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
)
#: Numbers of the months by their written name, in full and abbreviated.
MONTH_NUMBER_BY_NAME = {word: number for names in _MONTH_NAME_LISTS for number, word in enumerate(names.split(), 1)}
_NON_ASCII_DIGIT_PATTERN = re.compile(r"(?![0-9])\d")
_NUMERIC_DATE_PATTERN = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})[./-](\d{4})(?!\d)[,\s|-]*")
_MONTH_FIRST_COUNTRY_CODES = frozenset({"US", "PH"})


def with_ascii_digits(text: str) -> str:
    """The text with the digits of all scripts replaced by 0 to 9."""
    return text if text.isascii() else _NON_ASCII_DIGIT_PATTERN.sub(lambda digit: str(int(digit[0])), text)


def resolve_numeric_date(
    numbers: tuple[int, int, int], *, dotted: bool, country: str | None, latest: datetime
) -> datetime:
    """Returns the day that is written as two numbers and a year.

    The month comes first in the United States and the Philippines; the day comes first elsewhere, and always if the
    numbers are ``dotted``.  Without a country, the day is the later of both interpretations that is not after
    ``latest``.  Raises ValueError if there is no such day.
    """
    first, second, year = numbers
    by_day, by_month = (second, first), (first, second)
    if first > 12 or second > 12:
        order = by_day if first > 12 else by_month
    elif dotted or (country and country.upper() not in _MONTH_FIRST_COUNTRY_CODES):
        order = by_day
    elif country:
        order = by_month
    else:
        order = max((o for o in (by_day, by_month) if datetime(year, *o, tzinfo=UTC) <= latest), default=by_day)
    return datetime(year, *order, tzinfo=UTC)


def with_iso_date(text: str, *, country: str | None, latest: datetime) -> str:
    """Returns the text with a day that is written as two numbers and a year in ISO form, see `day_of`.

    Raises ValueError if there is no such day.
    """
    match = _NUMERIC_DATE_PATTERN.search(text)
    if not match:
        return text
    first, mark, second, year = match.groups()
    day = resolve_numeric_date((int(first), int(second), int(year)), dotted=mark == ".", country=country, latest=latest)
    return f"{text[: match.start()]}{day:%Y-%m-%d} {text[match.end() :]}"
