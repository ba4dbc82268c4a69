"""Stories out of a store and into one, and a whole monitor from one store to another; streaming, so of any size."""

# ruff: noqa: SIM905  names read better in a line

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import orjson

from monitor.errors import MonitorError, StoreRefused
from monitor.itertools_compat import batched
from monitor.models import Candidate, FrontierEntry, Json, Story, now, rfc3339
from monitor.store.protocol import History
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import ModuleType

    import pyarrow as pa

    from monitor.store import Store

FORMATS = ("jsonl", "csv", "parquet")
COLUMNS = (
    "id url outlet title text authors published_at modified_at first_seen_at fetched_at updated_at language country "
    "section tags image word_count topics alerts cluster version method flags"
).split()
IMPORT_BATCH = 200
PARQUET_ROW_GROUP = 1000  # of a Parquet file: some megabytes in memory

_TEXTS = ("id", "url", "outlet", "title", "text", "cluster", "method")
_MAYBE_TEXTS = ("language", "country", "section", "image")
_LISTS = ("authors", "tags", "topics", "alerts", "flags")
_TIMES = ("published_at", "modified_at", "first_seen_at", "fetched_at", "updated_at")
_NUMBERS = {"word_count": (0, 2**31 - 1), "version": (1, 10_000)}  # a history is read version by version

MAX_ID_LENGTH = 500  # bytes: Elasticsearch takes 512, of which some are for the version's number
MAX_VALUE_LENGTH = (
    8000  # bytes of what is compared whole: a term of Elasticsearch has 32,766 at most, small letters too
)
MAX_CSV_FIELD_LENGTH = 50_000_000  # characters of a CSV's cell: Python's own limit is shorter than some stories
_FORMULA = {"=", "+", "-", "@", "\t", "\r"}  # what begins one in a spreadsheet
_VALUES = ("url", "outlet", "language", "country", "section", "method", *_LISTS)


# ---- out


def export(stories: Iterable[Story], out: BinaryIO, form: str) -> int:
    """Writes stories, in the order they come, and returns how many.

    Streams in id order, as `Store.scan` gives them, can be resumed behind the last id that was written; a Parquet
    file is whole only once this returns.  Raises MonitorError where the format needs what is not installed.
    """
    match form:
        case "jsonl":
            return _count(
                out.write(orjson.dumps(story.to_json(), option=orjson.OPT_APPEND_NEWLINE)) for story in stories
            )
        case "csv":
            return _to_csv(stories, out)
        case "parquet":
            return _to_parquet(stories, out)
        case _:
            raise MonitorError(f"{form!r} is not a format", hint=f"one of {', '.join(FORMATS)}")


def _to_csv(stories: Iterable[Story], out: BinaryIO) -> int:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    try:
        return _count(writer.writerow([_cell(getattr(story, name)) for name in COLUMNS]) for story in stories)
    finally:
        text.detach()


def _cell(value: object) -> object:
    """A value for a spreadsheet: text that a page may have written is never taken for a formula there."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, tuple):
        value = "; ".join(value)
    if isinstance(value, str) and value[:1] in _FORMULA:
        return f"'{value}"
    return value


def _to_parquet(stories: Iterable[Story], out: BinaryIO) -> int:
    pa = _pyarrow()
    from pyarrow import parquet

    schema = _schema()
    written = 0
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for group in batched(stories, PARQUET_ROW_GROUP):
            rows = [{name: getattr(story, name) for name in COLUMNS} for story in group]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            written += len(group)
    return written


def _pyarrow() -> ModuleType:
    try:
        import pyarrow as pa
    except ImportError:
        raise MonitorError(
            "Parquet needs pyarrow, which is not installed", hint="pip install 'media-monitor[parquet]'"
        ) from None
    module: ModuleType = pa
    return module


def _schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {
        **dict.fromkeys((*_TEXTS, *_MAYBE_TEXTS), pa.string()),
        **dict.fromkeys(_LISTS, pa.list_(pa.string())),
        **dict.fromkeys(_TIMES, pa.timestamp("us", tz="UTC")),
        **dict.fromkeys(_NUMBERS, pa.int64()),
    }
    return pa.schema([(name, kinds[name]) for name in COLUMNS])


def _count(done: Iterable[object]) -> int:
    return sum(1 for _ in done)


# ---- in


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What became of the lines of a file."""

    stored: int = 0  # new, or newer than what was there
    known: int = 0  # there already
    bad: int = 0


def form_of(head: bytes) -> str:
    """The format of a file that begins like this.  Raises ValueError, saying what to do, where `import` reads none."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    begin = head.lstrip()
    if head.startswith(b"PAR1"):
        return "parquet"
    if begin.startswith(b"["):
        raise ValueError("a JSON array; one object a line is read: jq -c '.[]' FILE | media-monitor import -")
    if not begin or any(line.lstrip().startswith(b"{") for line in head.splitlines()):
        return "jsonl"
    if b"url" in head.split(b"\n")[0].strip().replace(b'"', b"").split(b","):
        return "csv"
    raise ValueError("no stories: neither jsonl, nor CSV with a line of names, nor Parquet, as `export` writes them")


def rows(file: BinaryIO, form: str) -> Iterator[tuple[int, bytes | Json]]:
    """Each line, row or record with its number: JSON as it is, the others as JSON would have them.

    Raises MonitorError where the file cannot be read on.
    """
    try:
        match form:
            case "csv":
                yield from _from_csv(file)
            case "parquet":
                yield from _from_parquet(file)
            case _:
                yield from enumerate(file, start=1)
    except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise MonitorError(f"cannot be read on: {error}") from None


def _from_csv(file: BinaryIO) -> Iterator[tuple[int, Json]]:
    csv.field_size_limit(MAX_CSV_FIELD_LENGTH)
    reader = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    number = reader.line_num
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        yield number + 1, _json({name: _uncell(name, value) for name, value in row.items() if name and value})
        number = reader.line_num


def _uncell(name: str, value: str) -> object:
    """The inverse of `_cell`."""
    if value[:1] == "'" and value[1:2] in _FORMULA:
        value = value[1:]
    if name in _LISTS:
        return value.split("; ")
    return int(value) if name in _NUMBERS and value.isdecimal() else value


def _from_parquet(file: BinaryIO) -> Iterator[tuple[int, Json]]:
    pa = _pyarrow()
    from pyarrow import parquet

    try:
        source = parquet.ParquetFile(file if file.seekable() else io.BytesIO(file.read()))
        records = (record for batch in source.iter_batches(IMPORT_BATCH) for record in batch.to_pylist())
        for number, record in enumerate(records, start=1):
            yield number, _json({name: _plain(value) for name, value in record.items() if value is not None})
    except pa.ArrowInvalid as error:
        raise MonitorError(f"no whole Parquet file: {error}") from None


def _plain(value: object) -> object:
    return rfc3339(value) if isinstance(value, datetime) else value


def _json(row: Json) -> Json:
    """A row with what JSON keeps under ``extraction`` there."""
    return {**row, "extraction": {name: row.pop(name) for name in ("method", "flags") if name in row}}


def import_stories(
    lines: Iterable[tuple[int, bytes | Json]],
    store: Store,
    *,
    refused: Callable[[int, str], None],
    progress: Callable[[Imported], None] = lambda _: None,
) -> Imported:
    """Stores the stories of `rows`, as `export` and ``search --json`` write them.

    ``refused`` is told the number of each bad line, and why; the rest goes on.  May be repeated, also after a kill:
    what is there stays.  The crawl does not fetch the stories again.
    """
    done = Imported()
    for batch in batched(_read(lines, refused), IMPORT_BATCH):
        told = {number: story for number, story in batch if story is not None}
        new, reasons = _load(store, _newest(told.values()))
        there = store.stories([story.id for story in told.values()])
        store.load([_visit(story) for story in told.values() if story.id in there])
        lost = [number for number, story in told.items() if story.id not in there]
        for number in lost:
            refused(number, reasons.get(told[number].id, "the store does not take it"))
        done = Imported(
            stored=done.stored + new,
            known=done.known + len(told) - len(lost) - new,
            bad=done.bad + len(batch) - len(told) + len(lost),
        )
        progress(done)
    return done


def _load(store: Store, stories: Sequence[Story]) -> tuple[int, dict[str, str]]:
    """How many were new, and why others were refused, by their ids.  Raises StoreError where none is taken."""
    try:
        return store.load([History(versions=(story,)) for story in stories]), {}
    except StoreRefused as refusal:  # of one of them, or of all: told apart one by one
        new, reasons, last = 0, {}, refusal
    for story in stories:
        try:
            new += store.load([History(versions=(story,))])
        except StoreRefused as error:
            reasons[story.id], last = error.message, error
    if len(stories) > 1 and len(reasons) == len(stories):
        raise last
    return new, reasons


def _newest(stories: Iterable[Story]) -> list[Story]:
    """Of each story the highest version, the first of equals."""
    newest: dict[str, Story] = {}
    for story in stories:
        if story.id not in newest or story.version > newest[story.id].version:
            newest[story.id] = story
    return list(newest.values())


def _read(
    lines: Iterable[tuple[int, bytes | Json]], refused: Callable[[int, str], None]
) -> Iterator[tuple[int, Story | None]]:
    for number, line in lines:
        if isinstance(line, bytes) and not line.strip():
            continue
        try:
            yield number, read_story(orjson.loads(line) if isinstance(line, bytes) else line)
        except orjson.JSONDecodeError as error:
            refused(number, f"not JSON: {error}")
            yield number, None
        except ValueError as error:
            refused(number, str(error))
            yield number, None


def read_story(data: object) -> Story:
    """A story from JSON of ours or of somebody else's: it needs a url and a title or a text.

    Raises ValueError, saying what is wrong with which name.
    """
    if not isinstance(data, dict):
        raise ValueError("not an object")  # noqa: TRY004  one kind of error for whatever is wrong with a line
    url = data.get("url")
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise ValueError("url: not the address of a page")
    if not data.get("title") and not data.get("text"):
        raise ValueError("neither title nor text")
    moment = rfc3339(now())
    given = {name: value for name, value in data.items() if value is not None}
    first_seen_at = given.get("first_seen_at") or given.get("published_at") or moment
    whole: Json = {
        "id": story_id(url),
        "outlet": urlsplit(url).hostname,
        "title": "",
        "text": "",
        "first_seen_at": first_seen_at,
        "fetched_at": first_seen_at,
        "updated_at": first_seen_at,
        **given,
    }
    check(whole)
    try:
        story = Story.from_json(whole).normalized()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"no story: {error}") from None
    _check_length(story)
    return story if story.cluster else replace(story, cluster=story.id)


def check(data: Json) -> None:
    """Raises ValueError, saying what is wrong with which name, where a value is not of its kind."""
    for name in (*_TEXTS, *_MAYBE_TEXTS, *_TIMES):
        if name in data and not isinstance(data[name], str):
            raise ValueError(f"{name}: not a text")
    for name, (least, most) in _NUMBERS.items():
        value = data.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{name}: not a number")  # noqa: TRY004  as above
        if not least <= value <= most:
            raise ValueError(f"{name}: {value} is not between {least} and {most}")
    extraction = data.get("extraction", {})
    if not isinstance(extraction, dict) or not isinstance(extraction.get("method") or "", str):
        raise ValueError("extraction: not an object with a method")  # noqa: TRY004  as above
    for name, value in (*((name, data.get(name)) for name in _LISTS[:-1]), ("flags", extraction.get("flags"))):
        if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise ValueError(f"{name}: not a list of texts")
    for name in _TIMES:
        if name in data:
            try:
                datetime.fromisoformat(data[name])
            except ValueError:
                raise ValueError(f"{name}: {data[name]!r} is not a time; write 2026-11-22T07:30:00Z") from None


def _check_length(story: Story) -> None:
    """Refuses what a store would: there it would be missing and nobody told."""
    if not story.id:
        raise ValueError("id: empty")
    for name in ("id", "cluster"):
        if len(getattr(story, name).encode()) > MAX_ID_LENGTH:
            raise ValueError(f"{name}: longer than {MAX_ID_LENGTH} bytes")
    for name in _VALUES:
        value = getattr(story, name) or ""
        if any(len(one.encode()) > MAX_VALUE_LENGTH for one in ([value] if isinstance(value, str) else value)):
            raise ValueError(f"{name}: longer than {MAX_VALUE_LENGTH} bytes")


def _visit(story: Story) -> FrontierEntry:
    """The story's address as visited, for good."""
    candidate = Candidate(url=story.url, outlet=story.outlet, title=story.title, published_at=story.published_at)
    return FrontierEntry(
        id=story_id(story.url), candidate=candidate, first_seen_at=story.first_seen_at, next_at=None, story=story.id
    )


# ---- from store to store


def copy(source: Store, target: Store, *, progress: Callable[[int, int], None] = lambda _all, _new: None) -> int:
    """Copies a whole monitor: stories with their versions, hits, outbox, frontier, outlets, notes; returns how many
    records were new there.

    May be repeated, also after a kill: what is there stays, and mail that was sent stays sent.  To be run while nobody
    crawls or mails from the source, or what happens meanwhile may be missing.
    """
    copied = new = 0
    for batch in batched(source.dump(), IMPORT_BATCH):
        new += target.load(batch)
        copied += len(batch)
        progress(copied, new)
    return new
