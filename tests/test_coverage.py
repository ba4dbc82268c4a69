"""What became of listed URLs, by day and in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import coverage
from monitor.coverage import Fate
from monitor.discovery.drop_reasons import DropReason
from monitor.failures import FailureKind
from monitor.models import Candidate, CoverageCount, Disposition, FrontierEntry, now

DOCS = Path(__file__).parents[1] / "docs" / "crawling.md"
DAYS = (date(2026, 11, 27), date(2026, 11, 28))
KINDS = ["", "headline", "video", "unknown", *DropReason, *(kind.label for kind in FailureKind)]
COUNTS = st.builds(
    CoverageCount,
    outlet=st.just("Outlet"),
    day=st.sampled_from(DAYS),
    disposition=st.none() | st.sampled_from(Disposition),
    kind=st.sampled_from(KINDS),
    waiting=st.sampled_from([0, 1]),
    count=st.integers(1, 9),
)


@given(st.lists(COUNTS))
def test_each_listed_url_has_exactly_one_fate(counts: list[CoverageCount]) -> None:
    days = coverage.by_day(counts)
    assert [day.day for day in days] == sorted({count.day for count in counts}, reverse=True)
    for day in days:
        assert day.listed == sum(day.by_fate.values()) == sum(count.count for count in counts if count.day == day.day)
    assert sum(coverage.total(counts).values()) == sum(count.count for count in counts)


@pytest.mark.parametrize(
    ("disposition", "kind", "fate"),
    [
        (None, "", Fate.WAITING),
        (Disposition.STORED, "headline", Fate.STORED),
        (Disposition.UPDATED, "", Fate.STORED),
        (Disposition.UNCHANGED, "", Fate.OFF_TOPIC),
        (Disposition.DROPPED, "foreign", Fate.FOREIGN),
        (Disposition.DROPPED, "old", Fate.TOO_OLD),
        (Disposition.DROPPED, "file", Fate.DROPPED),
        (Disposition.FAILED, "http-403", Fate.FAILED),
    ],
)
def test_an_outcome_has_one_fate(disposition: Disposition | None, kind: str, fate: Fate) -> None:
    assert coverage.fate_of(disposition, kind) is fate


@pytest.mark.parametrize(
    ("disposition", "kind", "meaning"),
    [
        (Disposition.FAILED, "http-403", FailureKind.HTTP_403.meaning),
        (Disposition.FAILED, "http-418", "the page could not be fetched, extracted or stored"),
        (Disposition.DROPPED, "excluded", DropReason.EXCLUDED.meaning),
        (Disposition.NOT_ARTICLE, "script", "a script writes the page: set `render: auto`"),
        (Disposition.STORED, "headline", "only title and summary could be read; they are stored as a story"),
        (None, "", "the page is to be fetched for the first time"),
    ],
)
def test_an_outcome_is_explained_in_words(disposition: Disposition | None, kind: str, meaning: str) -> None:
    assert coverage.meaning_of(disposition, kind) == meaning


def test_a_url_that_an_earlier_version_settled_does_not_wait() -> None:
    counts = [CoverageCount(outlet="Outlet", day=DAYS[0], disposition=None, kind="", waiting=2, count=9)]
    assert coverage.total(counts) == {Fate.WAITING: 2, Fate.UNKNOWN: 7}
    entry = FrontierEntry(id="1", candidate=Candidate(url="x", outlet="Outlet"), first_seen_at=now(), next_at=None)
    assert coverage.meaning_of_entry(entry) == "an earlier version settled the URL, and kept no outcome"
    assert coverage.fate_of_entry(replace(entry, next_at=now())) is Fate.WAITING


def test_the_docs_explain_each_drop_reason() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert [reason for reason in DropReason if f"| `{reason}` | {reason.meaning} |" not in text] == []
