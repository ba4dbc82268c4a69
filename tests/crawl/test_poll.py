"""One outlet's poll, against a real server: what is asked, what becomes of it, and when it comes next."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from monitor.crawl import sources
from monitor.crawl.lease import LEASE_TERM, Lease
from monitor.crawl.poll import PollContext, poll
from monitor.crawl.scheduler import OutletScheduler
from monitor.demo.web import Fault, Site
from monitor.discovery import feed
from monitor.discovery.filter_candidates import filter_candidates
from monitor.errors import FetchError, StoreUnavailable
from monitor.models import Candidate, Disposition, now

from .engine import FAST, Engine, FakeService

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.report import PollReport
    from monitor.models import OutletState


def rss(urls: Sequence[str], *, at: datetime | None = None, ttl: int = 0) -> bytes:
    date = f"<pubDate>{format_datetime(at or now())}</pubDate>"
    items = "".join(f"<item><title>A title</title><link>{url}</link>{date}</item>" for url in urls)
    head = f"<ttl>{ttl}</ttl>" if ttl else ""
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()


def stories(site: Site, number: int, *, first: int = 0) -> list[str]:
    return [site.put(f"/2026/story-with-number-{index}", b"<p>story") for index in range(first, first + number)]


def outlet(site: Site, **changes: Any) -> Outlet:
    return Outlet(**{"name": "x", "url": site.url, "feeds": (f"{site.url}rss",), **changes})


def test_new_stories_are_fetched_once(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 5)), "application/rss+xml")
    service = FakeService(outlet(site))
    first = engine.shift(service)
    again = engine.shift(service, ignore_schedule=True)
    assert first.polls[0].outcomes == {(Disposition.STORED, ""): 5}
    assert again.polls[0].outcomes == {}
    assert [site.count(f"/2026/story-with-number-{index}") for index in range(5)] == [1] * 5


def test_a_feed_that_has_not_changed_is_not_sent_again(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 2)), "application/rss+xml", conditional=True)
    service = FakeService(outlet(site))
    engine.shift(service)
    report = engine.shift(service, ignore_schedule=True)
    assert site.count("/rss", status=304) == 1
    assert (report.polls[0].unchanged, report.polls[0].failed) == (1, False)


def test_now_and_then_a_feed_is_fetched_whole(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 2)), "application/rss+xml", conditional=True)
    service = FakeService(outlet(site))
    engine.shift(service)
    state = service.store.states["x"]
    old = {url: replace(s, fetched_at=now() - timedelta(hours=13)) for url, s in state.sources.items()}
    service.store.states["x"] = replace(state, sources=old)
    engine.shift(service, ignore_schedule=True)
    assert site.count("/rss", status=200) == 2


def test_after_a_failure_a_feed_must_come_whole_before_it_counts_as_read(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 1)), "application/rss+xml", conditional=True)
    service = FakeService(outlet(site))
    engine.shift(service)
    site.fault("/rss", Fault(status=500, times=1))
    engine.shift(service, ignore_schedule=True)
    assert service.store.states["x"].failures == 0.5
    site.fault("/rss", Fault(status=304, times=1))
    engine.shift(service, ignore_schedule=True)
    assert service.store.states["x"].failures > 0.5
    engine.shift(service, ignore_schedule=True)
    assert service.store.states["x"].failures == 0
    assert site.asked[-1].status == 200


def test_an_outlet_that_is_not_due_is_left_alone(engine: Engine, site: Site) -> None:
    site.put("/rss", rss([]), "application/rss+xml")
    service = FakeService(outlet(site))
    engine.shift(service)
    report = engine.shift(service)
    assert (report.polls, report.not_due) == ([], ("x",))


def test_an_outlet_another_process_holds_is_left_to_it(engine: Engine, site: Site) -> None:
    service = FakeService(outlet(site))
    service.store.lease(["x"], holder="other:1:1", now=now(), term=timedelta(minutes=1), limit=1)
    assert engine.shift(service, ignore_schedule=True).held == ("x",)


def test_old_foreign_and_useless_candidates_are_not_fetched(engine: Engine, site: Site) -> None:
    mine = stories(site, 1)
    others = ["https://elsewhere.example/2026/a-story-of-others", f"{site.url}film.mp4", site.url]
    feed = rss([*mine, *others]).replace(b"</channel>", rss([f"{site.url}old/1234"], at=now() - timedelta(days=9))[38:])
    site.put("/rss", feed, "application/rss+xml")
    site.put("/old", rss([f"{site.url}old/1234"], at=now() - timedelta(days=9)), "application/rss+xml")
    service = FakeService(outlet(site, feeds=(f"{site.url}rss", f"{site.url}old")))
    report = engine.shift(service).polls[0]
    assert report.pages == 1
    assert report.dropped["foreign"] == 1
    assert report.dropped["no-article"] == 2
    assert report.dropped["old"] >= 1


def test_one_failing_source_of_two_is_named_and_the_other_read(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site, feeds=(f"{site.url}gone", f"{site.url}rss")))
    report = engine.shift(service).polls[0]
    assert (report.failed, report.pages) == (False, 1)
    assert "1 of 2 sources failed" in service.store.states["x"].error
    assert "404" in service.store.states["x"].error


def test_a_failing_outlet_is_named_and_the_others_go_on(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 2)), "application/rss+xml")
    site.put("/bad", b"<html><p>no feed</html>", "text/html")
    bad = Outlet(name="bad", url=site.url, feeds=(f"{site.url}bad",))
    service = FakeService(bad, outlet(site))
    report = engine.shift(service)
    assert [poll.outlet for poll in report.failed] == ["bad"]
    assert "not a feed" in service.store.states["bad"].error
    assert service.store.states["bad"].failures == 1
    assert {poll.outlet: poll.pages for poll in report.polls} == {"bad": 0, "x": 2}


def test_feeds_made_to_harm_cost_their_outlet_alone(engine: Engine, site: Site) -> None:
    item = b"<rss><channel><item><title>&b;</title></item></channel></rss>"
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + item
    outside = b'<!DOCTYPE r [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + item
    bodies = {
        "bomb": bomb,
        "outside": outside,
        "empty": b"",
        "binary": bytes(range(256)) * 50,
        "cut": b"<rss><channel><item>",
    }
    outlets = [Outlet(name=n, url=site.url, feeds=(site.put(f"/{n}", body, "text/xml"),)) for n, body in bodies.items()]
    site.put("/rss", rss(stories(site, 1)), "application/rss+xml")
    service = FakeService(*outlets, outlet(site))
    report = engine.shift(service)
    assert {poll.outlet for poll in report.failed} == set(bodies)
    assert sum(poll.pages for poll in report.polls) == 1
    assert not any("root:" in failure for poll in report.polls for failure in poll.failures)


def test_a_page_that_fails_is_counted_and_the_rest_are_stored(engine: Engine, site: Site) -> None:
    urls = stories(site, 3)
    site.fault("/2026/story-with-number-1", Fault(status=500))
    site.put("/rss", rss(urls), "application/rss+xml")
    report = engine.shift(FakeService(outlet(site))).polls[0]
    assert report.outcomes == {(Disposition.STORED, ""): 2, (Disposition.FAILED, "http-500"): 1}


def test_a_page_to_be_tried_again_brings_the_outlet_back_in_time(engine: Engine, site: Site) -> None:
    site.fault("/2026/story-with-number-0", Fault(status=500))
    site.put("/rss", rss(stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site))
    engine.shift(service)
    assert service.store.states["x"].next_poll_at < now() + timedelta(minutes=6)


def test_a_host_that_is_down_is_not_asked_for_all_its_pages(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 40)), "application/rss+xml")
    site.fault("*", Fault(drop=True))
    site.fault("/rss", Fault())
    site.fault("/robots.txt", Fault())
    service = FakeService(outlet(site))
    report = engine.shift(service).polls[0]
    assert 5 <= report.pages <= 12
    assert report.left >= 28
    assert sum(visit.attempts == 0 for visit in service.store.visits.values()) == report.left


def test_a_server_that_wants_a_rest_is_left_alone_until_then(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 40)), "application/rss+xml")
    site.fault("*", Fault(status=429, headers=(("Retry-After", "7200"),)))
    site.fault("/rss", Fault())
    site.fault("/robots.txt", Fault())
    service = FakeService(outlet(site))
    engine.shift(service)
    assert site.count(status=429) <= 8
    assert service.store.states["x"].next_poll_at > now() + timedelta(minutes=110)


def test_no_more_pages_than_wanted_are_fetched_in_one_poll(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 7)), "application/rss+xml")
    crawl = FAST.model_copy(update={"pages_per_poll": 5})
    service = FakeService(outlet(site), crawl=crawl)
    report = engine.shift(service).polls[0]
    assert (report.pages, report.left) == (5, 1)
    assert service.store.states["x"].next_poll_at < now() + timedelta(minutes=2)
    assert engine.shift(service, ignore_schedule=True).polls[0].pages == 2


def test_told_to_stop_it_finishes_pages_under_way_and_gives_the_lease_back(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 60)), "application/rss+xml")
    service = FakeService(outlet(site))
    service.ingest.slow = 0.2

    async def stopped() -> Any:
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(1.0, stopping.set)
        return stopping

    report = engine.shift(service, stop=engine.run(stopped()))
    pages = sum(poll.pages for poll in report.polls)
    assert 0 < pages < 60
    assert len(service.ingest.pages) == pages
    state = service.store.states["x"]
    assert (state.holder, state.lease_until) == (None, None)
    assert state.next_poll_at < now() + timedelta(minutes=2)


def test_told_to_stop_it_does_not_wait_for_a_store_that_is_away(engine: Engine, site: Site) -> None:
    service = FakeService(outlet(site))

    async def away(work: Any, *_: Any, **__: Any) -> Any:
        await asyncio.sleep(3600)

    async def stopped() -> Any:
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, stopping.set)
        return stopping

    service.call = away  # type: ignore[method-assign]
    report = engine.shift(service, continuous=True, stop=engine.run(stopped()))
    assert (report.polled, report.errors) == (0, [])


def test_told_to_stop_amid_a_lease_it_gives_back_at_once_what_that_brings(engine: Engine, site: Site) -> None:
    service = FakeService(outlet(site), outlet(site, name="y"))
    together = threading.Barrier(2)  # given back one after the other, they would wait for ever

    async def stopped() -> asyncio.Event:
        return asyncio.Event()

    stopping = engine.run(stopped())
    lease, release = service.store.lease, service.store.release

    def leased(*args: Any, **more: Any) -> Any:
        taken = lease(*args, **more)
        engine.loop.call_soon_threadsafe(stopping.set)
        threading.Event().wait(0.3)
        return taken

    def released(state: OutletState) -> None:
        together.wait(10)
        release(state)

    service.store.lease, service.store.release = leased, released  # type: ignore[method-assign]
    report = engine.shift(service, continuous=True, stop=stopping)
    assert (report.polled, report.errors) == (0, [])
    assert {name: state.holder for name, state in service.store.states.items()} == {"x": None, "y": None}


class Outage:
    """A service whose store is away for an hour at its first call, and the clock to it."""

    def __init__(self, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time, self.over = now(), False
        monkeypatch.setattr("monitor.crawl.scheduler.now", lambda: self.time)
        monkeypatch.setattr("monitor.crawl.lease.clock", lambda: self.time)
        for name in ("lease", "renew"):
            monkeypatch.setattr(service.store, name, self.first_away(getattr(service.store, name)))
        monkeypatch.setattr(service, "call", self.call)

    def first_away(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*args: Any, **more: Any) -> Any:
            if not self.over:
                self.time += timedelta(hours=1)
                self.over = True
                raise StoreUnavailable("nobody answers")
            return real(*args, **more)

        return ask

    async def call(self, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        while True:
            try:
                return work(*args, **more)
            except StoreUnavailable:
                continue


def test_a_lease_taken_after_an_outage_begins_when_the_store_is_back(site: Site, monkeypatch: Any) -> None:
    service = FakeService(outlet(site))
    outage = Outage(service, monkeypatch)
    (state,) = asyncio.run(OutletScheduler(service, ["x"])._lease(["x"]))  # type: ignore[arg-type]  # as much as it asks of it
    assert state.lease_until == outage.time + LEASE_TERM


def test_a_lease_renewed_after_an_outage_lasts_from_when_the_store_is_back(site: Site, monkeypatch: Any) -> None:
    service = FakeService(outlet(site))
    (state,) = service.store.lease(["x"], holder="me", now=now(), term=LEASE_TERM, limit=1)
    outage = Outage(service, monkeypatch)
    monkeypatch.setattr("monitor.crawl.lease.LEASE_TERM", timedelta(seconds=0.3))
    lease = Lease(service, state)  # type: ignore[arg-type]  # as much as it asks of it

    async def one_renewal() -> None:
        await asyncio.wait({asyncio.create_task(lease.keep())}, timeout=0.15)

    asyncio.run(one_renewal())
    assert lease.state.lease_until == outage.time + timedelta(seconds=0.3)


def test_a_lease_that_was_lost_ends_the_poll_without_writing(engine: Engine, site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr("monitor.crawl.lease.LEASE_TERM", timedelta(seconds=0.6))
    site.put("/rss", rss(stories(site, 60)), "application/rss+xml")
    service = FakeService(outlet(site))
    service.ingest.slow = 0.3

    def stolen(state: Any, **_: Any) -> Any:
        service.store.states["x"] = replace(service.store.states["x"], fencing_token="another's", holder="other")
        return type(service.store).renew(service.store, state, **_)

    service.store.renew = stolen  # type: ignore[method-assign]
    report = engine.shift(service)
    assert "took the outlet over" in report.polls[0].notes[0]
    assert service.store.states["x"].holder == "other"
    assert report.polls[0].pages < 60


def test_a_fault_in_one_poll_is_told_and_the_others_go_on(engine: Engine, site: Site, monkeypatch: Any) -> None:
    site.put("/rss", rss(stories(site, 1)), "application/rss+xml")
    broken = Outlet(name="broken", url=site.url, feeds=(f"{site.url}rss",))

    def breaking(candidates: Any, *, outlet: Outlet, **options: Any) -> Any:
        if outlet.name == "broken":
            raise RecursionError("a bug of ours")
        return filter_candidates(candidates, outlet=outlet, **options)

    monkeypatch.setattr("monitor.crawl.poll.filter_candidates", breaking)
    service = FakeService(broken, outlet(site))
    report = engine.shift(service)
    assert {poll.outlet: poll.failed for poll in report.polls} == {"broken": True, "x": False}
    assert "the poll broke" in service.store.states["broken"].error
    assert service.store.states["broken"].holder is None


def test_an_outlet_that_names_nothing_is_found_by_itself(engine: Engine, site: Site) -> None:
    site.put("/", b'<html><head><link rel="alternate" type="application/rss+xml" href="/the-feed"></head></html>')
    site.put("/the-feed", rss(stories(site, 3)), "application/rss+xml")
    service = FakeService(outlet(site, feeds=()))
    assert engine.shift(service).polls[0].pages == 3
    site.forget()
    engine.shift(service, ignore_schedule=True)
    assert site.count("/the-feed") == 1
    assert site.count("/") == 0


def test_a_site_without_feed_or_sitemap_is_read_from_its_home_page(engine: Engine, site: Site) -> None:
    urls = stories(site, 3)
    links = "".join(f'<a href="{url}">A headline of more than five words</a>' for url in urls)
    site.put("/", f"<html><nav><a href='/world'>World</a></nav>{links}</html>".encode())
    assert engine.shift(FakeService(outlet(site, feeds=()))).polls[0].pages == 3


def test_a_site_that_only_its_robots_txt_tells_of_is_found(engine: Engine, site: Site) -> None:
    urls = "".join(f"<url><loc>{url}</loc><lastmod>{now():%Y-%m-%d}</lastmod></url>" for url in stories(site, 2))
    site.put(
        "/map", f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode(), "text/xml"
    )
    index = f"<sitemapindex><sitemap><loc>{site.url}map</loc></sitemap></sitemapindex>"
    site.put("/index", index.encode(), "text/xml")
    site.put("/robots.txt", f"Sitemap: {site.url}index\n".encode(), "text/plain")
    site.put("/", b"<html><p>nothing here</p></html>")
    assert engine.shift(FakeService(outlet(site, feeds=()))).polls[0].pages == 2


def test_a_home_page_that_is_away_is_the_outlets_failure(engine: Engine, site: Site) -> None:
    site.put("/", b"", status=500)
    service = FakeService(outlet(site, feeds=()))
    report = engine.shift(service)
    assert report.polls[0].failed
    assert "500" in service.store.states["x"].error


def test_pages_written_by_javascript_are_told_of_in_the_outlets_health(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 2)), "application/rss+xml")
    service = FakeService(outlet(site))
    service.ingest.disposition, service.ingest.kind = Disposition.NOT_ARTICLE, "script"
    engine.shift(service)
    assert "render: auto" in service.store.states["x"].error


def test_a_story_announced_before_it_is_shown_is_asked_for_once_more(engine: Engine, site: Site) -> None:
    site.put("/rss", rss([f"{site.url}2026/not-there-yet"]), "application/rss+xml")
    service = FakeService(outlet(site))
    engine.shift(service)
    (visit,) = service.store.visits.values()
    assert visit.next_at is not None
    service.store.visits[visit.id] = replace(visit, next_at=now())
    engine.shift(service, ignore_schedule=True)
    assert service.store.visits[visit.id].next_at is None


def test_a_home_page_without_stories_is_told_of(engine: Engine, site: Site) -> None:
    site.put("/", b'<html><body><div id="root"></div><script src="/app.js"></script></body></html>')
    service = FakeService(outlet(site, feeds=()))
    engine.shift(service)
    assert "written by JavaScript" in service.store.states["x"].error


def test_a_story_that_leads_to_another_site_is_refused(engine: Engine, site: Site) -> None:
    site.put("/rss", rss([f"{site.url}2026/story-of-ours-here"]), "application/rss+xml")
    with Site() as other:
        other.put("/a", b"<p>other")
        site.put("/2026/story-of-ours-here", status=302, headers=(("Location", f"{other.url}a"),))
        service = FakeService(outlet(site, hosts=()))
        assert engine.shift(service).polls[0].outcomes == {(Disposition.FAILED, "private-address"): 1}


def test_a_store_that_fails_while_pages_are_filed_ends_the_shift(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 20)), "application/rss+xml")
    service = FakeService(outlet(site))

    async def away(*_: Any) -> Any:
        raise StoreUnavailable("nobody answers")

    service.ingest.page = away  # type: ignore[method-assign]
    report = engine.shift(service)
    assert report.errors == ["nobody answers"]
    assert all(visit.next_at for visit in service.store.visits.values())
    assert service.store.states["x"].holder is None


def test_a_store_that_fails_for_good_ends_the_shift_with_its_reason(engine: Engine, site: Site) -> None:
    from monitor.errors import StoreRefused

    site.put("/rss", rss(stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site))

    def refused(*_: Any, **__: Any) -> Any:
        raise StoreRefused("the index is read-only")

    service.store.enqueue = refused  # type: ignore[method-assign]
    report = engine.shift(service)
    assert report.errors == ["the index is read-only"]
    assert service.store.states["x"].holder is None


def test_a_fault_of_our_own_ends_a_shift_as_an_error(engine: Engine) -> None:
    service = FakeService(Outlet(name="x", url="https://x.example/"))

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a bug of ours")

    service.store.lease = broken  # type: ignore[method-assign]
    assert "a bug of ours" in engine.shift(service).errors[0]


def test_a_fault_in_reading_one_source_costs_that_source_alone(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("/rss", rss(stories(site, 2)), "application/rss+xml")
    site.put("/other", rss([]), "application/rss+xml")
    real = feed.parse_feed

    def breaking(body: bytes, *, url: str, **options: Any) -> Any:
        if url.endswith("other"):
            raise RecursionError("a bug of ours")
        return real(body, url=url, **options)

    monkeypatch.setattr("monitor.discovery.feed.parse_feed", breaking)
    service = FakeService(outlet(site, feeds=(f"{site.url}other", f"{site.url}rss")))
    report = engine.shift(service).polls[0]
    assert (report.pages, report.failed) == (2, False)
    assert "a bug of ours" in service.store.states["x"].error


def sitemap_of(*urls: str, kind: str = "urlset") -> bytes:
    entry = {"urlset": "url", "sitemapindex": "sitemap"}[kind]
    return f"<{kind}>{''.join(f'<{entry}><loc>{url}</loc></{entry}>' for url in urls)}</{kind}>".encode()


def test_an_index_of_indices_is_read_down_to_its_stories_and_a_loop_ends(engine: Engine, site: Site) -> None:
    top, within = f"{site.url}top.xml", f"{site.url}within.xml"
    site.put("/top.xml", sitemap_of(within, top, kind="sitemapindex"), "text/xml")
    site.put("/within.xml", sitemap_of(top, within, f"{site.url}map.xml", kind="sitemapindex"), "text/xml")
    site.put("/map.xml", sitemap_of(*stories(site, 3)), "text/xml")
    report = engine.shift(FakeService(outlet(site, feeds=(), sitemaps=(top,)))).polls[0]
    assert report.pages == 3
    assert [site.count(f"/{name}.xml") for name in ("top", "within", "map")] == [1, 1, 1]


def test_a_sitemap_that_an_index_names_is_not_sent_again_unchanged(engine: Engine, site: Site) -> None:
    site.put("/top.xml", sitemap_of(f"{site.url}map.xml", kind="sitemapindex"), "text/xml", conditional=True)
    site.put("/map.xml", sitemap_of(*stories(site, 1)), "text/xml", conditional=True)
    service = FakeService(outlet(site, feeds=(), sitemaps=(f"{site.url}top.xml",)))
    engine.shift(service)
    engine.shift(service, ignore_schedule=True)
    assert (site.count("/map.xml", status=304), site.count("/top.xml", status=200)) == (1, 2)


def test_a_sitemap_may_be_large_whatever_its_name(engine: Engine, site: Site) -> None:
    site.put("/top.xml", sitemap_of(f"{site.url}posts-1.xml", kind="sitemapindex"), "text/xml")
    site.put("/posts-1.xml", sitemap_of(*stories(site, 1)) + b" " * 5000, "text/xml")
    crawl = FAST.model_copy(update={"max_size": 2000})
    service = FakeService(outlet(site, feeds=(), sitemaps=(f"{site.url}top.xml",)), crawl=crawl)
    assert engine.shift(service).polls[0].pages == 1


@pytest.mark.parametrize("status", [403, 502])
def test_a_wall_or_a_gateway_without_its_server_is_not_asked_for_all_pages(
    engine: Engine, site: Site, status: int
) -> None:
    site.put("/rss", rss(stories(site, 40)), "application/rss+xml")
    site.fault("*", Fault(status=status))
    site.fault("/rss", Fault())
    site.fault("/robots.txt", Fault())
    service = FakeService(outlet(site))
    assert engine.shift(service).polls[0].left >= 28
    assert service.store.states["x"].next_poll_at > now() + timedelta(minutes=4)


def test_cookies_last_for_a_poll(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 1)), "application/rss+xml", headers=(("Set-Cookie", "read=1"),))
    service = FakeService(outlet(site))

    def told() -> list[str | None]:
        return [asked.headers.get("cookie") for asked in site.asked if asked.path != "/robots.txt"]

    async def two_polls(fetcher: Fetcher) -> None:
        for _ in range(2):
            (state,) = service.store.lease(["x"], holder="me", now=now(), term=LEASE_TERM, limit=1, due_only=False)
            desk = PollContext(service=service, fetcher=fetcher, parse=sources.parse_source, stop=asyncio.Event())  # type: ignore[arg-type]
            await poll(service.config.outlets[0], state, desk)

    engine.do(two_polls)
    assert told() == [None, "read=1", None]


def test_a_page_whose_host_rests_is_not_counted_as_tried(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(stories(site, 3)), "application/rss+xml")
    site.put("/busy", status=429, headers=(("Retry-After", "7200"),))
    service = FakeService(outlet(site))

    async def a_poll_of_a_resting_host(fetcher: Fetcher) -> PollReport:
        with pytest.raises(FetchError):
            await fetcher.source(outlet(site), f"{site.url}busy")
        service.store.enqueue([Candidate(url=f"{site.url}2026/story-with-number-0", outlet="x")], now=now())
        (state,) = service.store.lease(["x"], holder="me", now=now(), term=LEASE_TERM, limit=1)
        desk = PollContext(service=service, fetcher=fetcher, parse=sources.parse_source, stop=asyncio.Event())  # type: ignore[arg-type]
        return await poll(service.config.outlets[0], state, desk)

    report = engine.do(a_poll_of_a_resting_host)
    assert (report.pages, report.left) == (0, 1)
    assert [visit.attempts for visit in service.store.visits.values()] == [0]
    assert service.store.states["x"].next_poll_at > now() + timedelta(minutes=110)


def test_a_feed_that_has_moved_for_good_is_told_of(engine: Engine, site: Site) -> None:
    site.put("/new", rss(stories(site, 1)), "application/rss+xml")
    site.put("/rss", status=301, headers=(("Location", "/new"),))
    service = FakeService(outlet(site))
    assert engine.shift(service).polls[0].pages == 1
    assert f"{site.url}rss has moved for good: it is {site.url}new now" in service.store.states["x"].error
    site.put("/rss", status=302, headers=(("Location", "/new"),))
    engine.shift(service, ignore_schedule=True)
    assert service.store.states["x"].error == ""


def test_an_outlet_whose_address_is_a_feed_is_read_from_it(engine: Engine, site: Site) -> None:
    site.put("/the-list", rss(stories(site, 2)), "text/xml; charset=utf-8")
    service = FakeService(outlet(site, url=f"{site.url}the-list", feeds=()))
    assert engine.shift(service).polls[0].pages == 2


def test_a_feed_is_looked_for_where_the_announced_one_is_gone(engine: Engine, site: Site) -> None:
    site.put("/", b'<link rel="alternate" type="application/rss+xml" href="/gone">')
    site.put("/feed", rss(stories(site, 2)), "application/rss+xml")
    assert engine.shift(FakeService(outlet(site, feeds=()))).polls[0].pages == 2


def test_a_server_that_only_keeps_one_of_its_lists_does_not_hold_an_outlet_up_for_a_day(
    engine: Engine, site: Site
) -> None:
    busy = {"status": 429, "headers": (("Retry-After", "86400"),)}
    site.put("/rss", rss(stories(site, 1)), "application/rss+xml")
    with Site() as elsewhere:
        service = FakeService(outlet(site, feeds=(f"{site.url}rss", elsewhere.put("/rss", **busy))))
        engine.shift(service)
        assert service.store.states["x"].next_poll_at < now() + timedelta(minutes=61)
        site.put("/rss", **busy)
        engine.shift(service, ignore_schedule=True)
        assert service.store.states["x"].next_poll_at > now() + timedelta(hours=23)
