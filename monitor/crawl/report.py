"""Reports of polls and crawls, for the summary, the log and Scrapy's statistics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.models import Disposition

if TYPE_CHECKING:
    from monitor.models import Outcome


@dataclass(kw_only=True, slots=True)
class PollReport:
    """Results of one outlet's poll.  ``outcomes`` counts each requested page once, by (disposition, kind)."""

    outlet: str
    source_count: int = 0
    unchanged_source_count: int = 0  # sources that answered 304
    listed_entry_count: int = 0  # entries in the sources
    dropped_candidates: Counter[str] = field(default_factory=Counter)  # candidates not worth fetching, by reason
    candidate_count: int = 0
    new_candidate_count: int = 0  # candidates not seen before
    outcomes: Counter[tuple[Disposition, str]] = field(default_factory=Counter)
    pages_by_engine: Counter[str] = field(default_factory=Counter)  # fetched pages by rendering engine
    failures: list[str] = field(default_factory=list)  # one line each, with the address
    notes: list[str] = field(default_factory=list)
    rendering_problem: str = ""  # why pages wait for a rendering engine
    has_failed: bool = False  # no source could be read, or the poll raised an exception
    deferred_page_count: int = 0  # left for the next poll
    seconds: float = 0.0
    items: list[dict[str, str]] = field(default_factory=list)  # for Scrapy, one for each page

    @property
    def page_count(self) -> int:
        return self.outcomes.total()

    def count_pages(self, disposition: Disposition) -> int:
        return sum(number for (counted, _), number in self.outcomes.items() if counted == disposition)

    def add_page(self, url: str, outcome: Outcome) -> None:
        """Counts the page at ``url``."""
        self.outcomes[outcome.disposition, outcome.kind] += 1
        self.items.append(
            {"outlet": self.outlet, "url": url, "disposition": outcome.disposition.value, "kind": outcome.kind}
        )
        if outcome.disposition is Disposition.FAILED:
            self.failures.append(f"{url}: {outcome.detail or outcome.kind}")


@dataclass(kw_only=True, slots=True)
class CrawlReport:
    """Results of one pass over many outlets, or of `run` until it was stopped."""

    polls: list[PollReport] = field(default_factory=list)  # the latest of each outlet: `run` may last for months
    poll_count: int = 0
    outcomes: Counter[tuple[Disposition, str]] = field(default_factory=Counter)
    outlets_leased_elsewhere: tuple[str, ...] = ()  # outlets that another process is polling
    outlets_not_due: tuple[str, ...] = ()
    outlets_not_finished: tuple[str, ...] = ()  # outlets whose poll had not ended when the pass was stopped
    stop_signal: int = 0  # the signal that stopped the crawl
    errors: list[str] = field(default_factory=list)  # what stopped the crawl
    seconds: float = 0.0

    def add_poll(self, poll: PollReport) -> None:
        """Adds the report of a poll, in place of an earlier one of the same outlet."""
        self.polls = [*(earlier for earlier in self.polls if earlier.outlet != poll.outlet), poll]
        self.poll_count += 1
        self.outcomes.update(poll.outcomes)

    @property
    def failed_polls(self) -> list[PollReport]:
        return [poll for poll in self.polls if poll.has_failed]
