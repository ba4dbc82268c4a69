"""The matcher, SQLite and a real Elasticsearch find the same stories for every query.

MONITOR_TEST_PAIRS sets the number of pairs of a query and a story compared with Elasticsearch (default 10,000).
"""

from __future__ import annotations

import itertools
import json
import os
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitor.config.schema import StoreSettings
from monitor.models import Candidate, CommitResult, Disposition, FrontierEntry, Outcome, PageCommit, Story
from monitor.query import parse
from monitor.query.matcher import analysed_story, matches
from monitor.query.rules import RuleSet
from monitor.query.syntax import Node, is_positive
from monitor.store.elasticsearch import query_compiler, schema
from monitor.store.elasticsearch.analysis import ANALYSIS_SETTINGS
from monitor.store.elasticsearch.documents import story_document
from query.examples import STORY
from query.generate import NOW, corpora, many_queries

PAIRS = int(os.environ.get("MONITOR_TEST_PAIRS", "10000"))
STORIES, QUERIES = 20, 25
EXAMPLES = max(1, PAIRS // (STORIES * QUERIES))

examples = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
drawn = given(stories=corpora(STORIES), texts=many_queries(QUERIES))


def by_matcher(node: Node, stories: list[Story]) -> set[str]:
    return {story.id for story in stories if matches(node, analysed_story(story), NOW)}


Search = Callable[[list[Node | dict[str, object]], list[Story]], list[set[str]]]


@pytest.fixture(scope="module")
def by_elasticsearch(elasticsearch_url: str) -> Iterator[Search]:
    """Yields a function that indexes stories as a new batch and returns the ids that each query finds in it."""
    index = f"test-agreement-{uuid.uuid4().hex[:12]}"

    def call(method: str, path: str, body: bytes | None = None) -> dict[str, list[dict[str, object]]]:
        headers = {"Content-Type": "application/json" if path == "" else "application/x-ndjson"}
        request = urllib.request.Request(f"{elasticsearch_url}/{index}{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)

    properties = {**schema.STORY_PROPERTIES, "batch": {"type": "keyword"}}
    mappings = {"dynamic": False, "properties": properties}
    settings = {"analysis": ANALYSIS_SETTINGS, "number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1}
    call("PUT", "", json.dumps({"settings": settings, "mappings": mappings}).encode())
    batches = itertools.count()

    def search(nodes: list[Node | dict[str, object]], stories: list[Story]) -> list[set[str]]:
        batch = str(next(batches))
        lines: list[object] = []
        for story in stories:
            lines += [{"index": {"_id": f"{batch}/{story.id}"}}, {**story_document(story, ()), "batch": batch}]
        bulk_response = call("POST", "/_bulk?refresh=true", _lines(lines))
        assert not bulk_response["errors"], bulk_response
        lines = []
        for node in nodes:
            query = node if isinstance(node, dict) else query_compiler.compile(node, NOW)
            in_batch = {"bool": {"must": [query], "filter": [{"term": {"batch": batch}}]}}
            lines += [{}, {"query": in_batch, "_source": False, "size": len(stories)}]
        responses = call("POST", "/_msearch", _lines(lines))["responses"]
        return [_ids(node, response) for node, response in zip(nodes, responses, strict=True)]

    yield search
    call("DELETE", "")


def _lines(lines: list[object]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _ids(node: object, response: dict[str, object]) -> set[str]:
    assert "hits" in response, f"{node}: {response}"
    hits = response["hits"]["hits"]  # type: ignore[index]  # JSON
    return {hit["_id"].partition("/")[2] for hit in hits}


@pytest.mark.elasticsearch
def test_elasticsearch_counts_no_gaps_inside_a_repeated_phrase(by_elasticsearch: Search) -> None:
    text = "出口管制 a b 出口管制"
    stories = [replace(STORY, id=f"{gap}", title="", text=text.replace("a b", "x " * gap)) for gap in range(5)]
    nodes = [parse(f"出口管制 {near}/2 出口管制") for near in ("NEAR", "ONEAR")]
    assert by_elasticsearch(nodes, stories) == [{"0", "1", "2"}] * 2 == [by_matcher(node, stories) for node in nodes]


@pytest.mark.elasticsearch
@pytest.mark.timeout(0 if PAIRS > 20_000 else 600)
@examples
@drawn
def test_elasticsearch_finds_what_the_matcher_matches(
    by_elasticsearch: Search, stories: list[Story], texts: list[str]
) -> None:
    nodes = [parse(text) for text in texts]
    for node, ids in zip(nodes, by_elasticsearch(nodes, stories), strict=True):
        assert ids == by_matcher(node, stories), str(node)


QUERY_STRING = {
    "query_string": {
        "fields": ["title", "text"],
        "quote_field_suffix": ".exact",
        "default_operator": "AND",
        "type": "best_fields",
        "auto_generate_synonyms_phrase_query": False,
    }
}


def _query_string(text: str) -> dict[str, object]:
    return {"query_string": {**QUERY_STRING["query_string"], "query": text}}


def lucene_queries(random: Random) -> str:
    """Returns a query of the syntax that Lucene has too, with every operator explicit.

    Words are in quotes, because Kibana's unquoted words have the stems of Elasticsearch's analyzers.
    """
    words = [
        "AI",
        "chip",
        "chips",
        "sanction",
        "sanctions",
        "export",
        "controls",
        "BRICS",
        "Sberbank",
        "Сбербанк",
        "санкции",
        "ИИ",
        "elysee",
        "the",
        "of",
    ]

    def clause(depth: int) -> str:
        if depth and random.random() < 0.6:
            operator = random.choice((" AND ", " OR ", " && ", " || "))
            return f"({operator.join(clause(depth - 1) for _ in range(random.randint(2, 3)))})"
        first, second = random.sample(words, 2)
        match random.randrange(7):
            case 0:
                return f'"{first} {second}"'
            case 1:
                return f'"{first} {second}"~{random.randint(1, 6)}'
            case 2:
                return f'{random.choice(("title", "text"))}:"{first}"'
            case 3:
                return f'("{first}" AND NOT "{second}")'
            case 4:
                return f'("{first}" AND -"{second}")'
            case _:
                return f'"{first}"'

    return clause(2)


@pytest.mark.elasticsearch
@settings(examples, max_examples=20)
@given(stories=corpora(STORIES), random=st.integers(0, 2**64).map(Random))
def test_queries_that_lucene_has_too_find_what_its_parser_finds(
    by_elasticsearch: Search, stories: list[Story], random: Random
) -> None:
    """Excludes the differences in docs/query-language.md: blanks, wildcards and a NOT alone or in an OR."""
    texts = [lucene_queries(random) for _ in range(QUERIES)]
    found_ids = by_elasticsearch([_query_string(text) for text in texts], stories)
    for text, ids in zip(texts, found_ids, strict=True):
        assert ids == by_matcher(parse(text), stories), text


def _page_commit(story: Story) -> PageCommit:
    candidate = Candidate(url=story.url, outlet=story.outlet)
    entry = FrontierEntry(
        id=story.id, candidate=candidate, first_seen_at=story.first_seen_at, next_at=None, story=story.id
    )
    return PageCommit(entry=entry, outcome=Outcome(disposition=Disposition.STORED), story=story)


@pytest.mark.timeout(600)
@settings(examples, max_examples=40)
@drawn
def test_sqlite_finds_what_the_matcher_matches(
    tmp_path_factory: pytest.TempPathFactory, stories: list[Story], texts: list[str]
) -> None:
    from monitor.store import open_store

    base = tmp_path_factory.mktemp("store")
    store = open_store(StoreSettings.model_validate({"url": "sqlite:agreement.db"}), base)
    try:
        store.setup()
        assert set(store.commit([_page_commit(story) for story in stories])) == {CommitResult.WRITTEN}
        for text in texts:
            node = parse(text)
            ids = {story.id for story in store.search(node, now=NOW, limit=STORIES).stories}
            assert ids == by_matcher(node, stories), str(node)
    finally:
        store.close()


@settings(examples, max_examples=40)
@drawn
def test_a_rule_set_matches_like_its_rules_one_by_one(stories: list[Story], texts: list[str]) -> None:
    nodes = {f"{number} {text}": node for number, text in enumerate(texts) if is_positive(node := parse(text))}
    rules = RuleSet(topics={}, alerts=nodes)
    for story in stories:
        without_topics = replace(story, topics=())  # a rule set matches topics itself, and this one has none
        analysed = analysed_story(story).with_story(without_topics)
        one_by_one = tuple(name for name, node in nodes.items() if matches(node, analysed, NOW))
        assert rules.match(without_topics, now=NOW).alerts == one_by_one
