"""The clock that an outlet's times are told by, where its pages state no zone."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

# Where a country has several clocks, the one that its national press writes by.
_PRESS = {
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
def of_country(code: str | None) -> ZoneInfo | None:
    """The zone of a country by its ISO 3166 code, or None where that is not known to the time zone database."""
    if code is None:
        return None
    name = _PRESS.get(code.upper()) or _first_zones().get(code.upper())
    return ZoneInfo(name) if name else None


@cache
def _first_zones() -> dict[str, str]:
    """The first zone that the database lists for each country."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    found: dict[str, str] = {}
    for row in rows:
        found.setdefault(row[0], row[2])
    return found
