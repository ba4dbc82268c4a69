"""No page that an aggregator links to takes a name that readers mistake for that of a configured outlet."""

from __future__ import annotations

import pytest

from monitor.config import Outlet
from monitor.discovery.name_skeleton import name_skeleton
from monitor.discovery.publishers import Publishers, publisher_of

DIGEST = Outlet(name="Digest", url="https://digest.example/", hosts=("any",))
PAPER = Outlet(name="The Serious Paper", url="https://serious.example/")
CYRILLIC = Outlet(name="Коммерсантъ", url="https://kommersant.example/")


def name_of(site_name: str) -> str:
    publishers = Publishers([DIGEST, PAPER, CYRILLIC])
    return publisher_of(DIGEST, "https://www.evil.example/x", site_name, publishers).name


@pytest.mark.parametrize(
    "site_name",
    [
        "The Serious Paper",
        " the  SERIOUS paper\n",
        "The\u200b Serious Paper",
        "The\u00a0Serious Paper",
        "The\u2003Serious\u3000Paper",
        "The Serious Paper\u2060",
        "The Ser\u00adious Pa\ufe0fper",
        "The Serious Pap\u0435r",
        "\u03a4\u04bb\u0435 S\u0435ri\u03bfus \u0420\u0430p\u0435r",
        "\uff34\uff48\uff45 \uff33erious Paper",
        "The Ser1ous Paper",
        "Коммерсант\u044a",
        "Ko\u043c\u043c\u0435pca\u043d\u0442ъ",
        "\u200b\u2060",
        "\u3164",
        "",
    ],
)
def test_a_name_that_looks_like_a_configured_one_is_the_hosts(site_name: str) -> None:
    assert name_of(site_name) == "evil.example"


@pytest.mark.parametrize(
    "site_name", ["The Serious Papers", "Серьёзная газета", "日本経済新聞", "می\u200cخواهم", "Le Monde"]
)
def test_another_name_stays(site_name: str) -> None:
    assert name_of(site_name) == site_name


def test_blanks_are_one_in_the_name() -> None:
    assert name_of("Another \u00a0 Paper ") == "Another Paper"


def test_an_accent_is_part_of_a_name() -> None:
    assert name_skeleton("Le Mondé") == name_skeleton("Le Monde\u0301") != name_skeleton("Le Monde")
