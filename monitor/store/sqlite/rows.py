"""Models as rows and back.  Times are microseconds since 1970, lists and small objects JSON."""

from __future__ import annotations

import json as stdlib_json
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
    """All rows of a statement; what its columns hold is known where it is written."""
    return [*connection.execute(statement, values)]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def maybe_micros(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def time(value: int) -> datetime:
    return _EPOCH + value * _MICROSECOND


def maybe_time(value: int | None) -> datetime | None:
    return None if value is None else time(value)


def json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half of a surrogate pair, which pages may hold and UTF-8 cannot
        return clean(stdlib_json.dumps(value, ensure_ascii=False))


def clean(text: str) -> str:
    """The text with what UTF-8 cannot write, halves of surrogate pairs, as question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _clean(row: Row) -> Row:
    return tuple(clean(value) if isinstance(value, str) else value for value in row)


def story_row(story: Story, moment: int) -> Row:
    text, size = deflate(story.text)
    return _clean(
        (
            moment,
            story.id,
            story.url,
            story.outlet,
            story.title,
            micros(story.first_seen_at),
            micros(story.fetched_at),
            micros(story.updated_at),
            maybe_micros(story.published_at),
            maybe_micros(story.modified_at),
            json(story.authors),
            story.language,
            story.country,
            story.section,
            json(story.tags),
            story.image,
            story.word_count,
            json(story.topics),
            json(story.alerts),
            story.cluster,
            story.version,
            story.method,
            json(story.flags),
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
        first_seen_at=time(row[5]),
        fetched_at=time(row[6]),
        updated_at=time(row[7]),
        published_at=maybe_time(row[8]),
        modified_at=maybe_time(row[9]),
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


def pack(story: Story) -> bytes:
    """A whole story in few bytes, for `history`."""
    return zlib.compress(json(story.to_json()).encode(), 6)


def unpack(data: bytes) -> Story:
    return Story.from_json(orjson.loads(zlib.decompress(data)))


def frontier_row(visit: FrontierEntry) -> Row:
    candidate = visit.candidate
    return _clean(
        (
            visit.id,
            candidate.outlet,
            candidate.url,
            candidate.source,
            candidate.title,
            maybe_micros(candidate.published_at),
            candidate.language,
            micros(visit.first_seen_at),
            maybe_micros(visit.next_at),
            visit.attempts,
            visit.rechecks,
            visit.story,
            visit.etag,
            visit.last_modified,
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
            published_at=maybe_time(row[5]),
            language=row[6],
        ),
        first_seen_at=time(row[7]),
        next_at=maybe_time(row[8]),
        attempts=row[9],
        rechecks=row[10],
        story=row[11],
        etag=row[12],
        last_modified=row[13],
    )


def hit_row(hit: Hit) -> Row:
    return _clean(
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
        matched_at=time(row[6]),
        published_at=maybe_time(row[7]),
        language=row[8],
        context=row[9],
    )


def notification_row(notice: Notification) -> Row:
    return _clean(
        (
            notice.alert,
            notice.story,
            notice.version,
            json(notice.to),
            micros(notice.due_at),
            micros(notice.created_at),
            notice.attempts,
            notice.message_id,
            notice.error,
        )
    )


def notification(row: Row) -> Notification:
    return Notification(
        alert=row[0],
        story=row[1],
        version=row[2],
        to=_strings(row[3]),
        due_at=time(row[4]),
        created_at=time(row[5]),
        attempts=row[6],
        message_id=row[7],
        error=row[8],
    )


def state_json(state: OutletState) -> str:
    """All of an outlet's state but its name, its schedule and its lease, which have columns of their own."""
    return json(
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
            "memory": state.memory,
        }
    )


def outlet(row: Row) -> OutletState:
    name, next_poll_at, holder, lease_until, token, text = row
    data: Json = orjson.loads(text)
    return OutletState(
        name=name,
        next_poll_at=time(next_poll_at),
        interval=timedelta(seconds=data["interval"]),
        holder=holder,
        lease_until=maybe_time(lease_until),
        fencing_token=token,
        last_poll_at=_maybe_moment(data["last_poll_at"]),
        last_ok_at=_maybe_moment(data["last_ok_at"]),
        last_story_at=_maybe_moment(data["last_story_at"]),
        failures=data["failures"],
        error=data["error"],
        sources={url: _source(source) for url, source in data["sources"].items()},
        dispositions=data["dispositions"],
        memory=data["memory"],
    )


def _source(data: Json) -> SourceState:
    source = SourceState(**{**data, "fetched_at": None})
    return replace(source, fetched_at=_maybe_moment(data["fetched_at"]))


def _maybe_moment(text: str | None) -> datetime | None:
    return None if text is None else from_rfc3339(text)


def _strings(text: str) -> tuple[str, ...]:
    return tuple(orjson.loads(text)) if text != "[]" else ()
