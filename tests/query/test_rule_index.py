"""The index of rules selects misspellings like other words, and adds a rule without indexing the others again."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from monitor.query import parse
from monitor.query.fragments import PACKS_ONLY
from monitor.query.matcher import AnalysedStory
from monitor.query.rule_index import index_rules
from monitor.query.rules import RuleSet
from query.examples import NOON, STORY

if TYPE_CHECKING:
    from monitor.config import Config


def config(**queries: str) -> Config:
    """A configuration of alerts, given by name."""
    alerts = [
        SimpleNamespace(name=name, query=query, filter_query="", min_strength=0.0) for name, query in queries.items()
    ]
    return cast("Config", SimpleNamespace(topics={"any chip": "chip"}, alerts=alerts, fragments=PACKS_ONLY))


def matched(rules: RuleSet, text: str) -> tuple[str, ...]:
    return rules.match(replace(STORY, title="", text=text), now=NOON).alerts


def test_only_fuzzy_rules_of_similar_words_are_evaluated() -> None:
    words = ("sberbank", "kazakhstan", "minister", "reactor", "sanction")
    index = index_rules({word: parse(f"{word}~{distance}") for word in words for distance in (1,)})
    document = AnalysedStory(replace(STORY, title="", text="the Sbrebank of Kazahkstan"))
    assert index.match(document, NOON) == ("sberbank", "kazakhstan")
    assert index.count_selected(document) == 2


@settings(max_examples=300, deadline=None)
@given(st.text("abc", min_size=7, max_size=9), st.text("abc", min_size=5, max_size=11), st.sampled_from((1, 2)))
def test_a_rule_of_a_word_within_the_distance_is_always_evaluated(word: str, other: str, distance: int) -> None:
    index = index_rules({"rule": parse(f"{word}~{distance}")})
    document = AnalysedStory(replace(STORY, title="", text=other))
    assert index.count_selected(document) == 1 or OSA.distance(word, other) > distance


def test_a_rule_is_added_changed_removed_and_moved() -> None:
    queries = {f"rule{number}": f"word{number}" for number in range(40)}
    rules = RuleSet.of(config(**queries))
    added = rules.updated(config(**queries, new="gallium"))
    assert matched(added, "word1 gallium") == ("rule1", "new")
    assert matched(rules, "word1 gallium") == ("rule1",)
    changed = added.updated(config(**{**queries, "rule1": "gallium", "new": "gallium"}))
    assert matched(changed, "word1 gallium") == ("rule1", "new")
    assert matched(changed, "word1") == ()
    removed = changed.updated(config(**{name: query for name, query in queries.items() if name != "rule1"}))
    assert matched(removed, "word1 word2 gallium") == ("rule2",)
    moved = removed.updated(config(**dict(reversed(queries.items()))))
    assert matched(moved, "word1 word2") == ("rule2", "rule1")
    assert moved.match(replace(STORY, title="chip"), now=NOON).topics == ("any chip",)
    assert moved.best_context_line("rule2", replace(STORY, title="", text="word2")) == "**word2**"


def test_one_more_rule_takes_a_fraction_of_the_time_of_all() -> None:
    chosen = random.Random(1)
    queries = {f"rule{n}": f"word{chosen.randint(0, 999)} NEAR/5 other{n}" for n in range(2000)}
    started_at = time.process_time()
    rules = RuleSet.of(config(**queries))
    all_seconds = time.process_time() - started_at
    started_at = time.process_time()
    assert matched(rules.updated(config(**queries, new="gallium")), "gallium") == ("new",)
    assert time.process_time() - started_at < all_seconds / 10
