"""Fetches and ingests the pages of one outlet that are due: the second half of a poll."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from monitor.crawl.budgeted_fetch import NoRoom, fetch_within
from monitor.crawl.own_faults import own_fault_message
from monitor.discovery.url_rules import host_and_port
from monitor.errors import FetchError, RenderingUnavailable, WorkersUnavailable
from monitor.extract.boilerplate import Boilerplate
from monitor.failures import FailureKind
from monitor.ingest.identity import HEADLINE_FLAG
from monitor.models import Disposition, now
from monitor.rendering.auto import EngineMemory
from monitor.retry_policy import OWN_OUTAGE_KINDS, HostBackoff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from monitor.config.schema import Outlet
    from monitor.crawl.poll import PollContext
    from monitor.crawl.report import PollReport
    from monitor.models import FrontierEntry, Outcome, OutletState, Page
    from monitor.page_budget import PageRoom

log = logging.getLogger(__name__)

# After this time a poll starts no further page, so that a slow host does not delay the sources of the outlet.
PAGE_START_DEADLINE_SECONDS = 600.0
MAX_CONCURRENT_PAGES_PER_OUTLET = 8  # pages that one poll fetches at a time
UNCONDITIONAL_RECHECK_PERIOD = 3  # every third recheck of a story is unconditional: some servers send false 304s


@dataclass(frozen=True)
class LearnedPageTraits:
    """Knowledge from earlier polls of an outlet: the rendering engine of URLs, and the text that is boilerplate."""

    rendering: EngineMemory
    boilerplate: Boilerplate

    @classmethod
    def from_state(cls, state: OutletState) -> LearnedPageTraits:
        return cls(EngineMemory(state.memory.rendering), Boilerplate(state.memory.boilerplate or {}))

    def saved_in(self, state: OutletState) -> OutletState:
        """Returns the state with these traits in it."""
        memory = replace(state.memory, rendering=self.rendering.to_json(), boilerplate=self.boilerplate.memory)
        return replace(state, memory=memory)


class DuePages:
    """Fetches and ingests the due pages of one outlet in one poll; `process` does the work.

    Then ``next_retry_at`` is the earliest time at which a failed page is fetched again (None without one), and
    ``host_pause`` is the time for which the outlet's host gets no request.  ``own_fault`` is the fault of this process
    because of which pages stay due; empty without one.
    """

    def __init__(self, outlet: Outlet, context: PollContext, report: PollReport, traits: LearnedPageTraits) -> None:
        self.next_retry_at: datetime | None = None
        self.own_fault = ""
        self._outlet = outlet
        self._context = context
        self._report = report
        self._traits = traits
        # By host for an aggregator, whose pages are on many; else all pages count as of one host.
        self._backoffs: defaultdict[str, HostBackoff] = defaultdict(HostBackoff)
        self._resting_pages = 0
        self._deadline = 0.0  # after it no page is started; a time of `time.monotonic`

    @property
    def host_pause(self) -> timedelta:
        """The time for which the outlet's host gets no request after this poll; zero if the host is not failing."""
        # A missing rendering engine counts as a failure in the backoff but is not the host's fault.
        backoff = self._backoff_of(self._outlet.url)
        return backoff.requested_pause if self._report.rendering_problem else backoff.pause

    @property
    def has_left_pages(self) -> bool:
        """True if `process` has left pages that are due."""
        report = self._report
        return bool(report.deferred_page_count or report.rendering_problem or self.own_fault)

    async def process(self) -> None:
        """Fetches and ingests due pages.

        Ends when no page is left, the host or a rendering engine failed too often, the crawl stops, or a poll may start
        no further page (`PAGE_START_DEADLINE_SECONDS`).  Stores in the report how many pages the next poll gets.
        """
        service, limit = self._context.service, self._context.service.config.crawl.pages_per_poll
        entries = await service.call(service.store.due_entries, self._outlet.name, now=now(), limit=limit)
        remaining, self._deadline = iter(entries), monotonic() + PAGE_START_DEADLINE_SECONDS
        concurrency = max(
            1, int(MAX_CONCURRENT_PAGES_PER_OUTLET / max(self._context.fetcher.request_delay_seconds(self._outlet), 1))
        )
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, len(entries))):
                    group.create_task(self._process_entries(remaining))
        except BaseExceptionGroup as errors:  # re-raises the first task's exception: callers catch it by type
            raise errors.exceptions[0] from errors
        if self._report.rendering_problem:
            log.warning("%s: %s", self._outlet.name, self._report.rendering_problem)
        else:
            self._report.deferred_page_count = self._resting_pages + sum(1 for _ in remaining) + (len(entries) == limit)

    async def _process_entries(self, remaining: Iterator[FrontierEntry]) -> None:
        """Processes entries of ``remaining``, which other tasks share, until `process` must end."""
        while not self._must_end():
            entry = next(remaining, None)
            if entry is None:
                return
            backoff = self._backoff_of(_request_url(entry))
            if backoff.is_exhausted:
                await self._leave_unrequested(entry, backoff)
                continue
            try:
                outcome = await self._process_entry(entry)
            except WorkersUnavailable as error:  # the entry stays due; the pages after it would fail in the same way
                self.own_fault = own_fault_message(error)
                self._resting_pages += 1
                return
            except RenderingUnavailable as error:  # the entry stays due until an engine is available
                self._report.rendering_problem = str(error)
                backoff.record_unavailable_engine()
                continue
            if outcome is not None:
                self._record_outcome(entry, outcome)

    async def _leave_unrequested(self, entry: FrontierEntry, backoff: HostBackoff) -> None:
        """Leaves a page whose host gets no further request in this poll; stores its headline if the host forbids pages.

        It stays due, and the outlet's next poll waits for its host; a page of an aggregator, whose polls wait for none
        of its many hosts, is due after the pause of its host.
        """
        ingest, is_postponed = self._context.service.ingest, self._is_postponed_with(backoff)
        if is_postponed:
            entry = replace(entry, next_at=now() + backoff.pause)
        else:
            self._resting_pages += 1
        outcome = await ingest.store_headline_unread(self._outlet, entry) if backoff.is_forbidding else None
        if outcome is None and is_postponed:
            pause = backoff.pause.total_seconds()
            error = FetchError("its host gets no requests for now", kind=FailureKind.RESTING, retry_after=pause)
            outcome = await ingest.settle_fetch_failure(self._outlet, entry, error)
        if outcome is not None:
            self._record_outcome(entry, outcome)

    def _is_postponed_with(self, backoff: HostBackoff) -> bool:
        """Returns True if pages of a host with this backoff wait without the outlet's polls."""
        return self._outlet.is_aggregator and not backoff.is_own_outage

    def _must_end(self) -> bool:
        """Returns True if the poll starts no further page."""
        is_interrupted = self._context.stop.is_set() or bool(self.own_fault)
        return is_interrupted or monotonic() >= self._deadline

    async def _process_entry(self, entry: FrontierEntry) -> Outcome | None:
        """Fetches and ingests one page; returns its outcome, or None if it was not requested and stays due."""
        room = self._context.service.page_budget.room_for(self._outlet.name)
        try:
            return await self._process_entry_in(room, entry)
        finally:
            room.release()

    async def _process_entry_in(self, room: PageRoom, entry: FrontierEntry) -> Outcome | None:
        ingest, backoff = self._context.service.ingest, self._backoff_of(_request_url(entry))
        try:
            page = await self._fetch_page(entry, room)
        except NoRoom:
            self._resting_pages += 1
            return None
        except FetchError as error:
            backoff.record_request(error)
            is_resting = error.kind is FailureKind.RESTING and not self._is_postponed_with(backoff)
            if is_resting or error.kind in OWN_OUTAGE_KINDS:  # the page was not requested
                self._resting_pages += 1
                return None
            return await ingest.settle_fetch_failure(self._outlet, entry, error)
        backoff.record_request(None)
        if page is None:
            return await ingest.settle_not_modified(entry)
        fetch_linked = partial(self._fetch_linked_page, room=room)
        engine, boilerplate = page.engine, self._traits.boilerplate
        ingesting = ingest.ingest_page(self._outlet, entry, page, boilerplate, fetch_linked, release_body=room.release)
        del page  # so that `ingest_page` can free the body
        outcome = await ingesting
        self._report.pages_by_engine[engine] += 1
        return outcome

    async def _fetch_page(self, entry: FrontierEntry, room: PageRoom) -> Page | None:
        """Fetches the entry's page; returns None after 304 Not Modified."""
        unconditional = (
            entry.story is None or entry.rechecks % UNCONDITIONAL_RECHECK_PERIOD == UNCONDITIONAL_RECHECK_PERIOD - 1
        )
        return await self._fetch_within_budget(
            room,
            _request_url(entry),
            etag=None if unconditional else entry.etag,
            last_modified=None if unconditional else entry.last_modified,
        )

    async def _fetch_within_budget(
        self, room: PageRoom, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Page | None:
        """Fetches the page when there is room for it.  Raises NoRoom if the poll must end before."""

        async def fetch(max_bytes: int) -> Page | None:
            return await self._context.fetcher.fetch_page(
                self._outlet,
                url,
                etag=etag,
                last_modified=last_modified,
                memory=self._traits.rendering,
                max_bytes=max_bytes,
            )

        page = await fetch_within(room, fetch, must_end=self._must_end)
        if page is None:
            room.release()
        else:
            room.fill(len(page.body))
        return page

    async def _fetch_linked_page(self, url: str, room: PageRoom) -> Page:
        """Fetches a page that a page of the same article names.  Raises FetchError, also when the poll must end."""
        backoff = self._backoff_of(url)
        if self._context.stop.is_set() or backoff.is_exhausted:
            raise FetchError("the poll sends no further requests", kind=FailureKind.CANCELLED)
        try:
            page = await self._fetch_within_budget(room, url)
        except RenderingUnavailable as error:
            raise FetchError(str(error), kind=FailureKind.ENGINE_UNAVAILABLE) from error
        except FetchError as error:
            backoff.record_request(error)
            raise
        backoff.record_request(None)
        assert page is not None, "an unconditional request gets no 304"
        return page

    def _backoff_of(self, url: str) -> HostBackoff:
        """Returns the backoff of the host of a URL."""
        host = host_and_port(url) if self._outlet.is_aggregator else None
        return self._backoffs[f"{host[0]}:{host[1]}" if host else ""]

    def _record_outcome(self, entry: FrontierEntry, outcome: Outcome) -> None:
        """Adds the outcome to the report, logs a stored story, and updates ``next_retry_at`` after a failure."""
        url, is_first = entry.candidate.url, entry.outcome is None and not entry.attempts
        self._report.add_page(url, outcome, is_first=is_first)
        self._context.observer.page_ended(self._outlet.name, outcome)
        if outcome.disposition in {Disposition.STORED, Disposition.UPDATED}:
            log.debug("%s: %s %s", self._outlet.name, outcome.disposition.value, url)
        is_retried = outcome.disposition is Disposition.FAILED or outcome.kind == HEADLINE_FLAG
        if is_retried and outcome.next_at is not None:
            self.next_retry_at = min(self.next_retry_at or outcome.next_at, outcome.next_at)


def _request_url(entry: FrontierEntry) -> str:
    """Returns the URL at which the entry's page is requested."""
    return entry.fetch_url or entry.candidate.url
