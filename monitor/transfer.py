"""Exports stories to files, imports stories from files, and copies all records from one store to another.

All functions process records in batches, so that memory use does not depend on the number of records.
"""

# ruff: noqa: SIM905  one string of column names is easier to read

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import orjson

from monitor.errors import MonitorError, StoreRefused
from monitor.itertools_compat import batched
from monitor.models import Candidate, FrontierEntry, Json, Story, now, rfc3339
from monitor.store.records import StoryHistory
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import ModuleType

    import pyarrow as pa

    from monitor.store import Store

FILE_FORMATS = ("jsonl", "csv", "parquet")
EXPORT_COLUMNS = (
    "id url outlet title text authors published_at modified_at first_seen_at fetched_at updated_at language country "
    "section tags image word_count topics alerts cluster version method flags"
).split()
BATCH_RECORDS = 200  # records that an import or a copy stores in one call
PARQUET_ROW_GROUP_ROWS = 1000  # rows in memory at a time, which take some megabytes

_TEXT_FIELDS = ("id", "url", "outlet", "title", "text", "cluster", "method")
_OPTIONAL_TEXT_FIELDS = ("language", "country", "section", "image")
_LIST_FIELDS = ("authors", "tags", "topics", "alerts", "flags")
_TIME_FIELDS = ("published_at", "modified_at", "first_seen_at", "fetched_at", "updated_at")
# (minimum, maximum) of number fields; the limit of version numbers bounds the work of `Store.history`.
_NUMBER_FIELD_RANGES = {"word_count": (0, 2**31 - 1), "version": (1, 10_000)}

MAX_ID_BYTES = 500  # UTF-8; Elasticsearch allows 512, and ids of earlier versions have the version number appended
MAX_KEYWORD_BYTES = 8000  # UTF-8, of a value indexed as one term; Elasticsearch allows 32,766 after lower-casing
MAX_CSV_CELL_CHARACTERS = 50_000_000  # Python's default of 131,072 is less than the text of some stories
# Matches the start of a cell that a spreadsheet reads as a formula, or of one that is quoted already.
_FORMULA_PATTERN = re.compile(r"'*[=+\-@\t\r]")
_KEYWORD_FIELDS = ("url", "outlet", "language", "country", "section", "method", *_LIST_FIELDS)


# ---- export


def export_stories(stories: Iterable[Story], out: BinaryIO, format_name: str) -> int:
    """Writes stories to a file in the given order and returns their number.

    An interrupted export in order of id, as `Store.scan` yields stories, can be resumed after the last id written.  A
    Parquet file is readable only after this function has returned.  Raises MonitorError if ``format_name`` is not one
    of `FILE_FORMATS`, or if the library for Parquet is not installed.
    """
    match format_name:
        case "jsonl":
            return _exhaust_and_count(
                out.write(orjson.dumps(story.to_json(), option=orjson.OPT_APPEND_NEWLINE)) for story in stories
            )
        case "csv":
            return _write_csv(stories, out)
        case "parquet":
            return _write_parquet(stories, out)
        case _:
            raise MonitorError(f"{format_name!r} is not a format", hint=f"one of {', '.join(FILE_FORMATS)}")


def _write_csv(stories: Iterable[Story], out: BinaryIO) -> int:
    """Writes a header line and one CSV row for each story; returns the number of stories."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(EXPORT_COLUMNS)
    try:
        return _exhaust_and_count(
            writer.writerow([_format_csv_cell(getattr(story, name)) for name in EXPORT_COLUMNS]) for story in stories
        )
    finally:
        text.detach()


def _format_csv_cell(value: object) -> object:
    """Formats a value for CSV.

    Prefixes text that a spreadsheet would read as a formula with a single quote.  Lists are joined with "; ", or
    written as a JSON array if they would not be the same list after the import.
    """
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, tuple):
        joined = "; ".join(value)
        value = joined if _split_list(joined) == [*value] else orjson.dumps(value).decode()
    if isinstance(value, str) and _FORMULA_PATTERN.match(value):
        return f"'{value}"
    return value


def _split_list(cell: str) -> list[str]:
    """Parses the cell of a list: a JSON array, or items joined with "; "."""
    if cell.startswith("["):
        try:
            items = orjson.loads(cell)
        except orjson.JSONDecodeError:
            pass  # an item that begins with a bracket
        else:
            if all(isinstance(item, str) for item in items):
                return [*items]
    return cell.split("; ") if cell else []


def _write_parquet(stories: Iterable[Story], out: BinaryIO) -> int:
    pa = _import_pyarrow()
    from pyarrow import parquet

    schema = _parquet_schema()
    written = 0
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for group in batched(stories, PARQUET_ROW_GROUP_ROWS):
            rows = [{name: getattr(story, name) for name in EXPORT_COLUMNS} for story in group]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            written += len(group)
    return written


def _import_pyarrow() -> ModuleType:
    """Returns the module pyarrow.  Raises MonitorError if it is not installed."""
    try:
        import pyarrow as pa
    except ImportError:
        raise MonitorError(
            "Parquet needs pyarrow, which is not installed", hint="pip install 'media-monitor[parquet]'"
        ) from None
    module: ModuleType = pa
    return module


def _parquet_schema() -> pa.Schema:
    import pyarrow as pa

    types = {
        **dict.fromkeys((*_TEXT_FIELDS, *_OPTIONAL_TEXT_FIELDS), pa.string()),
        **dict.fromkeys(_LIST_FIELDS, pa.list_(pa.string())),
        **dict.fromkeys(_TIME_FIELDS, pa.timestamp("us", tz="UTC")),
        **dict.fromkeys(_NUMBER_FIELD_RANGES, pa.int64()),
    }
    return pa.schema([(name, types[name]) for name in EXPORT_COLUMNS])


def _exhaust_and_count(written: Iterable[object]) -> int:
    """Iterates to the end and returns the number of items."""
    return sum(1 for _ in written)


# ---- import


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportCounts:
    """How many stories of a file were stored, were stored before, or were refused because they are invalid."""

    stored: int = 0  # new, or a newer version than the stored one
    already_stored: int = 0
    refused: int = 0


def detect_file_format(head: bytes) -> str:
    """Returns which of `FILE_FORMATS` a file has, from its first bytes; an empty file counts as jsonl.

    Raises ValueError with a hint for any other content.
    """
    head = head.removeprefix(b"\xef\xbb\xbf")
    start = head.lstrip()
    if head.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"["):
        raise ValueError("a JSON array; write one object per line: jq -c '.[]' FILE | media-monitor import -")
    if not start or any(line.lstrip().startswith(b"{") for line in head.splitlines()):
        return "jsonl"
    if b"url" in head.split(b"\n")[0].strip().replace(b'"', b"").split(b","):
        return "csv"
    raise ValueError("no stories: neither jsonl, nor CSV with a line of names, nor Parquet, as `export` writes them")


def read_rows(file: BinaryIO, format_name: str) -> Iterator[tuple[int, bytes | Json]]:
    """Yields (line number, line) for jsonl, and (line or record number, JSON of the story) for CSV and Parquet.

    Numbers begin with 1.  Raises MonitorError at the first place where the file is damaged.
    """
    try:
        match format_name:
            case "csv":
                yield from _read_csv(file)
            case "parquet":
                yield from _read_parquet(file)
            case _:
                yield from enumerate(file, start=1)
    except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise MonitorError(f"damaged, cannot be read further: {error}") from None


def _read_csv(file: BinaryIO) -> Iterator[tuple[int, Json]]:
    """Yields the number of the first line of each CSV row, and the row as the JSON of a story without empty cells."""
    csv.field_size_limit(MAX_CSV_CELL_CHARACTERS)
    reader = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    line_number = reader.line_num
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        yield (
            line_number + 1,
            _nest_extraction_fields(
                {name: _parse_csv_cell(name, value) for name, value in row.items() if name and value}
            ),
        )
        line_number = reader.line_num


def _parse_csv_cell(name: str, value: str) -> object:
    """Parses a CSV cell: the inverse of `_csv_cell`."""
    if value.startswith("'") and _FORMULA_PATTERN.match(value):
        value = value[1:]
    if name in _LIST_FIELDS:
        return _split_list(value)
    return int(value) if name in _NUMBER_FIELD_RANGES and value.isdecimal() else value


def _read_parquet(file: BinaryIO) -> Iterator[tuple[int, Json]]:
    """Yields the number of each Parquet record, and the record as the JSON of a story without null values."""
    pa = _import_pyarrow()
    from pyarrow import parquet

    try:
        parquet_file = parquet.ParquetFile(file if file.seekable() else io.BytesIO(file.read()))
        records = (record for batch in parquet_file.iter_batches(BATCH_RECORDS) for record in batch.to_pylist())
        for number, record in enumerate(records, start=1):
            yield (
                number,
                _nest_extraction_fields(
                    {name: _datetime_to_text(value) for name, value in record.items() if value is not None}
                ),
            )
    except pa.ArrowInvalid as error:
        raise MonitorError(f"not a complete Parquet file: {error}") from None


def _datetime_to_text(value: object) -> object:
    return rfc3339(value) if isinstance(value, datetime) else value


def _nest_extraction_fields(row: Json) -> Json:
    """Returns the row with ``method`` and ``flags`` moved into an object ``extraction``, as in the JSON of a story."""
    return {**row, "extraction": {name: row.pop(name) for name in ("method", "flags") if name in row}}


def import_stories(
    lines: Iterable[tuple[int, bytes | Json]],
    store: Store,
    *,
    on_refused: Callable[[int, str], None],
    on_progress: Callable[[ImportCounts], None] = lambda _: None,
) -> ImportCounts:
    """Stores the stories that `read_rows` yields, and marks their URLs as fetched so that a crawl does not fetch them.

    For each story that is invalid or that the store rejects, calls ``on_refused(line number, reason)`` and continues.
    An import may be repeated, also after the process was killed: stories that are stored already stay unchanged.
    Calls ``on_progress`` after each batch.  Returns the final counts.  Raises StoreError if the store fails.
    """
    counts = ImportCounts()
    for batch in batched(_parse_stories(lines, on_refused), BATCH_RECORDS):
        stories = {number: story for number, story in batch if story is not None}
        new, reasons = _load_latest_versions(store, _latest_versions(stories.values()))
        stored = store.stories([story.id for story in stories.values()])
        store.load([_finished_frontier_entry(story) for story in stories.values() if story.id in stored])
        refused_lines = [number for number, story in stories.items() if story.id not in stored]
        for number in refused_lines:
            on_refused(number, reasons.get(stories[number].id, "the store does not accept it"))
        counts = ImportCounts(
            stored=counts.stored + new,
            already_stored=counts.already_stored + len(stories) - len(refused_lines) - new,
            refused=counts.refused + len(batch) - len(stories) + len(refused_lines),
        )
        on_progress(counts)
    return counts


def _load_latest_versions(store: Store, stories: Sequence[Story]) -> tuple[int, dict[str, str]]:
    """Stores stories as their latest versions.  Returns how many were new or newer, and why others were refused, by id.

    Raises StoreRefused if there are several stories and the store refuses all of them.
    """
    try:
        return store.load([StoryHistory(versions=(story,)) for story in stories]), {}
    except StoreRefused as refusal:  # the stories are stored again one by one, to find the refused ones
        new, reasons, last = 0, {}, refusal
    for story in stories:
        try:
            new += store.load([StoryHistory(versions=(story,))])
        except StoreRefused as error:
            reasons[story.id], last = error.message, error
    if len(stories) > 1 and len(reasons) == len(stories):
        raise last
    return new, reasons


def _latest_versions(stories: Iterable[Story]) -> list[Story]:
    """Returns the highest version of each story in the file, and the first of several equal versions."""
    newest: dict[str, Story] = {}
    for story in stories:
        if story.id not in newest or story.version > newest[story.id].version:
            newest[story.id] = story
    return list(newest.values())


def _parse_stories(
    lines: Iterable[tuple[int, bytes | Json]], on_refused: Callable[[int, str], None]
) -> Iterator[tuple[int, Story | None]]:
    """Yields (line number, story) for each line that is not blank; the story is None if the line is invalid.

    Calls ``on_refused(line number, reason)`` for each invalid line.
    """
    for number, line in lines:
        if isinstance(line, bytes) and not line.strip():
            continue
        try:
            yield number, story_from_json(orjson.loads(line) if isinstance(line, bytes) else line)
        except orjson.JSONDecodeError as error:
            on_refused(number, f"not JSON: {error}")
            yield number, None
        except ValueError as error:
            on_refused(number, str(error))
            yield number, None


def story_from_json(data: object) -> Story:
    """Returns the story that a JSON object describes; the object needs only ``url``, and ``title`` or ``text``.

    A missing ``outlet`` becomes the host of the URL, a missing ``first_seen_at`` the time of publication or else the
    current time, missing ``fetched_at`` and ``updated_at`` become ``first_seen_at``.  Raises ValueError with the name
    of the first invalid field.
    """
    if not isinstance(data, dict):
        raise ValueError("not an object")  # noqa: TRY004  one type of error for every invalid line
    url = data.get("url")
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise ValueError("url: not the address of a page")
    if not data.get("title") and not data.get("text"):
        raise ValueError("neither title nor text")
    time = rfc3339(now())
    given = {name: value for name, value in data.items() if value is not None}
    first_seen_at = given.get("first_seen_at") or given.get("published_at") or time
    complete: Json = {
        "id": story_id(url),
        "outlet": urlsplit(url).hostname,
        "title": "",
        "text": "",
        "first_seen_at": first_seen_at,
        "fetched_at": first_seen_at,
        "updated_at": first_seen_at,
        **given,
    }
    check_field_types(complete)
    try:
        story = Story.from_json(complete).normalized()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a story: {error}") from None
    _check_field_lengths(story)
    return story if story.cluster else replace(story, cluster=story.id)


def check_field_types(data: Json) -> None:
    """Raises ValueError with the field's name if a value in the JSON of a story has a wrong type or is out of range."""
    for name in (*_TEXT_FIELDS, *_OPTIONAL_TEXT_FIELDS, *_TIME_FIELDS):
        if name in data and not isinstance(data[name], str):
            raise ValueError(f"{name}: not a text")
    for name, (minimum, maximum) in _NUMBER_FIELD_RANGES.items():
        value = data.get(name, minimum)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{name}: not a number")  # noqa: TRY004  one type of error for every invalid line
        if not minimum <= value <= maximum:
            raise ValueError(f"{name}: {value} is not between {minimum} and {maximum}")
    extraction = data.get("extraction", {})
    if not isinstance(extraction, dict) or not isinstance(extraction.get("method") or "", str):
        raise ValueError("extraction: not an object with a method")  # noqa: TRY004  one type of error for every line
    for name, value in (*((name, data.get(name)) for name in _LIST_FIELDS[:-1]), ("flags", extraction.get("flags"))):
        if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise ValueError(f"{name}: not a list of texts")
    for name in _TIME_FIELDS:
        if name in data:
            try:
                datetime.fromisoformat(data[name])
            except ValueError:
                raise ValueError(f"{name}: {data[name]!r} is not a time; write 2026-11-22T07:30:00Z") from None


def _check_field_lengths(story: Story) -> None:
    """Raises ValueError with the field's name for an empty id, or for a value too long to be indexed.

    A store would accept such a story, but leave the value out of the index without an error.
    """
    if not story.id:
        raise ValueError("id: empty")
    for name in ("id", "cluster"):
        if len(getattr(story, name).encode()) > MAX_ID_BYTES:
            raise ValueError(f"{name}: longer than {MAX_ID_BYTES} bytes")
    for name in _KEYWORD_FIELDS:
        value = getattr(story, name) or ""
        if any(len(text.encode()) > MAX_KEYWORD_BYTES for text in ([value] if isinstance(value, str) else value)):
            raise ValueError(f"{name}: longer than {MAX_KEYWORD_BYTES} bytes")


def _finished_frontier_entry(story: Story) -> FrontierEntry:
    """Returns a frontier entry for the story's URL without a next fetch, so that a crawl does not fetch the URL."""
    candidate = Candidate(url=story.url, outlet=story.outlet, title=story.title, published_at=story.published_at)
    return FrontierEntry(
        id=story_id(story.url), candidate=candidate, first_seen_at=story.first_seen_at, next_at=None, story=story.id
    )


# ---- copy


def copy_store(
    source: Store, target: Store, *, on_progress: Callable[[int, int], None] = lambda _all, _new: None
) -> int:
    """Copies all records: stories with versions and marks, hits, outbox, frontier, outlets, searches and settings.

    Returns the number of records that were new or newer in the target.  Calls ``on_progress(copied, new)`` after each
    batch.  A copy may be repeated, also after the process was killed: it keeps the records of the target, and marks
    notifications as sent that were sent.  Changes that a crawl or delivery makes during the copy may be missing.
    """
    copied = new = 0
    for batch in batched(source.dump(), BATCH_RECORDS):
        new += target.load(batch)
        copied += len(batch)
        on_progress(copied, new)
    return new
