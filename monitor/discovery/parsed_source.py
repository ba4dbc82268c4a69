"""The parsed contents of one feed, sitemap or section."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    """The parsed contents of one source: candidates of a feed, sitemap or section, or children of a sitemap index."""

    candidates: tuple[Candidate, ...] = ()
    child_sitemaps: tuple[ChildSitemap, ...] = ()
    offered: int = 0  # number of the source's entries, including those that are no candidates
    ttl: timedelta | None = None  # for which the publisher declares the source unchanged
    is_news_sitemap: bool = False  # True for a sitemap in Google's news format
    note: str = ""  # a remark for the operator, such as that entries were skipped


def newest_candidates(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Returns all candidates in their order, or if there are too many, the first `MAX_CANDIDATES_PER_SOURCE` by date.

    Sorts undated candidates first, then the newest: some sources list the oldest entries first.
    """
    if len(candidates) <= MAX_CANDIDATES_PER_SOURCE:
        return tuple(candidates)
    newest_first = sorted(candidates, key=lambda candidate: candidate.published_at or _LATEST_TIME, reverse=True)
    return tuple(newest_first[:MAX_CANDIDATES_PER_SOURCE])
