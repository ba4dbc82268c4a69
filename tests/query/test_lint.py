"""Doubts about queries that parse."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config.schema import Alert, Config, Outlet
from monitor.query import lint as linting
from monitor.query import parse
from monitor.query.lint import ConfiguredValues, implies, lint, notes
from monitor.query.matcher import document, matches
from query.generate import NOW, corpora, many_queries

KNOWN = ConfiguredValues(outlets={"bbc news": "BBC News"}, topics=frozenset({"ai"}), languages=frozenset({"fr", "it"}))


@pytest.mark.parametrize(
    ("query", "column", "words"),
    [
        ("a OR b c", 8, "write a OR (b AND c)"),
        ("a AND b OR c", 9, "write (a AND b) OR c"),
        ("x (a OR b c)", 11, "mixed without brackets"),
        ("chip OR chips", 9, "adds nothing"),
        ('Sberbank OR "Sberbank"', 13, "adds nothing"),
        ('sanct* OR "sanctions"', 11, "adds nothing"),
        ('a AND "a b"', 1, 'a adds nothing: "a b" asks for more'),
        ("a NEAR/3 b OR a NEAR/5 b", 3, "a NEAR/5 b finds all"),
        ("a AND NOT a", 7, "never match"),
        ('"a b" AND NOT a', 11, "never match"),
        ("language:en AND language:ru", 17, 'language:("en" OR "ru")'),
        ("published_at:[now TO now-1d]", 1, "ends before it begins"),
        ("word_count:[300 TO 10]", 1, "ends before it begins"),
        ("a OR NOT b", 6, "nearly every story"),
        ("co* x", 1, 'begins with "co"'),
        ("AI China", 1, "write raw:AI"),
        ("rock and roll", 6, "write AND"),
        ("C++", 1, 'read as "c"'),
        ("outlet:BBC", 1, 'write outlet:"BBC News"'),
        ("topic:x", 1, "topics are ai"),
        ("language:english", 1, "two letters"),
        ("country:UK", 1, "write country:GB"),
        ("alert:x", 1, "not known before it"),
    ],
)
def test_a_doubtful_query_is_named_with_its_place_and_a_better_way(query: str, column: int, words: str) -> None:
    found = notes(query, known=KNOWN, kind="alert", now=NOW)
    assert [note.column for note in found if words in str(note)] == [column], [str(note) for note in found]


@pytest.mark.parametrize(
    "query",
    [
        '(raw:AI OR "artificial intelligence" OR ИИ OR 人工智能) AND (China OR Russia OR sanction OR export)',
        "sanction* OR sanctions",  # the inflected word finds "sanctioned" too, but the wildcard not every stem
        "raw:AI -raw:AIs",
        'outlet:"BBC News" topic:AI language:en',
        "BRICS NEAR/10 raw:AI",
        'export -"export controls"',
        "title:chip chip NEAR/3 act",
    ],
)
def test_a_sound_query_is_left_alone(query: str) -> None:
    assert notes(query, known=KNOWN, kind="alert", now=NOW) == []


def test_every_rule_of_a_configuration_is_looked_at() -> None:
    config = Config(
        outlets=(Outlet(name="Il Giorno", url="https://a.example/", language="it", every=timedelta(hours=1)),),
        topics={"ai": "AI OR chip OR chips"},
        alerts=(Alert(name="deal", query="topic:ia", to=("a@b.example",)),),
    )
    assert lint(config) == [
        'topics.ai: column 1: AI also finds "ai" in stories in it; write raw:AI',
        "topics.ai: column 15: chips adds nothing: chip finds all that it does; leave it out",
        'alerts.deal: column 1: there is no topic "ia"; topics are ai',
    ]


def test_a_topic_is_missed_where_none_is_configured_too() -> None:
    config = Config(alerts=(Alert(name="deal", query="topic:ia", to=("a@b.example",)),))
    assert lint(config) == ['alerts.deal: column 1: there is no topic "ia"; no topics are configured']


@settings(max_examples=60, deadline=None)
@given(stories=corpora(10), texts=many_queries(20))
def test_what_is_said_to_follow_does_follow(stories: list, texts: list[str]) -> None:
    """If one query implies another, no story matches the first alone."""
    nodes = [parse(text) for text in texts]
    parts = nodes + [child for node in nodes for child in getattr(node, "nodes", ())]
    documents = [document(story) for story in stories]
    for one in parts:
        for other in parts:
            if one is not other and implies(one, other):
                for found in documents:
                    assert matches(other, found, NOW) or not matches(one, found, NOW), f"{one} => {other}"


@given(st.data())
def test_a_query_implies_itself_and_its_alternatives(data: st.DataObject) -> None:
    (text,) = data.draw(many_queries(1))
    node = parse(text)
    assert implies(node, node)
    assert implies(node, parse(f"({text}) OR zzz"))
    assert implies(parse(f"({text}) AND zzz"), node)


def test_of_very_many_clauses_not_each_is_compared_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def implies(*_: object) -> bool:
        nonlocal compared
        compared += 1
        return False

    monkeypatch.setattr(linting, "implies", implies)
    notes(" ".join(f"word{n} -other{n}" for n in range(400)))
    assert compared == 0
