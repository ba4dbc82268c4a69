# ruff: noqa: E501  the lists of queries are easier to read in long lines
"""Matching of queries, rule sets, explanations and words in context."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from monitor.config.schema import Alert, Config
from monitor.query import parse
from monitor.query.explain import Explanation, explain
from monitor.query.fields import WORDS_FIELDS
from monitor.query.matcher import AnalysedStory, analysed_story, matches
from monitor.query.rules import RuleMatches, RuleSet
from monitor.query.snippets import Snippet, best_context_line, highlighted_field, snippet_of_line, snippets
from monitor.query.syntax import Near, Phrase, Word
from query.examples import NOON, STORY
from query.generate import NOW, corpora, many_queries

if TYPE_CHECKING:
    from monitor.models import Story

MATCHING = """
Sberbank|Сбербанк|"Сбербанка"|raw:Sberbank|BRICS NEAR/10 AI|BRICS NEAR/6 AI|BRICS AI|"BRICS AI"~10|"AI BRICS"~8
人工智能|出口管制|人工*|chip|"chips"|sanction|sanct*|Sber*|ex?ort*|sbrebank~1|sbreabnk~2|raw:AI|raw:IA|IA|l'IA|elysee|raw:Élysée
AT&T|GPT-4|GPT-4*|"GPT 4"|"gpt-4"|title:(China AI)|text:Sberbank|author:smith|author:"jane smith"|author:(Jane Petrov)
url:politics|url:outlet.example|url:"politics/kremlin"|url:AI_2026|outlet:"national technology news"|language:EN|country:gb|topic:AI-Geopolitics
published_at:2026-11-22|published_at:>=now-1d|published_at:[2026-11-01 TO now]|published_at:2026-11|published_at:2026-11-22T12:00
published_at:<=2026-11-22T12:00:00Z|word_count:[300 TO 300]|word_count:>299|NOT Rosatom|-Rosatom|Sberbank -Rosatom|"export controls"
(BRICS NEAR/3 partners) ONEAR/2 countries|(advance OR "export controls") NEAR/30 (chip* OR "other countries")|tightened ONEAR/1 elysee
"the chips" ONEAR/2 "and the"|sberbank ONEAR/0 chief|published_at:2026-11-22T13:00+01:00|Sberbank OR Rosatom|kremlin AND (rosatom OR 管制)
"""
NOT_MATCHING = """
Rosatom|"Сбербанк"|raw:sberbank|BRICS NEAR/5 AI|"BRICS AI"|"BRICS AI"~5|"AI BRICS"~7|智能人工|"chip"|raw:ai|raw:Ai|raw:elysee|sbrebank~1 Rosatom
title:chip|text:Kremlin|author:"Jane Petrov"|author:"Smith Jane"|url:polit|outlet:National|language:ru|topic:ai|alert:x|countries ONEAR/9 BRICS
published_at:>2026-11-22|published_at:<2026-11-22|published_at:[* TO 2026-11-21]|modified_at:[* TO *]|word_count:>300|word_count:{300 TO 400]
NOT Sberbank|Sberbank -BRICS|china NEAR/50 sberbank|chief ONEAR/0 sberbank|published_at:>now|"AI C"|Sber|GPT-5*|"kremlin china"
"the chips" NEAR/0 "chips were"
"""


def _queries(text: str) -> list[str]:
    return [query for line in text.split("\n") for query in line.split("|") if query]


@pytest.mark.parametrize("query", _queries(MATCHING))
def test_this_query_matches_the_story(query: str) -> None:
    assert matches(parse(query), analysed_story(STORY), NOON)


@pytest.mark.parametrize("query", _queries(NOT_MATCHING))
def test_this_query_does_not_match_the_story(query: str) -> None:
    assert not matches(parse(query), analysed_story(STORY), NOON)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("a b c d", '"a d"~2', True),
        ("a b c d", '"a d"~1', False),
        ("d a", '"a d"~2', True),
        ("d a", '"a d"~1', False),
        ("a x b y c", '"a b c"~2', True),
        ("a x b y c", '"a b c"~1', False),
        ("a x b", "a NEAR/1 b", True),
        ("a x y b", "a NEAR/1 b", False),
        ("a b", "a NEAR/0 a", False),
        ("a a", "a NEAR/0 a", True),
        ("a b c", '"a b" NEAR/0 "b c"', False),
        ("a b b c", '"a b" NEAR/0 "b c"', True),
        ("b a c", '(a OR "a b") ONEAR/0 c', True),
        ("a b c", '(a OR "a b") ONEAR/0 c', True),
        ("a b x x a c", "(a NEAR/9 b) ONEAR/0 c", True),
    ],
)
def test_distance_is_the_number_of_words_between(text: str, query: str, expected: bool) -> None:
    story = replace(STORY, title="", text=text)
    assert matches(parse(query), analysed_story(story), NOON) is expected


RULES = RuleSet(
    topics={"ai": parse("raw:AI China")},
    alerts={
        "sberbank": parse("Sberbank OR Сбербанк"),
        "brics": parse("BRICS NEAR/10 AI"),
        "ours": parse("topic:ai chip"),
        "rosatom": parse("Rosatom"),
        "wild": parse("sanct*"),
        "fuzzy": parse("sbrebank~1"),
        "all new": parse("published_at:>=now-1d"),
    },
)


def test_topics_are_matched_before_the_alerts_that_use_them() -> None:
    without_topics = replace(STORY, topics=())
    assert RULES.match(without_topics, now=NOON) == RuleMatches(
        topics=("ai",), alerts=("sberbank", "brics", "ours", "wild", "fuzzy", "all new")
    )


def test_a_rule_set_is_compiled_from_a_configuration() -> None:
    config = Config(topics={"t": "chip"}, alerts=(Alert(name="a", query="topic:t", to=("a@b.example",)),))
    assert RuleSet.of(config).match(STORY) == RuleMatches(topics=("t",), alerts=("a",))


def test_the_context_of_a_hit_is_one_line_with_marked_words() -> None:
    line = RULES.best_context_line("brics", STORY)
    assert "\n" not in line
    assert "**BRICS** partners and other countries to advance **AI**." in line


def test_a_snippet_marks_complete_words_and_shows_where_it_is_cut() -> None:
    story = replace(
        STORY, title="Chips", text="lorem " * 50 + "the Sberbank's chips " + "ipsum " * 50 + "sanctions end"
    )
    first, second, third = snippets(parse("Sber* OR chip OR sanction"), story)
    assert first.text_with_marks("[", "]") == "[Chips]"
    assert second.text.startswith("…")
    assert "the [Sberbank's] [chips] ipsum" in second.text_with_marks("[", "]")
    assert third.text_with_marks("[", "]").endswith("[sanctions] end")


def test_snippets_do_not_overlap_and_mark_every_match() -> None:
    """Matches at 0, 155 and 170 characters: the third one is too far from the first for one snippet."""
    text = "Sberbank " + "a" * 145 + " Sberbank said Sberbank " + "b " * 100
    pieces = [
        snippet.text_with_marks("[", "]")
        for snippet in snippets(parse("Sberbank"), replace(STORY, title="", text=text))
    ]
    assert pieces == [
        f"[Sberbank] {'a' * 145} [Sberbank] said…",
        f"…[Sberbank] {'b ' * 48}b…",
    ]


def test_a_title_is_one_snippet_with_all_its_matches() -> None:
    title = "Sberbank " + "word " * 60 + "Sberbank"
    marked = [
        snippet.text_with_marks("[", "]") for snippet in snippets(parse("title:Sberbank"), replace(STORY, title=title))
    ]
    assert marked == ["[Sberbank] " + "word " * 60 + "[Sberbank]"]


def test_negated_clauses_are_not_marked() -> None:
    assert highlighted_field(parse("BRICS -Rosatom"), STORY, "title").marks == ()
    assert best_context_line(parse("NOT Rosatom"), STORY) == ""


def test_highlighting_the_title_returns_the_complete_title() -> None:
    assert highlighted_field(parse("China ONEAR/1 raw:AI"), STORY, "title").text_with_marks("[", "]") == (
        "Kremlin 'tells' ministries to work with [China] on [AI]"
    )


@settings(max_examples=100, deadline=None)
@given(stories=corpora(5), texts=many_queries(10))
def test_exactly_the_matching_clauses_of_words_are_marked(stories: list[Story], texts: list[str]) -> None:
    for node in map(parse, texts):
        if not isinstance(node, Word | Phrase | Near) or node.field in WORDS_FIELDS:
            continue
        for story in stories:
            marked = [
                snippet for field in ("title", "text") if (snippet := highlighted_field(node, story, field)).marks
            ]
            assert bool(marked) is matches(node, analysed_story(story), NOW)
            for snippet in marked:
                assert all(start < end for start, end in snippet.marks)
                assert snippet.text_with_marks("", "") == snippet.text


def test_an_explanation_names_what_occurs_instead_of_each_clause() -> None:
    query = """(BRICS NEAR/3 AI OR "BRICS AI" OR raw:ai OR "chip" OR Rosatom OR countries ONEAR/2 BRICS)
        AND language:fr AND modified_at:>=now AND NOT Sberbank"""
    explained = explain(parse(query), STORY, now=NOON)
    words, language, modified, negated = explained.parts
    assert [part.reason for part in words.parts] == [
        "the smallest distance is 6 words",
        "all of its words occur, but not next to each other in this order",
        "there is AI instead",
        "there is chips instead",
        "",
        "both occur, but not in this order",
    ]
    assert (language.reason, modified.reason) == ("the story has en", "the story has none")
    assert not negated.matched
    assert "[Sberbank’s]" in negated.parts[0].contexts[0].text_with_marks("[", "]")


@pytest.mark.parametrize("query", ['"? why"', '"* footnote"', 'raw:"?! chips"'])
def test_an_explanation_takes_quoted_wildcards_literally(query: str) -> None:
    assert not explain(parse(query), replace(STORY, title="", text="The chip."), now=NOON).matched


@settings(max_examples=50, deadline=None)
@given(stories=corpora(5), texts=many_queries(10))
def test_an_explanation_agrees_with_the_matcher_on_every_clause(stories: list[Story], texts: list[str]) -> None:
    def check(explained: Explanation, story: Story) -> None:
        assert explained.matched is matches(explained.node, analysed_story(story), NOW)
        for part in explained.parts:
            check(part, story)

    for node in map(parse, texts):
        for story in stories:
            check(explain(node, story, now=NOW), story)


def test_a_long_text_of_the_words_of_all_alerts_takes_little_time() -> None:
    """Half a million characters against 100 alerts that all match, with a context line for each: 38 s once."""
    words = ["reactor", "bridge", "minister", "bank", "sanction", "export", "chip", "storm"]
    chosen = random.Random(1)
    queries = {
        str(number): '{}* NEAR/10 {} OR "{} of the {}"'.format(*chosen.choices(words, k=4)) for number in range(100)
    }
    rules = RuleSet(topics={}, alerts={name: parse(query, positive=True) for name, query in queries.items()})
    text = " ".join(f"{chosen.choice(words)} {chosen.choice('abcdefghij') * 2}" for _ in range(50_000))[:500_000]
    document = AnalysedStory(replace(STORY, title="", text=text))
    started_at = time.process_time()
    matches = rules.match(document, now=NOON)
    assert len(matches.alerts) == 100
    assert all("**" in rules.best_context_line(alert, document) for alert in matches.alerts)
    assert time.process_time() - started_at < 5


def test_a_snippet_is_chosen_among_the_first_occurrences() -> None:
    text = "the chip, " * 10_000 + "the Sberbank chip"
    (snippet,) = snippets(parse("chip"), replace(STORY, title="", text=text), limit=1)
    assert snippet.text.startswith("the chip, the chip")
    assert len(highlighted_field(parse("chip"), replace(STORY, text=text), "text").marks) == 10_001


def test_a_snippet_is_the_sentence_with_the_matching_words() -> None:
    filler = "It rained again. " * 40
    text = f"{filler}The ministry, which met on Monday, has banned the export of chips. {filler}A chip fell."
    story = replace(STORY, title="", text=text)
    first, second = snippets(parse("chip"), story)
    assert first.text_with_marks("[", "]") == "The ministry, which met on Monday, has banned the export of [chips]."
    assert second.text_with_marks("[", "]") == "A [chip] fell."
    long_sentence = replace(STORY, title="", text=f"{'word ' * 100}chip{' word' * 100}")
    (cut,) = snippets(parse("chip"), long_sentence)
    assert cut.text == f"…{'word ' * 11}chip{' word' * 19}…"


def test_snippets_prefer_the_title_and_the_lead() -> None:
    text = f"The chip fell. {'It rained again. ' * 40}A chip, a chip, a chip and a chip fell. A bank bought a chip."
    story = replace(STORY, title="Chips", text=text)
    (line,) = snippets(parse("chip"), story, limit=1)
    assert line.field == "title"
    (line,) = snippets(parse("chip"), replace(story, title=""), limit=1)
    assert line.text == "The chip fell."
    (line,) = snippets(parse("bank chip"), story, limit=1)
    assert line.text.endswith("A bank bought a chip.")


def test_nested_nears_over_a_long_text_take_little_time() -> None:
    """Four nested NEARs over 200 KB took 17 seconds once, over 1 MB they did not end."""
    chosen = random.Random(1)
    words = ["reactor", "bridge", "minister", "bank", "sanction", "export", "chip", "storm"]
    text = " ".join(f"{chosen.choice(words)} {chosen.choice('abcdefghij') * 2}" for _ in range(120_000))[:1_000_000]
    document = AnalysedStory(replace(STORY, title="", text=text))
    started_at = time.process_time()
    for gap in (0, 10, 1000, "S"):
        node = parse(f"(((chip NEAR/{gap} bank) NEAR/{gap} export) NEAR/{gap} storm) NEAR/{gap} minister")
        assert matches(node, document, NOON) is bool(snippets(node, document))
    assert time.process_time() - started_at < 8


def test_the_lead_is_the_first_sixty_words_of_the_text() -> None:
    words = [f"word{number}" for number in range(100)]
    story = replace(STORY, title="gallium", text=" ".join(words))
    assert matches(parse("lead:(word0 word59)"), analysed_story(story), NOON)
    assert not matches(parse("lead:word60"), analysed_story(story), NOON)
    assert not matches(parse("lead:gallium"), analysed_story(story), NOON)
    chinese = replace(STORY, text="中" * 59 + "国人工")
    assert matches(parse("lead:中国"), analysed_story(chinese), NOON)
    assert not matches(parse("lead:人工"), analysed_story(chinese), NOON)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("atleast3(chip)", True),
        ("atleast4(chip)", False),
        ('atleast2("export control")', True),
        ('atleast4(chip OR "export control")', True),
        ("atleast6(chip OR export OR control)", True),
        ('atleast2("a a")', False),
        ('atleast1("a a")', True),
        ("title:atleast1(chip)", False),
        ("raw:atleast2(Chips)", False),
        ("NOT atleast4(chip) export", True),
    ],
)
def test_atleast_counts_occurrences_that_share_no_word(query: str, expected: bool) -> None:
    text = "Chips and chip. Export control, a chip, a a a export control"
    story = replace(STORY, title="", text=text)
    node = parse(query)
    assert matches(node, analysed_story(story), NOON) is expected
    assert parse(str(node)) == node
    assert bool(snippets(node, story)) or not expected


def test_explain_tells_how_often_a_counted_word_occurs() -> None:
    story = replace(STORY, title="", text="chip and chips")
    assert explain(parse("atleast3(chip)"), story, now=NOON).reason == "it occurs 2 times in one text"


@pytest.mark.parametrize(
    ("line", "text", "marks"),
    [
        ("the **big** bank **lends**", "the big bank lends", ((4, 7), (13, 18))),
        ("**bank**", "bank", ((0, 4),)),
        ("no mark", "no mark", ()),
        ("2 ** 3 is eight", "2 ** 3 is eight", ()),
        ("", "", ()),
    ],
)
def test_a_stored_context_line_is_a_snippet_again(line: str, text: str, marks: tuple[tuple[int, int], ...]) -> None:
    assert snippet_of_line(line) == Snippet("text", text, marks)
