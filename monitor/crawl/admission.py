"""Bounds how many new URLs of one outlet the frontier takes on one day, so that a flood of them does not fill it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from monitor.models import Candidate, Outcome

MAX_NEW_URLS_PER_DAY = 5_000  # of one outlet; the largest news agencies publish fewer
_EARLIEST_TIME = datetime.min.replace(tzinfo=UTC)  # sort key of undated candidates


@dataclass(frozen=True, kw_only=True, slots=True)
class AdmittedUrls:
    """The URLs that may enter the frontier, with those that are stored already."""

    candidates: list[Candidate]
    dropped: list[tuple[Candidate, Outcome]]
    ignored: int  # number of new URLs that are left out; they count as listed when a later poll admits them


def admit(
    candidates: Sequence[Candidate],
    dropped: Sequence[tuple[Candidate, Outcome]],
    *,
    stored_ids: Collection[str],
    allowance: int,
) -> AdmittedUrls:
    """Admits up to ``allowance`` new URLs: candidates before dropped ones, dated ones before others, the newest first.

    URLs whose ids are in ``stored_ids`` are always admitted, so that their sources are recorded.
    """
    ids = {candidate.url: story_id(candidate.url) for candidate in (*candidates, *(each for each, _ in dropped))}
    new_ids: dict[str, None] = {}
    for group in (candidates, [candidate for candidate, _ in dropped]):
        new_ids |= dict.fromkeys(
            ids[candidate.url]
            for candidate in sorted(group, key=lambda each: each.published_at or _EARLIEST_TIME, reverse=True)
            if ids[candidate.url] not in stored_ids
        )
    admitted = {*stored_ids, *list(new_ids)[: max(allowance, 0)]}
    return AdmittedUrls(
        candidates=[candidate for candidate in candidates if ids[candidate.url] in admitted],
        dropped=[(candidate, outcome) for candidate, outcome in dropped if ids[candidate.url] in admitted],
        ignored=max(len(new_ids) - max(allowance, 0), 0),
    )
