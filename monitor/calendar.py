"""Names of time zones and months in many languages, and the order of day and month in dates such as 05/11/2026."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

#: Time zones by the abbreviation that pages write behind a time.
TIMEZONE_BY_ABBREVIATION: dict[str, tzinfo] = {
    name: timezone(timedelta(hours=hours))
    for name, hours in {
        "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
        "PDT": -7, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
        "МСК": 3, "BST": 1, "IST": 5.5, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "AEST": 10, "AEDT": 11, "WIB": 7,
        "UT": 0, "AKST": -9, "AKDT": -8, "HST": -10, "AST": -4, "ADT": -3, "NST": -3.5, "BRT": -3, "ART": -3,
        "CLT": -4, "COT": -5, "PET": -5, "WAT": 1, "CAT": 2, "SAST": 2, "EAT": 3, "TRT": 3, "GST": 4, "PKT": 5,
        "NPT": 5.75, "ICT": 7, "WITA": 8, "PHT": 8, "MYT": 8, "AWST": 8, "WIT": 9, "ACST": 9.5, "ACDT": 10.5,
        "NZST": 12, "NZDT": 13,
    }.items()
} | {  # ET, CT, MT and PT do not state whether daylight saving time applies: the date decides
    "ET": ZoneInfo("America/New_York"), "CT": ZoneInfo("America/Chicago"),
    "MT": ZoneInfo("America/Denver"), "PT": ZoneInfo("America/Los_Angeles"),
}  # fmt: skip
#: Time zones by the first word of the name that pages write behind a time: "Eastern Time", "Moscow time".
TIMEZONE_BY_SPOKEN_NAME = {
    "eastern": ZoneInfo("America/New_York"), "central": ZoneInfo("America/Chicago"),
    "mountain": ZoneInfo("America/Denver"), "pacific": ZoneInfo("America/Los_Angeles"),
    "beijing": ZoneInfo("Asia/Shanghai"), "berlin": ZoneInfo("Europe/Berlin"), "kyiv": ZoneInfo("Europe/Kyiv"),
    "london": ZoneInfo("Europe/London"), "moscow": ZoneInfo("Europe/Moscow"), "tehran": ZoneInfo("Asia/Tehran"),
    "tokyo": ZoneInfo("Asia/Tokyo"),
}  # fmt: skip
# Each string holds the twelve months of a language in order.
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
    "січ лют бер квіт трав черв лип серп вер жовт лист груд",
    # pl
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    # cs
    "ledna února března dubna května června července srpna září října listopadu prosince",
    # nl
    "januari februari maart april mei juni juli augustus september oktober november december",
    "jan feb mrt apr mei jun jul aug sep okt nov dec",
    # sv
    "januari februari mars april maj juni juli augusti september oktober november december",
    # no
    "januar februar mars april maj juni juli august september oktober november desember",
    # fi
    "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta "
    "heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
    # tr
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "oca şub mar nis may haz tem ağu eyl eki kas ara",
    # el
    "ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου "
    "ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου",
    # id
    "januari februari maret april mei juni juli agustus september oktober november desember",
    # ro
    "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    # ar
    "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    # da
    "januar februar marts april maj juni juli august september oktober november december",
    # is
    "janúar febrúar mars apríl maí júní júlí ágúst september október nóvember desember",
    # hu
    "január február március április május június július augusztus szeptember október november december",
    # sk
    "januára februára marca apríla mája júna júla augusta septembra októbra novembra decembra",
    # ca
    "gener febrer març abril maig juny juliol agost setembre octubre novembre desembre",
    # bg
    "януари февруари март април май юни юли август септември октомври ноември декември",
    # sq
    "janar shkurt mars prill maj qershor korrik gusht shtator tetor nëntor dhjetor",
    # sw
    "januari februari machi aprili mei juni julai agosti septemba oktoba novemba desemba",
    # xh
    "januwari februwari matshi epreli meyi juni julayi agasti septemba oktobha novemba disemba",
    # zu
    "januwari februwari mashi ephreli meyi juni julayi agasti septhemba okthoba novemba disemba",
    # kl
    "januaarip februaarip marsip apriilip maajip juunip juulip aggustip septembarip oktobarip novembarip decembarip",
    # he
    "ינואר פברואר מרץ אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר",
    # th
    "มกราคม กุมภาพันธ์ มีนาคม เมษายน พฤษภาคม มิถุนายน กรกฎาคม สิงหาคม กันยายน ตุลาคม พฤศจิกายน ธันวาคม",
    # bn
    "জানুয়ারি ফেব্রুয়ারি মার্চ এপ্রিল মে জুন জুলাই আগস্ট সেপ্টেম্বর অক্টোবর নভেম্বর ডিসেম্বর",
    # hi
    "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
)
#: Numbers of the months (1 to 12) by their lower-case name or abbreviation, in all languages above.
MONTH_NUMBER_BY_NAME = {
    word: number
    for names in _MONTH_NAME_LISTS
    for number, word in enumerate(unicodedata.normalize("NFC", names).split(), 1)
}
_NON_ASCII_DIGIT_PATTERN = re.compile(r"(?![0-9])\d")
# Such as 5.11.2026 or 05/11/2026, with the separators that follow.
_NUMERIC_DATE_PATTERN = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})[./-](\d{4})(?!\d)[,\s|-]*")
_MONTH_FIRST_COUNTRY_CODES = frozenset({"US", "PH"})  # write 05/11/2026 for May 11


class UrlDate(NamedTuple):
    """The year and month, and mostly the day, in the path of a URL."""

    year: int
    month: int
    day: int | None

    def agrees_with(self, year: int, month: int, day: int) -> bool:
        """Returns True for the same day, or for a day in the same month if the URL states no day."""
        return (self.year, self.month) == (year, month) and self.day in {None, day}


def with_ascii_digits(text: str) -> str:
    """Returns the text with the decimal digits of all scripts replaced by 0 to 9."""
    return text if text.isascii() else _NON_ASCII_DIGIT_PATTERN.sub(lambda digit: str(int(digit[0])), text)


def resolve_numeric_date(
    numbers: tuple[int, int, int],
    *,
    dotted: bool,
    country: str | None,
    latest: datetime,
    url_date: UrlDate | None = None,
) -> datetime:
    """Returns the date, at 00:00 UTC, that is written as two numbers and a year, such as 05/11/2026.

    A number above 12 is the day.  Otherwise, the reading is right that agrees with the day or month in the page's URL
    (``url_date``); without one, the month comes first in the United States and the Philippines; the day
    comes first in other countries, and always if dots separate the numbers (``dotted``).  Without a country, returns
    the later of both interpretations that is not after ``latest``; day first if both are later.  Raises ValueError if
    the date does not exist.
    """
    first, second, year = numbers
    day_first, month_first = (second, first), (first, second)
    if first > 12 or second > 12:
        order = day_first if first > 12 else month_first
    elif url_date and url_date.agrees_with(year, *day_first) != url_date.agrees_with(year, *month_first):
        order = day_first if url_date.agrees_with(year, *day_first) else month_first
    elif dotted or (country and country.upper() not in _MONTH_FIRST_COUNTRY_CODES):
        order = day_first
    elif country:
        order = month_first
    else:
        order = max(
            (o for o in (day_first, month_first) if datetime(year, *o, tzinfo=UTC) <= latest), default=day_first
        )
    return datetime(year, *order, tzinfo=UTC)


def with_iso_date(text: str, *, country: str | None, latest: datetime, url_date: UrlDate | None = None) -> str:
    """Returns the text with its first date of the form 05/11/2026 rewritten as 2026-11-05 and a space.

    Returns the text unchanged if it holds no such date.  `resolve_numeric_date` decides which number is the day.
    Raises ValueError if the date does not exist.
    """
    match = _NUMERIC_DATE_PATTERN.search(text)
    if not match:
        return text
    first, mark, second, year = match.groups()
    numbers = (int(first), int(second), int(year))
    day = resolve_numeric_date(numbers, dotted=mark == ".", country=country, latest=latest, url_date=url_date)
    return f"{text[: match.start()]}{day:%Y-%m-%d} {text[match.end() :]}"
