"""Feeds are valid, keep their ids, and their files are replaced at once."""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from monitor.config import Config, load
from monitor.delivery import configured_dispatcher
from monitor.errors import StoreRefused
from monitor.feed_files import FeedFiles, FeedSource, write_file
from monitor.query import parse
from monitor.saved_searches import save_search
from monitor.story_search import StorySearch
from monitor.syndication.atom import atom_feed
from monitor.syndication.items import Feed, feed_id, feed_items
from monitor.syndication.json_feed import json_feed
from store.examples import NOW, page_commit, story
from syndication.rules import ATOM, atom_faults, json_feed_faults

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.query import Node
    from monitor.store import SearchResult, Store

INSTALLATION = uuid.UUID("6f3a0b52-6d1f-4d38-9d4c-1d2f6a0a5f11")
FEED = Feed(
    id=feed_id(INSTALLATION, "alert", "sberbank"),
    title="sberbank",
    description="Stories that match the alert: Sberbank",
    url="https://monitor.example/feeds/sberbank.atom",
    home="https://monitor.example/",
)
STORY = story(
    "one",
    title="Sberbank <script>alert(1)</script> & Co",
    text="First words. Sberbank's plans & <b>more</b> of them. Last words.",
    authors=("A. Writer",),
    topics=("banks",),
    published_at=NOW - timedelta(hours=1),
)


def config(directory: Path) -> Config:
    return Config.model_validate(
        {
            "feeds": str(directory),
            "topics": {"banks": "bank"},
            "alerts": [{"name": "sberbank", "query": "Sberbank", "to": "desk@example.org"}],
        }
    )


def test_a_feed_has_title_link_outlet_and_the_sentences_that_match() -> None:
    items = feed_items([STORY], parse("Sberbank"))
    entry = etree.fromstring(atom_feed(FEED, items)).find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}title") == STORY.title
    assert entry.findtext(f"{ATOM}summary") == (
        "<p>Outlet</p><p>Sberbank&#x27;s plans &amp; &lt;b&gt;more&lt;/b&gt; of them.</p>"
    )
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "A. Writer"
    (item,) = json.loads(json_feed(FEED, items))["items"]
    assert item["url"] == STORY.url
    assert item["content_text"] == "Outlet\nSberbank's plans & <b>more</b> of them."
    assert item["tags"] == ["banks"]
    assert item["id"] == entry.findtext(f"{ATOM}id")


texts = st.text(max_size=40)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "title": texts,
                "text": texts.map(lambda text: f"Sberbank {text}"),
                "outlet": texts,
                "authors": st.lists(texts, max_size=2).map(tuple),
                "topics": st.lists(texts.filter(bool), max_size=2).map(tuple),
                "language": st.sampled_from([None, "en", "ar"]),
                "published_at": st.sampled_from([None, NOW, NOW.replace(microsecond=7)]),
            }
        ),
        max_size=3,
    ),
    texts,
)
def test_feeds_of_any_texts_are_valid(stories: list[dict[str, Any]], title: str) -> None:
    items = feed_items([story(f"s{n}", **fields) for n, fields in enumerate(stories)], parse("Sberbank"))
    feed = replace(FEED, title=f"t{title}")
    assert atom_faults(atom_feed(feed, items)) == []
    assert json_feed_faults(json_feed(feed, items)) == []


def test_the_validator_finds_what_is_wrong() -> None:
    document = atom_feed(FEED, feed_items([STORY], None))
    for wrong in (b"<updated>", b"<id>urn:", b"<name>", b"</author>"):
        assert wrong in document
    assert atom_faults(document.replace(b"Z</updated>", b"</updated>")) != []
    assert atom_faults(document.replace(b"<id>urn:uuid:", b"<id>")) != []
    assert atom_faults(document.replace(b'href="https:', b'href="')) != []
    assert atom_faults(document.replace(b"author>", b"editor>")) != []


def test_a_correction_keeps_the_id_and_changes_the_time() -> None:
    corrected = replace(STORY, version=2, title="Another title", updated_at=NOW + timedelta(hours=1))
    (before,), (after,) = feed_items([STORY], None), feed_items([corrected], None)
    assert before.id == after.id
    assert after.updated_at == NOW + timedelta(hours=1)


def test_two_monitors_have_feeds_of_different_ids() -> None:
    assert feed_id(INSTALLATION, "alert", "x") != feed_id(uuid.uuid4(), "alert", "x")
    assert feed_id(INSTALLATION, "alert", "x") != feed_id(INSTALLATION, "topic", "x")


def test_a_delivery_writes_the_files_of_alerts_and_topics(store: Store, tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text(
        "feeds: out\ntopics: {banks: bank}\nalerts: [{name: sberbank, query: Sberbank, to: desk@example.org}]\n"
    )
    settings = load(tmp_path / "monitor.yaml", {})
    store.commit([page_commit(replace(STORY, alerts=("sberbank",)), alerts=("sberbank",))])
    configured_dispatcher(store, settings).deliver()
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert files == ["alerts/sberbank.atom", "alerts/sberbank.json", "topics/banks.atom", "topics/banks.json"]
    for path in (tmp_path / "out").rglob("*.atom"):
        assert atom_faults(path.read_bytes()) == []
        assert STORY.title in etree.fromstring(path.read_bytes()).xpath("string()")
    for path in (tmp_path / "out").rglob("*.json"):
        assert json_feed_faults(path.read_bytes()) == []


def test_a_later_pass_rewrites_only_what_has_news(store: Store, tmp_path: Path) -> None:
    times = [NOW]
    files = FeedFiles(store, config(tmp_path), tmp_path, now=lambda: times[-1])
    files.write_due()
    first = (tmp_path / "alerts/sberbank.atom").stat()
    store.commit([page_commit(replace(STORY, alerts=("sberbank",)), alerts=("sberbank",))])
    files.write_due()
    assert (tmp_path / "alerts/sberbank.atom").stat() == first, "not before its time"
    times.append(NOW + timedelta(minutes=1))
    topic = (tmp_path / "topics/banks.atom").stat()
    files.write_due()
    assert (tmp_path / "alerts/sberbank.atom").stat().st_ino != first.st_ino
    assert (tmp_path / "topics/banks.atom").stat().st_ino != topic.st_ino, "the story has the topic too"
    newest = (tmp_path / "alerts/sberbank.atom").stat()
    times.append(NOW + timedelta(minutes=2))
    files.write_due()
    assert (tmp_path / "alerts/sberbank.atom").stat() == newest, "without news a file is left as it is"


def test_a_search_that_the_store_refuses_stops_no_other_feed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("costly", "cheap"):
        save_search(store, name, StorySearch(query=name), fragments={}, user="", at=NOW)
    search = store.search

    def refuse_costly(query: Node | None, **options: Any) -> SearchResult:
        if "costly" in str(query):
            raise StoreRefused("the search takes too long")
        return search(query, **options)

    monkeypatch.setattr(store, "search", refuse_costly)
    FeedFiles(store, Config(), tmp_path, now=lambda: NOW).write_due()
    assert sorted(path.name for path in (tmp_path / "searches").iterdir()) == ["cheap.atom", "cheap.json"]
    assert caplog.messages == ["feeds: the search costly has no feed: the search takes too long"]


def test_an_unwritable_directory_is_logged_once_and_stops_nothing(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    times = [NOW]
    files = FeedFiles(store, config(tmp_path), tmp_path / "file", now=lambda: times[-1])
    with caplog.at_level(logging.ERROR):
        for minute in range(3):
            times.append(NOW + timedelta(minutes=minute))
            files.write_due()
    assert [record.getMessage().split(" cannot be")[1] for record in caplog.records] == [" written: Not a directory"]


def test_names_of_any_script_have_files_of_their_own() -> None:
    names = ["sberbank", "Sberbank", "Сбербанк", "a/b", "../x", "日本"]
    paths = [FeedSource("alert", name, "x").path for name in names]
    assert paths[0] == "alerts/sberbank"
    assert len(set(paths)) == len(names)
    assert not any(".." in path or path.count("/") > 1 for path in paths)


def test_a_reader_never_sees_a_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.atom"
    write_file(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_file(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a.atom", b"old")]
