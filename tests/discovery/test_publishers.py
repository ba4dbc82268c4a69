"""Which outlet a URL belongs to, if several outlets are configured on one registrable domain."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy.http.cookies import CookieJar

from monitor.config import Outlet
from monitor.discovery.drop_reasons import DropReason
from monitor.discovery.filter_candidates import filter_candidates
from monitor.discovery.publishers import Publishers
from monitor.egress.outlet_access import OutletAccess
from monitor.egress.outlet_cookies import OutletCookies
from monitor.models import Candidate, now
from monitor.urls import registrable_domain


def outlet(name: str, url: str, **keys: Any) -> Outlet:
    return Outlet.model_validate({"name": name, "url": url, **keys})


GROUP = outlet("Group", "https://www.group-paper.com/", feeds=["https://feeds.group-paper.com/all"])
SPORT = outlet("Sport", "https://sport.group-paper.com/", feeds=["https://www.group-paper.com/sport.xml"])
LOCAL = outlet("Local", "https://group-paper.com/local/", sections=["https://local.group-paper.com/"])
FAR = outlet("Far", "https://far.example/", feeds=["https://feeds.group-paper.com/far"])
DIGEST = outlet("Digest", "https://digest.group-paper.com/", hosts=["any"])
OUTLETS = [DIGEST, SPORT, GROUP, LOCAL, FAR]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://group-paper.com/a", "Group"),
        ("https://www.group-paper.com/a", "Group"),
        ("https://feeds.group-paper.com/a", "Group"),
        ("https://news.group-paper.com/a", "Group"),
        ("https://sport.group-paper.com/a", "Sport"),
        ("https://m.sport.group-paper.com/a", "Sport"),
        ("https://digest.group-paper.com/a", "Digest"),
        ("https://m.digest.group-paper.com/a", "Group"),
        ("https://far.example/a", "Far"),
        ("https://elsewhere.example/a", None),
    ],
)
def test_a_url_belongs_to_the_outlet_that_names_the_closest_host(url: str, name: str | None) -> None:
    owner = Publishers(OUTLETS).outlet_of(url)
    assert (owner.name if owner else None) == name


@pytest.mark.parametrize(
    ("lister", "url", "is_kept"),
    [
        (SPORT, "https://sport.group-paper.com/minister-opens-a-bridge", True),
        (SPORT, "https://www.group-paper.com/minister-opens-a-bridge", True),  # its feed is there
        (SPORT, "https://local.group-paper.com/minister-opens-a-bridge", False),
        (GROUP, "https://sport.group-paper.com/minister-opens-a-bridge", False),
        (GROUP, "https://feeds.group-paper.com/minister-opens-a-bridge", True),
        (GROUP, "https://news.group-paper.com/minister-opens-a-bridge", True),
        (LOCAL, "https://www.group-paper.com/minister-opens-a-bridge", True),  # both name the host
        (DIGEST, "https://sport.group-paper.com/minister-opens-a-bridge", True),
        (
            outlet("Unconfigured", "https://www.group-paper.com/x"),
            "https://group-paper.com/minister-opens-a-bridge",
            True,
        ),
        (
            outlet("Unconfigured", "https://x.group-paper.com/"),
            "https://sport.group-paper.com/minister-opens-a-gate",
            False,
        ),
    ],
)
def test_a_listed_url_of_another_outlet_is_foreign(lister: Outlet, url: str, is_kept: bool) -> None:
    filtered = filter_candidates(
        [Candidate(url=url, outlet=lister.name)],
        outlet=lister,
        since=now() - timedelta(days=1),
        from_feed=True,
        publishers=Publishers(OUTLETS),
    )
    assert [candidate.url for candidate in filtered.kept] == [url] * is_kept
    assert [reason for _, reason in filtered.dropped] == [DropReason.FOREIGN] * (not is_kept)


KEY = {"headers": {"X-Key": "secret"}}


def gets_key(reader: Outlet, url: str, *others: Outlet) -> bool:
    publishers = Publishers([reader, *others])
    return bool(OutletAccess.of(reader, publishers.neighbour_hosts(reader)).headers_for(url))


@pytest.mark.parametrize(
    ("keys", "url", "alone", "beside"),
    [
        ({}, "https://www.daily-site.com/a", True, True),
        ({}, "https://daily-site.com/a", True, True),
        ({}, "https://bob.daily-site.com/a", True, False),
        ({}, "https://m.bob.daily-site.com/a", True, False),
        ({}, "https://api.daily-site.com/a", True, False),
        ({"feeds": ["https://feeds.daily-site.com/x"]}, "https://feeds.daily-site.com/a", True, True),
        ({"sections": ["https://www.news.daily-site.com/x"]}, "https://api.news.daily-site.com/a", True, True),
        ({"hosts": ["daily-site.com"]}, "https://api.daily-site.com/a", True, True),
        ({"hosts": ["daily-site.com"]}, "https://bob.daily-site.com/a", True, False),
        ({"hosts": ["bob.daily-site.com"]}, "https://bob.daily-site.com/a", True, True),
        ({"hosts": ["bob.daily-site.com"]}, "https://api.daily-site.com/a", True, True),  # no host is Bob's alone
        ({"hosts": ["feeds.daily-site.com"]}, "http://feeds.daily-site.com/a", False, False),
    ],
)
def test_secrets_stay_off_a_neighbours_hosts(keys: dict[str, Any], url: str, alone: bool, beside: bool) -> None:
    """An outlet alone on its domain has all of it; beside another, only the hosts that it names."""
    reader = outlet("Alice", "https://www.daily-site.com/", **KEY, **keys)
    bob = outlet("Bob", "https://bob.daily-site.com/")
    assert gets_key(reader, url) is alone
    assert gets_key(reader, url, bob) is beside


def test_secrets_of_two_blogs_on_an_unknown_blog_host_stay_apart() -> None:
    alice, bob = (outlet(name, f"https://{name}.unknown-blogs.com/", **KEY) for name in ("alice", "bob"))
    for reader, other in ((alice, bob), (bob, alice)):
        addresses = (reader.url, other.url, f"https://m.{reader.name}.unknown-blogs.com/", "https://unknown-blogs.com/")
        assert [gets_key(reader, address, other) for address in addresses] == [True, False, True, False]


def test_blogs_on_known_hosts_are_sites_of_their_own() -> None:
    hosts = "bearblog.dev tistory.com medium.com weebly.com canalblog.com exblog.jp ucoz.ru narod.ru blog.fc2.com"
    hosts += " blogspot.de blogspot.co.uk overblog.com webnode.com pixnet.net altervista.org hatenablog.com"
    for host in hosts.split():
        assert registrable_domain(f"https://a.{host}/") == f"a.{host}"


def test_a_cookie_of_the_domain_goes_to_no_neighbour() -> None:
    row = "\t".join((".daily-site.com", "TRUE", "/", "TRUE", "0", "session", "1"))
    reader = outlet("Alice", "https://www.daily-site.com/", cookies=row)
    bob = outlet("Bob", "https://bob.daily-site.com/")
    domains = []
    for others in ([], [bob]):
        access = OutletAccess.of(reader, Publishers([reader, *others]).neighbour_hosts(reader))
        middleware = SimpleNamespace(jars=defaultdict(CookieJar))
        crawler: Any = SimpleNamespace(get_downloader_middleware=lambda _, found=middleware: found)
        OutletCookies(crawler).jar(reader, access)
        domains.append({cookie.domain for cookie in middleware.jars["Alice"]})
    assert domains == [{".daily-site.com"}, {"daily-site.com", "www.daily-site.com"}]


# ---- blogs on one shared domain

ALICE = outlet("Alice", "https://medium.com/@alice", feeds=["https://medium.com/feed/@alice"])
ALICE_HOST = outlet("Alice", "https://alice.medium.com/", feeds=["https://medium.com/feed/@alice"])
BOB = outlet("Bob", "https://medium.com/@bob")
BOB_HOST = outlet("Bob", "https://bob.medium.com/")
TUMBLR = outlet("Carol", "https://www.tumblr.com/carol", feeds=["https://carol.tumblr.com/rss"])
SUBSTACK = outlet("Dora", "https://substack.com/@dora", feeds=["https://doras-letter.substack.com/feed"])
LETTER = outlet("Erik", "https://erik.substack.com/", feeds=["https://other.substack.com/feed"])
JOURNAL = outlet("Journal", "https://www.livejournal.com/", feeds=["https://news.livejournal.com/data/rss"])
SLUG = "minister-opens-a-bridge-1a2b"


def keeps(lister: Outlet, url: str, *others: Outlet) -> bool:
    filtered = filter_candidates(
        [Candidate(url=url, outlet=lister.name)],
        outlet=lister,
        since=now() - timedelta(days=1),
        from_feed=True,
        publishers=Publishers([*others, lister]),
    )
    return bool(filtered.kept)


@pytest.mark.parametrize(
    ("lister", "url", "is_kept"),
    [
        (ALICE, "https://alice.medium.com/{}", True),
        (ALICE, "https://medium.com/@alice/{}", True),
        (ALICE, "https://www.medium.com/@Alice/{}", True),
        (ALICE, "https://medium.com/a-magazine/{}", True),  # the root is neutral
        (ALICE, "https://bob.medium.com/{}", False),
        (ALICE, "https://medium.com/@bob/{}", False),
        (ALICE, "https://medium.com/%40bob/{}", False),
        (ALICE_HOST, "https://alice.medium.com/{}", True),
        (ALICE_HOST, "https://medium.com/@alice/{}", True),
        (ALICE_HOST, "https://medium.com/@bob/{}", False),
        (ALICE_HOST, "https://bob.medium.com/{}", False),
        (TUMBLR, "https://www.tumblr.com/carol/7/{}", True),
        (TUMBLR, "https://tumblr.com/carol/7/{}", True),
        (TUMBLR, "https://carol.tumblr.com/post/7/{}", True),
        (TUMBLR, "https://dave.tumblr.com/post/7/{}", False),
        (SUBSTACK, "https://doras-letter.substack.com/p/{}", True),
        (SUBSTACK, "https://substack.com/@dora/p/{}", True),
        (SUBSTACK, "https://dora.substack.com/p/{}", False),  # a handle may be another's name of a newsletter
        (LETTER, "https://erik.substack.com/p/{}", True),
        (LETTER, "https://other.substack.com/p/{}", False),
        (LETTER, "https://substack.com/@erik/p/{}", False),
        (JOURNAL, "https://livejournal.com/media/{}", True),
        (JOURNAL, "https://news.livejournal.com/{}", True),
        (JOURNAL, "https://frank.livejournal.com/{}", False),
        (outlet("Hub", "https://hubpages.com/"), "https://discover.hubpages.com/{}", True),
        (outlet("Gov", "https://www.gov.uk/"), "https://gov.uk/government/{}", True),
    ],
)
def test_an_outlet_on_a_shared_domain_keeps_its_own_blogs_only(lister: Outlet, url: str, is_kept: bool) -> None:
    assert keeps(lister, url.format(SLUG)) is is_kept


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://medium.com/@alice/{}", "Alice"),
        ("https://alice.medium.com/{}", "Alice"),
        ("https://m.alice.medium.com/{}", "Alice"),
        ("https://medium.com/@bob/{}", "Bob"),
        ("https://bob.medium.com/{}", "Bob"),
        ("https://medium.com/@eve/{}", None),
        ("https://medium.com/a-magazine/{}", None),
        ("https://eve.medium.com/{}", None),
        ("https://www.tumblr.com/carol/7/{}", "Carol"),
        ("https://www.tumblr.com/dave/7/{}", None),
        ("https://doras-letter.substack.com/p/{}", "Dora"),
        ("https://erik.substack.com/p/{}", "Erik"),
        ("https://other.substack.com/p/{}", None),
        ("https://news.livejournal.com/{}", "Journal"),
        ("https://livejournal.com/media/{}", "Journal"),
        ("https://frank.livejournal.com/{}", None),
    ],
)
@pytest.mark.parametrize("alice", [ALICE, ALICE_HOST])
@pytest.mark.parametrize("bob", [BOB, BOB_HOST])
def test_a_blog_belongs_to_the_outlet_that_names_it(url: str, name: str | None, alice: Outlet, bob: Outlet) -> None:
    owner = Publishers([TUMBLR, SUBSTACK, LETTER, JOURNAL, alice, bob]).outlet_of(url.format(SLUG))
    assert (owner.name if owner else None) == name


@pytest.mark.parametrize("bob", [BOB, BOB_HOST])
def test_a_blog_that_is_anothers_site_is_not_taken_by_a_feed(bob: Outlet) -> None:
    """An outlet on the root has the blogs of its feeds, unless a blog is the site of another outlet."""
    picks = outlet("Picks", "https://medium.com/", feeds=["https://medium.com/feed/@bob", "https://cy.medium.com/feed"])
    urls = [f"https://{site}/{SLUG}" for site in ("bob.medium.com", "medium.com/@bob", "cy.medium.com", "medium.com/x")]
    assert [keeps(picks, url, bob) for url in urls] == [False, False, True, True]
    assert [keeps(picks, url) for url in urls] == [True, True, True, True]
    assert all(keeps(bob, url, picks) for url in urls[:2])


def test_an_outlet_on_a_root_sends_its_secrets_to_no_blog() -> None:
    row = "\t".join((".tumblr.com", "TRUE", "/", "TRUE", "0", "session", "1"))
    reader = outlet("Carol", "https://www.tumblr.com/carol", feeds=["https://carol.tumblr.com/rss"], cookies=row, **KEY)
    hosts = "www.tumblr.com", "dave.tumblr.com", "a.www.tumblr.com"
    assert [gets_key(reader, f"https://{host}/x") for host in hosts] == [True, False, False]
    middleware = SimpleNamespace(jars=defaultdict(CookieJar))
    crawler: Any = SimpleNamespace(get_downloader_middleware=lambda _: middleware)
    OutletCookies(crawler).jar(reader, OutletAccess.of(reader))
    assert not [cookie for cookie in middleware.jars["Carol"] if cookie.domain.startswith(".")]
