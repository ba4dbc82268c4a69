"""Warnings about queries that parse but are probably a mistake."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config.schema import Alert, Config, Outlet
from monitor.query import lint as linting
from monitor.query import parse
from monitor.query.fragments import Fragments
from monitor.query.lint import implies, lint_config, lint_query
from monitor.query.lint_notes import ConfiguredValues
from monitor.query.matcher import analysed_story, matches
from query.generate import NOW, corpora, many_queries

CONFIGURED = ConfiguredValues(
    outlets={"bbc news": "BBC News"}, topics=frozenset({"ai"}), languages=frozenset({"fr", "it"})
)


@pytest.mark.parametrize(
    ("query", "column", "words"),
    [
        ("a OR b c", 8, "write a OR (b AND c)"),
        ("a AND b OR c", 9, "write (a AND b) OR c"),
        ("x (a OR b c)", 11, "mixed without brackets"),
        ('chip OR "chip"', 9, "adds nothing"),
        ('Sberbank OR "Sberbank"', 13, "adds nothing"),
        ('sanct* OR "sanctions"', 11, "adds nothing"),
        ('a AND "a b"', 1, 'a adds nothing: "a b" already requires it'),
        ("a NEAR/3 b OR a NEAR/5 b", 3, "a NEAR/5 b already finds the same stories"),
        ("a AND NOT a", 7, "never match"),
        ('"a b" AND NOT a', 11, "never match"),
        ("language:en AND language:ru", 17, 'language:("en" OR "ru")'),
        ("published_at:[now TO now-1d]", 1, "ends before it begins"),
        ("word_count:[300 TO 10]", 1, "ends before it begins"),
        ("a OR NOT b", 6, "nearly every story"),
        ("co* x", 1, 'begins with "co"'),
        ("AI China", 1, "write raw:AI"),
        ("rock and roll", 6, '"and" is read as the operator AND; write AND, or "and" in quotes for the word'),
        ("chip or ban", 6, '"or" is read as the operator OR'),
        ("chip oder ban", 6, "write OR for the operator"),
        ("x title:export controls", 3, 'write title:(export controls) or title:"export controls"'),
        ("100%", 1, 'read as "100"'),
        ('author:"Jane @ Reuters"', 1, 'read as "jane reuters"'),
        ("Trump's", 1, "write Trump for both"),
        ("თბილისი", 1, "finds this form only"),
        ("outlet:BBC", 1, 'write outlet:"BBC News"'),
        ("topic:x", 1, "topics are ai"),
        ("language:english", 1, "two letters"),
        ("country:UK", 1, "write country:GB"),
        ("alert:x", 1, "not known before it"),
    ],
)
def test_a_questionable_query_gets_a_note_with_column_and_suggestion(query: str, column: int, words: str) -> None:
    notes = lint_query(query, configured=CONFIGURED, kind="alert", now=NOW)
    assert [note.column for note in notes if words in str(note)] == [column], [str(note) for note in notes]


@pytest.mark.parametrize(
    "query",
    [
        '(raw:AI OR "artificial intelligence" OR ИИ OR 人工智能) AND (China OR Russia OR sanction OR export)',
        "sanction* OR sanctions",  # the text does not show that the wildcard covers every inflected form
        "raw:AI -raw:AIs",
        'outlet:"BBC News" topic:AI language:en',
        "BRICS NEAR/10 raw:AI",
        'export -"export controls"',
        "title:chip chip NEAR/3 act",
    ],
)
def test_a_sound_query_gets_no_note(query: str) -> None:
    assert lint_query(query, configured=CONFIGURED, kind="alert", now=NOW) == []


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("the OR us", [1, 8]),
        ("the", [1]),
        ("chips AND (Nvidia OR is)", [22]),
        ("чипы OR на", [9]),
        ("the chips", []),  # together with another word it finds no more
        ("the OR raw:US", [1]),
        ("US OR IT OR Nvidia", []),  # in capitals it is an acronym, which has a note of its own
        ('"us" OR chips', []),
        ("title:the OR chips", [1]),
    ],
)
def test_a_frequent_word_as_an_alternative_is_noted(query: str, columns: list[int]) -> None:
    notes = lint_query(query)
    assert [note.column for note in notes if "nearly all stories" in note.message] == columns, [*map(str, notes)]


def test_every_rule_of_a_configuration_is_checked() -> None:
    config = Config(
        outlets=(Outlet(name="Il Giorno", url="https://a.example/", language="it", every=timedelta(hours=1)),),
        topics={"ai": 'AI OR chip OR "chip"'},
        alerts=(Alert(name="deal", query="topic:ia", to=("a@b.example",)),),
    )
    assert lint_config(config) == [
        'topics.ai: column 1: AI also finds "ai" in stories in it; write raw:AI',
        'topics.ai: column 15: "chip" adds nothing: chip already finds the same stories; remove it',
        'alerts.deal: column 1: there is no topic "ia"; topics are ai',
    ]


def test_a_fragment_is_checked_by_itself_and_not_where_it_is_used() -> None:
    terms = {"banks": 'Sberbank OR "Sberbank"', "un": "UN OR NATO"}
    data = {"terms": terms, "topics": {"money": '@banks OR rouble OR "rouble"', "both": "@banks AND @un OR x"}}
    config = Config.model_validate(data, context={"fragments": Fragments(terms)})
    assert lint_config(config) == [
        'terms.banks: column 13: "Sberbank" adds nothing: Sberbank already finds the same stories; remove it',
        'topics.money: column 21: "rouble" adds nothing: rouble already finds the same stories; remove it',
        "topics.both: column 16: AND and OR are mixed without brackets; AND binds tighter; "
        "put the operands of one of them in brackets",
    ]


def test_an_unknown_topic_is_noted_if_no_topic_is_configured() -> None:
    config = Config(alerts=(Alert(name="deal", query="topic:ia", to=("a@b.example",)),))
    assert lint_config(config) == ['alerts.deal: column 1: there is no topic "ia"; no topics are configured']


@settings(max_examples=60, deadline=None)
@given(stories=corpora(10), texts=many_queries(20))
def test_a_query_that_implies_another_matches_no_story_alone(stories: list, texts: list[str]) -> None:
    nodes = [parse(text) for text in texts]
    parts = nodes + [child for node in nodes for child in getattr(node, "nodes", ())]
    documents = [analysed_story(story) for story in stories]
    for premise in parts:
        for conclusion in parts:
            if premise is not conclusion and implies(premise, conclusion):
                for analysed in documents:
                    assert matches(conclusion, analysed, NOW) or not matches(premise, analysed, NOW), (
                        f"{premise} => {conclusion}"
                    )


@given(st.data())
def test_a_query_implies_itself_and_its_alternatives(data: st.DataObject) -> None:
    (text,) = data.draw(many_queries(1))
    node = parse(text)
    assert implies(node, node)
    assert implies(node, parse(f"({text}) OR zzz"))
    assert implies(parse(f"({text}) AND zzz"), node)


def test_very_many_clauses_are_not_compared_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def implies(*_: object) -> bool:
        nonlocal compared
        compared += 1
        return False

    monkeypatch.setattr(linting, "implies", implies)
    lint_query(" ".join(f"word{n} -other{n}" for n in range(400)))
    assert compared == 0


def test_a_language_that_no_outlet_has_is_noted() -> None:
    configured = ConfiguredValues(languages=frozenset({"en", "ru"}), has_all_languages=True)
    (note,) = lint_query("language:fr", configured=configured)
    assert (note.message, note.suggestion) == ('no outlet has the language "fr"', "they have en, ru")
    assert not lint_query("language:fr", configured=replace(configured, has_all_languages=False))
    assert not lint_query("language:ru", configured=configured)


def test_a_word_is_noted_if_the_language_of_all_outlets_has_no_inflection() -> None:
    configured = ConfiguredValues(languages=frozenset({"ro"}), has_all_languages=True)
    (note,) = lint_query("guvern", configured=configured)
    assert note.message == "guvern finds this form only: ro has no inflection here"
    assert not lint_query("guvern", configured=replace(configured, languages=frozenset({"en", "ro"})))
    assert not lint_query("guvern*", configured=configured)
    assert not lint_query("raw:guvern", configured=configured)
