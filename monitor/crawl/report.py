"""Reports of single polls and of crawls, for the printed summary, the log and Scrapy's statistics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.failures import FailureKind
from monitor.ingest.identity import HEADLINE_FLAG
from monitor.models import Disposition, now

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from monitor.models import Outcome


#: Dispositions of pages with an article that were fetched for the first time.
FIRST_FETCH_DISPOSITIONS = (Disposition.STORED, Disposition.OFF_TOPIC, Disposition.DUPLICATE)


def _counts_by_disposition(outcomes: Mapping[tuple[Disposition, str], int]) -> Counter[Disposition]:
    """Adds up the numbers of pages with one disposition, whatever their kind."""
    counts: Counter[Disposition] = Counter()
    for (disposition, _), number in outcomes.items():
        counts[disposition] += number
    return counts


@dataclass(kw_only=True, slots=True)
class PollReport:
    """The results of one poll of one outlet.  ``outcomes`` counts fetched and failed pages by (disposition, kind)."""

    outlet: str
    source_count: int = 0  # sources requested, with the sitemaps that an index names
    unchanged_source_count: int = 0  # sources whose server answered 304 Not Modified
    listed_entry_count: int = 0  # entries of all sources that were parsed
    dropped_candidates: Counter[str] = field(default_factory=Counter)  # candidates not worth fetching, by reason
    candidate_count: int = 0  # candidates that the filter kept, each URL once
    new_candidate_count: int = 0  # candidates that no earlier poll saw
    new_dropped_count: int = 0  # dropped candidates that no earlier poll saw
    ignored_url_count: int = 0  # new URLs beyond the number that the frontier takes on one day
    outcomes: Counter[tuple[Disposition, str]] = field(default_factory=Counter)
    first_outcomes: Counter[Disposition] = field(
        default_factory=Counter
    )  # of pages that were fetched for the first time
    pages_by_engine: Counter[str] = field(default_factory=Counter)  # number of fetched pages by engine or "none"
    dated_article_count: int = 0  # articles with a date on pages that were fetched for the first time
    article_characters: int = 0  # sum over the articles on pages that were fetched for the first time
    new_story_times: list[tuple[datetime | None, datetime]] = field(
        default_factory=list
    )  # (published at, stored at) of the stories that were stored when their pages were fetched for the first time
    failures: list[str] = field(default_factory=list)  # one line for each failed source or page, with its URL
    notes: list[str] = field(default_factory=list)  # one line for each remark about a source or the lease
    rendering_problem: str = ""  # the reason why pages wait for a rendering engine; empty if none waits
    own_outage: str = ""  # the failure on the monitor's side (no network, no worker) that ended the poll
    own_outage_kind: FailureKind | None = None  # the kind of that failure, one of OWN_OUTAGE_KINDS
    has_failed: bool = False  # True if no source could be read or the poll raised an exception
    is_pushed: bool = False  # True if a hub's push has caused the poll
    deferred_page_count: int = 0  # due pages left for the next poll
    next_poll_at: datetime | None = None  # None if it is not known, because the poll raised an exception
    seconds: float = 0.0  # duration of the poll
    items: list[dict[str, str]] = field(default_factory=list)  # the Scrapy item of each page

    @property
    def page_count(self) -> int:
        """The number of pages in ``outcomes``."""
        return self.outcomes.total()

    @property
    def own_outage_line(self) -> str:
        """``own_outage`` as a line for the user."""
        is_own_machine = self.own_outage_kind is FailureKind.NO_RESOURCES
        return self.own_outage if is_own_machine else f"no network?: {self.own_outage}"

    @property
    def failure_word(self) -> str:
        """The reason in a word why no source or page was read, for the table of a crawl."""
        return "waits" if self.own_outage else "failed"

    @property
    def has_reached_outlet(self) -> bool:
        """False if the outlet was asked for nothing, because the network or the proxy is away."""
        is_offline = bool(self.own_outage) and self.own_outage_kind is not FailureKind.NO_RESOURCES
        return not is_offline or self.page_count > 0

    @property
    def counts_by_disposition(self) -> Counter[Disposition]:
        """The number of pages of each disposition, of any kind."""
        return _counts_by_disposition(self.outcomes)

    def count_pages(self, disposition: Disposition) -> int:
        """Returns the number of pages with this disposition, of any kind."""
        return self.counts_by_disposition[disposition]

    def add_page(self, url: str, outcome: Outcome, *, is_first: bool) -> None:
        """Counts the page at ``url`` by its outcome, adds its item, and adds a line to ``failures`` if it failed.

        ``is_first``: no earlier poll has fetched the page.
        """
        self.first_outcomes[outcome.disposition] += is_first
        self.outcomes[outcome.disposition, outcome.kind] += 1
        if outcome.disposition in FIRST_FETCH_DISPOSITIONS:
            self.article_characters += outcome.article_characters or 0
            self.dated_article_count += outcome.published_at is not None
        if is_first and outcome.disposition is Disposition.STORED and outcome.kind != HEADLINE_FLAG:
            self.new_story_times.append((outcome.published_at, now()))
        self.items.append(
            {"outlet": self.outlet, "url": url, "disposition": outcome.disposition.value, "kind": outcome.kind}
        )
        if outcome.disposition is Disposition.FAILED:
            self.failures.append(f"{url}: {outcome.detail or outcome.kind}")


@dataclass(kw_only=True, slots=True)
class CrawlReport:
    """The results of one crawl of many outlets, or of `run` from its start to its stop."""

    latest_polls: dict[str, PollReport] = field(default_factory=dict)  # by outlet, in the order of these polls
    poll_count: int = 0  # all polls, also the earlier ones of an outlet
    outcomes: Counter[tuple[Disposition, str]] = field(default_factory=Counter)  # pages of all polls
    outlets_leased_elsewhere: tuple[str, ...] = ()  # outlets that another process is polling
    outlets_not_due: tuple[str, ...] = ()  # outlets not polled because their next poll is later
    outlets_not_finished: tuple[str, ...] = ()  # outlets not polled to the end when the crawl was stopped
    stop_signal: int = 0  # number of the signal that stopped the crawl; 0 without one
    errors: list[str] = field(default_factory=list)  # messages of the exceptions that stopped the crawl; logged
    seconds: float = 0.0

    @property
    def counts_by_disposition(self) -> Counter[Disposition]:
        """The number of pages of each disposition in all polls, of any kind."""
        return _counts_by_disposition(self.outcomes)

    def add_poll(self, poll: PollReport) -> None:
        """Adds the report of one poll to the totals; it replaces an earlier report of the outlet."""
        self.latest_polls.pop(poll.outlet, None)
        self.latest_polls[poll.outlet] = poll
        self.poll_count += 1
        self.outcomes.update(poll.outcomes)

    @property
    def polls(self) -> list[PollReport]:
        """The latest poll of each outlet, in the order in which these polls ended."""
        return list(self.latest_polls.values())

    @property
    def failed_polls(self) -> list[PollReport]:
        """The reports of outlets whose latest poll failed."""
        return [poll for poll in self.polls if poll.has_failed]
