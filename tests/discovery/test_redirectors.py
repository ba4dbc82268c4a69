"""Links through redirectors that name their target count as the target."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.config.schema import Outlet
from monitor.discovery.filter_candidates import filter_candidates
from monitor.discovery.redirectors import unwrapped_url
from monitor.discovery.url_rules import OutletScope
from monitor.models import Candidate, now

TARGET = "https://herald.example/2026/a-story?id=5&page=1"
QUOTED = "https%3A%2F%2Fherald.example%2F2026%2Fa-story%3Fid%3D5%26page%3D1"


@pytest.mark.parametrize(
    "url",
    [
        f"https://www.google.com/url?rct=j&sa=t&url={QUOTED}&ct=ga",
        f"https://www.google.co.uk/url?q={QUOTED}",
        f"http://www.bing.com/news/apiclick.aspx?ref=FexRss&aid=&url={QUOTED}&c=1",
        f"https://l.facebook.com/l.php?u={QUOTED}&h=AT0",
        f"https://duckduckgo.com/l/?uddg={QUOTED}",
        f"https://www.google.com/url?url=https%3A%2F%2Fduckduckgo.com%2Fl%2F%3Fuddg%3D{QUOTED.replace('%', '%25')}",
    ],
)
def test_the_target_in_the_query_is_the_address(url: str) -> None:
    assert unwrapped_url(url) == TARGET


@pytest.mark.parametrize(
    "url",
    [
        "https://www.google.com/search?q=https://herald.example/",
        "https://www.google.com/url?url=javascript:alert(1)",
        "https://www.google.com/url",
        f"https://herald.example/share?url={QUOTED}",
        "https://news.google.com/rss/articles/CBMiAAA?oc=5",
        "http://[",
    ],
)
def test_other_addresses_stay_as_they_are(url: str) -> None:
    assert unwrapped_url(url) == url


def kept_urls(outlet: Outlet, *urls: str) -> list[str]:
    candidates = [
        Candidate(url=url, outlet=outlet.name, published_at=now(), title="A story of many words") for url in urls
    ]
    filtered = filter_candidates(candidates, outlet=outlet, since=now() - timedelta(days=7), from_feed=True)
    return [candidate.url for candidate in filtered.kept]


def test_an_aggregator_keeps_entries_on_any_site() -> None:
    digest = Outlet(name="Digest", url="https://digest.example/", hosts=("any",))
    wrapped = f"https://www.google.com/url?url={QUOTED}"
    assert kept_urls(digest, wrapped, "https://times.example/b", TARGET) == [TARGET, "https://times.example/b"]
    assert "ftp://times.example/b" not in OutletScope(digest)


def test_an_outlet_keeps_a_wrapped_link_to_its_own_site() -> None:
    herald = Outlet(name="Herald", url="https://herald.example/")
    assert kept_urls(herald, f"https://www.google.com/url?url={QUOTED}", "https://times.example/b") == [TARGET]
