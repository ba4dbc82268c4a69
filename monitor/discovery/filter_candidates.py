"""Selects the candidates to fetch: recent, of the outlet's own site, with a URL that looks like a story."""

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
# Extra age that is allowed if a URL names only a month, which `date_in_path` returns as the first day of the month.
MONTH_PATH_GRACE_DAYS = 45


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteredCandidates:
    """The result of `filter_candidates`."""

    kept: tuple[Candidate, ...]
    # Number of dropped candidates by reason: foreign, old, excluded, no-article.
    dropped: Counter[str] = field(default_factory=Counter)


def filter_candidates(
    candidates: Iterable[Candidate], *, outlet: Outlet, since: datetime, from_feed: bool
) -> FilteredCandidates:
    """Returns the candidates on the outlet's own sites that are not older than ``since`` and look like stories.

    Keeps each URL once.  ``from_feed``: entries of a feed are usually stories, so only URLs that cannot be a story are
    dropped; other candidates are kept only if `looks_like_article`.  If the outlet configures ``include`` patterns,
    they replace this test of the URL.  ``exclude`` patterns always apply.
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
        elif _is_older_than(candidate, since):
            dropped["old"] += 1
        elif _matches_any_pattern(exclude, url) or (include and not _matches_any_pattern(include, url)):
            dropped["excluded"] += 1
        elif not include and (cannot_be_feed_story(url) if from_feed else not looks_like_article(url, candidate.title)):
            dropped["no-article"] += 1
        else:
            kept[url] = candidate
    return FilteredCandidates(kept=tuple(kept.values()), dropped=dropped)


def _matches_any_pattern(patterns: Sequence[re.Pattern[str]], url: str) -> bool:
    return any(pattern.search(url) for pattern in patterns)


def _is_older_than(candidate: Candidate, since: datetime) -> bool:
    if candidate.published_at is not None:
        return candidate.published_at < since
    path_date = date_in_path(candidate.url)
    return path_date is not None and (since - path_date).days > (0 if path_date.day > 1 else MONTH_PATH_GRACE_DAYS)
