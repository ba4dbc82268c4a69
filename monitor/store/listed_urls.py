"""Builds frontier entries from the URLs that the sources of an outlet list, the same for every store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.models import Candidate, Disposition, FrontierEntry, Outcome
from monitor.urls import former_story_ids, story_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MAX_OTHER_SOURCES = 9  # of one URL that are recorded, beside the source that listed it first


def new_entries(listed: Iterable[tuple[Candidate, Outcome | None]], *, now: datetime) -> dict[str, FrontierEntry]:
    """Returns one entry for each distinct URL, by id, in the order of ``listed``.

    An entry with an outcome is never fetched, and has no summary; any other entry is due at ``now``.  Of several
    candidates with one URL the first is the entry's candidate; the sources of the others are its other sources.
    """
    entries: dict[str, FrontierEntry] = {}
    for candidate, outcome in listed:
        entry_id = story_id(candidate.url)
        first = entries.get(entry_id)
        if first is None:
            entries[entry_id] = FrontierEntry(
                id=entry_id,
                candidate=replace(candidate, summary="") if outcome else candidate,
                first_seen_at=now,
                next_at=None if outcome else now,
                outcome=outcome,
                settled_at=now if outcome else None,
            )
        else:
            merged = merge_sources(first.candidate.source, first.other_sources, [candidate.source])
            entries[entry_id] = replace(first, other_sources=merged)
    return entries


def former_ids(entries: Iterable[FrontierEntry]) -> list[str]:
    """Returns the ids that earlier versions gave to the URLs of the entries, if they differ from the present ids."""
    return [former for entry in entries for former in former_story_ids(entry.candidate.url)]


def merge_sources(first: str, others: Iterable[str], sources: Iterable[str]) -> tuple[str, ...]:
    """Returns the sources of a URL other than its ``first``: ``others`` and the new ones of ``sources``.

    At most `MAX_OTHER_SOURCES`.
    """
    merged = dict.fromkeys([*others, *sources])
    merged.pop(first, None)
    return tuple(merged)[:MAX_OTHER_SOURCES]


def alias_disposition(story: str | None) -> Disposition:
    """Returns what became of a URL that leads to the page of another one, whose story is None if it is off-topic."""
    return Disposition.DUPLICATE if story else Disposition.OFF_TOPIC


def replaces_stored(entry: FrontierEntry, disposition: str | None) -> bool:
    """Returns True if a listed URL's new entry replaces the stored entry with this disposition.

    So it does if the URL was dropped before its first fetch and is not dropped now, such as after a change of the
    configuration.
    """
    return entry.outcome is None and disposition == Disposition.DROPPED
