"""Notes on the clauses of queries that the stored stories do not have, and on names that find another word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.cli import stored_words
from monitor.cli.stored_words import clause_lines, stored_word_notes
from monitor.models import Candidate, Disposition, FrontierEntry, Outcome, PageCommit, now
from monitor.query import parse
from monitor.store.memory import MemoryStore
from query.examples import STORY

if TYPE_CHECKING:
    from monitor.store import Store

TEXTS = ("The chip ban of Beijing.", "They worked hard. A cook cooked.", "Exports fell.")


@pytest.fixture
def store() -> Store:
    """A store of 120 stories with the three TEXTS in turn."""
    memory = MemoryStore()
    for number in range(120):
        story = replace(
            STORY,
            id=f"{number:032x}",
            url=f"https://outlet.example/{number}",
            title="",
            text=TEXTS[number % 3],
            published_at=now(),
            first_seen_at=now(),
        )
        entry = FrontierEntry(
            id=story.id,
            candidate=Candidate(url=story.url, outlet=story.outlet),
            first_seen_at=now(),
            next_at=None,
            story=story.id,
        )
        memory.commit([PageCommit(entry=entry, outcome=Outcome(disposition=Disposition.STORED), story=story)])
    return memory


def test_each_clause_is_listed_with_its_stories(store: Store) -> None:
    lines = clause_lines(
        store, parse("chip OR gallium OR (ban NEAR/3 tariff) -export"), since=now() - timedelta(days=1)
    )
    assert lines == [
        "Stories with each clause:",
        "        40  chip",
        "      none  gallium",
        "      none  ban NEAR/3 tariff",
        "        40  ban",
        "      none  tariff",
    ]


def test_of_many_clauses_only_the_missing_are_listed(store: Store) -> None:
    query = " OR ".join(["gallium", *(f"chip NEAR/{gap} ban" for gap in range(20))])
    lines = clause_lines(store, parse(query), since=now() - timedelta(days=1))
    assert lines[:2] == ["Stories with each clause:", "      none  gallium"]
    assert lines[2] == "  each of the other 20 clauses is in 1 story or more"


def test_a_query_of_one_clause_gets_no_list(store: Store) -> None:
    assert clause_lines(store, parse("chip"), since=now() - timedelta(days=1)) == []


def test_a_name_that_mostly_finds_another_word_is_noted(store: Store) -> None:
    rules = {"alerts.a": parse("chip OR Cooked"), "alerts.b": parse("cooked")}
    assert stored_word_notes(store, rules, {}) == []
    rules = {"alerts.a": parse("chip OR Hardest")}
    assert stored_word_notes(store, rules, {}) == [
        'alerts.a: column 9: Hardest also finds "hard": 100% of its places; write raw:Hardest for the name'
    ]


def test_check_notes_clauses_in_none_of_the_stories(store: Store) -> None:
    rules = {"topics.t": parse("chip OR gallium"), "alerts.a": parse("exports -gallium")}
    assert stored_word_notes(store, rules, {}) == ["topics.t: column 9: gallium is in none of the stored stories"]
    assert stored_word_notes(store, rules, {"topics.t": {9}}) == []
    assert stored_word_notes(MemoryStore(), rules, {}) == []


def test_clauses_left_when_the_time_is_over_are_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_words, "MAX_LOOKUP_SECONDS", -1.0)
    (line,) = clause_lines(store, parse("chip OR gallium"), since=now() - timedelta(days=1))
    assert line == "  2 clauses not counted, because that takes too long"
