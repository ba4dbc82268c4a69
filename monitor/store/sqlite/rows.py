"""Converts models to rows and back.  Times are `monitor.store.microseconds`; lists and small objects are JSON."""

from __future__ import annotations

import json
import zlib
from collections import namedtuple
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from monitor.models import (
    Candidate,
    CoverageCount,
    Disposition,
    FrontierEntry,
    Hit,
    Notification,
    Outcome,
    OutletMemory,
    OutletState,
    SourceState,
    Story,
    from_rfc3339,
    rfc3339,
)
from monitor.store.microseconds import from_micros, maybe_from_micros, maybe_micros, micros
from monitor.store.records import OutboxRecord
from monitor.store.sqlite import sql
from monitor.store.sqlite.database import deflate, inflate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import apsw

    from monitor.models import Json

Row: TypeAlias = tuple[Any, ...]
Values: TypeAlias = dict[str, Any]  # parameters of a statement by name; those of a row are named after its columns


def fetch(connection: apsw.Connection, statement: str, values: Row | Values = ()) -> list[Row]:
    """Returns all rows of a statement; the caller knows the types of its columns."""
    return [*connection.execute(statement, values)]


def _named(columns: Sequence[str]) -> Callable[[Row], Any]:
    """Returns a function that makes the values of a row attributes, named after the columns that were selected."""
    named_row: Any = namedtuple("NamedRow", columns)  # type: ignore[misc]  # noqa: PYI024  names of sql.py
    make: Callable[[Row], Any] = named_row._make
    return make


_named_story = _named(sql.STORY_COLUMNS)
_named_frontier_entry = _named(sql.FRONTIER_COLUMNS)
_named_hit = _named(sql.HIT_COLUMNS)
_named_notification = _named(sql.OUTBOX_COLUMNS)
_named_outbox_record = _named([*sql.OUTBOX_COLUMNS, "sent_at"])
_named_outlet = _named(sql.OUTLET_COLUMNS)
named_stored_url = _named(sql.STORED_URL_COLUMNS)


def json_text(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate, which pages may contain and UTF-8 cannot encode
        return clean(json.dumps(value, ensure_ascii=False))


def clean(text: str) -> str:
    """Returns the text with lone surrogates, which UTF-8 cannot encode, replaced by question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _clean_values(values: Values) -> Values:
    return {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}


def story_values(story: Story, sort_key: int) -> Values:
    text, size = deflate(story.text)
    return _clean_values(
        {
            "sort_key": sort_key,
            "id": story.id,
            "url": story.url,
            "outlet": story.outlet,
            "title": story.title,
            "first_seen_at": micros(story.first_seen_at),
            "fetched_at": micros(story.fetched_at),
            "updated_at": micros(story.updated_at),
            "published_at": maybe_micros(story.published_at),
            "modified_at": maybe_micros(story.modified_at),
            "authors": json_text(story.authors),
            "language": story.language,
            "country": story.country,
            "section": story.section,
            "tags": json_text(story.tags),
            "image": story.image,
            "word_count": story.word_count,
            "topics": json_text(story.topics),
            "alerts": json_text(story.alerts),
            "cluster": story.cluster,
            "version": story.version,
            "method": story.method,
            "flags": json_text(story.flags),
            "text_size": size,
            "text": text,
        }
    )


def sort_key_and_story(row: Row) -> tuple[int, Story]:
    values = _named_story(row)
    return values.sort_key, _story(values)


def story(row: Row) -> Story:
    return _story(_named_story(row))


def _story(values: Any) -> Story:
    return Story(
        id=values.id,
        url=values.url,
        outlet=values.outlet,
        title=values.title,
        first_seen_at=from_micros(values.first_seen_at),
        fetched_at=from_micros(values.fetched_at),
        updated_at=from_micros(values.updated_at),
        published_at=maybe_from_micros(values.published_at),
        modified_at=maybe_from_micros(values.modified_at),
        authors=strings(values.authors),
        language=values.language,
        country=values.country,
        section=values.section,
        tags=strings(values.tags),
        image=values.image,
        word_count=values.word_count,
        topics=strings(values.topics),
        alerts=strings(values.alerts),
        cluster=values.cluster,
        version=values.version,
        method=values.method,
        flags=strings(values.flags),
        text=inflate(values.text, values.text_size).decode(),
    )


def pack_version(story: Story) -> bytes:
    """Returns a version of a story as compressed JSON, for `history`."""
    return zlib.compress(json_text(story.to_json()).encode(), 6)


def unpack_version(data: bytes) -> Story:
    return Story.from_json(orjson.loads(zlib.decompress(data)))


def frontier_values(entry: FrontierEntry) -> Values:
    candidate = entry.candidate
    return _clean_values(
        {
            "id": entry.id,
            "outlet": candidate.outlet,
            "url": candidate.url,
            "source": candidate.source,
            "title": candidate.title,
            "published_at": maybe_micros(candidate.published_at),
            "language": candidate.language,
            "first_seen_at": micros(entry.first_seen_at),
            "next_at": maybe_micros(entry.next_at),
            "attempts": entry.attempts,
            "rechecks": entry.rechecks,
            "story": entry.story,
            "etag": entry.etag,
            "last_modified": entry.last_modified,
            "guid": candidate.guid,
            "summary": candidate.summary,
            "fetch_url": entry.fetch_url,
            "other_sources": json_text(entry.other_sources),
            "disposition": entry.outcome and entry.outcome.disposition.value,
            "kind": entry.outcome.kind if entry.outcome else "",
            "detail": entry.outcome.detail if entry.outcome else "",
            "settled_at": maybe_micros(entry.settled_at),
        }
    )


def frontier_entry(row: Row) -> FrontierEntry:
    values = _named_frontier_entry(row)
    return FrontierEntry(
        id=values.id,
        candidate=Candidate(
            outlet=values.outlet,
            url=values.url,
            source=values.source,
            title=values.title,
            published_at=maybe_from_micros(values.published_at),
            language=values.language,
            guid=values.guid,
            summary=values.summary,
        ),
        first_seen_at=from_micros(values.first_seen_at),
        next_at=maybe_from_micros(values.next_at),
        attempts=values.attempts,
        rechecks=values.rechecks,
        story=values.story,
        etag=values.etag,
        last_modified=values.last_modified,
        fetch_url=values.fetch_url,
        other_sources=strings(values.other_sources),
        outcome=Outcome(disposition=Disposition(values.disposition), kind=values.kind, detail=values.detail)
        if values.disposition
        else None,
        settled_at=maybe_from_micros(values.settled_at),
    )


def coverage_count(row: Row) -> CoverageCount:
    outlet, day, disposition, kind, waiting, count = row
    return CoverageCount(
        outlet=outlet,
        day=date(1970, 1, 1) + timedelta(days=day),
        disposition=Disposition(disposition) if disposition else None,
        kind=kind,
        waiting=waiting,
        count=count,
    )


def hit_values(hit: Hit) -> Values:
    return _clean_values(
        {
            "alert": hit.alert,
            "story": hit.story,
            "version": hit.version,
            "outlet": hit.outlet,
            "title": hit.title,
            "url": hit.url,
            "matched_at": micros(hit.matched_at),
            "published_at": maybe_micros(hit.published_at),
            "language": hit.language,
            "context": hit.context,
        }
    )


def hit(row: Row) -> Hit:
    values = _named_hit(row)
    return Hit(
        alert=values.alert,
        story=values.story,
        version=values.version,
        outlet=values.outlet,
        title=values.title,
        url=values.url,
        matched_at=from_micros(values.matched_at),
        published_at=maybe_from_micros(values.published_at),
        language=values.language,
        context=values.context,
    )


def notification_key(notification: Notification) -> Values:
    return {
        "alert": notification.alert,
        "story": notification.story,
        "version": notification.version,
        "channel": notification.channel,
    }


def notification_values(notification: Notification) -> Values:
    return _clean_values(
        {
            **notification_key(notification),
            "targets": json_text(notification.targets),
            "due_at": micros(notification.due_at),
            "created_at": micros(notification.created_at),
            "attempts": notification.attempts,
            "message_id": notification.message_id,
            "error": notification.error,
        }
    )


def notification(row: Row) -> Notification:
    return _notification(_named_notification(row))


def outbox_record(row: Row) -> OutboxRecord:
    values = _named_outbox_record(row)
    return OutboxRecord(notification=_notification(values), sent_at=maybe_from_micros(values.sent_at))


def _notification(values: Any) -> Notification:
    return Notification(
        alert=values.alert,
        story=values.story,
        version=values.version,
        channel=values.channel,
        targets=strings(values.targets),
        due_at=from_micros(values.due_at),
        created_at=from_micros(values.created_at),
        attempts=values.attempts,
        message_id=values.message_id,
        error=values.error,
    )


def state_json(state: OutletState) -> str:
    """Returns an outlet's state as JSON, without its name, next poll and lease, which have columns."""
    return json_text(
        {
            "interval": state.interval.total_seconds(),
            "last_poll_at": state.last_poll_at and rfc3339(state.last_poll_at),
            "last_ok_at": state.last_ok_at and rfc3339(state.last_ok_at),
            "last_story_at": state.last_story_at and rfc3339(state.last_story_at),
            "failures": state.failures,
            "error": state.error,
            "sources": {
                url: {
                    "kind": source.kind,
                    "etag": source.etag,
                    "last_modified": source.last_modified,
                    "fetched_at": source.fetched_at and rfc3339(source.fetched_at),
                    "failures": source.failures,
                    "error": source.error,
                    "entry_count": source.entry_count,
                    "skipped": source.skipped,
                }
                for url, source in state.sources.items()
            },
            "dispositions": state.dispositions,
            "memory": state.memory.to_json(),
        }
    )


def outlet_state(row: Row) -> OutletState:
    values = _named_outlet(row)
    data: Json = orjson.loads(values.state)
    return OutletState(
        name=values.name,
        next_poll_at=from_micros(values.next_poll_at),
        interval=timedelta(seconds=data["interval"]),
        holder=values.holder,
        lease_until=maybe_from_micros(values.lease_until),
        fencing_token=values.fencing_token,
        last_poll_at=_maybe_from_rfc3339(data["last_poll_at"]),
        last_ok_at=_maybe_from_rfc3339(data["last_ok_at"]),
        last_story_at=_maybe_from_rfc3339(data["last_story_at"]),
        failures=data["failures"],
        error=data["error"],
        sources={url: _source_state(source) for url, source in data["sources"].items()},
        dispositions=data["dispositions"],
        memory=OutletMemory.from_json(data["memory"]),
    )


def _source_state(data: Json) -> SourceState:
    source = SourceState(**{**data, "fetched_at": None})
    return replace(source, fetched_at=_maybe_from_rfc3339(data["fetched_at"]))


def _maybe_from_rfc3339(text: str | None) -> datetime | None:
    return None if text is None else from_rfc3339(text)


def strings(text: str) -> tuple[str, ...]:
    """Returns the strings of a JSON array."""
    return tuple(orjson.loads(text)) if text != "[]" else ()
