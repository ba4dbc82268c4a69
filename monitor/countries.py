"""The country of an outlet that states none, by the domain of its site or by its language."""

# ruff: noqa: SIM905  lists of words are easier to read in one string

from __future__ import annotations

from urllib.parse import urlsplit

from monitor.timezones import timezone_of_country

# Domains of countries that sites of all countries use.
_GENERIC_COUNTRY_DOMAINS = frozenset(
    "ac ag ai am as bz cc cd cf cm co dj fm ga gg gl gq gs hm im io la lc ly me ml ms mu nf nu pw sc sh st su tc tk tl"
    " to tv vc vg ws".split()
)
_COUNTRY_BY_DOMAIN = {
    "uk": "GB",
    "xn--90ais": "BY",
    "xn--fiqs8s": "CN",
    "xn--j1amh": "UA",
    "xn--j6w193g": "HK",
    "xn--kprw13d": "TW",
    "xn--p1ai": "RU",
}
# Languages whose outlets are nearly all in one country, or in its time zone.
_COUNTRY_BY_LANGUAGE = {
    "be": "BY", "bg": "BG", "bn": "BD", "cs": "CZ", "da": "DK", "de": "DE", "el": "GR", "et": "EE", "fa": "IR",
    "fi": "FI", "he": "IL", "hi": "IN", "hr": "HR", "hu": "HU", "hy": "AM", "is": "IS", "it": "IT", "ja": "JP",
    "ka": "GE", "kk": "KZ", "ko": "KR", "lt": "LT", "lv": "LV", "mk": "MK", "mn": "MN", "nb": "NO", "nl": "NL",
    "nn": "NO", "no": "NO", "pl": "PL", "ro": "RO", "ru": "RU", "sk": "SK", "sl": "SI", "sq": "AL", "sr": "RS",
    "sv": "SE", "th": "TH", "tr": "TR", "uk": "UA", "vi": "VN", "zh": "CN",
}  # fmt: skip
# Tags of languages that publishing systems set by default, whatever the country.
_DEFAULT_LANGUAGE_TAGS = frozenset({"es-es", "fr-fr"})


def guess_country(url: str, language: str | None) -> str | None:
    """Returns the ISO 3166 code of the country that an outlet is probably in; None if nothing shows it.

    The domain of the country in ``url`` decides, else the region in a language tag such as ``pt-BR``, else a language
    that is spoken in one country.  English shows nothing: its tags are mostly defaults of the publishing system.
    """
    return country_of_domain(url) or _country_of_language(language or "")


def country_of_domain(url: str) -> str | None:
    """Returns the ISO 3166 code of the country to whose domain the URL's host belongs; None for a generic domain."""
    try:
        domain = (urlsplit(url).hostname or "").rpartition(".")[2]
    except ValueError:
        return None
    if domain in _COUNTRY_BY_DOMAIN:
        return _COUNTRY_BY_DOMAIN[domain]
    is_country = len(domain) == 2 and domain not in _GENERIC_COUNTRY_DOMAINS
    return domain.upper() if is_country and timezone_of_country(domain) is not None else None


def _country_of_language(tag: str) -> str | None:
    """Returns the country of a language tag such as ``ja`` or ``pt-BR``; None if the language is spoken in several."""
    tag = tag.replace("_", "-").lower()
    language, _, region = tag.partition("-")
    region = region.rpartition("-")[2]
    if language != "en" and tag not in _DEFAULT_LANGUAGE_TAGS and len(region) == 2 and timezone_of_country(region):
        return region.upper()
    return _COUNTRY_BY_LANGUAGE.get(language)
