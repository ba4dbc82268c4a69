"""An alert's filters by outlet, language, country and topic, which a story must pass beside the query."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.config import Alert, Config
from monitor.models import Story
from monitor.query import parse
from monitor.query.rules import RuleSet

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STORY = Story(
    id="a" * 32,
    url="https://courier.example/a",
    outlet="The Courier",
    title="A bank",
    text="A bank sells chips.",
    first_seen_at=NOON,
    fetched_at=NOON,
    updated_at=NOON,
    language="en",
    country="GB",
)


def rules(**filters: Any) -> RuleSet:
    alert = Alert.model_validate({"name": "a", "query": "bank OR VTB", "to": "d@example.org", **filters})
    return RuleSet.of(Config(topics={"chips": "chip"}, alerts=(alert,)))


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({"outlets": ["the courier"]}, True),
        ({"outlets": "The Herald"}, False),
        ({"outlets": ["The Herald", "The Courier"]}, True),
        ({"languages": ["ru", "en"]}, True),
        ({"languages": "ru"}, False),
        ({"countries": "gb"}, True),
        ({"countries": ["US", "FR"]}, False),
        ({"topics": "Chips"}, True),
        ({"topics": "trade"}, False),
        ({"topics": "chips", "languages": "en", "countries": "GB"}, True),
        ({"topics": "chips", "languages": "ru"}, False),
        ({}, True),
    ],
)
def test_a_story_must_have_a_value_of_each_filter(filters: dict[str, Any], passes: bool) -> None:
    assert rules(**filters).match(STORY, now=NOON).alerts == (("a",) if passes else ())


def test_a_story_without_language_passes_no_filter_by_language() -> None:
    assert rules(languages="en").match(replace(STORY, language=None), now=NOON).alerts == ()


def test_filters_can_be_left_out_of_a_match() -> None:
    assert rules(languages="ru").match(STORY, now=NOON, apply_filters=False).alerts == ("a",)


def test_the_query_of_a_rule_shows_query_and_filters() -> None:
    alert = Alert(name="a", query="bank OR VTB", to=("d@example.org",), outlets=('The "C"',), languages=("en", "ru"))
    expected = r'(bank OR VTB) AND (outlet:"The \"C\"") AND (language:"en" OR language:"ru")'
    assert alert.rule_query == expected
    assert str(parse(expected)) == r'(bank OR VTB) AND outlet:"The \"C\"" AND (language:"en" OR language:"ru")'
