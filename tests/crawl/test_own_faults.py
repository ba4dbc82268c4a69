"""A fault of the monitor's own process, such as no extraction worker, postpones no outlet and uses up no retry."""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.error import ConnectBindError

from monitor.config.schema import Outlet
from monitor.crawl import scheduler as scheduler_module
from monitor.crawl.own_faults import is_own_fault
from monitor.crawl.poll import Poll
from monitor.errors import WorkersUnavailable
from monitor.models import OutletMemory, now
from monitor.retry_policy import OWN_OUTAGE_PAUSE

from .engine import FakeService
from .test_poll import put_stories, rss

if TYPE_CHECKING:
    from monitor.demo.web import Site
    from monitor.models import OutletState

    from .engine import Engine

NO_WORKER = "no extraction worker can be started: no memory"


def service_with_state(site: Site) -> tuple[FakeService, OutletState]:
    """Returns a service with one outlet, and the outlet's stored state after earlier polls."""
    urls = put_stories(site, 12)
    site.put("/rss", rss(urls), "application/rss+xml")
    service = FakeService(Outlet(name="X", url=site.url, feeds=(f"{site.url}rss",)))
    (leased,) = service.store.lease(["X"], holder="x", now=now(), term=timedelta(minutes=1), limit=1)
    memory = OutletMemory(habits={"polls": 7}, suspicions={"quiet": "no story for a week"})
    stored = replace(leased, failures=0.5, error="an error", interval=timedelta(minutes=20), memory=memory)
    service.store.release(stored)
    return service, stored


def assert_state_is_unchanged(service: FakeService, before: OutletState) -> None:
    after = service.store.state.outlets["X"]
    for name in ("interval", "failures", "error", "last_poll_at", "last_ok_at", "sources", "dispositions"):
        assert getattr(after, name) == getattr(before, name), name
    assert (after.memory.habits, after.memory.suspicions) == (before.memory.habits, before.memory.suspicions)
    assert after.holder is None
    assert after.next_poll_at - now() <= OWN_OUTAGE_PAUSE


def test_pages_without_a_worker_stay_due_and_leave_the_outlet_as_it_was(engine: Engine, site: Site) -> None:
    service, before = service_with_state(site)

    async def fail(*_: Any, **__: Any) -> Any:
        raise WorkersUnavailable(NO_WORKER)

    service.ingest.ingest_page = fail  # type: ignore[method-assign]
    (poll,) = engine.crawl(service, ignore_schedule=True).polls
    assert (poll.own_outage_line, poll.failure_word, poll.outcomes) == (NO_WORKER, "waits", {})
    assert_state_is_unchanged(service, before)
    entries = service.store.due_entries("X", now=now(), limit=100)
    assert [entry.attempts for entry in entries] == [0] * 12


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("can't start new thread"), OSError(errno.EMFILE, "Too many open files")],
    ids=repr,
)
def test_a_poll_without_a_resource_leaves_the_outlet_as_it_was(
    engine: Engine, site: Site, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, before = service_with_state(site)

    async def fail(_: Poll) -> Any:
        raise error

    monkeypatch.setattr(Poll, "_read_sources", fail)
    monkeypatch.setattr(Poll, "_select_sources", fail)
    (poll,) = engine.crawl(service, ignore_schedule=True).polls
    assert poll.own_outage.startswith("this process lacks a resource: ")
    assert_state_is_unchanged(service, before)


@pytest.mark.parametrize("kind", ["extraction", "parser"])
def test_no_outlet_is_leased_while_no_worker_runs(
    engine: Engine, site: Site, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crawl waits for a worker of either pool, and ends with an error when the pool gives up."""
    service, before = service_with_state(site)
    failing = SimpleNamespace(start=lambda: None, problem="no memory", has_given_up=False)
    if kind == "extraction":
        service.extractor = failing
    else:
        monkeypatch.setattr(scheduler_module, "parser_pool", lambda: failing)
    engine.loop.call_soon_threadsafe(engine.loop.call_later, 0.5, setattr, failing, "has_given_up", True)
    monkeypatch.setattr(scheduler_module, "LEASE_SCAN_SECONDS", 0.1)
    report = engine.crawl(service, ignore_schedule=True)
    assert report.errors == [
        f"no {kind} worker could be started for 120 s: no memory "
        "(free memory, or raise the limits on memory, open files and processes)"
    ]
    assert (report.polls, site.count()) == ([], 0)
    assert service.store.state.outlets["X"].fencing_token == before.fencing_token


def test_a_poll_that_takes_too_long_ends_as_failed(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    service, before = service_with_state(site)
    service.ingest.seconds_per_page = 60
    monkeypatch.setattr("monitor.crawl.poll.POLL_TIME_LIMIT_SECONDS", 1.0)
    (poll,) = engine.crawl(service, ignore_schedule=True).polls
    assert poll.failures == ["the poll was ended after 1 s; the pages that are left stay due"]
    after = service.store.state.outlets["X"]
    assert (after.holder, after.failures) == (None, before.failures + 0.25)
    assert len(service.store.due_entries("X", now=now(), limit=100)) == 12


def test_no_source_is_requested_after_the_deadline_of_a_poll(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sitemaps that an index names count as not read."""
    children = "".join(f"<sitemap><loc>{site.url}{n}.xml</loc></sitemap>" for n in range(3))
    site.put("/index.xml", f"<sitemapindex>{children}</sitemapindex>".encode(), "text/xml")
    monkeypatch.setattr("monitor.crawl.poll.SOURCE_START_DEADLINE_SECONDS", 0.0)
    service = FakeService(Outlet(name="X", url=site.url, sitemaps=(f"{site.url}index.xml",)))
    engine.crawl(service)
    assert [site.count(f"/{n}.xml") for n in range(3)] == [0, 0, 0]
    (source,) = service.store.state.outlets["X"].sources.values()
    assert list(source.skipped.values()) == [3]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("another"), False),
        (ConnectBindError(errno.EMFILE, "Too many open files"), True),
        (OSError(errno.ECONNREFUSED, "refused"), False),
        (WorkersUnavailable(NO_WORKER), True),
        (ValueError(), False),
    ],
    ids=repr,
)
def test_an_error_is_an_own_fault_also_as_a_cause(error: Exception, expected: bool) -> None:
    outer = ValueError("outer")
    outer.__cause__ = error
    assert (is_own_fault(error), is_own_fault(outer)) == (expected, expected)
