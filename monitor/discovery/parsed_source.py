"""What one feed, sitemap or section offers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from monitor.models import Candidate

MAX_CANDIDATES = 5000  # entries of one listing that are looked at, the newest
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildSitemap:
    """A sitemap that a sitemap index names."""

    url: str
    fresh: bool  # changed lately, or it does not say


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedSource:
    """``offered`` counts the entries met; ``candidates`` are those with an address; ``note`` is a word to people."""

    candidates: tuple[Candidate, ...] = ()
    children: tuple[ChildSitemap, ...] = ()
    offered: int = 0
    ttl: timedelta | None = None  # how long the publisher says it stays as it is
    news: bool = False  # a sitemap in the news format, or an index of such
    note: str = ""


def newest(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """In their order; of more than are looked at the newest, and what bears no date: some list the oldest first."""
    if len(found) <= MAX_CANDIDATES:
        return tuple(found)
    return tuple(sorted(found, key=lambda candidate: candidate.published_at or _LAST, reverse=True)[:MAX_CANDIDATES])
