"""`discover` prints the sources that the monitor would poll by default."""

from __future__ import annotations

import pytest
import yaml

from monitor.cli.discover import _outlet_yaml
from monitor.config.schema import Outlet
from monitor.crawl.discover import DiscoveredSources
from monitor.crawl.download_failures import readable_error_message

HOME = "https://a.example/"
SECTIONS = (f"{HOME}news", f"{HOME}world")


@pytest.mark.parametrize("feeds", [(f"{HOME}feed",), (f"{HOME}feed", f"{HOME}empty"), (f"{HOME}empty",), ()])
def test_the_printed_entry_polls_the_discovered_sources(feeds: tuple[str, ...]) -> None:
    stories = {f"{HOME}feed": 20, f"{HOME}empty": 0, HOME: 1}
    outlet = Outlet(name="A", url=HOME)
    discovered = DiscoveredSources(url=HOME, feeds=feeds, sections=SECTIONS, story_counts=stories)
    text = _outlet_yaml(outlet, discovered, None)
    (entry,) = yaml.safe_load(text)
    pasted = Outlet(**entry)
    named = [("feed", url) for url in pasted.feeds] + [("section", url) for url in pasted.sections]
    assert named == [(source.kind, source.url) for source in discovered.sources_to_poll(outlet)]
    for url in (*feeds, *SECTIONS):
        assert url in text, "sources that are not polled are printed as well"


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        (
            "robots.txt: [<twisted.python.failure.Failure OpenSSL.SSL.Error: "
            "[('SSL routines', '', 'wrong version number')]>]",
            "robots.txt: no TLS there; the address may have to begin with http://",
        ),
        ("Connection was refused by other side: 111: Connection refused.", "the connection is refused"),
    ],
)
def test_twisted_and_openssl_errors_are_shown_in_plain_words(words: str, plain: str) -> None:
    assert readable_error_message(words) == plain


def test_each_source_is_printed_with_its_story_count() -> None:
    outlet = Outlet(name="A", url=HOME)
    discovered = DiscoveredSources(
        url=HOME, feeds=(f"{HOME}feed",), sections=SECTIONS, story_counts={f"{HOME}feed": 20}
    )
    assert f"      - {HOME}feed  # 20 recent stories" in _outlet_yaml(outlet, discovered, None)
    discovered = DiscoveredSources(url=HOME, sections=SECTIONS, story_counts={HOME: 1})
    assert f"      - {HOME}  # 1 recent story\n" in _outlet_yaml(outlet, discovered, None)
