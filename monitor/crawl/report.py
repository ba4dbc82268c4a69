"""What a poll did, for the summary, the log and Scrapy's statistics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.models import Disposition

if TYPE_CHECKING:
    from monitor.models import Outcome


@dataclass(kw_only=True, slots=True)
class PollReport:
    """One outlet's poll.  ``outcomes`` counts (disposition, kind); every page asked for is in it once."""

    outlet: str
    sources: int = 0
    unchanged: int = 0  # sources that answered 304
    offered: int = 0  # entries listed
    dropped: Counter[str] = field(default_factory=Counter)  # why candidates were not worth fetching
    candidates: int = 0
    new: int = 0
    outcomes: Counter[tuple[Disposition, str]] = field(default_factory=Counter)
    engines: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)  # one line each, with the address
    notes: list[str] = field(default_factory=list)
    rendering: str = ""  # why pages wait for a rendering engine
    failed: bool = False  # no source could be read, or the poll broke
    left: int = 0  # pages waiting for the next poll because this one had enough
    seconds: float = 0.0
    items: list[dict[str, str]] = field(default_factory=list)

    @property
    def pages(self) -> int:
        return self.outcomes.total()

    def count(self, disposition: Disposition) -> int:
        return sum(number for (found, _), number in self.outcomes.items() if found == disposition)

    def add(self, url: str, outcome: Outcome) -> None:
        self.outcomes[outcome.disposition, outcome.kind] += 1
        self.items.append(
            {"outlet": self.outlet, "url": url, "disposition": outcome.disposition.value, "kind": outcome.kind}
        )
        if outcome.disposition is Disposition.FAILED:
            self.failures.append(f"{url}: {outcome.detail or outcome.kind}")


@dataclass(kw_only=True, slots=True)
class CrawlReport:
    """One pass over many outlets, or all that `run` did until it was stopped."""

    polls: list[PollReport] = field(default_factory=list)  # of `run`, which may last for months, each outlet's last one
    polled: int = 0
    outcomes: Counter[tuple[Disposition, str]] = field(default_factory=Counter)
    held: tuple[str, ...] = ()  # outlets another process is polling
    not_due: tuple[str, ...] = ()
    unpolled: tuple[str, ...] = ()  # the pass ended before their turn, or amid it
    interrupted: int = 0  # by this signal
    errors: list[str] = field(default_factory=list)  # what stopped the crawl, or a poll that broke
    seconds: float = 0.0

    def add(self, poll: PollReport) -> None:
        self.polls = [*(known for known in self.polls if known.outlet != poll.outlet), poll]
        self.polled += 1
        self.outcomes.update(poll.outcomes)

    @property
    def failed(self) -> list[PollReport]:
        return [poll for poll in self.polls if poll.failed]
