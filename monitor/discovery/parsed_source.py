"""The parsed contents of one feed, sitemap or section."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from monitor.models import Candidate

MAX_CANDIDATES = 5000  # candidates kept of one source: the newest
_LATEST_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildSitemap:
    """A sitemap that a sitemap index names."""

    url: str
    fresh: bool  # changed recently, or without a date of change


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedSource:
    """What one source offers: ``offered`` counts all entries, ``candidates`` holds those with a URL."""

    candidates: tuple[Candidate, ...] = ()
    children: tuple[ChildSitemap, ...] = ()
    offered: int = 0
    ttl: timedelta | None = None  # how long the publisher says the source stays unchanged
    news: bool = False  # the source is a sitemap in the news format
    note: str = ""  # a remark for the operator


def newest_candidates(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Returns the candidates in their order; of more than `MAX_CANDIDATES`, the undated and the newest.

    Some sources list the oldest entries first, so cutting by position would lose the news.
    """
    if len(candidates) <= MAX_CANDIDATES:
        return tuple(candidates)
    newest_first = sorted(candidates, key=lambda candidate: candidate.published_at or _LATEST_TIME, reverse=True)
    return tuple(newest_first[:MAX_CANDIDATES])
