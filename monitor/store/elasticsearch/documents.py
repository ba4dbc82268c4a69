"""Conversion of models to documents and back.  A document has the model's field names; times are RFC 3339."""

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

INDEX_ONLY_FIELDS = ("date", "bands", "signature")  # fields of a story's document that the model lacks


def document_id(*parts: object) -> str:
    """Returns a document id of fixed length, derived from the parts that identify the document."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def story_document(model: Story, signature: Sequence[int]) -> Json:
    document = model.to_json()
    document["date"] = rfc3339(model.published_at or model.first_seen_at)
    if signature:
        from monitor.similarity import bands

        document["signature"] = list(signature)
        document["bands"] = list(bands(signature))
    return document


def hit_document(model: Hit) -> Json:
    return _json_document(asdict(model))


def read_hit(document: Json) -> Hit:
    return Hit(**_parse_time_fields(document, "matched_at", "published_at"))


def frontier_entry_document(model: FrontierEntry, outcome: Outcome | None = None) -> Json:
    document = asdict(model)
    document |= document.pop("candidate")
    if outcome:
        document |= asdict(outcome)
    return _json_document(document)


def alias_document(url_id: str, entry: FrontierEntry, story: str | None) -> Json:
    """Returns the document of a URL that led to the story of another frontier entry and is done with it."""
    return {
        "id": url_id,
        "outlet": entry.candidate.outlet,
        "first_seen_at": rfc3339(entry.first_seen_at),
        "alias": True,
        **({"story": story} if story else {}),
    }


def read_frontier_entry(document: Json) -> FrontierEntry:
    document = {"next_at": None, **_parse_time_fields(document, "published_at", "first_seen_at", "next_at")}
    return FrontierEntry(
        candidate=Candidate(**{name: document[name] for name in Candidate.__dataclass_fields__ if name in document}),
        **{name: document[name] for name in FrontierEntry.__dataclass_fields__ if name in document},
    )


def notification_document(model: Notification) -> Json:
    return _json_document(asdict(model))


def read_notification(document: Json) -> Notification:
    document = _parse_time_fields(document, "due_at", "created_at")
    values = {name: document[name] for name in Notification.__dataclass_fields__ if name in document}
    return Notification(**values | {"to": tuple(document["to"])})


def outlet_document(model: OutletState) -> Json:
    document = asdict(model)
    document["interval"] = model.interval.total_seconds()
    document["sources"] = {name: _json_document(source) for name, source in document["sources"].items()}
    return _json_document(document)


def read_outlet(document: Json) -> OutletState:
    document = _parse_time_fields(
        document, "next_poll_at", "lease_until", "last_poll_at", "last_ok_at", "last_story_at"
    )
    document["interval"] = timedelta(seconds=document["interval"])
    document["sources"] = {
        name: SourceState(**_parse_time_fields(source, "fetched_at"))
        for name, source in document.get("sources", {}).items()
    }
    return OutletState(**document)


def _json_document(document: Json) -> Json:
    """Returns a document with times as text and tuples as lists, without the fields that are None."""
    return {name: _json_value(value) for name, value in document.items() if value is not None}


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    return list(value) if isinstance(value, tuple) else value


def _parse_time_fields(document: Json, *names: str) -> Json:
    """Returns a copy of the document with these fields, if present, as datetimes."""
    copy = dict(document)
    for name in names:
        if copy.get(name) is not None:
            copy[name] = from_rfc3339(copy[name])
    return copy


def read_optional_time(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None
