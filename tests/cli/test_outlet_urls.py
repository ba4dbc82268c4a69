"""``outlets --coverage`` and ``--recent`` on a store whose frontier has a URL of each kind."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.cli import main
from monitor.cli.url_history import read_url_history
from monitor.models import Candidate, Disposition, FrontierEntry, Notification, Outcome, PageCommit, Story, now
from monitor.store.memory import MemoryStore
from monitor.store.sqlite import SqliteStore
from monitor.urls import former_story_ids

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = """\
outlets:
  - {name: Meridian, url: "https://meridian.example/"}
  - {name: Harbour Wire, url: "https://harbour.example/"}
"""
FEED, SITEMAP = "https://meridian.example/rss.xml", "https://meridian.example/sitemap.xml"


def listed(path: str, source: str = FEED) -> Candidate:
    return Candidate(url=f"https://meridian.example/{path}", outlet="Meridian", source=source)


def settled(entry: FrontierEntry, outcome: Outcome, *, again: bool = False) -> PageCommit:
    next_at = now() + timedelta(minutes=5) if again else None
    return PageCommit(entry=replace(entry, outcome=outcome, settled_at=now(), next_at=next_at), outcome=outcome)


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Returns a function that runs a command and returns its standard output."""
    (tmp_path / "monitor.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
    store.setup()
    before = now() - timedelta(minutes=1)
    feed, sitemap = [listed(path) for path in ("a", "b", "c", "d")], [listed(path, SITEMAP) for path in ("a", "e")]
    stored, forbidden, film, *_ = store.enqueue([*feed, *sitemap], now=before)
    foreign = Outcome(disposition=Disposition.DROPPED, kind="foreign")
    store.record_dropped([(replace(listed("f"), url="https://other.example/f"), foreign)], now=before)
    store.commit(
        [
            settled(stored, Outcome(disposition=Disposition.STORED)),
            settled(forbidden, Outcome(disposition=Disposition.FAILED, kind="http-403"), again=True),
            settled(film, Outcome(disposition=Disposition.NOT_ARTICLE, kind="video")),
        ]
    )
    store.close()

    def run(*arguments: str, status: int = 0) -> str:
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == status
        return capsys.readouterr().out

    return run


def test_coverage_of_an_outlet_shows_days_reasons_and_sources(command: Callable[..., str]) -> None:
    lines = command("outlets", "meridian", "--coverage", "--days", "2").splitlines()
    assert lines[0] == "Meridian: URLs by the day (UTC) when a source first listed them"
    assert lines[1].split() == ["DAY", "LISTED", "STORED", "NOT", "AN", "ARTICLE", "FAILED", "FOREIGN", "WAITING"]
    numbers = [line.split()[1:] for line in lines[2:] if line.startswith("20")]
    assert [sum(int(day[column].replace("-", "0")) for day in numbers) for column in range(6)] == [6, 1, 1, 1, 1, 2]
    reasons = "\n".join(lines)
    assert "1  failed http-403 (1 to be fetched again): forbidden; bot filters send it for a while" in reasons
    assert "1  not-an-article video: the page shows a video and hardly any text" in reasons
    assert "1  dropped foreign: the URL is on a site that is not the outlet's" in reasons
    assert f"{FEED} listed 4 URLs, 3 of them alone" in reasons
    assert f"{SITEMAP} listed 2 URLs, 1 of them alone" in reasons


def test_coverage_of_all_outlets_has_a_row_for_each(command: Callable[..., str]) -> None:
    _, meridian, harbour = command("outlets", "--coverage", "--days", "2").splitlines()
    assert meridian.split() == ["Meridian", "6", "1", "1", "1", "1", "2"]
    assert harbour.split() == ["Harbour", "Wire", "0", "-", "-", "-", "-", "-"]


def test_coverage_as_json_adds_up(command: Callable[..., str]) -> None:
    meridian, harbour = map(json.loads, command("outlets", "--coverage", "--days", "2", "--json").splitlines())
    assert harbour == {"name": "Harbour Wire", "days": [], "sources": []}
    for day in meridian["days"]:
        assert day["listed"] == sum(day["fates"].values()) == sum(outcome["count"] for outcome in day["outcomes"])
    assert sum(day["listed"] for day in meridian["days"]) == 6
    assert meridian["sources"][1] == {"url": SITEMAP, "listed": 2, "listed_alone": 1}


def test_recent_shows_each_url_with_what_became_of_it(command: Callable[..., str]) -> None:
    text = command("outlets", "meridian", "--recent")
    assert text.startswith("Meridian: the last 6 URLs listed\n")
    shown = [line.split() for line in text.splitlines() if "https://" in line]
    assert {line[-1].removeprefix("https://meridian.example/"): line[-2] for line in shown} == {
        "a": "stored",
        "b": "failed",
        "c": "not-an-article",
        "d": "waiting",
        "e": "waiting",
        "https://other.example/f": "foreign",
    }
    assert "http-403: forbidden; bot filters send it for a while; fetched again in 4m" in text


def test_recent_as_json_has_one_object_per_url(command: Callable[..., str]) -> None:
    entries = [json.loads(line) for line in command("outlets", "meridian", "--recent", "--json").splitlines()]
    by_path = {entry["url"].rpartition("/")[2]: entry for entry in entries}
    assert by_path["a"]["sources"] == [FEED, SITEMAP]
    assert (by_path["b"]["disposition"], by_path["b"]["kind"]) == ("failed", "http-403")
    assert by_path["b"]["next_at"]
    assert by_path["d"]["disposition"] is None
    assert by_path["f"]["meaning"].startswith("the URL is on a site that is not the outlet's")


def test_explain_of_a_url_tells_why_it_has_no_story(command: Callable[..., str]) -> None:
    lines = command("explain", "https://meridian.example/b", status=1).splitlines()
    assert [line.split()[0] for line in lines] == ["listed", "outcome"]
    assert lines[0].endswith(f"by Meridian: {FEED}")
    assert lines[1].split(" ", 3)[0] == "outcome"
    assert "failed http-403" in lines[1]
    assert "forbidden; bot filters send it for a while; to be fetched again in 4m" in lines[1]
    assert "waits for its first fetch" in command("explain", "https://meridian.example/d", status=1)
    foreign = command("explain", "https://other.example/f", status=1)
    assert "dropped foreign" in foreign
    assert "name it under `hosts`" in foreign


def test_explain_of_an_unknown_url_says_that_no_source_listed_it(command: Callable[..., str]) -> None:
    assert command("explain", "https://meridian.example/z", status=1).startswith("listed    never: no source")


def test_a_url_is_explained_under_the_id_of_earlier_versions() -> None:
    """An entry whose id was computed with a tracking parameter that is now removed is found by its URL."""
    url, store = "https://meridian.example/a?msclkid=1", MemoryStore()
    (former,) = former_story_ids(url)
    entry = FrontierEntry(id=former, candidate=replace(listed("a"), url=url), first_seen_at=now(), next_at=None)
    store.commit([settled(entry, Outcome(disposition=Disposition.NOT_ARTICLE, kind="video"))])
    found = read_url_history(store, url).entry
    assert found is not None
    assert (found.id, found.candidate.url) == (former, url)


def test_explain_of_a_stored_url_tells_what_matched_and_was_mailed(command: Callable[..., str]) -> None:
    url = "https://meridian.example/s"
    store = SqliteStore(Path("monitor.db"), timeout=timedelta(seconds=30))
    (entry,) = store.enqueue([listed("s")], now=now())
    at = now()
    story = Story(
        id=entry.id,
        url=url,
        outlet="Meridian",
        title="A bank is told off",
        text="A bank.",
        first_seen_at=at,
        fetched_at=at,
        updated_at=at,
        topics=("banks",),
        alerts=("bank", "late"),
        cluster=entry.id,
    )
    outcome = Outcome(disposition=Disposition.STORED)
    sent, waiting = (
        Notification(
            alert=alert, story=story.id, version=1, channel="email", targets=("a@x.example",), due_at=at, created_at=at
        )
        for alert in story.alerts
    )
    stored_entry = replace(entry, story=story.id, next_at=None, outcome=outcome, settled_at=at)
    notifications = (sent, replace(waiting, error="451 later"))
    store.commit([PageCommit(entry=stored_entry, outcome=outcome, story=story, notifications=notifications)])
    store.mark_sent([sent], now=at)
    store.close()
    lines = command("explain", url).splitlines()
    assert [line[:10].strip() for line in lines] == ["listed", "outcome", "stored", "matched", "mailed", "to mail"]
    assert lines[2].endswith("UTC: A bank is told off")
    assert lines[3] == "matched   topic banks, alert bank, alert late"
    assert lines[4].endswith("UTC: alert bank, version 1, by email")
    assert lines[5].endswith("UTC: alert late, version 1, by email; 451 later")
    data = json.loads(command("explain", url, "--json"))
    assert (data["listed"]["disposition"], data["story"]["topics"]) == ("stored", ["banks"])
    assert [notification["alert"] for notification in data["notifications"] if notification["sent_at"]] == ["bank"]


def test_outlets_shows_a_country_and_whether_it_is_guessed(command: Callable[..., str], tmp_path: Path) -> None:
    added = '  - {name: Fjord, url: "https://fjord.no/"}\n  - {name: Lake, url: "https://lake.at/", country: DE}\n'
    (tmp_path / "monitor.yaml").write_text(CONFIG + added, encoding="utf-8")
    countries = [json.loads(line)["country"] for line in command("outlets", "--json").splitlines()]
    assert countries == [None, None, "NO", "DE"]
    assert "NO (by its domain or language" in command("outlets", "Fjord")
    assert "by its domain" not in command("outlets", "Lake")
