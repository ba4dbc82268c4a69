"""Subscribes to the hubs that an outlet's feeds name: after each poll, sends the requests that are due.

Only polls send requests, under the outlet's lease, so that of all processes one sends each.  The requests run beside
the poll, whose end does not wait for a slow hub.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from monitor.crawl.websub.state import REQUESTED_LEASE, OutletPushes, StoredPushes, Subscription, outlet_key
from monitor.errors import FetchError, StoreError
from monitor.models import now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.sources import SourceResult
    from monitor.models import FrontierEntry
    from monitor.service import Service

log = logging.getLogger(__name__)

MAX_REQUESTS_AT_A_TIME = 8  # to hubs, of this process; hubs that do not answer must not take all of the crawl's slots


@dataclass(frozen=True, kw_only=True, slots=True)
class PollOfSources:
    """The part of a poll that push subscriptions depend on."""

    began_at: datetime  # before the first source was requested
    results: Sequence[SourceResult]
    new_entries: Sequence[FrontierEntry]
    least_pause: timedelta = timedelta(0)  # from the end of the poll, that no push shortens

    @property
    def has_read_all(self) -> bool:
        return all(result.error is None for result in self.results)

    def new_by_source(self) -> dict[str, int]:
        """Returns the number of new URLs that each source lists."""
        new_urls = {entry.candidate.url for entry in self.new_entries}
        return {
            result.source.url: len(new_urls.intersection(candidate.url for candidate in result.parsed.candidates))
            for result in self.results
            if result.parsed is not None
        }

    def hubs(self, pushes: OutletPushes) -> list[tuple[str, str, str]]:
        """Returns (source, topic, hub) of each source; of one that was not read this time, as it is subscribed."""
        known = {each.source: (each.topic, each.hub) for each in pushes.subscriptions if not each.is_ending}
        return [
            (
                result.source.url,
                *((result.topic, result.hub) if result.parsed else known.get(result.source.url, ("", ""))),
            )
            for result in self.results
        ]


class Subscriber:
    """Keeps the push subscriptions of the outlets that one crawler polls; ``callback`` is `crawl.callback`."""

    def __init__(self, service: Service, fetcher: Fetcher, callback: str) -> None:
        self._service, self._fetcher = service, fetcher
        self._callback = callback.rstrip("/")
        self._stored = StoredPushes(service.store)
        self._requests: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MAX_REQUESTS_AT_A_TIME)

    async def after_poll(self, outlet: Outlet, poll: PollOfSources) -> tuple[OutletPushes | None, bool]:
        """Counts the new stories that were announced, and sends the requests to hubs that are due, without waiting.

        Returns the outlet's pushes, None if its feeds name no hub, and True if a push has caused this poll.
        """
        time = now()

        def change(stored: OutletPushes | None) -> OutletPushes | None:
            pushes = stored or OutletPushes(outlet=outlet.name)
            pushes = pushes.with_attempt(began_at=poll.began_at, rest_until=time + poll.least_pause)
            if poll.has_read_all:
                pushes = pushes.with_poll(
                    read_at=poll.began_at, new_by_source=poll.new_by_source(), new_count=len(poll.new_entries)
                )
            pushes = pushes.with_sources(poll.hubs(pushes), self._callback, now=time)
            for due in pushes.due_requests(time):
                pushes = pushes.changed(due.path, lambda subscription: subscription.requested(time))
            return pushes if pushes.subscriptions or stored else None

        before, after = await self._service.call(self._stored.change, outlet_key(outlet.name), change)
        for subscription in after.subscriptions if after else ():
            if subscription.requested_at == time:
                task = asyncio.create_task(self._send_request(outlet, subscription))
                self._requests.add(task)
                task.add_done_callback(self._requests.discard)
        return after, before is not None and before.has_pending_push()

    async def close(self) -> None:
        """Cancels the requests under way; later polls repeat them."""
        for task in self._requests:
            task.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)

    async def _send_request(self, outlet: Outlet, subscription: Subscription) -> None:
        """Sends one request and stores whether the hub has accepted it; raises no Exception, but logs it."""
        fields = {
            "hub.mode": subscription.expects,
            "hub.topic": subscription.topic,
            "hub.callback": f"{subscription.callback}/{subscription.path}",
        }
        if subscription.expects == "subscribe":
            seconds = int(REQUESTED_LEASE.total_seconds())
            fields |= {"hub.secret": subscription.secret, "hub.lease_seconds": str(seconds)}
        fields["hub.verify"] = "async"  # hubs of PubSubHubbub 0.3 require it, others ignore it
        try:
            async with self._slots:
                status = await self._fetcher.post_form(outlet, subscription.hub, urlencode(fields).encode())
            problem = "" if 200 <= status < 300 else f"the hub answered {status}"
        except FetchError as error:
            problem = error.message
        except Exception:  # a bug here must not end in an exception that nobody retrieves
            log.exception("%s: the request to the hub %s failed", outlet.name, subscription.hub)
            problem = "the request failed, see the log"
        if problem:
            log.info(
                "%s: %s of %s at %s: %s",
                outlet.name,
                subscription.expects,
                subscription.topic,
                subscription.hub,
                problem,
            )

        def answered(current: Subscription) -> Subscription:
            return current.failed(problem) if problem else current.accepted()

        def change(stored: OutletPushes | None) -> OutletPushes | None:
            return stored and stored.changed(subscription.path, answered)

        try:
            await self._service.call(self._stored.change, outlet_key(outlet.name), change)
        except StoreError as error:  # the hub's own messages and the next polls still find the request
            log.warning("%s: the answer of the hub %s was not stored: %s", outlet.name, subscription.hub, error)
