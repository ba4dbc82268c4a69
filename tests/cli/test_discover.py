"""`discover` prints what the monitor would poll of itself."""

from __future__ import annotations

import pytest
import yaml

from monitor.cli.discover import _yaml
from monitor.config.schema import Outlet
from monitor.crawl.discover import DiscoveredSources
from monitor.crawl.fetch import _readable

HOME = "https://a.example/"
SECTIONS = (f"{HOME}news", f"{HOME}world")


@pytest.mark.parametrize("feeds", [(f"{HOME}feed",), (f"{HOME}feed", f"{HOME}empty"), (f"{HOME}empty",), ()])
def test_what_is_printed_is_polled_as_what_is_found(feeds: tuple[str, ...]) -> None:
    stories = {f"{HOME}feed": 20, f"{HOME}empty": 0, HOME: 1}
    outlet = Outlet(name="A", url=HOME)
    found = DiscoveredSources(url=HOME, feeds=feeds, sections=SECTIONS, story_counts=stories)
    text = _yaml(outlet, found, None)
    (entry,) = yaml.safe_load(text)
    pasted = Outlet(**entry)
    named = [("feed", url) for url in pasted.feeds] + [("section", url) for url in pasted.sections]
    assert named == [(source.kind, source.url) for source in found.sources_to_poll(outlet)]
    for address in (*feeds, *SECTIONS):
        assert address in text, "what is not polled is told as well"


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
def test_what_twisted_and_openssl_say_is_said_plainly(words: str, plain: str) -> None:
    assert _readable(words) == plain


def test_each_address_is_printed_with_its_stories() -> None:
    outlet = Outlet(name="A", url=HOME)
    found = DiscoveredSources(url=HOME, feeds=(f"{HOME}feed",), sections=SECTIONS, story_counts={f"{HOME}feed": 20})
    assert f"      - {HOME}feed  # 20 recent stories" in _yaml(outlet, found, None)
    found = DiscoveredSources(url=HOME, sections=SECTIONS, story_counts={HOME: 1})
    assert f"      - {HOME}  # 1 recent story\n" in _yaml(outlet, found, None)
