"""The clauses of a query that match a story, and their strength."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.models import Story
from monitor.query import parse
from monitor.query.match_strength import match_strength, positive_clause_count
from monitor.query.matcher import AnalysedStory

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STORY = Story(
    id="a" * 32,
    url="https://courier.example/a",
    outlet="Courier",
    title="Sberbank sells chips",
    text="The bank said that export controls do not apply to AI chips of BRICS partners.",
    first_seen_at=NOW,
    fetched_at=NOW,
    updated_at=NOW,
    topics=("chips",),
)


@pytest.mark.parametrize(
    ("query", "clauses", "strength", "title_hits"),
    [
        ("Sberbank", ["Sberbank"], 1.0, 1),
        ("Sberbank OR VTB OR controls", ["Sberbank", "controls"], 2.0, 1),
        ('"export controls" AND chip', ['"export controls"', "chip"], 3.0, 1),
        ("BRICS NEAR/10 AI", ["BRICS NEAR/10 AI"], 2.0, 0),
        ("raw:AI", ["raw:AI"], 2.0, 0),
        ("atleast1(Sberbank)", ["atleast1(Sberbank)"], 2.0, 1),
        ("Sber* OR Sbrebank~1", ["Sber*", "Sbrebank~1"], 1.0, 2),
        ("bank AND NOT VTB", ["bank"], 1.0, 0),
        ("bank OR bank", ["bank"], 1.0, 0),
        ("title:chips AND text:chips", ["title:chips", "text:chips"], 2.0, 1),
        ("topic:chips AND bank", ['topic:"chips"', "bank"], 1.0, 0),
        ("VTB", [], 0.0, 0),
    ],
)
def test_strength_counts_matching_clauses(query: str, clauses: list[str], strength: float, title_hits: int) -> None:
    match = match_strength(parse(query), AnalysedStory(STORY), now=NOW)
    assert ([str(clause) for clause in match.clauses], match.strength, match.title_hits) == (
        clauses,
        strength,
        title_hits,
    )


def test_negated_and_repeated_clauses_are_not_counted() -> None:
    assert positive_clause_count(parse("bank OR bank OR (chip AND NOT VTB)")) == 2
