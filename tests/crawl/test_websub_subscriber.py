"""Requests to the hubs that feeds name: what is sent, to whom, and when."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.config.schema import Outlet
from monitor.crawl import sources
from monitor.crawl.fetch import Fetcher
from monitor.crawl.idle_outlets import IdleOutlets
from monitor.crawl.lease import LEASE_TERM, LeaseReleases
from monitor.crawl.poll import Poll, PollContext
from monitor.crawl.polling_price import PollingPrice
from monitor.crawl.websub.state import OutletPushes, StoredPushes, outlet_key
from monitor.crawl.websub.subscriber import Subscriber
from monitor.errors import FetchError
from monitor.models import now
from servers.dynamic import Answer, DynamicSite, Received

from .engine import Engine, FakeService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.crawl.report import PollReport

CALLBACK = "https://monitor.example/websub/"


@pytest.fixture
def news() -> Iterator[DynamicSite]:
    with DynamicSite() as site:
        site.page("/robots.txt", "User-agent: *\nDisallow: /hub\n", "text/plain")
        site.routes["/hub"] = lambda _: Answer(status=202)
        yield site


def put_feed(site: DynamicSite, hub: str, *, topic: str = "") -> None:
    link = f'<link rel="hub" href="{hub}"/>' if hub else ""
    link += f'<link rel="self" href="{topic or site.url + "rss"}"/>'
    entry = f'<entry><link href="{site.page("/2026/a-story-with-words", "<p>story")}"/></entry>'
    site.page("/rss", f'<feed xmlns="http://www.w3.org/2005/Atom">{link}{entry}</feed>', "application/atom+xml")


class Polls:
    """Polls one outlet repeatedly, whose feed is at /rss of a site, with a subscriber."""

    def __init__(self, engine: Engine, site: DynamicSite, **options: object) -> None:
        outlet = {"name": "x", "url": site.url, "feeds": (f"{site.url}rss",), **options}
        self.service, self._engine = FakeService(Outlet.model_validate(outlet)), engine

    def poll(self, *, waits: bool = True) -> PollReport:
        """Polls once; with ``waits``, until the hub has answered."""

        async def work(fetcher: Fetcher) -> PollReport:
            subscriber = Subscriber(self.service, fetcher, CALLBACK)  # type: ignore[arg-type]  # a stub
            context = PollContext(
                service=self.service,  # type: ignore[arg-type]  # a stub
                fetcher=fetcher,
                parse=sources.parse_source,
                price=PollingPrice(self.service.config),
                stop=asyncio.Event(),
                releases=LeaseReleases(self.service),  # type: ignore[arg-type]  # a stub
                idle_outlets=IdleOutlets(),
                subscriber=subscriber,
            )
            (outlet,) = self.service.config.outlets
            (state,) = self.service.store.lease(
                [outlet.name], holder="one", now=now(), term=LEASE_TERM, limit=1, due_only=False
            )
            report = await Poll(outlet, state, context).run()
            if waits:
                await asyncio.gather(*subscriber._requests)
            await subscriber.close()
            return report

        report: PollReport = self._engine.with_fetcher(work)
        return report

    @property
    def pushes(self) -> OutletPushes | None:
        return StoredPushes(self.service.store).read(outlet_key("x"))

    def change_pushes(self, **changes: object) -> None:
        StoredPushes(self.service.store).change(
            outlet_key("x"),
            lambda pushes: (
                pushes and pushes.changed(pushes.subscriptions[0].path, lambda each: replace(each, **changes))
            ),  # type: ignore[arg-type]
        )


def test_a_hub_gets_one_request_which_is_repeated_when_due(engine: Engine, news: DynamicSite) -> None:
    put_feed(news, "/hub")
    polls = Polls(engine, news)
    polls.poll()
    polls.poll()
    (request,) = news.requests("/hub", "POST")
    assert polls.pushes is not None
    (subscription,) = polls.pushes.subscriptions
    assert request.form == {
        "hub.mode": "subscribe",
        "hub.topic": f"{news.url}rss",
        "hub.callback": f"https://monitor.example/websub/{subscription.path}",
        "hub.secret": subscription.secret,
        "hub.lease_seconds": "864000",
        "hub.verify": "async",
    }
    assert (subscription.expects, subscription.error) == ("subscribe", "")
    polls.change_pushes(next_request_at=now())
    polls.poll()
    assert [each.form for each in news.requests("/hub", "POST")] == [request.form] * 2


def test_a_feed_without_hub_costs_nothing(engine: Engine, news: DynamicSite) -> None:
    put_feed(news, "")
    polls = Polls(engine, news)
    assert polls.poll().has_failed is False
    assert polls.pushes is None
    assert polls.service.store.settings() == {}


def test_a_hub_at_a_private_address_gets_no_request(engine: Engine, news: DynamicSite) -> None:
    with DynamicSite() as other:
        put_feed(news, f"{other.url}hub")
        polls = Polls(engine, news)
        assert polls.poll().has_failed is False
        assert other.received == []
    assert polls.pushes is not None
    assert "not a public address" in polls.pushes.subscriptions[0].error


def test_a_hub_at_an_address_of_another_outlet_gets_no_request(engine: Engine, news: DynamicSite) -> None:
    """Also if the outlet is an aggregator on this machine, whose entries may lead to the other outlet."""
    with DynamicSite() as other:
        put_feed(news, f"{other.url}hub")
        polls = Polls(engine, news, hosts=("any",))
        (outlet,) = polls.service.config.outlets
        outlets = (outlet, Outlet(name="other", url=other.url))

        async def post(fetcher: Fetcher) -> int:
            crawler, settings = fetcher._crawler, fetcher._settings
            return await Fetcher(crawler, settings, outlets).post_form(outlet, f"{other.url}hub", b"a=b")

        with pytest.raises(FetchError, match="not a public address"):
            engine.with_fetcher(post)
        assert other.received == []


def test_pushes_of_an_outlet_with_a_failing_source_cause_one_poll_a_minute(engine: Engine, news: DynamicSite) -> None:
    put_feed(news, "/hub")
    news.routes["/gone"] = lambda _: Answer(status=500)
    polls = Polls(engine, news, feeds=(f"{news.url}rss", f"{news.url}gone"))
    polls.poll()
    polls.change_pushes(last_push_at=now())
    began_at = now()
    polls.poll()
    assert polls.pushes is not None
    assert polls.pushes.has_pending_push()
    earliest = polls.pushes.earliest_pushed_poll(began_at)
    assert timedelta(seconds=60) <= earliest - began_at < timedelta(seconds=90)


def test_a_push_does_not_hasten_the_next_poll_of_a_failing_outlet(engine: Engine, news: DynamicSite) -> None:
    put_feed(news, "/hub")
    polls = Polls(engine, news)
    polls.poll()
    news.routes["/rss"] = lambda _: Answer(status=503, headers=(("Retry-After", "7200"),))
    polls.change_pushes(last_push_at=now())
    polls.poll()
    assert polls.pushes is not None
    (state,) = polls.service.store.outlets()
    assert polls.pushes.earliest_pushed_poll(now()) - now() > timedelta(minutes=119)
    assert abs(polls.pushes.earliest_pushed_poll(now()) - state.next_poll_at) < timedelta(seconds=10)


@pytest.mark.parametrize(("status", "reason"), [(503, "answered 503"), (404, "answered 404"), (302, "answered")])
def test_the_refusal_of_a_hub_is_stored(engine: Engine, news: DynamicSite, status: int, reason: str) -> None:
    put_feed(news, "/hub")
    news.routes["/hub"] = lambda _: Answer(status=status, headers=[("Location", "/nowhere")])
    polls = Polls(engine, news)
    report = polls.poll()
    assert (report.has_failed, report.candidate_count) == (False, 1)
    assert polls.pushes is not None
    assert reason in polls.pushes.subscriptions[0].error


def test_a_temporary_redirect_sends_the_request_again(engine: Engine, news: DynamicSite) -> None:
    put_feed(news, "/hub")
    news.routes["/hub"] = lambda _: Answer(status=307, headers=[("Location", "/moved")])
    news.routes["/moved"] = lambda _: Answer(status=202)
    Polls(engine, news).poll()
    assert news.requests("/moved", "POST")[0].form == news.requests("/hub", "POST")[0].form


def test_a_poll_does_not_wait_for_a_slow_hub(engine: Engine, news: DynamicSite) -> None:
    def answer_late(_: Received) -> Answer:
        time.sleep(1.5)
        return Answer(status=202)

    put_feed(news, "/hub")
    news.routes["/hub"] = answer_late
    polls = Polls(engine, news)
    assert polls.poll(waits=False).seconds < 1.2
    assert polls.pushes is not None
    assert polls.pushes.subscriptions[0].next_request_at > now() + timedelta(minutes=4)


def test_another_hub_is_subscribed_and_the_old_one_left(engine: Engine, news: DynamicSite) -> None:
    put_feed(news, "/hub")
    polls = Polls(engine, news)
    polls.poll()
    long_ago = now() - timedelta(days=2)
    polls.change_pushes(lease_until=now() + timedelta(days=2), expects="", created_at=long_ago, requested_at=long_ago)
    put_feed(news, "/other")
    news.routes["/other"] = lambda _: Answer(status=202)
    polls.poll()
    modes = [each.form["hub.mode"] for each in news.requests("/hub", "POST")]
    assert modes == ["subscribe", "unsubscribe"]
    assert "hub.secret" not in news.requests("/hub", "POST")[1].form
    assert news.requests("/other", "POST")[0].form["hub.mode"] == "subscribe"


def test_secrets_of_the_outlet_go_to_no_hub_of_another_site(engine: Engine, news: DynamicSite) -> None:
    with DynamicSite("127.0.0.2") as other:
        other.routes["/hub"] = lambda _: Answer(status=202)
        put_feed(news, f"{other.url}hub")
        polls = Polls(engine, news, headers={"X-Key": "open-sesame"}, sitemaps=(f"{other.url}sitemap.xml",))
        polls.poll()
        (request,) = other.requests("/hub", "POST")
    assert polls.pushes is not None
    assert polls.pushes.subscriptions[0].error == ""
    assert "open-sesame" not in request.text
