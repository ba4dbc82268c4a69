"""Converts models to rows and back.  Times are microseconds since 1970; lists and small objects are JSON."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from monitor.models import (
    Candidate,
    FrontierEntry,
    Hit,
    Notification,
    OutletMemory,
    OutletState,
    SourceState,
    Story,
    from_rfc3339,
    rfc3339,
)
from monitor.store.sqlite.database import deflate, inflate

if TYPE_CHECKING:
    import apsw

    from monitor.models import Json

Row: TypeAlias = tuple[Any, ...]


def fetch(connection: apsw.Connection, statement: str, values: Row = ()) -> list[Row]:
    """Returns all rows of a statement; the caller knows the types of its columns."""
    return [*connection.execute(statement, values)]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def maybe_micros(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def from_micros(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def maybe_from_micros(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_micros(microseconds)


def json_text(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate, which pages may contain and UTF-8 cannot encode
        return clean(json.dumps(value, ensure_ascii=False))


def clean(text: str) -> str:
    """Returns the text with lone surrogates, which UTF-8 cannot encode, replaced by question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _clean_row(row: Row) -> Row:
    return tuple(clean(value) if isinstance(value, str) else value for value in row)


def story_row(story: Story, sort_key: int) -> Row:
    text, size = deflate(story.text)
    return _clean_row(
        (
            sort_key,
            story.id,
            story.url,
            story.outlet,
            story.title,
            micros(story.first_seen_at),
            micros(story.fetched_at),
            micros(story.updated_at),
            maybe_micros(story.published_at),
            maybe_micros(story.modified_at),
            json_text(story.authors),
            story.language,
            story.country,
            story.section,
            json_text(story.tags),
            story.image,
            story.word_count,
            json_text(story.topics),
            json_text(story.alerts),
            story.cluster,
            story.version,
            story.method,
            json_text(story.flags),
            size,
            text,
        )
    )


def story(row: Row) -> Story:
    return Story(
        id=row[1],
        url=row[2],
        outlet=row[3],
        title=row[4],
        first_seen_at=from_micros(row[5]),
        fetched_at=from_micros(row[6]),
        updated_at=from_micros(row[7]),
        published_at=maybe_from_micros(row[8]),
        modified_at=maybe_from_micros(row[9]),
        authors=_strings(row[10]),
        language=row[11],
        country=row[12],
        section=row[13],
        tags=_strings(row[14]),
        image=row[15],
        word_count=row[16],
        topics=_strings(row[17]),
        alerts=_strings(row[18]),
        cluster=row[19],
        version=row[20],
        method=row[21],
        flags=_strings(row[22]),
        text=inflate(row[24], row[23]).decode(),
    )


def pack_version(story: Story) -> bytes:
    """Returns a version of a story as compressed JSON, for `history`."""
    return zlib.compress(json_text(story.to_json()).encode(), 6)


def unpack_version(data: bytes) -> Story:
    return Story.from_json(orjson.loads(zlib.decompress(data)))


def frontier_row(entry: FrontierEntry) -> Row:
    candidate = entry.candidate
    return _clean_row(
        (
            entry.id,
            candidate.outlet,
            candidate.url,
            candidate.source,
            candidate.title,
            maybe_micros(candidate.published_at),
            candidate.language,
            micros(entry.first_seen_at),
            maybe_micros(entry.next_at),
            entry.attempts,
            entry.rechecks,
            entry.story,
            entry.etag,
            entry.last_modified,
        )
    )


def frontier_entry(row: Row) -> FrontierEntry:
    return FrontierEntry(
        id=row[0],
        candidate=Candidate(
            outlet=row[1],
            url=row[2],
            source=row[3],
            title=row[4],
            published_at=maybe_from_micros(row[5]),
            language=row[6],
        ),
        first_seen_at=from_micros(row[7]),
        next_at=maybe_from_micros(row[8]),
        attempts=row[9],
        rechecks=row[10],
        story=row[11],
        etag=row[12],
        last_modified=row[13],
    )


def hit_row(hit: Hit) -> Row:
    return _clean_row(
        (
            hit.alert,
            hit.story,
            hit.version,
            hit.outlet,
            hit.title,
            hit.url,
            micros(hit.matched_at),
            maybe_micros(hit.published_at),
            hit.language,
            hit.context,
        )
    )


def hit(row: Row) -> Hit:
    return Hit(
        alert=row[0],
        story=row[1],
        version=row[2],
        outlet=row[3],
        title=row[4],
        url=row[5],
        matched_at=from_micros(row[6]),
        published_at=maybe_from_micros(row[7]),
        language=row[8],
        context=row[9],
    )


def notification_row(notification: Notification) -> Row:
    return _clean_row(
        (
            notification.alert,
            notification.story,
            notification.version,
            json_text(notification.to),
            micros(notification.due_at),
            micros(notification.created_at),
            notification.attempts,
            notification.message_id,
            notification.error,
        )
    )


def notification(row: Row) -> Notification:
    return Notification(
        alert=row[0],
        story=row[1],
        version=row[2],
        to=_strings(row[3]),
        due_at=from_micros(row[4]),
        created_at=from_micros(row[5]),
        attempts=row[6],
        message_id=row[7],
        error=row[8],
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
                }
                for url, source in state.sources.items()
            },
            "dispositions": state.dispositions,
            "memory": state.memory.to_json(),
        }
    )


def outlet_state(row: Row) -> OutletState:
    name, next_poll_at, holder, lease_until, fencing_token, state = row
    data: Json = orjson.loads(state)
    return OutletState(
        name=name,
        next_poll_at=from_micros(next_poll_at),
        interval=timedelta(seconds=data["interval"]),
        holder=holder,
        lease_until=maybe_from_micros(lease_until),
        fencing_token=fencing_token,
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


def _strings(text: str) -> tuple[str, ...]:
    return tuple(orjson.loads(text)) if text != "[]" else ()
