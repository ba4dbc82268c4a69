"""Stories go out, come in and move between stores whole."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import pytest

from monitor.errors import MonitorError
from monitor.store.protocol import History
from monitor.store.sqlite import SqliteStore
from monitor.transfer import COLUMNS, copy, export, form_of, import_stories, read_story, rows
from store.examples import MINUTE, NOW, candidate, page_commit, story, story_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from monitor.models import Story
    from monitor.store.protocol import Record

WHOLE = story(
    "whole",
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
    made: list[SqliteStore] = []

    def make(name: str) -> SqliteStore:
        made.append(SqliteStore(tmp_path / f"{name}.db", timeout=timedelta(seconds=30)))
        made[-1].setup()
        return made[-1]

    yield make
    for store in made:
        store.close()


def exported(stories: list[Story], form: str) -> bytes:
    out = io.BytesIO()
    assert export(iter(stories), out, form) == len(stories)
    return out.getvalue()


def refuse(number: int, reason: str) -> None:
    raise AssertionError(f"line {number}: {reason}")


def test_what_jsonl_takes_out_it_brings_back(make: Callable[[str], SqliteStore]) -> None:
    stories = sorted([WHOLE, story("second"), replace(story("third"), version=4)], key=lambda told: told.id)
    lines = exported(stories, "jsonl")
    store = make("one")
    done = import_stories(rows(io.BytesIO(lines), "jsonl"), store, refused=refuse)
    assert (done.stored, done.known, done.bad) == (3, 0, 0)
    assert list(store.scan(now=NOW)) == stories
    assert exported(list(store.scan(now=NOW)), "jsonl") == lines


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_a_table_takes_out_it_brings_back(make: Callable[[str], SqliteStore], form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    evil = story("evil", title='=HYPERLINK("http://evil.example")', text="-1+1")
    stories = sorted([WHOLE, evil, replace(story("third"), version=4)], key=lambda told: told.id)
    table = exported(stories, form)
    assert form_of(table[:100]) == form
    store = make("one")
    done = import_stories(rows(io.BytesIO(table), form), store, refused=refuse)
    assert (done.stored, done.known, done.bad) == (3, 0, 0)
    assert list(store.scan(now=NOW)) == stories


@pytest.mark.parametrize("head", [b'[{"url": "x"}]', b"<html>", b"a,b,c\n1,2,3", b"\x00\x01"])
def test_what_holds_no_stories_is_no_format(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON array|no stories"):
        form_of(head)


def test_an_import_may_be_repeated(make: Callable[[str], SqliteStore]) -> None:
    store, lines = make("one"), exported([WHOLE, story("second")], "jsonl")
    import_stories(rows(io.BytesIO(lines), "jsonl"), store, refused=refuse)
    done = import_stories(rows(io.BytesIO(lines), "jsonl"), store, refused=refuse)
    assert (done.stored, done.known) == (0, 2)
    assert store.history(WHOLE.id) == [WHOLE]


def test_the_crawl_does_not_fetch_an_imported_story(make: Callable[[str], SqliteStore]) -> None:
    store = make("one")
    import_stories(rows(io.BytesIO(exported([WHOLE], "jsonl")), "jsonl"), store, refused=refuse)
    assert store.enqueue([candidate("whole")], now=NOW) == []


def test_bad_lines_are_named_and_the_rest_goes_on(make: Callable[[str], SqliteStore]) -> None:
    good = exported([WHOLE], "jsonl").strip()
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
    bad: dict[int, str] = {}
    store = make("one")
    done = import_stories(enumerate(lines, start=1), store, refused=bad.__setitem__)
    assert (done.stored, done.bad) == (2, 11)
    assert sorted(bad) == [1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 14]
    assert bad[9].startswith("published_at:")
    assert bad[6].startswith("url:")


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
def test_a_line_that_a_store_would_lose_is_refused_by_name_and_the_others_are_stored(
    make: Callable[[str], SqliteStore], name: str, value: object
) -> None:
    store, bad = make("one"), dict[int, str]()
    lines = [orjson.dumps({"url": story_url(str(number)), "title": "T"}) for number in range(3)]
    lines[1] = orjson.dumps({**orjson.loads(lines[1]), name: value})
    done = import_stories(enumerate(lines, start=1), store, refused=bad.__setitem__)
    assert (done.stored, done.known, done.bad) == (2, 0, 1)
    assert list(bad) == [2]
    assert bad[2].startswith(f"{name}: ")
    assert [told.candidate.url for told in store.enqueue([candidate("1")], now=NOW)] == [story_url("1")]


def test_what_the_store_does_not_take_is_refused_and_may_still_be_fetched(
    make: Callable[[str], SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, bad = make("one"), dict[int, str]()
    taken = store.load

    def picky(records: Sequence[Record]) -> int:
        return taken([one for one in records if not (isinstance(one, History) and one.versions[-1].id == WHOLE.id)])

    monkeypatch.setattr(store, "load", picky)
    done = import_stories(
        rows(io.BytesIO(exported([WHOLE, story("second")], "jsonl")), "jsonl"), store, refused=bad.__setitem__
    )
    assert (done.stored, done.known, done.bad) == (1, 0, 1)
    assert list(bad) == [1]
    assert len(store.enqueue([candidate("whole"), candidate("second")], now=NOW)) == 1


def test_of_several_versions_of_a_story_the_newest_is_imported(make: Callable[[str], SqliteStore]) -> None:
    store = make("one")
    versions = [replace(WHOLE, version=version, title=f"Title {version}") for version in (2, 3, 1)]
    done = import_stories(rows(io.BytesIO(exported(versions, "jsonl")), "jsonl"), store, refused=refuse)
    assert (done.stored, done.known, done.bad) == (1, 2, 0)
    assert store.stories([WHOLE.id])[WHOLE.id] == versions[1]


def test_a_story_from_elsewhere_needs_little() -> None:
    told = read_story({"url": story_url("first"), "title": "A title", "published_at": "2026-11-22T12:00:00+02:00"})
    assert (told.id, told.cluster, told.outlet) == (story("first").id, story("first").id, "outlet.example")
    assert told.published_at == told.first_seen_at == NOW - timedelta(hours=2)


def test_csv_has_a_line_for_each_story_and_no_formula_for_a_spreadsheet() -> None:
    evil = story("evil", title='=HYPERLINK("http://evil.example")', text="-1+1")
    told = list(csv.DictReader(io.StringIO(exported([WHOLE, evil], "csv").decode())))
    assert list(told[0]) == COLUMNS
    assert told[0]["title"] == WHOLE.title
    assert told[0]["authors"] == "Ann Lee; Bo"
    assert told[0]["published_at"] == "2026-11-22T11:59:00.000005Z"
    assert told[1]["title"].startswith("'=")
    assert told[1]["text"] == "'-1+1"


def test_parquet_keeps_types() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    stories = [WHOLE, *(story(f"s{number}") for number in range(1500))]
    table = parquet.read_table(io.BytesIO(exported(stories, "parquet")))
    assert table.num_rows == 1501
    first = table.slice(0, 1).to_pylist()[0]
    assert first["published_at"] == WHOLE.published_at
    assert first["authors"] == ["Ann Lee", "Bo"]
    assert first["text"] == WHOLE.text


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(MonitorError, match="jsonl, csv, parquet"):
        exported([WHOLE], "xml")


def test_an_export_goes_on_behind_the_last_story_written(make: Callable[[str], SqliteStore]) -> None:
    store = make("one")
    store.commit([page_commit(story(f"s{number}")) for number in range(20)])
    whole = exported(list(store.scan(now=NOW)), "jsonl")
    written = whole.splitlines(keepends=True)[:7]
    last = orjson.loads(written[-1])["id"]
    assert b"".join(written) + exported(list(store.scan(now=NOW, after=last)), "jsonl") == whole


def test_a_copy_may_be_broken_off_and_repeated(make: Callable[[str], SqliteStore]) -> None:
    source, target = make("one"), make("two")
    source.commit([page_commit(story(f"s{number}"), alerts=("ai",)) for number in range(450)])

    class Broken(Exception):
        pass

    def breaking(copied: int, _new: int) -> None:
        if copied >= 400:
            raise Broken

    with pytest.raises(Broken):
        copy(source, target, progress=breaking)
    assert copy(source, target) == 4 * 450 - 400  # a story, hit, notice and visit of each
    assert list(target.scan(now=NOW)) == list(source.scan(now=NOW))
    assert target.outbox(limit=1000) == source.outbox(limit=1000)
    assert copy(source, target) == 0
