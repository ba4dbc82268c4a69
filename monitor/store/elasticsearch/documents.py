"""Converts models to Elasticsearch documents and back.  Field names are the same; times are RFC 3339 text."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.delays import delay_of_story
from monitor.models import (
    Candidate,
    Disposition,
    FrontierEntry,
    Hit,
    Json,
    Notification,
    Outcome,
    OutletMemory,
    OutletState,
    SourceState,
    Story,
    from_rfc3339,
    rfc3339,
)
from monitor.store.elasticsearch.token_fields import token_fields
from monitor.store.records import Mark, MarkKind, OutboxRecord, SavedSearch, UrlAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

HASH_BYTES = 7  # of a signature; they are below 2**53
OWN_STORY = "own"  # the field ``story`` of an address whose story has the same id

# Fields of a story's document that `Story` does not have.
INDEX_ONLY_FIELDS = (
    "date",
    "lead",
    "stems",
    "signed",
    "signed_raw",
    "sections",
    "minutes_to_stored",
    "bands",
    "signature",
)


def document_id(*parts: object) -> str:
    """Returns a document id of 32 hexadecimal digits: a hash of the values that identify the document."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def time_within_query(field: str, *, after: datetime, until: datetime) -> Json:
    """Returns a query for the documents whose time in this field is later than ``after`` and not than ``until``."""
    return {"range": {field: {"gt": rfc3339(after), "lte": rfc3339(until)}}}


def story_document(model: Story, signature: Sequence[int]) -> Json:
    """Returns the document of a story, with what only the index needs: `INDEX_ONLY_FIELDS`."""
    document = model.to_json()
    document["date"] = rfc3339(model.time)
    document |= token_fields(model)
    document |= delay_fields("minutes_to_stored", document, reached_at=model.first_seen_at)
    if signature:
        document["signature"] = pack_signature(signature)
        document |= band_field(signature)
    return document


def pack_signature(signature: Sequence[int]) -> str:
    """Returns a signature as base64 text of seven bytes for each hash; `unpack_signature` reads it."""
    return b64encode(b"".join(number.to_bytes(HASH_BYTES, "big") for number in signature)).decode()


def unpack_signature(text: str) -> tuple[int, ...]:
    data = b64decode(text)
    return tuple(int.from_bytes(data[start : start + HASH_BYTES], "big") for start in range(0, len(data), HASH_BYTES))


def band_field(signature: Sequence[int]) -> Json:
    """Returns the field by which the index finds the stories that share a band."""
    from monitor.similarity import bands

    return {"bands": [band_term(band) for band in bands(signature)]}


def band_term(band: int) -> int:
    """Returns the value by which the index finds a band: its low 32 bits, as a number with a sign.

    Of two different bands, one in four billion has the same.
    """
    return (band & 0xFFFFFFFF) - (1 << 31)


def delay_fields(name: str, document: Json, *, reached_at: datetime) -> Json:
    """Returns a field with the minutes from ``published_at`` of the document; empty if they are not known."""
    published_at = document.get("published_at")
    delay = delay_of_story(from_rfc3339(published_at) if published_at else None, reached_at)
    return {name: delay / timedelta(minutes=1)} if delay is not None else {}


def hit_document(model: Hit) -> Json:
    return _json_document(asdict(model))


def read_hit(document: Json) -> Hit:
    fields = {name: value for name, value in document.items() if name != "minutes_to_mail"}
    return Hit(**_parse_time_fields(fields, "matched_at", "published_at"))


def frontier_entry_document(model: FrontierEntry) -> Json:
    """Returns the document of a frontier entry with the fields of its candidate and of its outcome."""
    document = asdict(replace(model, outcome=None))
    document |= document.pop("candidate")
    if document.pop("id") == model.story:
        document["story"] = OWN_STORY
    if model.outcome:
        document |= {
            "disposition": model.outcome.disposition,
            "kind": model.outcome.kind,
            "detail": model.outcome.detail,
        }
    return _json_document({name: value for name, value in document.items() if value not in ((), "")})


def alias_document(entry: FrontierEntry, story: str | None) -> Json:
    """Returns the document of an alias: a URL that led to the page of ``entry`` and is not fetched again.

    ``story`` is the id of that page's story, None if it has none.
    """
    return {
        "outlet": entry.candidate.outlet,
        "first_seen_at": rfc3339(entry.first_seen_at),
        "alias": True,
        **({"story": story} if story else {}),
    }


def story_of_url(url_id: str, document: Json) -> str | None:
    """Returns the id of the story that an address led to, None if it has none."""
    story: str | None = document.get("story")
    return url_id if story == OWN_STORY else story


def read_frontier_entry(url_id: str, document: Json) -> FrontierEntry:
    document = {**document, "id": url_id, "story": story_of_url(url_id, document)}
    times = _parse_time_fields(document, "published_at", "first_seen_at", "next_at", "settled_at")
    document = {"next_at": None, **times, "other_sources": tuple(document.get("other_sources", ()))}
    outcome = None
    if document.get("disposition"):
        outcome = Outcome(
            disposition=Disposition(document["disposition"]),
            kind=document.get("kind") or "",
            detail=document.get("detail") or "",
        )
    return FrontierEntry(
        candidate=Candidate(**{name: document[name] for name in Candidate.__dataclass_fields__ if name in document}),
        **{name: document[name] for name in FrontierEntry.__dataclass_fields__ if name in document},
        outcome=outcome,
    )


def read_url_record(url_id: str, document: Json) -> FrontierEntry | UrlAlias:
    """Returns the record of a document in the index ``urls``: a frontier entry or an alias."""
    if document.get("alias"):
        return UrlAlias(id=url_id, story=story_of_url(url_id, document))
    return read_frontier_entry(url_id, document)


def notification_document(model: Notification) -> Json:
    return _json_document(asdict(model))


def read_notification(document: Json) -> Notification:
    document = _parse_time_fields(document, "due_at", "created_at")
    values = {name: document[name] for name in Notification.__dataclass_fields__ if name in document}
    return Notification(**values | {"targets": tuple(document["targets"])})


def read_outbox_record(document: Json) -> OutboxRecord:
    sent_at = read_optional_time(document.get("sent_at"))
    return OutboxRecord(notification=read_notification(document), sent_at=sent_at)


def mark_document(model: Mark) -> Json:
    return _json_document({**asdict(model), "kind": model.kind.value})


def read_mark(document: Json) -> Mark:
    return Mark(**{**_parse_time_fields(document, "made_at"), "kind": MarkKind(document["kind"])})


def search_document(model: SavedSearch) -> Json:
    filters = {name: list(values) for name, values in model.filters.items()}
    return _json_document({**asdict(model), "filters": filters, "name_key": model.name_key})


def read_search(document: Json) -> SavedSearch:
    fields = _parse_time_fields(document, "created_at", "updated_at")
    del fields["name_key"]
    fields["filters"] = {name: tuple(values) for name, values in fields["filters"].items()}
    return SavedSearch(**fields)


def outlet_document(model: OutletState) -> Json:
    document = asdict(model)
    document["interval"] = model.interval.total_seconds()
    document["memory"] = model.memory.to_json()
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
    document["memory"] = OutletMemory.from_json(document.get("memory", {}))
    return OutletState(**document)


def _json_document(document: Json) -> Json:
    """Returns a document with its times as RFC 3339 text and its tuples as lists, without the fields that are None."""
    return {name: _json_value(value) for name, value in document.items() if value is not None}


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    return list(value) if isinstance(value, tuple) else value


def _parse_time_fields(document: Json, *names: str) -> Json:
    """Returns a copy of a document in which the named fields, if present, are parsed to datetimes."""
    copy = dict(document)
    for name in names:
        if copy.get(name) is not None:
            copy[name] = from_rfc3339(copy[name])
    return copy


def read_optional_time(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None
