"""Selects the candidates to fetch: recent, of the outlet's own site, with a URL that looks like a story."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.discovery.drop_reasons import DropReason
from monitor.discovery.redirectors import unwrapped_url
from monitor.discovery.url_patterns import PatternTooSlow, UrlPatterns
from monitor.discovery.url_rules import StoryScope, date_in_path, feed_entry_drop_reason, looks_like_article

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.discovery.publishers import Publishers
    from monitor.models import Candidate

MAX_CANDIDATE_URL_LENGTH = 2000  # characters
# Extra age that is allowed if a URL names only a month, which `date_in_path` returns as the first day of the month.
MONTH_PATH_GRACE_DAYS = 45


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteredCandidates:
    """The result of `filter_candidates`."""

    kept: tuple[Candidate, ...]
    dropped: tuple[tuple[Candidate, DropReason], ...] = ()


def filter_candidates(
    candidates: Iterable[Candidate],
    *,
    outlet: Outlet,
    since: datetime,
    from_feed: bool,
    publishers: Publishers | None = None,
) -> FilteredCandidates:
    """Returns the candidates on the outlet's own sites that are not older than ``since`` and look like stories.

    A URL of another of the ``publishers``, which an outlet on the same domain may list, is dropped as foreign.

    Keeps each URL once.  ``from_feed``: entries of a feed or news sitemap are usually stories, so only those with a
    `feed_entry_drop_reason` are dropped; other candidates are kept only if `looks_like_article`.  If the outlet
    configures ``include`` patterns, they replace this test of the URL.  ``exclude`` patterns always apply.
    """
    scope, others = StoryScope(outlet), None if outlet.is_aggregator else publishers
    include, exclude = UrlPatterns(outlet.include), UrlPatterns(outlet.exclude)
    kept: dict[str, Candidate] = {}
    dropped: dict[str, tuple[Candidate, DropReason]] = {}
    for candidate in map(_unwrapped, candidates):
        url = candidate.url
        if url in kept or url in dropped:
            continue
        reason: DropReason | None = None
        if url not in scope or (others is not None and others.is_of_another(outlet, url)):
            reason = DropReason.FOREIGN
        elif len(url) > MAX_CANDIDATE_URL_LENGTH:
            reason = DropReason.TOO_LONG
        elif _is_older_than(candidate, since):
            reason = DropReason.OLD
        elif (pattern_reason := _pattern_drop_reason(url, include, exclude)) is not None:
            reason = pattern_reason
        elif not include:
            reason = _url_drop_reason(candidate, from_feed=from_feed)
        if reason is None:
            kept[url] = candidate
        else:
            dropped[url] = candidate, reason
    return FilteredCandidates(kept=tuple(kept.values()), dropped=tuple(dropped.values()))


def _unwrapped(candidate: Candidate) -> Candidate:
    """Returns the candidate with the target of a known redirector as its URL."""
    url = unwrapped_url(candidate.url)
    return candidate if url == candidate.url else replace(candidate, url=url)


def _url_drop_reason(candidate: Candidate, *, from_feed: bool) -> DropReason | None:
    """Returns why the candidate's URL is no story; None if it may be one."""
    if not from_feed:
        return None if looks_like_article(candidate.url, candidate.title) else DropReason.NOT_STORY_LIKE
    is_dated = candidate.published_at is not None or date_in_path(candidate.url) is not None
    return feed_entry_drop_reason(candidate.url, is_dated=is_dated, title=candidate.title)


def _pattern_drop_reason(url: str, include: UrlPatterns, exclude: UrlPatterns) -> DropReason | None:
    """Returns why the outlet's patterns leave the URL out; None if they do not."""
    try:
        is_left_out = exclude.match_any(url) or (bool(include) and not include.match_any(url))
    except PatternTooSlow:
        return DropReason.PATTERN_TOO_SLOW
    return DropReason.EXCLUDED if is_left_out else None


def _is_older_than(candidate: Candidate, since: datetime) -> bool:
    if candidate.published_at is not None:
        return candidate.published_at < since
    path_date = date_in_path(candidate.url)
    return path_date is not None and (since - path_date).days > (0 if path_date.day > 1 else MONTH_PATH_GRACE_DAYS)
