"""An outage on the monitor's side, no network or no proxy, counts against no outlet, host or page."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.address import IPv4Address

from monitor.config.schema import CrawlSettings, Outlet
from monitor.crawl import download_failures
from monitor.egress import http_handler, proxy_probe, resolver
from monitor.egress.name_resolutions import MIN_FAILED_NAMES, NameResolutions
from monitor.failures import FailureKind
from monitor.models import Candidate, SourceState, now
from monitor.polling.next_poll import PollSummary, plan_next_poll
from monitor.polling.publishing_rate import PublishingRate
from monitor.retry_policy import OWN_OUTAGE_KINDS, OWN_OUTAGE_PAUSE

from .engine import FakeService
from .test_fetch import fetch, fetch_error

if TYPE_CHECKING:
    from monitor.demo.web import Site

    from .engine import Engine

NAMES = [f"{letter}.invalid" for letter in "abcd"]


@pytest.fixture(autouse=True)
def resolutions(monkeypatch: pytest.MonkeyPatch) -> NameResolutions:
    """The resolutions of a process that has not asked for a name yet."""
    fresh = NameResolutions()
    monkeypatch.setattr(resolver, "name_resolutions", fresh)
    monkeypatch.setattr(download_failures, "name_resolutions", fresh)
    monkeypatch.setattr(http_handler, "name_resolutions", fresh)
    return fresh


def outlet(name: str, **changes: Any) -> Outlet:
    return Outlet(**{"name": name, "url": f"http://{name}/", "feeds": (f"http://{name}/rss",), **changes})


def test_polls_without_network_leave_schedule_and_sources_as_they_were(engine: Engine) -> None:
    service = FakeService(*map(outlet, NAMES))
    before = SourceState(kind="feed", etag='"1"')
    name = NAMES[0]
    (state,) = service.store.lease([name], holder="x", now=now(), term=timedelta(minutes=1), limit=1)
    service.store.release(replace(state, failures=0.5, error="an error", sources={f"http://{name}/rss": before}))
    report = engine.crawl(service, ignore_schedule=True)
    assert {poll.own_outage for poll in report.polls} == {f"the name {each} has no address" for each in NAMES}
    stored = service.store.state.outlets[name]
    assert (stored.failures, stored.error, stored.last_poll_at) == (0.5, "an error", None)
    assert stored.sources == {f"http://{name}/rss": before}
    assert stored.next_poll_at - now() < OWN_OUTAGE_PAUSE


def test_pages_without_network_stay_due_without_an_attempt(engine: Engine) -> None:
    service = FakeService(*map(outlet, NAMES))
    pages = [Candidate(url=f"http://{name}/2026/a-story", outlet=name) for name in NAMES]
    entries = service.store.enqueue(pages, now=now())
    report = engine.crawl(service)
    assert report.outcomes == {}
    for name, entry in zip(NAMES, entries, strict=True):
        assert service.store.due_entries(name, now=now(), limit=10) == [entry]


def test_a_login_without_network_counts_against_no_outlet(engine: Engine) -> None:
    login = {"url": f"http://{NAMES[0]}/login", "form": {"password": "secret"}}
    service = FakeService(outlet(NAMES[0], login=login))
    (poll,) = engine.crawl(service).polls
    assert poll.own_outage == f"the name {NAMES[0]} has no address"
    assert service.store.state.outlets[NAMES[0]].failures == 0


def test_a_name_that_alone_fails_counts_against_its_outlet(
    engine: Engine, site: Site, resolutions: NameResolutions
) -> None:
    for name in ("one.example", "two.example"):
        resolutions.record(name, has_address=True)
    service = FakeService(outlet(NAMES[0]))
    (poll,) = engine.crawl(service).polls
    assert (poll.own_outage, poll.has_failed) == ("", True)
    assert service.store.state.outlets[NAMES[0]].failures == FailureKind.ROBOTS_UNREACHABLE.weight


@pytest.mark.parametrize("name", ["daily..example", f"{'a' * 64}.example"])
def test_a_name_that_cannot_be_asked_for_fails_at_once(
    name: str, engine: Engine, site: Site, resolutions: NameResolutions, caplog: pytest.LogCaptureFixture
) -> None:
    url = site.put("/a", status=302, headers=(("Location", f"http://{name}/"),))
    error = fetch_error(engine, url)
    assert (error.kind, f"the name {name} has no address" in error.message) == (FailureKind.ROBOTS_UNREACHABLE, True)
    assert not resolutions.are_all_failing
    assert "Traceback" not in caplog.text


def test_a_response_of_a_cached_name_shows_that_the_network_is_up(
    engine: Engine, site: Site, resolutions: NameResolutions
) -> None:
    """Dead links of one outlet to many hosts must not pass for an outage while other outlets answer."""
    for name in NAMES:
        resolutions.record(name, has_address=False)
    port = int(site.url.rsplit(":", 1)[1].strip("/"))
    site.put("/a", b"<p>a")
    expiring = engine.reactor.nameResolver
    addresses = [IPv4Address("TCP", "127.0.0.1", port)]
    expiring._cache["news.example"] = (monotonic() + 60, addresses)
    fetch(engine, f"http://news.example:{port}/a", outlet_url=f"http://news.example:{port}/")
    assert not resolutions.are_all_failing


def test_all_names_fail_only_until_one_succeeds() -> None:
    resolutions = NameResolutions()
    assert not resolutions.are_all_failing
    for name in ("a", "b", "c", "d"):
        resolutions.record(name, has_address=True)
    for number in range(MIN_FAILED_NAMES):
        assert not resolutions.are_all_failing
        resolutions.record(f"gone-{number}", has_address=False)
    assert resolutions.are_all_failing
    for address in ("127.0.0.1", "::1", "localhost"):
        resolutions.record(address, has_address=True)
    assert resolutions.are_all_failing
    resolutions.record("a", has_address=True)
    assert not resolutions.are_all_failing


@pytest.mark.parametrize("feed", ["http://news.example/rss", "https://news.example/rss"])
def test_a_dead_proxy_is_named_with_its_address(engine: Engine, feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # free after the block
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, f"http://user:secret@127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    service = FakeService(outlet("news.example", feeds=(feed,)))
    (poll,) = engine.crawl(service).polls
    assert poll.own_outage == (
        f"the proxy of the environment http://127.0.0.1:{port} cannot be reached: the connection is refused"
    )
    assert service.store.state.outlets["news.example"].failures == 0


def test_a_silent_proxy_is_named_and_rests(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts connections and never answers; the outlets are not blamed, and later ones do not wait for it."""
    monkeypatch.setattr(proxy_probe, "PROBE_TIMEOUT_SECONDS", 0.3)
    monkeypatch.delenv("no_proxy", raising=False)
    names = ["a.example", "b.example", "c.example"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{port}")
        service = FakeService(*map(outlet, names), crawl=CrawlSettings(delay=0, timeout=1, concurrency=1))
        report = engine.crawl(service)
    problem = f"the proxy of the environment http://127.0.0.1:{port} cannot be reached: it does not answer"
    assert [poll.own_outage for poll in report.polls] == [problem] * len(names)
    assert {state.failures for state in service.store.state.outlets.values()} == {0}
    assert report.seconds < 2 + 1, "only the first request waited for its time limit"


@pytest.mark.parametrize("kind", sorted(OWN_OUTAGE_KINDS, key=lambda kind: kind.label))
def test_an_own_outage_changes_neither_interval_nor_failures(kind: FailureKind) -> None:
    profile, time = PublishingRate().profile(), now()
    outage, success = (
        plan_next_poll(profile, 1.5, PollSummary(failure=failure), every=None, request_price=30, now=time)
        for failure in (kind, None)
    )
    assert (outage.interval, outage.weighted_failures, outage.pause) == (success.interval, 1.5, OWN_OUTAGE_PAUSE)
