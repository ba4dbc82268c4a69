"""The parsed contents of one feed, sitemap or section."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from monitor.discovery.skip_reasons import SkipReason
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from monitor.models import Candidate

MAX_CANDIDATES_PER_SOURCE = 5000  # if a source offers more, the newest are kept
_LATEST_TIME = datetime.max.replace(tzinfo=UTC)  # sort key of undated candidates, which count as the newest


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildSitemap:
    """A sitemap that a sitemap index names."""

    url: str
    is_fresh: bool  # True if the index gives a recent change date or none


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedSource:
    """The parsed contents of one source: candidates of a feed, sitemap or section, or children of a sitemap index.

    Each of the ``offered`` entries is a candidate, a child sitemap or counted in ``skipped``.
    """

    candidates: tuple[Candidate, ...] = ()
    child_sitemaps: tuple[ChildSitemap, ...] = ()
    offered: int = 0  # number of the source's entries, including those that are no candidates
    skipped: Mapping[SkipReason, int] = field(default_factory=Counter)  # number of skipped entries by reason
    is_complete: bool = True  # False if the document ends before its end, so that entries are missing
    ttl: timedelta | None = None  # for which the publisher declares the source unchanged
    kind: Literal["feed", "sitemap", "section", ""] = ""  # kind of the document; empty if a spider does not say
    is_news_sitemap: bool = False  # True for a sitemap in Google's news format
    hubs: tuple[str, ...] = ()  # URLs of the WebSub hubs that the document names
    self_url: str = ""  # the URL that the document gives itself; empty if it gives none
    note: str = ""  # a remark for the operator, such as that entries were skipped

    def lists_stories(self, configured_kind: str) -> bool:
        """Returns True for a feed or news sitemap, in which each entry is a story."""
        return (self.kind or configured_kind) == "feed" or self.is_news_sitemap

    @property
    def losses(self) -> str:
        """One line on entries that may be missed stories; an empty string if there are none."""
        parts = [] if self.is_complete else ["the document has no end: it is cut off, and the next poll reads it again"]
        parts += [
            f"{plural(number, 'entry', 'entries')} skipped: {reason.meaning}"
            for reason, number in self.skipped.items()
            if number and reason.is_loss
        ]
        return "; ".join(parts)


def newest_candidates(candidates: Sequence[Candidate], skipped: Counter[SkipReason]) -> tuple[Candidate, ...]:
    """Returns all candidates in their order, or if there are too many, the first `MAX_CANDIDATES_PER_SOURCE` by date.

    Sorts undated candidates first, then the newest: some sources list the oldest entries first.  Counts the others in
    ``skipped``.
    """
    if len(candidates) <= MAX_CANDIDATES_PER_SOURCE:
        return tuple(candidates)
    skipped[SkipReason.TOO_MANY] += len(candidates) - MAX_CANDIDATES_PER_SOURCE
    newest_first = sorted(candidates, key=lambda candidate: candidate.published_at or _LATEST_TIME, reverse=True)
    return tuple(newest_first[:MAX_CANDIDATES_PER_SOURCE])


def no_address_message(entries: int) -> str:
    """Returns the message for a feed whose entries cannot be fetched."""
    return "its only entry has no address" if entries == 1 else f"none of its {entries} entries has an address"
