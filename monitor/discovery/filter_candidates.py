"""Which candidates are worth fetching."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.discovery.url_rules import OutletScope, day_in, looks_like_article, never_listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.models import Candidate

MAX_UNDATED_CANDIDATES = 45  # days a path's month may be older than max_age: it tells the first of the month only


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteredCandidates:
    kept: tuple[Candidate, ...]
    dropped: Counter[str] = field(default_factory=Counter)  # foreign, old, excluded, no-article


def filter_candidates(
    candidates: Iterable[Candidate], *, outlet: Outlet, since: datetime, feed: bool
) -> FilteredCandidates:
    """Keeps the outlet's own, recent ones that look like stories, each address once.

    A feed lists stories by its nature, so its addresses need only not look like something else.  ``include`` decides
    alone where the outlet has it; ``exclude`` always.
    """
    own = OutletScope(outlet)
    include = [re.compile(pattern) for pattern in outlet.include]
    exclude = [re.compile(pattern) for pattern in outlet.exclude]
    kept: dict[str, Candidate] = {}
    dropped: Counter[str] = Counter()
    for candidate in candidates:
        url = candidate.url
        if url in kept:
            continue
        if url not in own or len(url) > 2000:
            dropped["foreign"] += 1
        elif _old(candidate, since):
            dropped["old"] += 1
        elif _matches(exclude, url) or (include and not _matches(include, url)):
            dropped["excluded"] += 1
        elif not include and (never_listed(url) if feed else not looks_like_article(url, candidate.title)):
            dropped["no-article"] += 1
        else:
            kept[url] = candidate
    return FilteredCandidates(kept=tuple(kept.values()), dropped=dropped)


def _matches(patterns: Sequence[re.Pattern[str]], url: str) -> bool:
    return any(pattern.search(url) for pattern in patterns)


def _old(candidate: Candidate, since: datetime) -> bool:
    if candidate.published_at is not None:
        return candidate.published_at < since
    day = day_in(candidate.url)
    return day is not None and (since - day).days > (0 if day.day > 1 else MAX_UNDATED_CANDIDATES)
