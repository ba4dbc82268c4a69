"""Time zones of countries, for times that an outlet's pages state without a time zone."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

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
