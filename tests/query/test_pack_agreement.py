"""The matcher, SQLite and a real Elasticsearch find the same stories for every entry of the packs, also in a NEAR."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from random import Random
from typing import TYPE_CHECKING

import pytest

from monitor.config.schema import StoreSettings
from monitor.query import parse
from monitor.query.matcher import analysed_story, matches
from monitor.query.packs import pack_terms
from query.everyday_texts import EVERYDAY_TEXTS
from query.examples import STORY
from query.generate import NOW
from query.test_agreement import Search, _page_commit, by_elasticsearch

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.models import Story

__all__ = ["by_elasticsearch"]  # a fixture

QUERIES = [query for name in pack_terms() for query in (f"@{name}", f"@{name} NEAR/4 (raw:AI OR 人工智能 OR model)")]


@cache
def stories() -> list[Story]:
    """Returns stories of the words of two entries each, once in order and once shuffled."""
    random = Random(16)
    words = {
        name: re.findall(r"[^\s()\"]+", re.sub(r"@\S+|raw:|O?NEAR/\d+|\bOR\b", " ", text))
        for name, text in pack_terms().items()
    }
    texts = list(EVERYDAY_TEXTS["en"][:5])
    for own_words in words.values():
        in_order = [*own_words, *words[random.choice(list(words))], "AI", "model"]
        texts += [" ".join(in_order), " ".join(random.sample(in_order, len(in_order)))]
    return [replace(STORY, id=f"{number:04}", title="", text=text) for number, text in enumerate(texts)]


@cache
def ids_by_matcher() -> list[set[str]]:
    documents = [analysed_story(story) for story in stories()]
    return [
        {document.story.id for document in documents if matches(node, document, NOW)} for node in map(parse, QUERIES)
    ]


def test_every_entry_matches_a_story_with_its_words() -> None:
    entries_without_match = [
        query for query, ids in zip(QUERIES, ids_by_matcher(), strict=True) if "NEAR" not in query and not ids
    ]
    assert entries_without_match == []


@pytest.mark.timeout(600)
def test_sqlite_finds_what_the_matcher_matches_with_packs(tmp_path: Path) -> None:
    from monitor.store import open_store

    store = open_store(StoreSettings.model_validate({"url": "sqlite:packs.db"}), tmp_path)
    try:
        store.setup()
        store.commit([_page_commit(story) for story in stories()])
        for query, expected in zip(QUERIES, ids_by_matcher(), strict=True):
            result = store.search(parse(query), now=NOW, limit=len(stories()))
            assert {story.id for story in result.stories} == expected, query
    finally:
        store.close()


@pytest.mark.elasticsearch
@pytest.mark.timeout(600)
def test_elasticsearch_finds_what_the_matcher_matches_with_packs(by_elasticsearch: Search) -> None:
    found_ids = by_elasticsearch(list(map(parse, QUERIES)), stories())
    for query, ids, expected in zip(QUERIES, found_ids, ids_by_matcher(), strict=True):
        assert ids == expected, query
