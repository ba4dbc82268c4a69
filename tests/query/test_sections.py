"""NEAR/S and NEAR/P require one sentence or paragraph that contains both operands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.query import parse
from monitor.query.explain import explain
from monitor.query.lint import implies
from monitor.query.matcher import analysed_story, matches
from monitor.query.sections import Section, section_ends
from monitor.query.syntax import Near
from query.examples import NOON, STORY

TEXT = """The ministry met Mr. Smith of Acme Inc. on Monday. Exports fell by 3.5 percent! "Why?" asked Jones.

A ban on chips was not discussed… Beijing objected"""


def found(query: str, text: str = TEXT) -> bool:
    return matches(parse(query), analysed_story(replace(STORY, title="", text=text)), NOON)


@pytest.mark.parametrize(
    "query",
    [
        "ministry NEAR/S Monday",
        "Monday NEAR/S ministry",
        "ministry ONEAR/S Monday",
        "why NEAR/S Jones",
        'exports NEAR/S ("3 percent" OR "3.5 percent")',
        "chips NEAR/S (ban OR Beijing)",
        "ministry NEAR/P Jones",
        "chips ONEAR/P Beijing",
        "(ministry NEAR/3 met) NEAR/S Monday",
        "ministry NEAR/S Smith NEAR/S Monday",
        "(ministry NEAR/S Acme) NEAR/2 Monday",
    ],
)
def test_operands_in_one_section_are_found(query: str) -> None:
    assert found(query)


@pytest.mark.parametrize(
    "query",
    [
        "Monday NEAR/S exports",
        "Monday ONEAR/S ministry",
        "percent NEAR/S why",
        "chips NEAR/S Beijing",
        "Jones NEAR/P ban",
        "Beijing ONEAR/P chips",
        "chips NEAR/S chips",
        "ministry NEAR/S Monday NEAR/S exports",
        '"Monday exports" NEAR/S ministry',
    ],
)
def test_operands_in_different_sections_are_not_found(query: str) -> None:
    assert not found(query)


@pytest.mark.parametrize(
    ("text", "language", "sentences"),
    [
        ("He left the U.S. in May. She stayed.", "en", ["He left the U.S. in May.", " She stayed."]),
        ("J. P. Morgan rose. No. 5 fell.", "en", ["J. P. Morgan rose.", " No. 5 fell."]),
        ("He said no. She won.", "en", ["He said no.", " She won."]),
        ("It was 12. The rest left.", "en", ["It was 12.", " The rest left."]),
        ("Am 3. Oktober kam er. Sie ging.", "de", ["Am 3. Oktober kam er.", " Sie ging."]),
        ("В 2024 г. Москва ждала. Киев тоже.", "ru", ["В 2024 г. Москва ждала.", " Киев тоже."]),
        ("他说。我们走！好", "zh", ["他说。", "我们走！", "好"]),
        ("यह है। वह था।", "hi", ["यह है।", " वह था।"]),
        ('"Yes!" he said. (She left.) Why?', "en", ['"Yes!" he said.', " (She left.)", " Why?"]),
        ("See site.example/a.html now", "en", ["See site.example/a.html now"]),
        ("One\nTwo. Three", "en", ["One\n", "Two.", " Three"]),
    ],
)
def test_a_text_is_split_into_sentences(text: str, language: str, sentences: list[str]) -> None:
    ends = [*section_ends(text, Section.SENTENCE, language), len(text)]
    pieces = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert [piece for piece in pieces if piece] == sentences


def test_a_section_is_printed_as_it_is_parsed() -> None:
    node = parse("a NEAR/S (b ONEAR/P c)")
    assert isinstance(node, Near)
    assert str(node) == "a NEAR/S (b ONEAR/P c)"
    assert parse(str(node)) == node


def test_an_explanation_says_that_no_section_contains_both() -> None:
    story = replace(STORY, title="", text=TEXT)
    assert explain(parse("Monday NEAR/S exports"), story, now=NOON).reason == "both occur, but not in one sentence"
    assert explain(parse("Beijing ONEAR/P chips"), story, now=NOON).reason == "both occur, but not in this order"


def test_one_sentence_implies_one_paragraph() -> None:
    assert implies(parse("a ONEAR/S b"), parse("a NEAR/P b"))
    assert not implies(parse("a NEAR/P b"), parse("a NEAR/S b"))
    assert not implies(parse("a NEAR/5 b"), parse("a NEAR/S b"))
