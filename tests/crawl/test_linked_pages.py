"""Pages that other pages lead to: on the hosts of an aggregator's publishers, and further pages of one article."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from monitor.demo.web import Site
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import Candidate, Disposition, Outcome, Page, now
from monitor.polling.next_poll import NextPollPlan, PollSummary, plan_next_poll

from .engine import Engine, FakeService
from .test_poll import rss

if TYPE_CHECKING:
    from monitor.polling.publishing_rate import RateProfile

STORY = "2026/a-story-of-five-words"


def aggregator(site: Site) -> Outlet:
    return Outlet(name="digest", url=site.url, feeds=(f"{site.url}rss",), hosts=("any",))


@pytest.mark.parametrize("is_redirected", [False, True])
def test_an_aggregator_reads_pages_of_a_configured_outlet(engine: Engine, site: Site, is_redirected: bool) -> None:
    with Site() as publisher:
        target = publisher.put(f"/{STORY}", b"<p>story")
        site.put(f"/{STORY}", status=302, headers=(("Location", target),))
        site.put("/rss", rss([f"{site.url}{STORY}" if is_redirected else target]), "application/rss+xml")
        service = FakeService(
            aggregator(site), Outlet(name="herald", url=publisher.url, feeds=(f"{publisher.url}rss",))
        )
        report = engine.crawl(service)
        assert report.polls[-1].outcomes[Disposition.STORED, ""] + report.polls[0].outcomes[Disposition.STORED, ""] == 1
        assert [page.url for page in service.ingest.pages] == [target]


def test_the_address_guard_refuses_an_aggregators_private_link(engine: Engine, site: Site) -> None:
    with Site() as other:
        site.put("/rss", rss([other.put(f"/{STORY}", b"<p>story")]), "application/rss+xml")
        report = engine.crawl(FakeService(aggregator(site)))
        assert report.polls[0].outcomes == {(Disposition.FAILED, "private-address"): 1}
        assert other.recorded_requests == []


def test_a_failing_host_stops_only_its_own_pages_of_an_aggregator(engine: Engine, site: Site) -> None:
    with Site() as failing, Site() as healthy:
        bad = [f"{failing.url}2026/a-story-of-number-{number}" for number in range(25)]
        for number in range(25):
            failing.put(f"/2026/a-story-of-number-{number}", status=500)
        good = [healthy.put(f"/2026/a-story-of-number-{number}", b"<p>story") for number in range(9)]
        site.put("/rss", rss([*bad, *good]), "application/rss+xml")
        outlets = [Outlet(name=name, url=each.url) for name, each in (("bad", failing), ("good", healthy))]
        service = FakeService(aggregator(site), *outlets)
        polls = {poll.outlet: poll for poll in engine.crawl(service).polls}
        assert polls["digest"].outcomes[Disposition.STORED, ""] == 9
        failed, resting = (polls["digest"].outcomes[Disposition.FAILED, kind] for kind in ("http-500", "resting"))
        assert (failed + resting, failed < 25) == (25, True)


@pytest.mark.parametrize("status", [403, 429, 500])
def test_an_aggregators_next_poll_waits_for_no_host_that_rests(
    engine: Engine, site: Site, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages are due after the rest; they do not make the outlet be polled each minute."""
    summaries: list[PollSummary] = []

    def plan(rate: RateProfile, failures: float, summary: PollSummary, **options: Any) -> NextPollPlan:
        summaries.append(summary)
        return plan_next_poll(rate, failures, summary, **options)

    monkeypatch.setattr("monitor.crawl.poll.plan_next_poll", plan)
    with Site() as busy:
        urls = [f"{busy.url}2026/a-story-of-number-{number}" for number in range(25)]
        for number in range(25):
            busy.put(f"/2026/a-story-of-number-{number}", status=status, headers=(("Retry-After", "1800"),))
        site.put("/rss", rss(urls), "application/rss+xml")
        service = FakeService(aggregator(site), Outlet(name="busy", url=busy.url, feeds=(f"{busy.url}rss",)))
        polls = {poll.outlet: poll for poll in engine.crawl(service).polls}
        assert polls["digest"].deferred_page_count == 0
        assert sum(polls["digest"].outcomes.values()) == 25
        pauses = [
            entry.next_at - now()
            for entry in service.store.state.frontier_entries.values()
            if entry.candidate.outlet == "digest" and entry.next_at is not None
        ]
        assert len(pauses) == 25
        assert min(pauses) > timedelta(minutes=4 if status != 429 else 29)
        (summary,) = (summary for summary in summaries if summary.time_until_retry is not None)
        assert not summary.has_deferred_pages
        assert summary.time_until_retry > timedelta(minutes=4)


def test_a_moved_page_is_requested_at_its_new_address(engine: Engine, site: Site) -> None:
    site.put("/rss", rss([]), "application/rss+xml")
    site.put("/new", b"<p>story")
    service = FakeService(Outlet(name="x", url=site.url, feeds=(f"{site.url}rss",)))
    listed = Candidate(url=f"{site.url}old", outlet="x", source=f"{site.url}rss", published_at=now())
    (entry,) = service.store.enqueue([listed], now=now())
    service.store.state.frontier_entries[entry.id] = replace(entry, fetch_url=f"{site.url}new", story=entry.id)
    engine.crawl(service)
    assert (site.count("/new"), site.count("/old")) == (1, 0)


def test_further_pages_are_fetched_by_the_rules_of_the_crawl(engine: Engine, site: Site) -> None:
    site.put("/rss", rss([site.put(f"/{STORY}", b"<p>story")]), "application/rss+xml")
    site.put("/robots.txt", b"User-agent: *\nDisallow: /print", "text/plain")
    moved = site.put("/page/2", b"<p>more")
    site.put("/page/old", status=301, headers=(("Location", moved),))
    service = FakeService(Outlet(name="x", url=site.url, feeds=(f"{site.url}rss",)))
    fetched: list[Page | FailureKind] = []

    async def ingest_page(*arguments: Any, release_body: object) -> Outcome:
        _, entry, _, _, fetch = arguments
        for path in ("page/old", "print/1", "page/3"):
            try:
                fetched.append(await fetch(f"{site.url}{path}"))
            except FetchError as error:
                fetched.append(error.kind)
        service.store.state.frontier_entries[entry.id] = replace(entry, next_at=None)
        return Outcome(disposition=Disposition.STORED)

    service.ingest.ingest_page = ingest_page  # type: ignore[assignment,method-assign]  # a stub
    engine.crawl(service)
    page, *failures = fetched
    assert isinstance(page, Page)
    assert (page.url, page.is_moved) == (moved, True)
    assert failures == [FailureKind.ROBOTS, FailureKind.HTTP_404]


def test_a_host_that_forbids_all_pages_gives_a_headline_for_each(engine: Engine, site: Site) -> None:
    pages = [f"{site.url}2026/a-story-of-number-{number}" for number in range(30)]
    for number in range(30):
        site.put(f"/2026/a-story-of-number-{number}", status=403)
    site.put("/rss", rss(pages), "application/rss+xml")
    service = FakeService(Outlet(name="x", url=site.url, feeds=(f"{site.url}rss",)))
    (poll,) = engine.crawl(service).polls
    forbidden, headlines = (
        poll.outcomes[Disposition.FAILED, "http-403"],
        poll.outcomes[Disposition.STORED, "headline"],
    )
    assert (forbidden + headlines, forbidden < 30) == (30, True)
    assert poll.deferred_page_count == headlines, "the pages stay due"
