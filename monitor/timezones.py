"""Time zones: of a country, for times that an outlet states without one, and of the names and offsets beside a time."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

from monitor.calendar import TIMEZONE_BY_ABBREVIATION, TIMEZONE_BY_SPOKEN_NAME

MAX_OFFSET_HOURS = 15  # of a time zone from UTC; a larger one is no time zone
# An offset such as +02:00, -0330, GMT+7 or UTC+03:00.
_OFFSET_PATTERN = re.compile(r"(?:GMT|UTC|UT)?\s?([+\-\u2212])\s?(\d{1,2})(?::?(\d{2}))?")

# For countries with several time zones: the one in which the national press states times.
_PRESS_TIMEZONE_BY_COUNTRY = {
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "ID": "Asia/Jakarta",
    "KZ": "Asia/Almaty",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "NZ": "Pacific/Auckland",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "US": "America/New_York",
}


@cache
def timezone_of_country(code: str | None) -> ZoneInfo | None:
    """Returns the time zone of the country with an ISO 3166 code; None for no code or an unknown one."""
    if code is None:
        return None
    name = _PRESS_TIMEZONE_BY_COUNTRY.get(code.upper()) or _first_timezone_by_country().get(code.upper())
    return ZoneInfo(name) if name else None


@cache
def _first_timezone_by_country() -> dict[str, str]:
    """Returns the name of the first time zone that the time zone database lists for each ISO 3166 code."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    zones: dict[str, str] = {}
    for country, _, zone, *_ in rows:
        zones.setdefault(country, zone)
    return zones


def parse_timezone(text: str | None) -> tzinfo | None:
    """Returns the time zone of an offset (``+02:00``, ``GMT+7``), an abbreviation or a name.

    A name is one of the time zone database (``America/New_York``) or one as in "Eastern Time" and "Moscow time".

    Returns None for other text, for an empty one and for None.
    """
    text = (text or "").strip()
    if text in {"Z", "z"}:
        return UTC
    if match := _OFFSET_PATTERN.fullmatch(text):
        sign, hours, minutes = -1 if match[1] != "+" else 1, int(match[2]), int(match[3] or 0)
        if hours >= MAX_OFFSET_HOURS or minutes >= 60:
            return None
        return timezone(sign * timedelta(hours=hours, minutes=minutes))
    if text.upper() in TIMEZONE_BY_ABBREVIATION:
        return TIMEZONE_BY_ABBREVIATION[text.upper()]
    if text.lower().partition(" ")[0] in TIMEZONE_BY_SPOKEN_NAME and "european" not in text.lower():
        return TIMEZONE_BY_SPOKEN_NAME[text.lower().partition(" ")[0]]
    return ZoneInfo(text) if "/" in text and text in _timezone_names() else None


@cache
def _timezone_names() -> frozenset[str]:
    return frozenset(available_timezones())
