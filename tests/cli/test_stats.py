"""``stats`` counts stories, hits, values, delays and listed URLs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from monitor.cli.app import program
from monitor.cli.formatting import daily_bar_chart
from monitor.delays import Delays
from monitor.models import Disposition, Outcome, now
from monitor.store.sqlite import SqliteStore
from store.examples import candidate, frontier_entry, page_commit, story

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

STORED = Outcome(disposition=Disposition.STORED)
TODAY = now().replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteStore:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "monitor.yaml").write_text("outlets: [{name: A, url: 'https://a.example/'}]\n")
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=5))
    store.setup()
    for name, days, topics, alerts in (
        ("one", 0, ("chips",), ()),
        ("two", 2, ("chips", "banks"), ("sberbank",)),
        ("three", 2, (), ()),
        ("old", 50, ("chips",), ()),
    ):
        seen_at = TODAY - timedelta(days=days)
        example = story(name, first_seen_at=seen_at, updated_at=seen_at, topics=topics, alerts=alerts)
        listed = candidate(name, source="https://a.example/rss")
        entry = frontier_entry(name, story=example.id, first_seen_at=seen_at, candidate=listed, outcome=STORED)
        store.commit([page_commit(example, entry=entry, alerts=alerts)])
    store.record_dropped(
        [(candidate("x", source="https://a.example/rss"), Outcome(disposition=Disposition.OFF_TOPIC))], now=TODAY
    )
    store.enqueue([candidate("y", source="https://a.example/rss")], now=TODAY)
    (state,) = store.lease(["Outlet"], holder="x", now=now(), term=timedelta(minutes=1), limit=1)
    delays = Delays(since=TODAY - timedelta(days=9), seconds=(60, 120, 600)).to_json()
    store.release(replace(state, memory=replace(state.memory, delays=delays)))
    return store


def run(*words: str) -> Result:
    return CliRunner().invoke(program, ["stats", *words], standalone_mode=False)


def test_days_without_stories_are_one_line() -> None:
    numbers = {"d1": 0, "d2": 0, "d3": 0, "d4": 2, "d5": 0, "d6": 0, "d7": 1, "d8": 0, "d9": 0, "e0": 0}
    assert [line.split("  █")[0] for line in daily_bar_chart([*numbers.items()])] == [
        *("d1 to d3: 0", "d4      2", "d5      0", "d6      0", "d7      1", "d8 to e0: 0"),
    ]
    assert daily_bar_chart([]) == []


def test_the_figures_of_each_day_and_value_are_counted(store: SqliteStore) -> None:
    figures = json.loads(run("--since", "3d", "--json").output)
    days = [(day["stories"], day["hits"]) for day in figures["days"]]
    assert days == [(0, 0), (2, 1), (0, 0), (1, 0)]
    assert [day["day"] for day in figures["days"]][-1] == f"{TODAY:%Y-%m-%d}"
    assert figures["values"] == {
        "outlet": {"Outlet": 3},
        "topic": {"chips": 2, "banks": 1},
        "alert": {"sberbank": 1},
        "language": {"en": 3},
    }
    assert figures["listed"] == {"stored": 3, "off-topic": 1, "waits": 1}
    assert figures["delays"]["Outlet"]["median_seconds"] == 120


def test_a_query_limits_stories_and_values(store: SqliteStore) -> None:
    figures = json.loads(run("topic:banks", "--since", "3d", "--json").output)
    assert [day["stories"] for day in figures["days"]] == [0, 1, 0, 0]
    assert figures["values"]["topic"] == {"chips": 1, "banks": 1} or figures["values"]["topic"] == {
        "banks": 1,
        "chips": 1,
    }


def test_the_text_has_bars_and_the_slowest_outlets(store: SqliteStore) -> None:
    lines = run("--since", "3d").output.splitlines()
    assert lines[0] == "3 stories, 1 hit, by day"
    assert lines[2].split() == [f"{TODAY - timedelta(days=2):%Y-%m-%d}", "2", "█" * 40]
    assert "Stories by topic" in lines
    assert "median   2m, p95  10m  Outlet" in lines
    assert lines[-1] == "URLs that sources listed: 3 stored, 1 off-topic, 1 waits"
