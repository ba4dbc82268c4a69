"""Export, import and copy keep stories unchanged."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.errors import MonitorError
from monitor.store.records import StoryHistory
from monitor.store.sqlite import SqliteStore
from monitor.transfer import (
    EXPORT_COLUMNS,
    copy_store,
    detect_file_format,
    export_stories,
    import_stories,
    read_rows,
    story_from_json,
)
from store.examples import MINUTE, NOW, candidate, page_commit, story, story_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from monitor.models import Story
    from monitor.store.records import Record

COMPLETE = story(
    "complete",
    title="Заголовок, with “quotes”\nand a second line",
    authors=("Ann Lee", "Bo"),
    published_at=NOW - MINUTE + timedelta(microseconds=5),
    modified_at=NOW,
    country="GB",
    section="World",
    tags=("a", "b"),
    image="https://outlet.example/i.jpg",
    word_count=7,
    topics=("geo",),
    alerts=("ai",),
    method="json-ld",
    flags=("truncated",),
)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], SqliteStore]]:
    """Creates a store; closes all at the end."""
    stores: list[SqliteStore] = []

    def make(name: str) -> SqliteStore:
        stores.append(SqliteStore(tmp_path / f"{name}.db", timeout=timedelta(seconds=30)))
        stores[-1].setup()
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def exported(stories: list[Story], format_name: str) -> bytes:
    out = io.BytesIO()
    assert export_stories(iter(stories), out, format_name) == len(stories)
    return out.getvalue()


def fail_on_refusal(number: int, reason: str) -> None:
    raise AssertionError(f"line {number}: {reason}")


def test_stories_survive_export_and_import_as_jsonl(make: Callable[[str], SqliteStore]) -> None:
    stories = sorted([COMPLETE, story("second"), replace(story("third"), version=4)], key=lambda story: story.id)
    lines = exported(stories, "jsonl")
    store = make("one")
    counts = import_stories(read_rows(io.BytesIO(lines), "jsonl"), store, on_refused=fail_on_refusal)
    assert (counts.stored, counts.already_stored, counts.refused) == (3, 0, 0)
    assert list(store.scan(now=NOW)) == stories
    assert exported(list(store.scan(now=NOW)), "jsonl") == lines


@pytest.mark.parametrize("format_name", ["csv", "parquet"])
def test_stories_survive_export_and_import_as_a_table(make: Callable[[str], SqliteStore], format_name: str) -> None:
    if format_name == "parquet":
        pytest.importorskip("pyarrow")
    formula = story("formula", title='=HYPERLINK("http://formula.example")', text="-1+1")
    stories = sorted([COMPLETE, formula, replace(story("third"), version=4)], key=lambda story: story.id)
    table = exported(stories, format_name)
    assert detect_file_format(table[:100]) == format_name
    store = make("one")
    counts = import_stories(read_rows(io.BytesIO(table), format_name), store, on_refused=fail_on_refusal)
    assert (counts.stored, counts.already_stored, counts.refused) == (3, 0, 0)
    assert list(store.scan(now=NOW)) == stories


@pytest.mark.parametrize("head", [b'[{"url": "x"}]', b"<html>", b"a,b,c\n1,2,3", b"\x00\x01"])
def test_a_file_without_stories_has_no_supported_format(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON array|no stories"):
        detect_file_format(head)


def test_an_import_may_be_repeated(make: Callable[[str], SqliteStore]) -> None:
    store, lines = make("one"), exported([COMPLETE, story("second")], "jsonl")
    import_stories(read_rows(io.BytesIO(lines), "jsonl"), store, on_refused=fail_on_refusal)
    counts = import_stories(read_rows(io.BytesIO(lines), "jsonl"), store, on_refused=fail_on_refusal)
    assert (counts.stored, counts.already_stored) == (0, 2)
    assert store.history(COMPLETE.id) == [COMPLETE]


def test_the_crawl_does_not_fetch_an_imported_story(make: Callable[[str], SqliteStore]) -> None:
    store = make("one")
    import_stories(read_rows(io.BytesIO(exported([COMPLETE], "jsonl")), "jsonl"), store, on_refused=fail_on_refusal)
    assert store.enqueue([candidate("complete")], now=NOW) == []


def test_invalid_lines_are_reported_and_the_others_imported(make: Callable[[str], SqliteStore]) -> None:
    good = exported([COMPLETE], "jsonl").strip()
    lines = [
        b"{not json\n",
        good + b"\n",
        b"[1, 2]\n",
        b"\n",
        b'{"title": "no url"}\n',
        b'{"url": "javascript:alert(1)", "title": "x"}\n',
        b'{"url": "https://a.example/1"}\n',
        b'{"url": "https://a.example/1", "title": 3}\n',
        b'{"url": "https://a.example/1", "title": "x", "published_at": "yesterday"}\n',
        b'{"url": "https://a.example/1", "title": "x", "authors": "Ann"}\n',
        b'{"url": "https://a.example/1", "title": "x", "version": "2"}\n',
        b'{"url": "https://a.example/1", "title": "x", "extraction": []}\n',
        b'{"url": "https://a.example/2", "title": "fine"}\n',
        b"\xff\xfe\n",
    ]
    refused: dict[int, str] = {}
    store = make("one")
    counts = import_stories(enumerate(lines, start=1), store, on_refused=refused.__setitem__)
    assert (counts.stored, counts.refused) == (2, 11)
    assert sorted(refused) == [1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 14]
    assert refused[9].startswith("published_at:")
    assert refused[6].startswith("url:")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 0),
        ("version", 10_001),
        ("word_count", 10**12),
        ("word_count", 2**63),
        ("id", ""),
        ("id", "x" * 600),
        ("cluster", "x" * 600),
        ("outlet", "x" * 40_000),
        ("language", "é" * 4_001),
        ("country", "x" * 8_001),
        ("section", "x" * 8_001),
        ("tags", ["short", "x" * 8_001]),
        ("topics", ["x" * 8_001]),
        ("alerts", ["x" * 8_001]),
        ("url", f"https://a.example/{'x' * 8_000}"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_line_with_an_oversized_or_invalid_value_is_refused(
    make: Callable[[str], SqliteStore], name: str, value: object
) -> None:
    """A store would drop it; the message names the field, and the other lines are stored."""
    store, refused = make("one"), dict[int, str]()
    lines = [orjson.dumps({"url": story_url(str(number)), "title": "T"}) for number in range(3)]
    lines[1] = orjson.dumps({**orjson.loads(lines[1]), name: value})
    counts = import_stories(enumerate(lines, start=1), store, on_refused=refused.__setitem__)
    assert (counts.stored, counts.already_stored, counts.refused) == (2, 0, 1)
    assert list(refused) == [2]
    assert refused[2].startswith(f"{name}: ")
    assert [entry.candidate.url for entry in store.enqueue([candidate("1")], now=NOW)] == [story_url("1")]


def test_a_story_the_store_refuses_is_reported_and_may_be_fetched(
    make: Callable[[str], SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, refused = make("one"), dict[int, str]()
    load = store.load

    def load_except_one(records: Sequence[Record]) -> int:
        def is_refused(record: Record) -> bool:
            return isinstance(record, StoryHistory) and record.versions[-1].id == COMPLETE.id

        return load([record for record in records if not is_refused(record)])

    monkeypatch.setattr(store, "load", load_except_one)
    counts = import_stories(
        read_rows(io.BytesIO(exported([COMPLETE, story("second")], "jsonl")), "jsonl"),
        store,
        on_refused=refused.__setitem__,
    )
    assert (counts.stored, counts.already_stored, counts.refused) == (1, 0, 1)
    assert list(refused) == [1]
    assert len(store.enqueue([candidate("complete"), candidate("second")], now=NOW)) == 1


def test_the_newest_of_several_versions_of_a_story_is_imported(make: Callable[[str], SqliteStore]) -> None:
    store = make("one")
    versions = [replace(COMPLETE, version=version, title=f"Title {version}") for version in (2, 3, 1)]
    counts = import_stories(
        read_rows(io.BytesIO(exported(versions, "jsonl")), "jsonl"), store, on_refused=fail_on_refusal
    )
    assert (counts.stored, counts.already_stored, counts.refused) == (1, 2, 0)
    assert store.stories([COMPLETE.id])[COMPLETE.id] == versions[1]


def test_a_foreign_story_needs_only_url_and_title() -> None:
    imported = story_from_json(
        {"url": story_url("first"), "title": "A title", "published_at": "2026-11-22T12:00:00+02:00"}
    )
    assert (imported.id, imported.cluster, imported.outlet) == (story("first").id, story("first").id, "outlet.example")
    assert imported.published_at == imported.first_seen_at == NOW - timedelta(hours=2)


def test_csv_has_a_row_for_each_story_and_no_formulas() -> None:
    formula = story("formula", title='=HYPERLINK("http://formula.example")', text="-1+1")
    records = list(csv.DictReader(io.StringIO(exported([COMPLETE, formula], "csv").decode())))
    assert list(records[0]) == EXPORT_COLUMNS
    assert records[0]["title"] == COMPLETE.title
    assert records[0]["authors"] == "Ann Lee; Bo"
    assert records[0]["published_at"] == "2026-11-22T11:59:00.000005Z"
    assert records[1]["title"].startswith("'=")
    assert records[1]["text"] == "'-1+1"


texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text("'=-@;[ \"\t\r\n", max_size=6)


@given(title=texts, text=texts, authors=st.lists(texts), tags=st.lists(texts))
@example(title="'=1", text="''+1", authors=["Lee; Ann", "Bo"], tags=["=a", ""])
@example(title="'", text="'quoted'", authors=["[1]", "x"], tags=['["a"]'])
def test_text_and_lists_survive_csv(title: str, text: str, authors: list[str], tags: list[str]) -> None:
    values = {"title": title, "text": text, "authors": authors, "tags": tags}
    table = exported([story("any", title=title, text=text, authors=tuple(authors), tags=tuple(tags))], "csv")
    ((_, row),) = read_rows(io.BytesIO(table), "csv")
    assert isinstance(row, dict)
    assert {name: row.get(name, type(value)()) for name, value in values.items()} == values


@pytest.mark.parametrize(
    ("cell", "authors"),
    [("Ann Lee; Bo", ["Ann Lee", "Bo"]), ("'=Ann", ["=Ann"]), ("[dpa]; Bo", ["[dpa]", "Bo"]), ("[1]", ["[1]"])],
)
def test_lists_of_earlier_exports_are_read(cell: str, authors: list[str]) -> None:
    """Earlier versions wrote no JSON arrays."""
    ((_, row),) = read_rows(io.BytesIO(f"url,authors\n{story_url('1')},{cell}\n".encode()), "csv")
    assert isinstance(row, dict)
    assert row["authors"] == authors


def test_parquet_keeps_value_types() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    stories = [COMPLETE, *(story(f"s{number}") for number in range(1500))]
    table = parquet.read_table(io.BytesIO(exported(stories, "parquet")))
    assert table.num_rows == 1501
    first = table.slice(0, 1).to_pylist()[0]
    assert first["published_at"] == COMPLETE.published_at
    assert first["authors"] == ["Ann Lee", "Bo"]
    assert first["text"] == COMPLETE.text


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(MonitorError, match="jsonl, csv, parquet"):
        exported([COMPLETE], "xml")


def test_an_export_continues_after_the_last_written_story(make: Callable[[str], SqliteStore]) -> None:
    store = make("one")
    store.commit([page_commit(story(f"s{number}")) for number in range(20)])
    complete = exported(list(store.scan(now=NOW)), "jsonl")
    written = complete.splitlines(keepends=True)[:7]
    last = orjson.loads(written[-1])["id"]
    assert b"".join(written) + exported(list(store.scan(now=NOW, after=last)), "jsonl") == complete


def test_an_interrupted_copy_can_be_repeated(make: Callable[[str], SqliteStore]) -> None:
    source, target = make("one"), make("two")
    source.commit([page_commit(story(f"s{number}"), alerts=("ai",)) for number in range(450)])

    class Interrupted(Exception):
        pass

    def interrupt(copied: int, _new: int) -> None:
        if copied >= 400:
            raise Interrupted

    with pytest.raises(Interrupted):
        copy_store(source, target, on_progress=interrupt)
    assert copy_store(source, target) == 4 * 450 - 400  # a story, hit, notification and frontier entry each
    assert list(target.scan(now=NOW)) == list(source.scan(now=NOW))
    assert target.outbox(limit=1000) == source.outbox(limit=1000)
    assert copy_store(source, target) == 0
