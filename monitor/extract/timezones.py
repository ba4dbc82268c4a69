"""The time zone of an outlet's country, for times whose zone its pages do not state."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

# The zone that the national press uses, for countries with several zones.
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
    """Returns the zone of a country by its ISO 3166 code; None if the time zone database does not list the country."""
    if code is None:
        return None
    name = _PRESS_TIMEZONE_BY_COUNTRY.get(code.upper()) or _first_timezone_by_country().get(code.upper())
    return ZoneInfo(name) if name else None


@cache
def _first_timezone_by_country() -> dict[str, str]:
    """The first zone that the time zone database lists for each country."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    zones: dict[str, str] = {}
    for country, _, zone, *_ in rows:
        zones.setdefault(country, zone)
    return zones
