"""Models as documents and back.  A document's fields are named as the model's; times are RFC 3339."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.models import (
    Candidate,
    FrontierEntry,
    Hit,
    Json,
    Notification,
    Outcome,
    OutletState,
    SourceState,
    Story,
    from_rfc3339,
    rfc3339,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

HIDDEN = ("date", "bands", "signature")  # fields of a story's document that are not the story's


def digest(*parts: object) -> str:
    """A document's id from what identifies it, whatever the length of that."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def story(value: Story, signature: Sequence[int]) -> Json:
    document = value.to_json()
    document["date"] = rfc3339(value.published_at or value.first_seen_at)
    if signature:
        from monitor.similarity import bands

        document["signature"] = list(signature)
        document["bands"] = list(bands(signature))
    return document


def hit(value: Hit) -> Json:
    return _plain(asdict(value))


def read_hit(document: Json) -> Hit:
    return Hit(**_times(document, "matched_at", "published_at"))


def frontier_entry(value: FrontierEntry, outcome: Outcome | None = None) -> Json:
    document = asdict(value)
    document |= document.pop("candidate")
    if outcome:
        document |= asdict(outcome)
    return _plain(document)


def alias(value: str, of: FrontierEntry, story: str | None) -> Json:
    """An address that led to another one's story and is finished with it."""
    return {
        "id": value,
        "outlet": of.candidate.outlet,
        "first_seen_at": rfc3339(of.first_seen_at),
        "alias": True,
        **({"story": story} if story else {}),
    }


def read_frontier_entry(document: Json) -> FrontierEntry:
    document = {"next_at": None, **_times(document, "published_at", "first_seen_at", "next_at")}
    return FrontierEntry(
        candidate=Candidate(**{name: document[name] for name in Candidate.__dataclass_fields__ if name in document}),
        **{name: document[name] for name in FrontierEntry.__dataclass_fields__ if name in document},
    )


def notification(value: Notification) -> Json:
    return _plain(asdict(value))


def read_notification(document: Json) -> Notification:
    document = _times(document, "due_at", "created_at")
    values = {name: document[name] for name in Notification.__dataclass_fields__ if name in document}
    return Notification(**values | {"to": tuple(document["to"])})


def outlet(value: OutletState) -> Json:
    document = asdict(value)
    document["interval"] = value.interval.total_seconds()
    document["sources"] = {name: _plain(source) for name, source in document["sources"].items()}
    return _plain(document)


def read_outlet(document: Json) -> OutletState:
    document = _times(document, "next_poll_at", "lease_until", "last_poll_at", "last_ok_at", "last_story_at")
    document["interval"] = timedelta(seconds=document["interval"])
    document["sources"] = {
        name: SourceState(**_times(source, "fetched_at")) for name, source in document.get("sources", {}).items()
    }
    return OutletState(**document)


def _plain(document: Json) -> Json:
    """Times as text, tuples as lists, and what is None left out: an absent field is what Elasticsearch knows."""
    return {name: _value(value) for name, value in document.items() if value is not None}


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    return list(value) if isinstance(value, tuple) else value


def _times(document: Json, *names: str) -> Json:
    read = dict(document)
    for name in names:
        if read.get(name) is not None:
            read[name] = from_rfc3339(read[name])
    return read


def read_time(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None
