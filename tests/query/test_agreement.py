"""One meaning on every store: the same stories from the matcher, SQLite and a real Elasticsearch.

MONITOR_TEST_PAIRS sets how many pairs of query and story are compared with Elasticsearch; by default 20,000.
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
from monitor.query.matcher import document, matches
from monitor.query.rules import RuleSet
from monitor.query.syntax import TIME_FIELDS, Node, positive
from monitor.store.elasticsearch import query_compiler
from monitor.store.elasticsearch.analysis import (
    ANALYSIS,
    AUTHOR_MAPPING,
    TEXT_MAPPING,
    URL_MAPPING,
    VALUE_MAPPING,
)
from query.examples import STORY
from query.generate import NOW, corpora, many_queries

PAIRS = int(os.environ.get("MONITOR_TEST_PAIRS", "20000"))
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
    return {story.id for story in stories if matches(node, document(story), NOW)}


Found = Callable[[list[Node | dict[str, object]], list[Story]], list[set[str]]]


@pytest.fixture(scope="module")
def by_elasticsearch(elasticsearch_url: str) -> Iterator[Found]:
    """Indexes the stories and returns which of them each query finds; what was there before is told apart by batch."""
    index = f"test-agreement-{uuid.uuid4().hex[:12]}"

    def call(method: str, path: str, body: bytes | None = None) -> dict[str, list[dict[str, object]]]:
        headers = {"Content-Type": "application/json" if path == "" else "application/x-ndjson"}
        request = urllib.request.Request(f"{elasticsearch_url}/{index}{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)

    values = {name: VALUE_MAPPING for name in ("outlet", "language", "country", "topics", "alerts")}  # noqa: C420  a reader takes it for what it is
    dates = {name: {"type": "date"} for name in TIME_FIELDS}
    properties = {
        **values,
        **dates,
        "title": TEXT_MAPPING,
        "text": TEXT_MAPPING,
        "authors": AUTHOR_MAPPING,
        "url": URL_MAPPING,
        "word_count": {"type": "integer"},
        "batch": {"type": "keyword"},
    }
    mappings = {"dynamic": False, "properties": properties}
    settings = {"analysis": ANALYSIS, "number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1}
    call("PUT", "", json.dumps({"settings": settings, "mappings": mappings}).encode())
    batches = itertools.count()

    def found(nodes: list[Node | dict[str, object]], stories: list[Story]) -> list[set[str]]:
        batch = str(next(batches))
        lines: list[object] = []
        for story in stories:
            lines += [{"index": {"_id": f"{batch}/{story.id}"}}, {**story.to_json(), "batch": batch}]
        answer = call("POST", "/_bulk?refresh=true", _lines(lines))
        assert not answer["errors"], answer
        lines = []
        for node in nodes:
            query = node if isinstance(node, dict) else query_compiler.compile(node, NOW)
            both = {"bool": {"must": [query], "filter": [{"term": {"batch": batch}}]}}
            lines += [{}, {"query": both, "_source": False, "size": len(stories)}]
        answers = call("POST", "/_msearch", _lines(lines))["responses"]
        return [_ids(node, answer) for node, answer in zip(nodes, answers, strict=True)]

    yield found
    call("DELETE", "")


def _lines(lines: list[object]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _ids(node: object, answer: dict[str, object]) -> set[str]:
    assert "hits" in answer, f"{node}: {answer}"
    hits = answer["hits"]["hits"]  # type: ignore[index]  # JSON
    return {hit["_id"].partition("/")[2] for hit in hits}


@pytest.mark.elasticsearch
def test_elasticsearch_counts_no_gaps_inside_a_phrase_that_comes_twice(by_elasticsearch: Found) -> None:
    text = "出口管制 a b 出口管制"
    stories = [replace(STORY, id=f"{gap}", title="", text=text.replace("a b", "x " * gap)) for gap in range(5)]
    nodes = [parse(f"出口管制 {near}/2 出口管制") for near in ("NEAR", "ONEAR")]
    assert by_elasticsearch(nodes, stories) == [{"0", "1", "2"}] * 2 == [by_matcher(node, stories) for node in nodes]


@pytest.mark.elasticsearch
@pytest.mark.timeout(0 if PAIRS > 20_000 else 600)
@examples
@drawn
def test_elasticsearch_finds_what_the_matcher_matches(
    by_elasticsearch: Found, stories: list[Story], texts: list[str]
) -> None:
    nodes = [parse(text) for text in texts]
    for node, ids in zip(nodes, by_elasticsearch(nodes, stories), strict=True):
        assert ids == by_matcher(node, stories), str(node)


LUCENE = {
    "query_string": {
        "fields": ["title", "text"],
        "quote_field_suffix": ".exact",
        "default_operator": "AND",
        "type": "best_fields",
        "auto_generate_synonyms_phrase_query": False,
    }
}


def _lucene(text: str) -> dict[str, object]:
    return {"query_string": {**LUCENE["query_string"], "query": text}}


def lucene_queries(random: Random) -> str:
    """The part of the language that Lucene has too, with every operator written out."""
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
            sign = random.choice((" AND ", " OR ", " && ", " || "))
            return f"({sign.join(clause(depth - 1) for _ in range(random.randint(2, 3)))})"
        one, other = random.sample(words, 2)
        match random.randrange(7):
            case 0:
                return f'"{one} {other}"'
            case 1:
                return f'"{one} {other}"~{random.randint(1, 6)}'
            case 2:
                return f"{random.choice(('title', 'text'))}:{one}"
            case 3:
                return f"({one} AND NOT {other})"
            case 4:
                return f"({one} AND -{other})"
            case _:
                return one

    return clause(2)


@pytest.mark.elasticsearch
@settings(examples, max_examples=20)
@given(stories=corpora(STORIES), random=st.integers(0, 2**64).map(Random))
def test_what_lucene_has_too_finds_what_its_own_parser_finds(
    by_elasticsearch: Found, stories: list[Story], random: Random
) -> None:
    """But for what docs/query-language.md names: blanks, wildcards and a NOT that stands alone or beside OR."""
    texts = [lucene_queries(random) for _ in range(QUERIES)]
    found = by_elasticsearch([_lucene(text) for text in texts], stories)
    for text, ids in zip(texts, found, strict=True):
        assert ids == by_matcher(parse(text), stories), text


def _filing(story: Story) -> PageCommit:
    candidate = Candidate(url=story.url, outlet=story.outlet)
    visit = FrontierEntry(
        id=story.id, candidate=candidate, first_seen_at=story.first_seen_at, next_at=None, story=story.id
    )
    return PageCommit(entry=visit, outcome=Outcome(disposition=Disposition.STORED), story=story)


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
        assert set(store.commit([_filing(story) for story in stories])) == {CommitResult.WRITTEN}
        for text in texts:
            node = parse(text)
            ids = {story.id for story in store.search(node, now=NOW, limit=STORIES).stories}
            assert ids == by_matcher(node, stories), str(node)
    finally:
        store.close()


@settings(examples, max_examples=40)
@drawn
def test_a_rule_set_matches_what_its_rules_match_one_by_one(stories: list[Story], texts: list[str]) -> None:
    nodes = {f"{number} {text}": node for number, text in enumerate(texts) if positive(node := parse(text))}
    rules = RuleSet(topics={}, alerts=nodes)
    for story in stories:
        found = document(story)
        one_by_one = tuple(name for name, node in nodes.items() if matches(node, found.as_of(_untopical(story)), NOW))
        assert rules.match(_untopical(story), now=NOW).alerts == one_by_one


def _untopical(story: Story) -> Story:
    """A rule set finds a story's topics itself; here there are none to find."""
    return replace(story, topics=())
