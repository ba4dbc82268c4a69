"""The country of an outlet that states none is guessed."""

from __future__ import annotations

import pytest

from monitor.config.schema import Outlet
from monitor.countries import country_of_domain, guess_country
from monitor.extract import ExtractionOptions


@pytest.mark.parametrize(
    ("url", "country"),
    [
        ("https://www.fjordpost.no/a", "NO"),
        ("https://news.harbour.co.uk/", "GB"),
        ("https://xn--80ak6aa92e.xn--p1ai/", "RU"),
        ("https://harbour.com.tw:8080/x", "TW"),
        ("https://harbour.com/de/", None),
        ("https://startup.io/", None),
        ("https://radio.fm/", None),
        ("https://127.0.0.1/", None),
        ("https://[::1", None),
        ("https://harbour.example/", None),
        ("", None),
    ],
)
def test_a_countrys_domain_shows_the_country(url: str, country: str | None) -> None:
    assert country_of_domain(url) == country


@pytest.mark.parametrize(
    ("language", "country"),
    [
        ("ja", "JP"),
        ("pt-BR", "BR"),
        ("zh_TW", "TW"),
        ("zh-Hant-HK", "HK"),
        ("de-AT", "AT"),
        ("de", "DE"),
        ("es", None),
        ("es-ES", None),
        ("es-MX", "MX"),
        ("en-US", None),
        ("ar-001", None),
        ("", None),
        (None, None),
    ],
)
def test_a_language_of_one_country_shows_it(language: str | None, country: str | None) -> None:
    assert guess_country("https://harbour.com/", language) == country
    assert guess_country("https://harbour.ch/", language) == "CH"


def test_an_outlets_country_precedes_its_domain_and_that_its_language() -> None:
    assert Outlet(name="H", url="https://harbour.at/", country="DE", language="it").effective_country == "DE"
    assert Outlet(name="H", url="https://harbour.at/", language="it").effective_country == "AT"
    assert Outlet(name="H", url="https://harbour.com/", language="it").effective_country == "IT"
    assert Outlet(name="H", url="https://harbour.com/", language="en").effective_country is None
    assert ExtractionOptions.for_outlet(Outlet(name="H", url="https://harbour.at/")).country == "AT"


def test_an_aggregator_has_no_country_by_its_domain() -> None:
    assert Outlet(name="H", url="https://harbour.at/", hosts=("any",)).effective_country is None
