"""What became of the URLs that an outlet's sources listed: by day, and in words.  No I/O."""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.discovery.drop_reasons import DropReason
from monitor.failures import FailureKind
from monitor.ingest.identity import HEADLINE_FLAG
from monitor.models import Disposition, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from monitor.models import CoverageCount, FrontierEntry, Json, SourceCoverage


class Fate(enum.StrEnum):
    """What became of a listed URL, in the order of the coverage table.  Each listed URL has exactly one."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    OFF_TOPIC = "off-topic"
    TOO_OLD = "too-old"
    NOT_ARTICLE = "not-an-article"
    FAILED = "failed"
    FOREIGN = "foreign"
    DROPPED = "dropped"
    WAITING = "waiting"
    UNKNOWN = "unknown"


#: Meanings of a fate, for people.
FATE_MEANINGS: Mapping[Fate, str] = {
    Fate.STORED: "a story is stored",
    Fate.DUPLICATE: "the story is stored under another URL",
    Fate.OFF_TOPIC: "the story matches no topic and no alert, and `keep: matching` is set",
    Fate.TOO_OLD: "the story is older than `max_age`",
    Fate.NOT_ARTICLE: "the page has no story",
    Fate.FAILED: "the page could not be fetched, extracted or stored",
    Fate.FOREIGN: "the URL is on another site",
    Fate.DROPPED: "a rule dropped the URL",
    Fate.WAITING: "the page is to be fetched for the first time",
    Fate.UNKNOWN: "an earlier version settled the URL, and kept no outcome",
}

#: Meanings of `NotArticle.kind`, for people.
PAGE_KIND_MEANINGS: Mapping[str, str] = {
    "index": "the page lists stories",
    "tag": "the page lists the stories of a topic or author",
    "video": "the page shows a video and hardly any text",
    "login": "the page asks for a login",
    "error": "the page says that there is no such page, or that something failed",
    "consent": "the page asks for consent: an engine may get past it (docs/rendering.md)",
    "empty": "the page has no text",
    "script": "a script writes the page: set `render: auto`",
    "media": "the URL leads to a file, not to a page",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DayCoverage:
    """The URLs that were listed for the first time on one day, by fate; the counts add up to ``listed``."""

    day: date
    listed: int
    by_fate: Mapping[Fate, int]


def fate_of(disposition: Disposition | None, kind: str) -> Fate:
    """Returns the fate of a URL with this outcome; ``disposition`` is None before the first fetch."""
    match disposition:
        case None:
            return Fate.WAITING
        case Disposition.DROPPED:
            by_reason = {DropReason.FOREIGN: Fate.FOREIGN, DropReason.OLD: Fate.TOO_OLD}
            return next((fate for reason, fate in by_reason.items() if kind == reason), Fate.DROPPED)
        case Disposition.UPDATED:
            return Fate.STORED
        case Disposition.UNCHANGED:  # of an off-topic story: a stored story keeps the outcome "stored"
            return Fate.OFF_TOPIC
        case _:
            return Fate(disposition.value)


def fate_of_entry(entry: FrontierEntry) -> Fate:
    """Returns the fate of a listed URL."""
    if entry.outcome is None:
        return Fate.WAITING if entry.next_at else Fate.UNKNOWN
    return fate_of(entry.outcome.disposition, entry.outcome.kind)


def _fates_of(count: CoverageCount) -> Counter[Fate]:
    """Returns the counted URLs by fate: those without an outcome wait, unless they are never to be fetched."""
    if count.disposition is None:
        return Counter({Fate.WAITING: count.waiting, Fate.UNKNOWN: count.count - count.waiting})
    return Counter({fate_of(count.disposition, count.kind): count.count})


def by_day(counts: Sequence[CoverageCount]) -> list[DayCoverage]:
    """Returns the coverage of each day with listed URLs, the latest day first."""
    days: defaultdict[date, Counter[Fate]] = defaultdict(Counter)
    for count in counts:
        days[count.day] += _fates_of(count)
    return [
        DayCoverage(day=day, listed=fates.total(), by_fate=fates) for day, fates in sorted(days.items(), reverse=True)
    ]


def total(counts: Sequence[CoverageCount]) -> Mapping[Fate, int]:
    """Returns the number of URLs by fate, over all days."""
    fates: Counter[Fate] = Counter()
    for count in counts:
        fates += _fates_of(count)
    return fates


def meaning_of(disposition: Disposition | None, kind: str) -> str:
    """Returns what an outcome means for a person, in one line."""
    fate = fate_of(disposition, kind)
    if fate is Fate.STORED and kind == HEADLINE_FLAG:
        return "only title and summary could be read; they are stored as a story"
    if disposition is Disposition.DROPPED:
        return next((reason.meaning for reason in DropReason if reason == kind), FATE_MEANINGS[fate])
    if disposition is Disposition.FAILED and (failure := FailureKind.of_label(kind)):
        return failure.meaning
    if disposition is Disposition.NOT_ARTICLE:
        return PAGE_KIND_MEANINGS.get(kind, FATE_MEANINGS[fate])
    return FATE_MEANINGS[fate]


def meaning_of_entry(entry: FrontierEntry) -> str:
    """Returns what became of a listed URL, for a person, in one line."""
    if entry.outcome is None:
        return FATE_MEANINGS[fate_of_entry(entry)]
    return meaning_of(entry.outcome.disposition, entry.outcome.kind)


def coverage_json(name: str, counts: Sequence[CoverageCount], sources: Sequence[SourceCoverage]) -> Json:
    """Returns the coverage of an outlet as one JSON object."""
    return {
        "name": name,
        "days": [
            {
                "day": day.day.isoformat(),
                "listed": day.listed,
                "fates": {fate.value: day.by_fate.get(fate, 0) for fate in Fate},
                "outcomes": [_count_json(count) for count in counts if count.day == day.day],
            }
            for day in by_day(counts)
        ],
        "sources": [
            {"url": source.source, "listed": source.listed, "listed_alone": source.listed_alone} for source in sources
        ],
    }


def _count_json(count: CoverageCount) -> Json:
    return {
        "disposition": count.disposition.value if count.disposition else None,
        "kind": count.kind,
        "count": count.count,
        "waiting": count.waiting,
        "meaning": meaning_of(count.disposition, count.kind),
    }


def entry_json(entry: FrontierEntry) -> Json:
    """Returns a listed URL with what became of it, as one JSON object."""
    outcome = entry.outcome
    return {
        "url": entry.candidate.url,
        "outlet": entry.candidate.outlet,
        "title": entry.candidate.title,
        "sources": [entry.candidate.source, *entry.other_sources],
        "listed_at": rfc3339(entry.first_seen_at),
        "published_at": rfc3339(entry.candidate.published_at) if entry.candidate.published_at else None,
        "disposition": outcome.disposition.value if outcome else None,
        "kind": outcome.kind if outcome else "",
        "detail": outcome.detail if outcome else "",
        "meaning": meaning_of_entry(entry),
        "settled_at": rfc3339(entry.settled_at) if entry.settled_at else None,
        "attempts": entry.attempts,
        "next_at": rfc3339(entry.next_at) if entry.next_at else None,
        "story": entry.story,
    }
