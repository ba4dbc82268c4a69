"""Polls against a real server: the requests, their results, and the time of the next poll."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from monitor.crawl import pages, sources
from monitor.crawl.idle_outlets import IdleOutlets
from monitor.crawl.lease import LEASE_TERM, Lease, LeaseReleases
from monitor.crawl.poll import Poll, PollContext
from monitor.crawl.polling_price import PollingPrice
from monitor.crawl.scheduler import OutletScheduler
from monitor.demo.web import Fault, Site
from monitor.discovery.filter_candidates import filter_candidates
from monitor.errors import FetchError, StoreUnavailable
from monitor.failures import FailureKind
from monitor.models import Candidate, Disposition, Outcome, now
from monitor.polling.budget import PollBudget
from monitor.polling.publishing_rate import PublishingRate

from .engine import FAST_SETTINGS, Engine, FakeService

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.report import PollReport
    from monitor.models import OutletState, Page


SELDOM = FAST_SETTINGS.model_copy(update={"budget": PollBudget(mean_delay=timedelta(hours=2))})


def rss(urls: Sequence[str], *, published_at: datetime | None = None, ttl: int = 0) -> bytes:
    date = f"<pubDate>{format_datetime(published_at or now())}</pubDate>"
    items = "".join(f"<item><title>A title</title><link>{url}</link>{date}</item>" for url in urls)
    head = f"<ttl>{ttl}</ttl>" if ttl else ""
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()


def put_stories(site: Site, number: int, *, first: int = 0) -> list[str]:
    """Serves story pages; returns their addresses."""
    return [site.put(f"/2026/story-with-number-{index}", b"<p>story") for index in range(first, first + number)]


def outlet(site: Site, **changes: Any) -> Outlet:
    return Outlet(**{"name": "x", "url": site.url, "feeds": (f"{site.url}rss",), **changes})


def test_new_stories_are_fetched_once(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 5)), "application/rss+xml")
    service = FakeService(outlet(site))
    first_report = engine.crawl(service)
    second_report = engine.crawl(service, ignore_schedule=True)
    assert first_report.polls[0].outcomes == {(Disposition.STORED, ""): 5}
    assert second_report.polls[0].outcomes == {}
    assert [site.count(f"/2026/story-with-number-{index}") for index in range(5)] == [1] * 5


def test_an_unchanged_feed_answers_304(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 2)), "application/rss+xml", conditional=True)
    service = FakeService(outlet(site))
    engine.crawl(service)
    report = engine.crawl(service, ignore_schedule=True)
    assert site.count("/rss", status=304) == 1
    assert (report.polls[0].unchanged_source_count, report.polls[0].has_failed) == (1, False)


def test_a_feed_is_requested_unconditionally_after_half_a_day(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 2)), "application/rss+xml", conditional=True)
    service = FakeService(outlet(site))
    engine.crawl(service)
    state = service.store.state.outlets["x"]
    old_sources = {url: replace(s, fetched_at=now() - timedelta(hours=13)) for url, s in state.sources.items()}
    service.store.state.outlets["x"] = replace(state, sources=old_sources)
    engine.crawl(service, ignore_schedule=True)
    assert site.count("/rss", status=200) == 2


def test_a_304_after_a_failure_is_no_recovery(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml", conditional=True)
    service = FakeService(outlet(site))
    engine.crawl(service)
    site.fault("/rss", Fault(status=500, times=1))
    engine.crawl(service, ignore_schedule=True)
    assert service.store.state.outlets["x"].failures == 0.5
    site.fault("/rss", Fault(status=304, times=1))
    engine.crawl(service, ignore_schedule=True)
    assert service.store.state.outlets["x"].failures > 0.5
    engine.crawl(service, ignore_schedule=True)
    assert service.store.state.outlets["x"].failures == 0
    assert site.recorded_requests[-1].status == 200


def test_an_outlet_that_is_not_due_is_not_polled(engine: Engine, site: Site) -> None:
    site.put("/rss", rss([]), "application/rss+xml")
    service = FakeService(outlet(site))
    engine.crawl(service)
    report = engine.crawl(service)
    assert (report.polls, report.outlets_not_due) == ([], ("x",))


def test_an_outlet_leased_by_another_process_is_not_polled(engine: Engine, site: Site) -> None:
    service = FakeService(outlet(site))
    service.store.lease(["x"], holder="other:1:1", now=now(), term=timedelta(minutes=1), limit=1)
    assert engine.crawl(service, ignore_schedule=True).outlets_leased_elsewhere == ("x",)


def test_old_foreign_and_non_article_candidates_are_dropped(engine: Engine, site: Site) -> None:
    articles = put_stories(site, 1)
    unwanted = ["https://elsewhere.example/2026/a-story-of-others", f"{site.url}film.mp4", site.url]
    body = rss([*articles, *unwanted]).replace(
        b"</channel>", rss([f"{site.url}old/1234"], published_at=now() - timedelta(days=9))[38:]
    )
    site.put("/rss", body, "application/rss+xml")
    site.put("/old", rss([f"{site.url}old/1234"], published_at=now() - timedelta(days=9)), "application/rss+xml")
    service = FakeService(outlet(site, feeds=(f"{site.url}rss", f"{site.url}old")))
    report = engine.crawl(service).polls[0]
    assert report.page_count == 1
    assert report.dropped_candidates["foreign"] == 1
    assert [note for note in report.notes if "hosts: any" in note and note.startswith("1 entry leads")]
    assert (report.dropped_candidates["home-page"], report.dropped_candidates["file"]) == (1, 1)
    assert report.dropped_candidates["old"] >= 1
    entries = service.store.recent_entries("x", limit=50)
    kinds = {entry.candidate.url: entry.outcome.kind for entry in entries if entry.outcome}
    old = f"{site.url}old/1234"
    assert kinds == {unwanted[0]: "foreign", unwanted[1]: "file", unwanted[2]: "home-page", old: "old"}
    assert all(entry.next_at is None for entry in entries if entry.candidate.url != articles[0])


def test_a_failing_source_is_named_and_the_other_one_read(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site, feeds=(f"{site.url}gone", f"{site.url}rss")))
    report = engine.crawl(service).polls[0]
    assert (report.has_failed, report.page_count) == (False, 1)
    assert "1 of 2 sources failed" in service.store.state.outlets["x"].error
    assert "404" in service.store.state.outlets["x"].error


def test_a_failing_outlet_does_not_stop_the_others(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 2)), "application/rss+xml")
    site.put("/bad", b"<html><p>no feed</html>", "text/html")
    bad = Outlet(name="bad", url=site.url, feeds=(f"{site.url}bad",))
    service = FakeService(bad, outlet(site))
    report = engine.crawl(service)
    assert [poll.outlet for poll in report.failed_polls] == ["bad"]
    assert "not a feed" in service.store.state.outlets["bad"].error
    assert service.store.state.outlets["bad"].failures == 1
    assert {poll.outlet: poll.page_count for poll in report.polls} == {"bad": 0, "x": 2}


def test_a_malicious_feed_fails_only_its_outlet(engine: Engine, site: Site) -> None:
    item = b"<rss><channel><item><title>&b;</title></item></channel></rss>"
    entity_bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + item
    external_entity = b'<!DOCTYPE r [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + item
    bodies = {
        "entity-bomb": entity_bomb,
        "external-entity": external_entity,
        "empty": b"",
        "binary": bytes(range(256)) * 50,
        "truncated": b"<rss><channel><item>",
    }
    outlets = [
        Outlet(name=name, url=site.url, feeds=(site.put(f"/{name}", body, "text/xml"),))
        for name, body in bodies.items()
    ]
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    service = FakeService(*outlets, outlet(site))
    report = engine.crawl(service)
    assert {poll.outlet for poll in report.failed_polls} == set(bodies)
    assert sum(poll.page_count for poll in report.polls) == 1
    assert not any("root:" in failure for poll in report.polls for failure in poll.failures)


def test_a_failing_page_is_counted_and_the_others_stored(engine: Engine, site: Site) -> None:
    urls = put_stories(site, 3)
    site.fault("/2026/story-with-number-1", Fault(status=500))
    site.put("/rss", rss(urls), "application/rss+xml")
    report = engine.crawl(FakeService(outlet(site))).polls[0]
    assert report.outcomes == {(Disposition.STORED, ""): 2, (Disposition.FAILED, "http-500"): 1}


def test_the_next_poll_is_due_with_the_next_retry(engine: Engine, site: Site) -> None:
    site.fault("/2026/story-with-number-0", Fault(status=500))
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site))
    engine.crawl(service)
    assert service.store.state.outlets["x"].next_poll_at < now() + timedelta(minutes=6)


def test_a_poll_learns_the_rate_at_which_the_outlet_publishes(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 20), published_at=now() - timedelta(hours=20)), "application/rss+xml")
    service = FakeService(outlet(site))
    engine.crawl(service)
    state = service.store.state.outlets["x"]
    assert PublishingRate.of_outlet(state).stories_per_day == pytest.approx(24, rel=0.3)
    assert timedelta(minutes=5) < state.interval < timedelta(hours=1)


def next_poll_in(service: FakeService) -> timedelta:
    """Returns the time from now to the next poll."""
    return service.store.state.outlets["x"].next_poll_at - now()


def test_the_next_poll_is_due_with_the_retry_of_an_extraction(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site))
    service.ingest.extraction_failure = FailureKind.EXTRACTION_TIMEOUT
    report = engine.crawl(service).polls[0]
    assert report.outcomes == {(Disposition.FAILED, "timeout"): 1}
    assert next_poll_in(service) < timedelta(minutes=6)


def test_a_retry_after_of_a_failing_page_is_waited_for(engine: Engine, site: Site) -> None:
    site.fault("/2026/story-with-number-0", Fault(status=500, headers=(("Retry-After", "1200"),)))
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site, every=timedelta(minutes=30)), crawl=SELDOM)
    engine.crawl(service)
    (entry,) = service.store.state.frontier_entries.values()
    assert entry.next_at is not None
    assert entry.next_at > now() + timedelta(minutes=19)
    assert next_poll_in(service) > timedelta(minutes=6), "no poll before it for that page"


def test_a_failed_recheck_does_not_hasten_the_next_poll(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site), crawl=SELDOM)
    engine.crawl(service)
    (entry,) = service.store.state.frontier_entries.values()
    service.store.state.frontier_entries[entry.id] = replace(entry, next_at=now())
    site.fault("/2026/story-with-number-0", Fault(status=500))
    report = engine.crawl(service, ignore_schedule=True).polls[0]
    assert report.outcomes == {(Disposition.FAILED, "http-500"): 1}
    assert service.store.state.frontier_entries[entry.id].next_at > now() + timedelta(minutes=50)
    assert next_poll_in(service) > timedelta(minutes=6)


def test_a_host_that_is_down_gets_few_requests(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 40)), "application/rss+xml")
    site.fault("*", Fault(drop=True))
    site.fault("/rss", Fault())
    site.fault("/robots.txt", Fault())
    service = FakeService(outlet(site))
    report = engine.crawl(service).polls[0]
    assert 5 <= report.page_count <= 12
    assert report.deferred_page_count >= 28
    assert (
        sum(entry.attempts == 0 for entry in service.store.state.frontier_entries.values())
        == report.deferred_page_count
    )


def test_a_retry_after_postpones_the_next_poll(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 40)), "application/rss+xml")
    site.fault("*", Fault(status=429, headers=(("Retry-After", "7200"),)))
    site.fault("/rss", Fault())
    site.fault("/robots.txt", Fault())
    service = FakeService(outlet(site))
    engine.crawl(service)
    assert site.count(status=429) <= 8
    assert service.store.state.outlets["x"].next_poll_at > now() + timedelta(minutes=110)


def test_a_poll_fetches_at_most_pages_per_poll(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 7)), "application/rss+xml")
    crawl = FAST_SETTINGS.model_copy(update={"pages_per_poll": 5})
    service = FakeService(outlet(site), crawl=crawl)
    report = engine.crawl(service).polls[0]
    assert (report.page_count, report.deferred_page_count) == (5, 1)
    assert service.store.state.outlets["x"].next_poll_at < now() + timedelta(minutes=2)
    assert engine.crawl(service, ignore_schedule=True).polls[0].page_count == 2


async def stop_after(seconds: float) -> asyncio.Event:
    """Returns an event that is set after some seconds."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return stop


def test_a_stop_finishes_pages_under_way_and_releases_the_lease(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 60)), "application/rss+xml")
    service = FakeService(outlet(site))
    service.ingest.seconds_per_page = 0.2

    stop, ingest_page = engine.run(stop_after(60)), service.ingest.ingest_page

    async def stop_at_page(*arguments: Any, **options: Any) -> Outcome:
        stop.set()
        return await ingest_page(*arguments, **options)

    service.ingest.ingest_page = stop_at_page  # type: ignore[method-assign]  # a stub
    report = engine.crawl(service, stop=stop)
    pages = sum(poll.page_count for poll in report.polls)
    assert 0 < pages < 60
    assert len(service.ingest.pages) == pages
    state = service.store.state.outlets["x"]
    assert (state.holder, state.lease_until) == (None, None)
    assert state.next_poll_at < now() + timedelta(minutes=2)


def test_a_stop_does_not_wait_for_a_store_that_is_away(engine: Engine, site: Site) -> None:
    service = FakeService(outlet(site))

    async def never_return(work: Any, *_: Any, **__: Any) -> Any:
        await asyncio.sleep(3600)

    service.call = never_return  # type: ignore[method-assign]  # a stub
    report = engine.crawl(service, continuous=True, stop=engine.run(stop_after(0.5)))
    assert (report.poll_count, report.errors) == (0, [])


def test_a_stop_during_a_lease_call_releases_its_leases_concurrently(engine: Engine, site: Site) -> None:
    service = FakeService(outlet(site), outlet(site, name="y"))
    both_released = threading.Barrier(2)  # sequential calls of release would break it

    async def new_event() -> asyncio.Event:
        return asyncio.Event()

    stop = engine.run(new_event())
    store_lease, store_release = service.store.lease_due, service.store.release

    def lease(*args: Any, **kwargs: Any) -> Any:
        states = store_lease(*args, **kwargs)
        engine.loop.call_soon_threadsafe(stop.set)
        threading.Event().wait(0.3)
        return states

    def release(state: OutletState) -> None:
        both_released.wait(10)
        store_release(state)

    service.store.lease_due, service.store.release = lease, release
    report = engine.crawl(service, continuous=True, stop=stop)
    assert (report.poll_count, report.errors) == (0, [])
    assert {name: state.holder for name, state in service.store.state.outlets.items()} == {"x": None, "y": None}


class Outage:
    """Makes the first lease or renewal fail; after it the clock is an hour ahead."""

    def __init__(self, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time, self.is_over = now(), False
        monkeypatch.setattr("monitor.crawl.scheduler.now", lambda: self.time)
        monkeypatch.setattr("monitor.crawl.lease.clock", lambda: self.time)
        for name in ("lease", "renew"):
            monkeypatch.setattr(service.store, name, self.fail_first(getattr(service.store, name)))
        monkeypatch.setattr(service, "call", self.call)

    def fail_first(self, store_method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if not self.is_over:
                self.time += timedelta(hours=1)
                self.is_over = True
                raise StoreUnavailable("no response")
            return store_method(*args, **kwargs)

        return call

    async def call(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        while True:
            try:
                return work(*args, **kwargs)
            except StoreUnavailable:
                continue


def test_a_lease_after_an_outage_starts_when_the_store_is_back(site: Site, monkeypatch: Any) -> None:
    service = FakeService(outlet(site))
    outage = Outage(service, monkeypatch)
    (state,) = asyncio.run(OutletScheduler(service, ["x"])._lease_outlets(["x"]))  # type: ignore[arg-type]  # a stub
    assert state.lease_until == outage.time + LEASE_TERM


def test_a_renewal_after_an_outage_starts_when_the_store_is_back(site: Site, monkeypatch: Any) -> None:
    service = FakeService(outlet(site))
    (state,) = service.store.lease(["x"], holder="me", now=now(), term=LEASE_TERM, limit=1)
    outage = Outage(service, monkeypatch)
    monkeypatch.setattr("monitor.crawl.lease.LEASE_TERM", timedelta(seconds=0.3))
    lease = Lease(service, state, LeaseReleases(service))  # type: ignore[arg-type]  # a stub

    async def renew_once() -> None:
        await asyncio.wait({asyncio.create_task(lease.keep_renewed())}, timeout=0.15)

    asyncio.run(renew_once())
    assert lease.state.lease_until == outage.time + timedelta(seconds=0.3)


def test_a_lost_lease_ends_the_poll_without_writing(engine: Engine, site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr("monitor.crawl.lease.LEASE_TERM", timedelta(seconds=0.6))
    site.put("/rss", rss(put_stories(site, 60)), "application/rss+xml")
    service = FakeService(outlet(site))
    service.ingest.seconds_per_page = 0.3
    outlets, store_renew = service.store.state.outlets, service.store.renew

    def renew_after_takeover(state: Any, **kwargs: Any) -> Any:
        outlets["x"] = replace(outlets["x"], fencing_token="another's", holder="other")
        return store_renew(state, **kwargs)

    service.store.renew = renew_after_takeover
    report = engine.crawl(service)
    assert "took the outlet over" in report.polls[0].notes[0]
    assert outlets["x"].holder == "other"
    assert report.polls[0].page_count < 60


def test_a_bug_in_one_poll_is_reported_and_the_others_continue(engine: Engine, site: Site, monkeypatch: Any) -> None:
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    broken = Outlet(name="broken", url=site.url, feeds=(f"{site.url}rss",))

    def filter_with_bug(candidates: Any, *, outlet: Outlet, **options: Any) -> Any:
        if outlet.name == "broken":
            raise RecursionError("a bug")
        return filter_candidates(candidates, outlet=outlet, **options)

    monkeypatch.setattr("monitor.crawl.poll.filter_candidates", filter_with_bug)
    service = FakeService(broken, outlet(site))
    report = engine.crawl(service)
    assert {poll.outlet: poll.has_failed for poll in report.polls} == {"broken": True, "x": False}
    assert "the poll failed" in service.store.state.outlets["broken"].error
    assert service.store.state.outlets["broken"].holder is None


def test_discovered_sources_are_remembered(engine: Engine, site: Site) -> None:
    site.put("/", b'<html><head><link rel="alternate" type="application/rss+xml" href="/the-feed"></head></html>')
    site.put("/the-feed", rss(put_stories(site, 3)), "application/rss+xml")
    service = FakeService(outlet(site, feeds=()))
    assert engine.crawl(service).polls[0].page_count == 3
    site.forget_requests()
    engine.crawl(service, ignore_schedule=True)
    assert site.count("/the-feed") == 1
    assert site.count("/") == 0


def test_without_feed_or_sitemap_the_home_page_is_read(engine: Engine, site: Site) -> None:
    urls = put_stories(site, 3)
    links = "".join(f'<a href="{url}">A headline of more than five words</a>' for url in urls)
    site.put("/", f"<html><nav><a href='/world'>World</a></nav>{links}</html>".encode())
    assert engine.crawl(FakeService(outlet(site, feeds=()))).polls[0].page_count == 3


def test_a_sitemap_is_discovered_in_robots_txt(engine: Engine, site: Site) -> None:
    urls = "".join(f"<url><loc>{url}</loc><lastmod>{now():%Y-%m-%d}</lastmod></url>" for url in put_stories(site, 2))
    site.put(
        "/map", f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode(), "text/xml"
    )
    index = f"<sitemapindex><sitemap><loc>{site.url}map</loc></sitemap></sitemapindex>"
    site.put("/index", index.encode(), "text/xml")
    site.put("/robots.txt", f"Sitemap: {site.url}index\n".encode(), "text/plain")
    site.put("/", b"<html><p>nothing here</p></html>")
    assert engine.crawl(FakeService(outlet(site, feeds=()))).polls[0].page_count == 2


def test_a_failing_home_page_fails_the_outlet(engine: Engine, site: Site) -> None:
    site.put("/", b"", status=500)
    service = FakeService(outlet(site, feeds=()))
    report = engine.crawl(service)
    assert report.polls[0].has_failed
    assert "500" in service.store.state.outlets["x"].error


def test_javascript_pages_are_named_in_the_outlets_health(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 2)), "application/rss+xml")
    service = FakeService(outlet(site))
    service.ingest.disposition, service.ingest.kind = Disposition.NOT_ARTICLE, "script"
    engine.crawl(service)
    assert "render: auto" in service.store.state.outlets["x"].error


def test_a_page_with_a_404_is_retried_soon_and_the_next_day(engine: Engine, site: Site) -> None:
    site.put("/rss", rss([f"{site.url}2026/not-there-yet"]), "application/rss+xml")
    service = FakeService(outlet(site))
    waits = []
    for _ in range(3):
        engine.crawl(service, ignore_schedule=True)
        (entry,) = service.store.state.frontier_entries.values()
        waits.append(entry.next_at and round((entry.next_at - now()) / timedelta(minutes=1)))
        service.store.state.frontier_entries[entry.id] = replace(entry, next_at=now())
    assert waits == [5, 24 * 60, None]


def test_a_home_page_without_stories_is_named_in_the_health(engine: Engine, site: Site) -> None:
    site.put("/", b'<html><body><div id="root"></div><script src="/app.js"></script></body></html>')
    service = FakeService(outlet(site, feeds=()))
    engine.crawl(service)
    assert "written by JavaScript" in service.store.state.outlets["x"].error


def test_a_story_that_redirects_to_another_site_is_refused(engine: Engine, site: Site) -> None:
    site.put("/rss", rss([f"{site.url}2026/story-of-ours-here"]), "application/rss+xml")
    with Site() as other_site:
        other_site.put("/a", b"<p>other")
        site.put("/2026/story-of-ours-here", status=302, headers=(("Location", f"{other_site.url}a"),))
        service = FakeService(outlet(site, hosts=()))
        assert engine.crawl(service).polls[0].outcomes == {(Disposition.FAILED, "private-address"): 1}


def test_a_store_that_becomes_unavailable_ends_the_crawl(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 20)), "application/rss+xml")
    service = FakeService(outlet(site))

    async def raise_unavailable(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("no response")

    service.ingest.ingest_page = raise_unavailable  # type: ignore[method-assign]  # a stub
    report = engine.crawl(service)
    assert report.errors == ["no response"]
    assert all(entry.next_at for entry in service.store.state.frontier_entries.values())
    assert service.store.state.outlets["x"].holder is None


def test_a_store_that_refuses_ends_the_crawl_with_its_reason(engine: Engine, site: Site) -> None:
    from monitor.errors import StoreRefused

    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site))

    def raise_refused(*_: Any, **__: Any) -> Any:
        raise StoreRefused("the index is read-only")

    service.store.enqueue = raise_refused
    report = engine.crawl(service)
    assert report.errors == ["the index is read-only"]
    assert service.store.state.outlets["x"].holder is None


def test_a_bug_ends_the_crawl_with_an_error(engine: Engine) -> None:
    service = FakeService(Outlet(name="x", url="https://x.example/"))

    def lease_with_bug(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a bug")

    service.store.lease = lease_with_bug
    assert "a bug" in engine.crawl(service).errors[0]


def sitemap_of(*urls: str, kind: str = "urlset") -> bytes:
    entry = {"urlset": "url", "sitemapindex": "sitemap"}[kind]
    return f"<{kind}>{''.join(f'<{entry}><loc>{url}</loc></{entry}>' for url in urls)}</{kind}>".encode()


def test_nested_sitemap_indexes_are_read_and_loops_end(engine: Engine, site: Site) -> None:
    top, nested = f"{site.url}top.xml", f"{site.url}nested.xml"
    site.put("/top.xml", sitemap_of(nested, top, kind="sitemapindex"), "text/xml")
    site.put("/nested.xml", sitemap_of(top, nested, f"{site.url}map.xml", kind="sitemapindex"), "text/xml")
    site.put("/map.xml", sitemap_of(*put_stories(site, 3)), "text/xml")
    report = engine.crawl(FakeService(outlet(site, feeds=(), sitemaps=(top,)))).polls[0]
    assert report.page_count == 3
    assert [site.count(f"/{name}.xml") for name in ("top", "nested", "map")] == [1, 1, 1]


def test_a_sitemap_index_is_refetched_and_its_sitemaps_answer_304(engine: Engine, site: Site) -> None:
    site.put("/top.xml", sitemap_of(f"{site.url}map.xml", kind="sitemapindex"), "text/xml", conditional=True)
    site.put("/map.xml", sitemap_of(*put_stories(site, 1)), "text/xml", conditional=True)
    service = FakeService(outlet(site, feeds=(), sitemaps=(f"{site.url}top.xml",)))
    engine.crawl(service)
    engine.crawl(service, ignore_schedule=True)
    assert (site.count("/map.xml", status=304), site.count("/top.xml", status=200)) == (1, 2)


def test_a_sitemap_may_exceed_the_page_size_limit(engine: Engine, site: Site) -> None:
    site.put("/top.xml", sitemap_of(f"{site.url}posts-1.xml", kind="sitemapindex"), "text/xml")
    site.put("/posts-1.xml", sitemap_of(*put_stories(site, 1)) + b" " * 5000, "text/xml")
    crawl = FAST_SETTINGS.model_copy(update={"max_size": 2000})
    service = FakeService(outlet(site, feeds=(), sitemaps=(f"{site.url}top.xml",)), crawl=crawl)
    assert engine.crawl(service).polls[0].page_count == 1


@pytest.mark.parametrize("status", [403, 502])
def test_a_bot_filter_or_a_failing_gateway_gets_few_requests(engine: Engine, site: Site, status: int) -> None:
    site.put("/rss", rss(put_stories(site, 40)), "application/rss+xml")
    site.fault("*", Fault(status=status))
    site.fault("/rss", Fault())
    site.fault("/robots.txt", Fault())
    service = FakeService(outlet(site))
    assert engine.crawl(service).polls[0].deferred_page_count >= 28
    assert service.store.state.outlets["x"].next_poll_at > now() + timedelta(minutes=4)


def poll_context(service: FakeService, fetcher: Fetcher) -> PollContext:
    return PollContext(
        service=service,  # type: ignore[arg-type]  # a stub
        fetcher=fetcher,
        parse=sources.parse_source,
        price=PollingPrice(service.config),
        stop=asyncio.Event(),
        releases=LeaseReleases(service),  # type: ignore[arg-type]  # a stub
        idle_outlets=IdleOutlets(),
    )


def test_polls_without_news_ask_for_no_page_until_one_is_due(engine: Engine, site: Site) -> None:
    """Or until another process has polled the outlet."""
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml", conditional=True)
    service = FakeService(outlet(site))

    def poll(context: PollContext) -> Poll:
        (state,) = service.store.lease(["x"], holder="me", now=now(), term=LEASE_TERM, limit=1, due_only=False)
        return Poll(service.config.outlets[0], state, context)

    async def work(fetcher: Fetcher) -> list[int]:
        context, asked = poll_context(service, fetcher), []

        async def poll_and_count() -> None:
            before = service.calls["due_entries"]
            await poll(context).run()
            asked.append(service.calls["due_entries"] - before)

        for _ in range(3):
            await poll_and_count()
        late = site.put("/2026/a-story-of-another-source", b"<p>story")
        (entry,) = service.store.enqueue([Candidate(url=late, outlet="x")], now=now() + timedelta(seconds=1))
        await poll(poll_context(service, fetcher)).run()  # by another process
        for _ in range(2):
            await poll_and_count()
        await asyncio.sleep(1.1)
        await poll_and_count()
        assert service.store.state.frontier_entries[entry.id].story is not None
        return asked

    assert engine.with_fetcher(work) == [1, 0, 0, 1, 0, 1]


def test_cookies_last_for_a_poll(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml", headers=(("Set-Cookie", "read=1"),))
    service = FakeService(outlet(site))

    def received_cookies() -> list[str | None]:
        return [request.headers.get("cookie") for request in site.recorded_requests if request.path != "/robots.txt"]

    async def two_polls(fetcher: Fetcher) -> None:
        for _ in range(2):
            (state,) = service.store.lease(["x"], holder="me", now=now(), term=LEASE_TERM, limit=1, due_only=False)
            context = poll_context(service, fetcher)
            await Poll(service.config.outlets[0], state, context).run()

    engine.with_fetcher(two_polls)
    assert received_cookies() == [None, "read=1", None]


def test_a_page_of_a_resting_host_counts_no_attempt(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 3)), "application/rss+xml")
    site.put("/busy", status=429, headers=(("Retry-After", "7200"),))
    service = FakeService(outlet(site))

    async def poll_resting_host(fetcher: Fetcher) -> PollReport:
        with pytest.raises(FetchError):
            await fetcher.fetch_source(outlet(site), f"{site.url}busy")
        service.store.enqueue([Candidate(url=f"{site.url}2026/story-with-number-0", outlet="x")], now=now())
        (state,) = service.store.lease(["x"], holder="me", now=now(), term=LEASE_TERM, limit=1)
        context = poll_context(service, fetcher)
        return await Poll(service.config.outlets[0], state, context).run()

    report: PollReport = engine.with_fetcher(poll_resting_host)
    assert (report.page_count, report.deferred_page_count) == (0, 1)
    assert [entry.attempts for entry in service.store.state.frontier_entries.values()] == [0]
    assert service.store.state.outlets["x"].next_poll_at > now() + timedelta(minutes=110)


def test_a_permanent_redirect_of_a_feed_is_named_in_the_health(engine: Engine, site: Site) -> None:
    site.put("/new", rss(put_stories(site, 1)), "application/rss+xml")
    site.put("/rss", status=301, headers=(("Location", "/new"),))
    service = FakeService(outlet(site))
    assert engine.crawl(service).polls[0].page_count == 1
    assert f"{site.url}rss has moved permanently to {site.url}new" in service.store.state.outlets["x"].error
    site.put("/rss", status=302, headers=(("Location", "/new"),))
    engine.crawl(service, ignore_schedule=True)
    assert service.store.state.outlets["x"].error == ""


def test_an_outlet_whose_url_is_a_feed_is_polled_from_it(engine: Engine, site: Site) -> None:
    site.put("/the-list", rss(put_stories(site, 2)), "text/xml; charset=utf-8")
    service = FakeService(outlet(site, url=f"{site.url}the-list", feeds=()))
    assert engine.crawl(service).polls[0].page_count == 2


def test_a_usual_feed_address_replaces_an_announced_one_that_fails(engine: Engine, site: Site) -> None:
    site.put("/", b'<link rel="alternate" type="application/rss+xml" href="/gone">')
    site.put("/feed", rss(put_stories(site, 2)), "application/rss+xml")
    assert engine.crawl(FakeService(outlet(site, feeds=()))).polls[0].page_count == 2


def test_a_retry_after_of_a_foreign_server_counts_an_hour_at_most(engine: Engine, site: Site) -> None:
    busy = {"status": 429, "headers": (("Retry-After", "86400"),)}
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    with Site() as foreign_site:
        service = FakeService(outlet(site, feeds=(f"{site.url}rss", foreign_site.put("/rss", **busy))))
        engine.crawl(service)
        assert service.store.state.outlets["x"].next_poll_at < now() + timedelta(minutes=61)
        site.put("/rss", **busy)
        engine.crawl(service, ignore_schedule=True)
        assert service.store.state.outlets["x"].next_poll_at > now() + timedelta(hours=23)


def test_a_cut_feed_is_noted_and_next_requested_in_full(engine: Engine, site: Site) -> None:
    stories = put_stories(site, 3)
    full_feed = rss(stories)
    cut = full_feed[: full_feed.index(stories[2].encode()) + len(stories[2]) - 4]
    site.put("/rss", cut, "application/rss+xml", headers=(("ETag", '"1"'),))
    service = FakeService(outlet(site))
    report = engine.crawl(service).polls[0]
    assert (report.page_count, report.has_failed) == (2, False)
    assert [note.partition(": ")[2] for note in report.notes] == [
        "the document has no end: it is cut off, and the next poll reads it again; 1 entry skipped: the document ends "
        "inside the entry, before its address: the next poll reads it again"
    ]
    state = service.store.state.outlets["x"]
    assert state.error.startswith(f"feed {site.url}rss: the document has no end")
    assert state.sources[f"{site.url}rss"].error.startswith("the document has no end")
    site.put("/rss", full_feed, "application/rss+xml", headers=(("ETag", '"1"'),), conditional=True)
    assert engine.crawl(service, ignore_schedule=True).polls[0].page_count == 1
    assert (site.count("/rss", status=304), service.store.state.outlets["x"].error) == (0, "")


NO_ROBOTS = FAST_SETTINGS.model_copy(update={"obey_robots": False})


def raw_server(*answers: bytes) -> str:
    """Starts a server that sends these bytes, one answer per connection, and closes; returns its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def chunked(body: bytes, content_type: str) -> bytes:
    """Returns a response in chunks without the last chunk."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nETag: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + f"{len(body):x}\r\n".encode() + body + b"\r\n"


@pytest.mark.parametrize("end", ["</channel></rss>", ""])
def test_a_feed_without_its_last_chunk_is_read(engine: Engine, site: Site, end: str) -> None:
    body = f"<rss><channel><item><link>{put_stories(site, 1)[0]}</link></item>{end}"
    server = raw_server(chunked(body.encode(), "application/rss+xml"))
    service = FakeService(outlet(site, feeds=(server,)), crawl=NO_ROBOTS)
    assert engine.crawl(service).polls[0].page_count == 1
    assert service.store.state.outlets["x"].sources[server].etag == ("x" if end else None)


def test_a_page_without_its_last_chunk_is_read_if_it_has_an_end(engine: Engine) -> None:
    pages = [f"<html><body><p>text{end}".encode() for end in ("</body></html>\n", "")]
    server = raw_server(*(chunked(page, "text/html") for page in pages))

    def fetch() -> Page:
        return engine.with_fetcher(lambda fetcher: fetcher.fetch_page(Outlet(name="x", url=server), server), NO_ROBOTS)

    assert fetch().body == pages[0]
    with pytest.raises(FetchError, match="the response ends early"):
        fetch()


def test_entries_that_cannot_be_read_are_counted_and_suspect(engine: Engine, site: Site) -> None:
    body = rss(put_stories(site, 2)).replace(b"<item>", b"<item><title>no link</title></item><item>", 1)
    site.put("/rss", body, "application/rss+xml", conditional=True)
    service = FakeService(outlet(site))
    for _ in range(2):  # the second response is 304
        engine.crawl(service, ignore_schedule=True)
        state = service.store.state.outlets["x"]
        source = state.sources[f"{site.url}rss"]
        assert (source.entry_count, source.skipped) == (3, {"no-address": 1})
        assert list(state.memory.suspicions) == ["entries-lost"]
        assert "1 entry skipped: the entry has no link" in state.memory.suspicions["entries-lost"]


def test_a_source_that_fails_repeatedly_beside_another_is_suspect(engine: Engine, site: Site) -> None:
    site.put("/rss", rss(put_stories(site, 1)), "application/rss+xml")
    service = FakeService(outlet(site, feeds=(f"{site.url}gone", f"{site.url}rss")))
    kinds = []
    for _ in range(4):
        engine.crawl(service, ignore_schedule=True)
        kinds.append(list(service.store.state.outlets["x"].memory.suspicions))
    assert kinds == [[], [], ["source-fails"], ["source-fails"]]


def test_an_index_counts_the_sitemaps_that_are_not_read(engine: Engine, site: Site) -> None:
    children = [f"{site.url}map-{number}.xml" for number in range(8)]
    for child in children:
        site.put(child.removeprefix(site.url.rstrip("/")), sitemap_of(), "text/xml")
    site.put("/top.xml", sitemap_of(*children, kind="sitemapindex"), "text/xml")
    service = FakeService(outlet(site, feeds=(), sitemaps=(f"{site.url}top.xml",)))
    engine.crawl(service)
    sources = service.store.state.outlets["x"].sources
    assert sources[f"{site.url}top.xml"].skipped == {"sitemap-not-read": 3}
    assert sorted(sources) == sorted([*children[3:], f"{site.url}top.xml"])


def test_a_page_larger_than_expected_is_requested_again_with_room_for_it(engine: Engine, site: Site) -> None:
    urls = [site.put(f"/2026/a-large-story-of-number-{n}", b"<p>story" + b" " * 2_000_000) for n in range(9)]
    site.put("/rss", rss(urls), "application/rss+xml")
    service = FakeService(outlet(site))
    engine.crawl(service)
    assert [page.size for page in service.ingest.pages] == [2_000_008] * 9
    assert service.page_budget.used_bytes == 0
    requests = [site.count(f"/2026/a-large-story-of-number-{n}") for n in range(9)]
    assert set(requests) == {1, 2}  # the last one was expected to be large


def test_a_page_above_the_size_limit_fails_after_two_requests(engine: Engine, site: Site) -> None:
    url = site.put("/2026/a-large-story-of-the-day", b"<p>story" + b" " * 10_000_000)
    site.put("/rss", rss([url]), "application/rss+xml")
    service = FakeService(outlet(site))
    engine.crawl(service)
    assert service.ingest.failures[url].kind is FailureKind.TOO_LARGE
    assert site.count("/2026/a-large-story-of-the-day") == 2


@pytest.mark.parametrize("end", ["deadline", "stop"])
def test_a_poll_defers_the_pages_for_which_there_is_no_room(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    site.put("/rss", rss([site.put("/2026/a-large-story-of-the-day", b"<p>story")]), "application/rss+xml")
    service, stop = FakeService(outlet(site)), asyncio.Event()
    service.page_budget.learn("x", 10_000_000)

    async def take_all_room() -> None:
        for number in range(4):
            assert await service.page_budget.room_for(f"other {number}").reserve(10_000_000)

    asyncio.run(take_all_room())
    if end == "deadline":
        monkeypatch.setattr(pages, "PAGE_START_DEADLINE_SECONDS", 1.0)
    else:
        engine.loop.call_soon_threadsafe(engine.loop.call_later, 1.0, stop.set)
    (report,) = engine.crawl(service, stop=stop).polls
    assert (report.deferred_page_count, report.page_count, service.ingest.pages) == (1, 0, [])
    assert site.count("/2026/a-large-story-of-the-day") == 0
