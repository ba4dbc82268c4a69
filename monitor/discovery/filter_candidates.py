"""Select the candidates that are worth fetching."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.discovery.url_rules import OutletScope, cannot_be_feed_story, date_in_path, looks_like_article

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.models import Candidate

MAX_CANDIDATE_URL_LENGTH = 2000  # characters
MONTH_PATH_GRACE_DAYS = 45  # extra age allowed to a path with a month only: date_in_path gives that month's first day


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteredCandidates:
    kept: tuple[Candidate, ...]
    dropped: Counter[str] = field(default_factory=Counter)  # number by reason: foreign, old, excluded, no-article


def filter_candidates(
    candidates: Iterable[Candidate], *, outlet: Outlet, since: datetime, feed: bool
) -> FilteredCandidates:
    """Keeps the outlet's own recent candidates that look like stories, each URL once.

    ``feed`` says that they come from a feed: its entries are stories, so their URLs need only not look like anything
    else.  When the outlet has ``include``, it alone decides; ``exclude`` always applies.
    """
    scope = OutletScope(outlet)
    include = [re.compile(pattern) for pattern in outlet.include]
    exclude = [re.compile(pattern) for pattern in outlet.exclude]
    kept: dict[str, Candidate] = {}
    dropped: Counter[str] = Counter()
    for candidate in candidates:
        url = candidate.url
        if url in kept:
            continue
        if url not in scope or len(url) > MAX_CANDIDATE_URL_LENGTH:
            dropped["foreign"] += 1
        elif _is_old(candidate, since):
            dropped["old"] += 1
        elif _matches_any(exclude, url) or (include and not _matches_any(include, url)):
            dropped["excluded"] += 1
        elif not include and (cannot_be_feed_story(url) if feed else not looks_like_article(url, candidate.title)):
            dropped["no-article"] += 1
        else:
            kept[url] = candidate
    return FilteredCandidates(kept=tuple(kept.values()), dropped=dropped)


def _matches_any(patterns: Sequence[re.Pattern[str]], url: str) -> bool:
    return any(pattern.search(url) for pattern in patterns)


def _is_old(candidate: Candidate, since: datetime) -> bool:
    if candidate.published_at is not None:
        return candidate.published_at < since
    path_date = date_in_path(candidate.url)
    return path_date is not None and (since - path_date).days > (0 if path_date.day > 1 else MONTH_PATH_GRACE_DAYS)
