"""The commands on a store with a few stories: output, stream and exit status."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from monitor.cli import main
from monitor.cli.app import MODULE_AND_HELP_BY_COMMAND, program
from monitor.cli.context import CommandContext
from monitor.cli.crawl import _other_counts, _print_summary
from monitor.cli.deliver import print_delivery
from monitor.cli.manual import all_commands
from monitor.config import Alert
from monitor.crawl.report import CrawlReport, PollReport
from monitor.errors import DeliveryUnavailable
from monitor.failures import FailureKind
from monitor.models import (
    Candidate,
    Disposition,
    FrontierEntry,
    Hit,
    Notification,
    Outcome,
    OutletState,
    PageCommit,
    Story,
    now,
    rfc3339,
)
from monitor.notify.report import ChannelReport, DeliveryReport
from monitor.store.sqlite import SqliteStore
from monitor.urls import story_id
from servers.faulty import Answer, Request, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG = """\
keep: all
topics: {banks: bank}
outlets:
  - {name: Meridian, url: "https://meridian.example/"}
  - {name: Harbour Wire, url: "https://harbour.example/"}
alerts:
  - {name: sberbank, query: Sberbank, to: desk@example.org}
"""


class Run:
    """A command's exit status and output."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


def story(name: str, text: str, *, hours: float = 1, **fields: object) -> Story:
    """A story published ``hours`` ago; ``fields`` override its defaults."""
    url = f"https://meridian.example/{name}"
    published_at = now() - timedelta(hours=hours)
    values: dict[str, object] = {
        "id": story_id(url),
        "url": url,
        "outlet": "Meridian",
        "title": f"Title of {name}",
        "text": text,
        "published_at": published_at,
        "first_seen_at": published_at,
        "fetched_at": published_at,
        "updated_at": published_at,
        "cluster": story_id(url),
        "word_count": len(text.split()),
    }
    return Story(**(values | fields))  # type: ignore[arg-type]  # the values' types vary by field


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a monitor.yaml and a store of three stories, one of them with a hit and a notification."""
    (tmp_path / "monitor.yaml").write_text(CONFIG, encoding="utf-8")
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
    store.setup()
    stories = [
        story(
            "bank", "On Monday Sberbank's model was shown to BRICS partners.", alerts=("sberbank",), authors=("A B",)
        ),
        story("tea", "Nobody drank the tea [bold]at all[/bold].", hours=30, flags=("paywall",)),
        story("old", "Sberbank long ago.", hours=24 * 40),
    ]
    for s in stories:
        entry = FrontierEntry(
            id=s.id,
            candidate=Candidate(url=s.url, outlet=s.outlet),
            first_seen_at=s.first_seen_at,
            next_at=None,
            story=s.id,
        )
        hits = tuple(
            Hit(alert=a, story=s.id, version=1, outlet="Meridian", title=s.title, url=s.url, matched_at=now())
            for a in s.alerts
        )
        notifications = tuple(
            Notification(
                alert=a,
                story=s.id,
                version=1,
                channel="email",
                targets=("desk@example.org",),
                due_at=now(),
                created_at=now(),
            )
            for a in s.alerts
        )
        outcome = Outcome(disposition=Disposition.STORED)
        store.commit([PageCommit(entry=entry, outcome=outcome, story=s, hits=hits, notifications=notifications)])
    (state,) = store.lease(["Meridian"], holder="here:1:1", now=now(), term=timedelta(minutes=5), limit=1)
    store.release(state)
    store.close()
    return tmp_path


@contextmanager
def open_store(home: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(home / "monitor.db", timeout=timedelta(seconds=30))
    yield store
    store.close()


@pytest.fixture
def command(home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Runs a command in this process, in the directory ``home``."""
    monkeypatch.chdir(home)

    def command(*words: str) -> Run:
        with pytest.raises(SystemExit) as exit_:
            main(list(words))
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        assert isinstance(exit_.value.code, int)
        return Run(exit_.value.code, captured.out, captured.err)

    return command


def test_search_shows_title_outlet_time_url_and_words_in_context(command: Callable[..., Run]) -> None:
    run = command("search", "Sberbank", "--since", "7d")
    assert run.status == 0
    title, details, url, context, *_ = run.out.splitlines()
    assert title == "Title of bank"
    assert details.startswith("Meridian · ")
    assert details.endswith("(60m ago) · A B · alerts: sberbank") or "1h ago" in details
    assert url.startswith("https://meridian.example/bank  ")
    assert "*Sberbank's* model" in context
    assert "Title of old" not in run.out


def test_search_json_prints_complete_stories_and_nothing_else(command: Callable[..., Run]) -> None:
    run = command("search", "Sberbank", "--json")
    stories = [json.loads(line) for line in run.out.splitlines()]
    assert [story["title"] for story in stories] == ["Title of bank", "Title of old"]
    assert stories[0]["text"].startswith("On Monday")
    assert run.err == ""


@pytest.mark.parametrize("length", [4, 7])
def test_since_accepts_a_year_or_month(length: int, command: Callable[..., Run]) -> None:
    earlier = rfc3339(now() - timedelta(days=365 if length == 4 else 31))[:length]
    assert "Title of tea" in command("search", "--since", earlier).out
    later = rfc3339(now() + timedelta(days=400))[:length]
    assert "Title of tea" not in command("search", "--since", later).out


def test_search_does_not_interpret_markup_in_text(command: Callable[..., Run]) -> None:
    assert "[bold]at all[/bold]" in command("search", "tea").out
    assert "paywall" in command("search", "tea").out


def test_search_without_a_query_shows_the_newest(command: Callable[..., Run]) -> None:
    run = command("search", "--limit", "1")
    assert "Title of bank" in run.out
    assert "1 of 3 stories" in run.err


def test_search_beyond_the_last_story_says_how_many_there_are(command: Callable[..., Run]) -> None:
    assert command("search", "--offset", "100").err == "3 stories, none beyond the first 100.\n"
    assert command("search", "unheard", "--offset", "100").err == "No stories for unheard.\n"


@pytest.mark.parametrize(
    "words", ["search", "search tea --json", "outlets", "alerts list", "alerts test sberbank", "history 6eeeee"]
)
def test_a_command_that_only_reads_creates_no_store(words: str, home: Path, command: Callable[..., Run]) -> None:
    (home / "monitor.db").unlink()
    run = command(*words.split())
    assert (run.status, run.out) == (1, "")
    assert f"there is no store at {home / 'monitor.db'} yet (`media-monitor crawl` makes it)" in run.err
    assert not (home / "monitor.db").exists()


def test_search_without_matches_says_so_on_stderr(command: Callable[..., Run]) -> None:
    run = command("search", "unheard")
    assert (run.status, run.out) == (0, "")
    assert "No stories for unheard" in run.err
    assert "keep: matching" not in run.err


def test_search_without_matches_explains_keep_and_an_empty_store(home: Path, command: Callable[..., Run]) -> None:
    (home / "monitor.yaml").write_text(CONFIG.replace("keep: all", "keep: matching"), encoding="utf-8")
    assert "With keep: matching only stories of a topic or alert are stored" in command("search", "unheard").err
    (home / "new.yaml").write_text(f'store: {{url: "sqlite:new.db"}}\n{CONFIG}', encoding="utf-8")
    assert command("deliver", "-c", "new.yaml").status == 0
    assert command("search", "chip", "-c", "new.yaml").err == "The store is empty; `media-monitor crawl` fills it.\n"


def test_search_counts_one_story_in_the_singular(command: Callable[..., Run]) -> None:
    assert command("search", "-n", "1").err.startswith("1 of 3 stories")
    assert command("search", "-n", "1", "--offset", "1").err.startswith("2 of 3 stories")
    assert command("search", "-n", "2").err.startswith("1 to 2 of 3 stories")


@pytest.mark.parametrize("words", ["outlets", "alerts list"])
def test_a_table_in_a_pipe_has_no_trailing_spaces(words: str, command: Callable[..., Run]) -> None:
    assert all(line == line.rstrip() for line in command(*words.split()).out.splitlines())


def test_outlets_prints_boilerplate_as_json(command: Callable[..., Run]) -> None:
    run = command("outlets", "meridian", "--boilerplate", "--json")
    assert json.loads(run.out) == {"name": "Meridian", "boilerplate": []}
    assert run.err == ""


def test_the_former_name_of_boilerplate_is_accepted_with_a_note(command: Callable[..., Run]) -> None:
    run = command("outlets", "meridian", "--furniture", "--json")
    assert run.status == 0
    assert run.out == command("outlets", "meridian", "--boilerplate", "--json").out
    assert run.err == "note: --furniture is now --boilerplate; the next version will not accept the old name\n"
    assert "--furniture" not in command("outlets", "--help").out


@pytest.mark.parametrize(
    "words", ["init", "check", "run", "deliver", "history", "import", "replay", "alerts list", "alerts test"]
)
def test_help_has_examples(words: str, command: Callable[..., Run]) -> None:
    assert "Examples:" in command(*words.split(), "--help").out


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("topic:nope", 'no topic "nope"; topics are banks'),
        ("outlet:Harbour", 'write outlet:"Harbour Wire"'),
        ("tea and cake", "write AND"),
    ],
)
def test_a_query_that_is_probably_a_mistake_gets_a_note(query: str, note: str, command: Callable[..., Run]) -> None:
    for words in (["search", query], ["alerts", "test", "--query", query]):
        run = command(*words)
        assert run.status == 0
        assert note in run.err
    assert command("search", query, "--json").err == ""


@pytest.mark.parametrize("query", ["(a", '"a', "a AND", "nosuch:a", "*a", "published_at:[x TO y]"])
def test_a_query_syntax_error_is_reported_with_its_column(query: str, command: Callable[..., Run]) -> None:
    run = command("search", query)
    assert (run.status, run.out) == (2, "")
    assert "at column" in run.err
    assert len(run.err.splitlines()) == 1


def test_alerts_list_counts_hits_and_waiting_mail(command: Callable[..., Run]) -> None:
    run = command("alerts", "list")
    assert run.status == 0
    assert [word for word in run.out.splitlines()[1].split() if word in ("sberbank", "instant", "1")] == [
        "sberbank",
        "instant",
        "1",
        "1",
    ]
    (line,) = command("alerts", "list", "--json").out.splitlines()
    assert json.loads(line)["waiting"] == 1


def test_alerts_list_shows_the_targets_of_other_channels_safely(
    home: Path, command: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a channel that this program does not know, any part of a target may be secret."""
    targets = {"email": ("desk@example.org",), "pager": ("https://pager.example/SECRET",)}
    monkeypatch.setattr(Alert, "targets_by_channel", targets)
    with open_store(home) as store:
        (mail,) = store.outbox()
        entry = FrontierEntry(
            id=mail.story, candidate=Candidate(url="u", outlet="Meridian"), first_seen_at=now(), next_at=None
        )
        pager = replace(mail, channel="pager", targets=targets["pager"], attempts=1, error="busy")
        outcome = Outcome(disposition=Disposition.UNCHANGED)
        store.commit([PageCommit(entry=entry, outcome=outcome, notifications=(pager,))])
    run = command("alerts", "list")
    assert "SECRET" not in run.out + run.err
    assert "desk@example.org, pager: a target of pager" in run.out
    assert "sberbank to pager: a target of pager: busy (tried 1 time, again " in run.err
    (line,) = command("alerts", "list", "--json").out.splitlines()
    assert "SECRET" not in line
    assert json.loads(line)["targets"] == {"email": ["desk@example.org"], "pager": ["a target of pager"]}
    assert json.loads(line)["to"] == ["desk@example.org"]
    assert command("alerts", "snooze", "sberbank", "2d").out.startswith("sberbank: notifications are held until ")


def test_alerts_test_counts_by_day_and_sends_nothing(command: Callable[..., Run]) -> None:
    run = command("alerts", "test", "Sberbank", "--since", "60d")
    assert run.status == 0
    assert "2 stories of 2 events" in run.out
    assert run.out.count("█") >= 2
    assert "*Sberbank*" in run.out
    assert json.loads(command("alerts", "list", "--json").out)["waiting"] == 1


def test_alerts_test_accepts_a_query_not_in_the_file(command: Callable[..., Run]) -> None:
    run = command("alerts", "test", "--query", "BRICS", "--since", "7d")
    assert "1 story of 1 event" in run.out
    assert "Other alerts had caught 1 of them already: sberbank (1)." in run.out


LABELLED = """\
{"title": "Export ban on chips", "text": "", "expected": true}
{"title": "Fish and chips", "text": "A ban on chips.", "expected": false}
{"title": "Nvidia rises", "text": "Licences were refused.", "expected": true}
{"title": "Weather", "text": "Rain.", "expected": false}
"""


def test_alerts_test_measures_recall_and_precision(home: Path, command: Callable[..., Run]) -> None:
    (home / "labelled.jsonl").write_text(LABELLED)
    run = command("alerts", "test", "--query", "ban NEAR/8 chip", "--against", "labelled.jsonl")
    assert run.status == 0
    words = " ".join(run.out.split())
    assert "4 labelled stories: recall 50.0% (1 of 2 wanted are found), precision 50.0% (1 of 2 found" in words
    missed, wrong = words.split("Wrongly found: 1 story")
    assert "Nvidia rises" in missed
    assert "there is no ban and no chip" in missed
    assert "A *ban* on *chips*." in wrong


def test_alerts_test_names_lines_without_a_label(home: Path, command: Callable[..., Run]) -> None:
    (home / "labelled.jsonl").write_text('{"title": "a"}\n[]\n')
    run = command("alerts", "test", "--query", "ban", "--against", "labelled.jsonl")
    assert run.status == 1
    assert 'labelled.jsonl:1: the story has no label: add "expected": true or false' in run.err
    assert "labelled.jsonl:2: not a story" in run.err
    assert "0 labelled stories: no story is wanted, none is found." in run.out


def test_alerts_test_shows_what_only_one_of_two_queries_finds(command: Callable[..., Run]) -> None:
    run = command("alerts", "test", "--query", "Sberbank", "--compare", "tea OR BRICS", "--since", "60d")
    assert "both find 1 story" in run.out
    own, other = run.out.split("Only the other finds 1 story.")
    assert "Only the query finds 1 story." in own
    assert "Title of old" in own
    assert "Title of tea" in other
    of_alert = command("alerts", "test", "--query", "BRICS", "--compare", "sberbank", "--since", "60d")
    assert "Other: Sberbank" in of_alert.out


def test_alerts_show_names_the_restrictions_of_an_alert(home: Path, command: Callable[..., Run]) -> None:
    restricted = CONFIG.replace("desk@example.org}", "desk@example.org, outlets: [Meridian, Wire], min_strength: 2}")
    (home / "monitor.yaml").write_text(restricted, encoding="utf-8")
    lines = [line.split(maxsplit=1) for line in command("alerts", "show", "sberbank").out.splitlines()]
    assert ["outlets", "Meridian or Wire"] in lines
    assert ["strength", "at least 2"] in lines


def test_alerts_test_takes_one_kind_of_comparison(command: Callable[..., Run]) -> None:
    run = command("alerts", "test", "--query", "a", "--compare", "b", "--against", "c")
    assert run.status == 2
    assert "not both" in run.err


def test_alerts_show_has_hits_reasons_and_times_of_one_alert(command: Callable[..., Run]) -> None:
    run = command("alerts", "show", "SBERBANK")
    lines = [line.split(maxsplit=1) for line in run.out.splitlines()]
    assert (run.status, lines[0]) == (0, ["sberbank"])
    assert ["deliver", "instant, the rest daily 07:00 (UTC)"] in lines
    assert ["hits", "1 in 7 days; usual: -"] in lines
    assert ["waiting", "1: due now"] in lines
    assert run.out.count("█") >= 1
    data = json.loads(command("alerts", "show", "sberbank", "--json").out)
    assert (data["hits_7d"], data["usual_hits_7d"], data["waiting_reasons"]) == (1, None, {"due now": 1})
    assert command("alerts", "show", "nothing").status == 2


def test_alerts_backfill_queues_what_the_alert_has_not_reported(command: Callable[..., Run]) -> None:
    run = command("alerts", "backfill", "sberbank", "--since", "60d", "--dry-run")
    assert "sberbank: 1 story of 1 event would be queued for the digest of " in run.out
    assert json.loads(command("alerts", "list", "--json").out)["waiting"] == 1
    run = command("alerts", "backfill", "sberbank", "--since", "60d")
    assert (run.status, run.out.count("queued for the digest of "), run.out.count("07:00 UTC.")) == (0, 1, 1)
    assert json.loads(command("alerts", "list", "--json").out)["waiting"] == 2
    run = command("alerts", "backfill", "sberbank", "--since", "60d")
    assert run.out.startswith("sberbank: it has reported all stored stories since ")


def test_alerts_list_shows_a_snooze_until_it_is_ended(command: Callable[..., Run]) -> None:
    assert command("alerts", "snooze", "sberbank", "2d").status == 0
    assert "snoozed until" in command("alerts", "list").out
    assert command("alerts", "snooze", "sberbank", "--off").status == 0
    assert "snoozed" not in command("alerts", "list").out


def test_deliver_without_a_server_says_what_waits(command: Callable[..., Run]) -> None:
    run = command("deliver")
    assert run.status == 0
    assert "1 notification in the outbox; set mail.url" in run.err


def test_deliver_says_what_waits_for_its_next_attempt(home: Path, command: Callable[..., Run]) -> None:
    mailed = CONFIG + 'mail: {url: "smtp://127.0.0.1:1"}\n'
    (home / "monitor.yaml").write_text(mailed, encoding="utf-8")
    assert command("deliver").status == 1
    run = command("deliver")
    assert run.status == 0
    assert "nothing is due; 1 notification waits, the next try in " in run.out
    assert "`alerts list` shows why" in run.out


def test_outlets_shows_all_outlets_or_one(command: Callable[..., Run]) -> None:
    table = command("outlets").out
    assert "Meridian" in table
    assert "Harbour Wire" in table
    assert "next poll" in command("outlets", "meridian").out
    outlets = [json.loads(line) for line in command("outlets", "--json").out.splitlines()]
    assert [outlet["name"] for outlet in outlets] == ["Meridian", "Harbour Wire"]
    assert {outlet["status"] for outlet in outlets} == {"new"}
    assert all(outlet["holder"] is None for outlet in outlets)


def test_outlets_failing_shows_the_total_number(home: Path, command: Callable[..., Run]) -> None:
    run = command("outlets", "--failing")
    assert (run.status, run.out) == (0, "")
    assert run.err == "No outlet is failing (2 outlets).\n"
    with open_store(home) as store:
        (state,) = store.lease(["Meridian"], holder="here:1:1", now=now(), term=timedelta(minutes=5), limit=1)
        store.release(replace(state, last_poll_at=now(), failures=1, error="the server answered 500"))
    run = command("outlets", "--failing")
    assert "Harbour Wire" not in run.out
    assert "1 of 2 failing" in run.err


def test_outlets_shows_the_polling_process_beside_an_error(home: Path, command: Callable[..., Run]) -> None:
    def lease(holder: str) -> OutletState:
        (state,) = store.lease(["Meridian"], holder=holder, now=now(), term=timedelta(minutes=5), limit=1)
        return state

    with open_store(home) as store:
        store.release(replace(lease("here:1:1"), last_poll_at=now(), failures=1, error="the server answered 500"))
        lease("there:2:2")
    assert "the server answered 500; polled by there:2:2" in command("outlets").out


def test_an_outlet_with_failed_pages_only_is_suspect_with_a_note(home: Path, command: Callable[..., Run]) -> None:
    with open_store(home) as store:
        (state,) = store.lease(["Meridian"], holder="here:1:1", now=now(), term=timedelta(minutes=5), limit=1)
        store.release(replace(state, last_poll_at=now(), error="1 of 1 pages failed, such as /gone: 404"))
    run = command("outlets")
    assert "failing" not in run.out + run.err
    assert "1 of 1 pages failed" in run.out
    assert json.loads(command("outlets", "Meridian", "--json").out)["status"] == "suspect"
    assert command("outlets", "--failing").out == ""


def test_an_outlet_that_differs_from_its_habit_is_suspect(home: Path, command: Callable[..., Run]) -> None:
    with open_store(home) as store:
        (state,) = store.lease(["Meridian"], holder="here:1:1", now=now(), term=timedelta(minutes=5), limit=1)
        memory = replace(state.memory, suspicions={"few-entries": "the sources list 4 entries, usually 30"})
        store.release(replace(state, last_poll_at=now(), memory=memory))
    run = command("outlets")
    assert "the sources list 4 entries, usually 30" in run.out
    assert run.err == "1 of 2 suspect; `outlets NAME` shows why.\n"
    outlet = json.loads(command("outlets", "Meridian", "--json").out)
    assert (outlet["status"], outlet["suspicions"]) == ("suspect", memory.suspicions)
    assert "suspicion few-entries" in command("outlets", "Meridian").out


def test_outlets_truncates_nothing_on_a_narrow_terminal_or_in_a_pipe(
    home: Path, command: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A narrow terminal shows notes below the table; a pipe has each row on one line."""
    error = "feed https://gazette.example/feed.xml: the server answered 500"
    with open_store(home) as store:
        (state,) = store.lease(["Meridian"], holder="here:1:1", now=now(), term=timedelta(minutes=5), limit=1)
        counts = {"stored": 1234567}
        store.release(replace(state, last_poll_at=now(), failures=1, error=error * 4, dispositions=counts))
    monkeypatch.delenv("COLUMNS", raising=False)
    assert error * 4 in command("outlets").out
    monkeypatch.setenv("COLUMNS", "60")
    head, *lines = command("outlets").out.splitlines()
    assert "NOTE" not in head
    assert "…" not in "".join(lines)
    assert all(word in lines[0] for word in ("1,234,567", "Meridian"))
    assert "Harbour Wire" in lines[1]
    assert lines[2:] == [f"Meridian: {error * 4}"]


def test_alerts_list_on_a_narrow_terminal_has_queries_below_numbers(
    home: Path, command: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries and recipients follow each alert's row on a terminal too narrow for their columns."""
    query = " OR ".join(f"term{number}" for number in range(8))
    (home / "monitor.yaml").write_text(
        CONFIG + f"  - {{name: terms, query: {query}, to: [a@example.org, b@example.org]}}\n", encoding="utf-8"
    )
    monkeypatch.setenv("COLUMNS", "80")
    lines = command("alerts", "list").out.splitlines()
    assert "QUERY" not in lines[0]
    assert lines[2:4] == ["    Sberbank", "    to desk@example.org"]
    assert lines[4].startswith("terms")
    assert lines[5:] == [f"    {query}", "    to a@example.org, b@example.org"]
    monkeypatch.setenv("COLUMNS", "120")
    assert "QUERY" in command("alerts", "list").out.splitlines()[0]


def test_history_of_an_unchanged_story_shows_one_version(command: Callable[..., Run]) -> None:
    run = command("history", "https://meridian.example/bank")
    assert "version 1" in run.out
    assert "has not changed" in run.err


def test_a_story_is_found_by_the_beginning_of_its_id(command: Callable[..., Run]) -> None:
    key = story_id("https://meridian.example/tea")
    assert "Title of tea" in command("history", key[:8]).out
    assert command("history", "ffffffffffff").status == 2


def test_an_id_too_short_or_ambiguous_is_an_error(home: Path, command: Callable[..., Run]) -> None:
    key = story_id("https://meridian.example/tea")
    run = command("history", key[:4])
    assert (run.status, "at least 6 characters of the id" in run.err) == (2, True)
    second_key = key[:12] + ("0" * 20 if key[12:] != "0" * 20 else "1" * 20)
    second = story("other", "Another.", id=second_key)
    candidate = Candidate(url=second.url, outlet=second.outlet)
    entry = FrontierEntry(id=second_key, candidate=candidate, first_seen_at=now(), next_at=None, story=second_key)
    with open_store(home) as store:
        store.commit([PageCommit(entry=entry, outcome=Outcome(disposition=Disposition.STORED), story=second)])
    run = command("history", key[:8])
    assert run.status == 2
    assert key in run.err
    assert second_key in run.err
    assert "Title of tea" in command("history", key[:20]).out


def test_init_fails_when_the_directory_is_a_file(home: Path, command: Callable[..., Run]) -> None:
    (home / "desk").write_text("", encoding="utf-8")
    run = command("init", "desk")
    assert (run.status, run.err) == (1, "error: desk is a file, not a directory (name another directory)\n")


def test_crawl_counts_unwanted_candidates_with_their_reasons() -> None:
    poll = PollReport(outlet="A", listed_entry_count=20, dropped_candidates=Counter(excluded=19, old=1))
    assert list(_other_counts(poll)) == ["20 not wanted: 19 excluded, 1 old"]
    assert list(_other_counts(replace(poll, candidate_count=3))) == []


def test_crawl_shows_unchanged_sources_as_unchanged_not_as_empty(capfd: pytest.CaptureFixture[str]) -> None:
    polls = [
        PollReport(outlet="A", source_count=2, unchanged_source_count=2),
        PollReport(outlet="B", source_count=2, unchanged_source_count=1),
    ]
    assert _print_summary(CommandContext(), CrawlReport(latest_polls={poll.outlet: poll for poll in polls})) == 0
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert lines[1:3] == [["A", "unchanged", "0", "0", "0"], ["B", "0", "0", "0", "0"]]


def offline_poll(name: str, kind: FailureKind) -> PollReport:
    return PollReport(outlet=name, has_failed=True, own_outage="no address", own_outage_kind=kind)


def test_crawl_counts_only_the_outlets_it_reached_as_polled(capfd: pytest.CaptureFixture[str]) -> None:
    polls = [PollReport(outlet="A"), *(offline_poll(name, FailureKind.NO_NETWORK) for name in "BC")]
    assert _print_summary(CommandContext(), CrawlReport(latest_polls={poll.outlet: poll for poll in polls})) == 1
    captured = capfd.readouterr()
    assert [line.split()[0] for line in captured.out.splitlines()[:-1]] == ["OUTLET", "A"]
    assert captured.out.splitlines()[-1] == "1 outlet polled, 0 pages in 0.0 s"
    assert captured.err == "no network?: no address; 2 outlets wait, and it counts against none\n"


def test_crawl_tells_that_the_proxy_is_away(capfd: pytest.CaptureFixture[str]) -> None:
    poll = offline_poll("A", FailureKind.PROXY)
    assert _print_summary(CommandContext(), CrawlReport(latest_polls={"A": poll})) == 1
    assert capfd.readouterr().out == "no outlet could be reached: the proxy is away\n"


def test_an_interrupted_crawl_names_unpolled_outlets_and_exits_130(capfd: pytest.CaptureFixture[str]) -> None:
    """The exit status is 128 plus the signal's number."""
    report = CrawlReport(outlets_not_finished=("A", "B", "C"), stop_signal=2)
    assert _print_summary(CommandContext(), report) == 130
    captured = capfd.readouterr()
    assert captured.err == "interrupted: 3 outlets were not polled; the next crawl takes them\n"
    assert "not due" not in captured.out


def mail_report(**numbers: int) -> DeliveryReport:
    return DeliveryReport(by_channel={"email": ChannelReport(**numbers)})  # type: ignore[arg-type]  # no errors


def test_deliver_counts_one_mail_in_the_singular(capfd: pytest.CaptureFixture[str]) -> None:
    print_delivery(CommandContext(), mail_report(messages=1, notifications=1), [])
    print_delivery(CommandContext(), mail_report(messages=1, notifications=2), [])
    print_delivery(CommandContext(), mail_report(messages=2, notifications=2), [])
    assert capfd.readouterr().out.splitlines() == [
        "Mail: 1 mail sent, 1 story in it.",
        "Mail: 1 mail sent, 2 stories in it.",
        "Mail: 2 mails sent, 2 stories in them.",
    ]


def test_deliver_names_the_channels_that_are_not_configured(capfd: pytest.CaptureFixture[str]) -> None:
    print_delivery(CommandContext(), DeliveryReport(queued={"email": 2, "pager": 1}), [])
    captured = capfd.readouterr()
    assert captured.out == ""
    assert " ".join(captured.err.split()) == (
        "Mail: 2 notifications in the outbox; set mail.url (or MONITOR_MAIL__URL) to have them sent. "
        "1 notification in the outbox for the channel pager, which is not configured."
    )


def test_deliver_prints_the_numbers_of_each_channel(capfd: pytest.CaptureFixture[str]) -> None:
    pager = ChannelReport(messages=1, notifications=2, postponed=1, refused=1, held=1, errors=["alert a: busy"])
    report = DeliveryReport(by_channel={"email": ChannelReport(messages=1, notifications=1), "pager": pager})
    assert print_delivery(CommandContext(), report, []) == 1
    captured = capfd.readouterr()
    assert captured.out.splitlines() == [
        "Mail: 1 mail sent, 1 story in it.",
        "Channel pager: 1 message sent, 2 stories in it.",
        "Channel pager: 1 notification held, their alerts are snoozed.",
    ]
    assert captured.err.splitlines() == [
        "Channel pager: 1 notification kept in the outbox to be sent later.",
        "Channel pager: 1 notification refused; kept in the outbox and tried again in a day.",
        "Channel pager: alert a: busy",
    ]


@pytest.mark.parametrize(
    ("channel", "line"),
    [
        ("email", "Mail: nothing is due; 1 notification waits, the next mail in 2h; `alerts list` shows them."),
        ("pager", "Delivery: nothing is due; 1 notification waits, the next delivery in 2h; `alerts list` shows them."),
    ],
)
def test_deliver_names_mail_only_if_nothing_else_waits(
    channel: str, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    later = now() + timedelta(hours=2, minutes=1)
    notification = Notification(
        alert="a", story="s", version=1, channel=channel, targets=("x",), due_at=later, created_at=now()
    )
    print_delivery(CommandContext(), DeliveryReport(), [notification])
    assert capfd.readouterr().out.splitlines() == [line]


def test_a_verbose_crawl_logs_its_polls(home: Path) -> None:
    config = CONFIG.replace("https://meridian.example/", "http://127.0.0.1:1/")
    (home / "monitor.yaml").write_text(config, encoding="utf-8")
    line = "media-monitor crawl --outlet Meridian --all --no-mail"
    assert "0 new of 0 listed" in shell(f"{line} -v", home).stderr
    assert "0 new of 0 listed" not in shell(line, home).stderr


def test_a_quiet_crawl_prints_nothing_about_outlets(home: Path) -> None:
    config = CONFIG.replace("https://meridian.example/", "http://127.0.0.1:1/")
    (home / "monitor.yaml").write_text(
        config.replace("alerts:", "mail: {url: 'smtp://127.0.0.1:1'}\nalerts:"), encoding="utf-8"
    )
    run = shell("media-monitor crawl --outlet Meridian --all --no-mail --quiet", home)
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "")
    run = shell("media-monitor crawl --outlet Meridian --all --quiet", home)  # the mail server is away, too
    assert run.returncode == 1
    assert run.stdout == ""
    assert "127.0.0.1:1" in run.stderr


LOG_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def lines_without_time(text: str) -> list[str]:
    """The lines without the time that each begins with; a line that has none is an error."""
    lines = [re.fullmatch(f"{LOG_TIME} (.*)", line) for line in text.splitlines()]
    assert all(lines), text
    return [line[1] for line in lines if line]


def test_a_quiet_crawl_puts_the_time_before_each_line(home: Path) -> None:
    config = CONFIG.replace("https://meridian.example/", "http://meridian.invalid/")
    (home / "monitor.yaml").write_text(config, encoding="utf-8")
    run = shell("media-monitor crawl --outlet Meridian --all -q", home)
    assert (run.returncode, run.stdout) == (1, "")
    assert lines_without_time(run.stderr) == [
        "WARNING no network?: the name meridian.invalid has no address; 1 outlet waits, and it counts against none",
        "WARNING Mail: 1 notification in the outbox; set mail.url (or MONITOR_MAIL__URL) to have them sent.",
    ]


@pytest.mark.parametrize("name", ["crawl", "deliver"])
def test_a_quiet_command_puts_the_time_before_its_errors(name: str, home: Path) -> None:
    (home / "monitor.yaml").write_text(CONFIG.replace("query: Sberbank", "query: '('"), encoding="utf-8")
    run = shell(f"media-monitor {name} --quiet", home)
    assert (run.returncode, run.stdout) == (2, "")
    assert [line.split(":")[0] for line in lines_without_time(run.stderr)] == ["ERROR monitor.yaml"]
    (home / "monitor.yaml").write_text(f"{CONFIG}store: {{url: 'sqlite:monitor.yaml'}}\n", encoding="utf-8")
    run = shell(f"media-monitor {name} --quiet", home)
    assert (run.returncode, run.stdout) == (1, "")
    assert [line.split(" (")[0] for line in lines_without_time(run.stderr)] == [
        f"ERROR {home / 'monitor.yaml'} is not a database"
    ]


def test_a_quiet_deliver_prints_only_faults(home: Path) -> None:
    (home / "monitor.yaml").write_text(f'{CONFIG}mail: {{url: "smtp://127.0.0.1:1"}}\n', encoding="utf-8")
    run = shell("media-monitor deliver -q", home)
    assert (run.returncode, run.stdout) == (1, "")
    postponed, fault = lines_without_time(run.stderr)
    assert postponed == "WARNING Mail: 1 notification kept in the outbox to be sent later."
    assert fault.startswith("ERROR Mail: ")
    run = shell("media-monitor deliver -q", home)  # the notification waits for its next attempt
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_match_names_alerts_and_topics_and_reports_invalid_lines(home: Path, command: Callable[..., Run]) -> None:
    lines = [
        json.dumps(story("bank", "Sberbank is a bank.").to_json()),
        "not JSON",
        "[1]",
        json.dumps({"title": "The banks", "text": "of the river"}),
        json.dumps({"text": 7}),
        json.dumps({"url": "https://a.example/x", "text": "nothing", "published_at": "yesterday"}),
        "",
        json.dumps({"url": "https://a.example/x", "text": "nothing", "published_at": rfc3339(now())}),
    ]
    (home / "stories.jsonl").write_text("\n".join(lines), encoding="utf-8")
    run = command("match", "--json", "stories.jsonl")
    assert run.status == 1
    matches = [json.loads(line) for line in run.out.splitlines()]
    assert [(match["alerts"], match["topics"]) for match in matches] == [
        (["sberbank"], ["banks"]),
        ([], ["banks"]),
        ([], []),
    ]
    assert [line.split(":")[1] for line in run.err.splitlines()] == ["2", "3", "5", "6"]


@pytest.mark.parametrize(
    ("invalid_line", "message"),
    [
        ('{"text": "Sberbank", "language": 5}', "language: not a text"),
        ('{"text": "Sberbank", "word_count": "many"}', "word_count: not a number"),
        ('{"text": "Sberbank", "authors": [1, 2]}', "authors: not a list of texts"),
        ('{"text": "Sberbank", "authors": "Bob"}', "authors: not a list of texts"),
        ('{"text": "Sberbank", "published_at": 7}', "published_at: not a text"),
        ('{"text": "Sberbank", "extraction": 7}', "extraction: not an object"),
        ("{}", "neither title nor text"),
    ],
)
def test_match_reports_a_value_of_the_wrong_type_and_continues(
    invalid_line: str, message: str, home: Path, command: Callable[..., Run]
) -> None:
    queries = "  - {name: asked, query: 'language:en OR word_count:>300 OR author:Bob', to: a@example.org}\n"
    (home / "monitor.yaml").write_text(CONFIG + queries, encoding="utf-8")
    (home / "s.jsonl").write_text(f'{{"text": "tea"}}\n{invalid_line}\n{{"text": "Sberbank"}}\n', encoding="utf-8")
    run = command("match", "--json", "s.jsonl")
    assert run.status == 1
    assert [json.loads(line)["alerts"] for line in run.out.splitlines()] == [[], ["sberbank"]]
    assert run.err.startswith(f"s.jsonl:2: {message}")


def test_match_and_import_compose_decomposed_letters(home: Path, command: Callable[..., Run]) -> None:
    alert = "  - {name: office, query: 'Київ ガラス', to: a@example.org}\n"
    (home / "monitor.yaml").write_text(CONFIG + alert, encoding="utf-8")
    decomposed = {"url": "https://a.example/x", "title": "x", "text": unicodedata.normalize("NFD", "Київ, ガラス")}
    (home / "s.jsonl").write_text(json.dumps(decomposed), encoding="utf-8")
    assert json.loads(command("match", "--json", "s.jsonl").out)["alerts"] == ["office"]
    assert command("import", "s.jsonl").status == 0
    assert json.loads(command("search", "Київ", "--json").out)["url"] == decomposed["url"]


def test_extract_prints_a_line_for_each_page_in_order(home: Path, command: Callable[..., Run]) -> None:
    sentence = "The harbour was measured again on Monday, and the people of the valley counted their boats. "
    for number in range(3):
        body = f"<p>{sentence * 4}</p>" * 4
        page = f"<html><head><title>Number {number}</title></head><body><article><h1>Number {number}</h1>{body}"
        (home / f"{number}.html").write_text(page, encoding="utf-8")
    urls = [word for number in range(4) for word in ("--url", f"https://a.example/{number}.html")]
    run = command("extract", "--json", "0.html", "1.html", "missing.html", "2.html", *urls)
    stories = [json.loads(line) for line in run.out.splitlines()]
    assert [story["title"] for story in stories] == ["Number 0", "Number 1", "", "Number 2"]
    assert stories[0]["url"] == "https://a.example/0.html"
    assert "harbour" in stories[3]["text"]
    assert stories[2]["error"]
    assert run.status == 1
    assert "missing.html: No such file" in run.err


def test_extract_uses_the_configured_outlet_of_the_site(home: Path, command: Callable[..., Run]) -> None:
    body = "<p>The harbour was measured again on Monday, and the people counted their boats once more.</p>" * 9
    (home / "page.html").write_text(f"<html><body><article><h1>Boats</h1>{body}", encoding="utf-8")
    for url, outlet in (
        ("https://harbour.example/boats-are-counted", "Harbour Wire"),
        ("https://elsewhere.example/x", "elsewhere.example"),
    ):
        assert json.loads(command("extract", "page.html", "--url", url, "--json").out)["outlet"] == outlet


def test_extract_refuses_a_file_that_is_not_a_web_page(home: Path, command: Callable[..., Run]) -> None:
    (home / "program").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 40)
    for name in ("monitor.yaml", "monitor.db", "program"):
        run = command("extract", name)
        assert (run.status, run.out) == (1, "")
        assert f"{name}: not a web page" in run.err


def test_extract_says_why_a_file_cannot_be_a_page(home: Path, command: Callable[..., Run]) -> None:
    (home / "empty.html").write_bytes(b"\n")
    (home / "page.html.gz").write_bytes(gzip.compress(b"<html>"))
    run = command("extract", "empty.html", "page.html.gz", "www.example.org/x")
    assert (run.status, run.out) == (1, "")
    assert "empty.html: no content" in run.err
    assert "page.html.gz: gzip-compressed" in run.err
    assert "www.example.org/x: No such file or directory; an address begins with https://" in run.err
    assert "an address begins with https://" in command("extract", "example.org/a/b").err


def test_extract_reports_a_missing_file_without_heavy_imports(home: Path) -> None:
    program = (
        "import sys\n"
        "from monitor.cli import main\n"
        "try:\n    main(['extract', 'nope.html'])\nexcept SystemExit as ended: assert ended.code == 1\n"
        "sys.exit(bool({'trafilatura', 'pydantic', 'lxml'} & set(sys.modules)))\n"
    )
    completed = subprocess.run([sys.executable, "-c", program], cwd=home, capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stderr) == (0, "nope.html: No such file or directory\n")


# ---- usage


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["serch"], "did you mean search?"),
        (["search", "--limit", "0"], "--limit"),
        (["search", "--since", "yesterday", "x"], "'yesterday' is not a time"),
        (["search", "--since", "7"], "write 7d, 12h or a date"),
        (["search", "--since", "1800"], "write 7d, 12h or a date"),
        (["search", "--since", "2026-13"], "is not a date of the calendar"),
        (["alerts", "snooze", "sberbnk", "2d"], 'did you mean "sberbank"?'),
        (["alerts", "snooze", "sberbank", "soon"], "is not a duration"),
        (["alerts", "snooze", "sberbank"], "give a SPAN"),
        (["alerts", "snooze", "sberbank", "2"], "'2' has no unit; write 2d or 12h"),
        (["search", "chip", "-Nvidia"], "media-monitor search -- 'chip -Nvidia'"),
        (["search", "AI", "-china"], "media-monitor search -- 'AI -china'"),
        (["search", "chip", "-v1", "--since", "7d"], "media-monitor search --since 7d -- 'chip -v1'"),
        (["setup", "--kibana", "http://127.0.0.1:1"], "Kibana shows data of Elasticsearch"),
        (["alerts", "test"], "give the NAME of an alert, or a --query"),
        (["crawl", "--outlet", "Meridiann"], 'no outlet "Meridiann"; did you mean "Meridian"?'),
        (["outlets", "Nowhere"], 'no outlet "Nowhere"; there are "Meridian" and "Harbour Wire"'),
        (["init", "desk", "--config", "desk.yaml"], "give a directory or --config FILE, not both"),
        (["extract", "a", "b", "c", "--url", "x", "--url", "y"], "3 pages but 2 --url"),
        (["extract", "page.html", "--url", "foo"], "'foo' is not an address"),
        (["match", "nowhere.jsonl"], "No such file"),
        (["discover", "ftp://a.example/"], "must begin with https://"),
        (["search", "x", "--config", "elsewhere.yaml"], "no such file"),
    ],
)
def test_wrong_usage_is_one_line_with_a_hint_and_exits_2(
    words: list[str], message: str, command: Callable[..., Run]
) -> None:
    run = command(*words)
    assert (run.status, run.out) == (2, "")
    assert message in run.err
    assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_a_narrow_table_of_outlets_wraps_names_and_cuts_no_number(
    home: Path, columns: int, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Run]
) -> None:
    name = "US Bureau of Industry and Security, Export Administration"
    (home / "monitor.yaml").write_text(CONFIG.replace("Meridian,", f'"{name}",'), encoding="utf-8")
    with open_store(home) as store:
        (state,) = store.lease([name], holder="here:1:1", now=now(), term=timedelta(minutes=5), limit=1)
        counts = {"stored": 1_234_567}
        store.release(
            replace(state, dispositions=counts, last_poll_at=now(), last_story_at=now() - timedelta(hours=36))
        )
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = command("outlets").out.splitlines()
    assert all(len(line.rstrip()) <= columns for line in lines)
    assert "1,234,567" in "".join(lines)
    assert "STORIES" in lines[0]
    words = set(" ".join(line[: lines[0].index("STATUS")] for line in lines).split())
    assert set(name.split()) <= words


@pytest.mark.parametrize(
    ("words", "completed"), [("media-monitor ou", {"outlets"}), ("media-monitor crawl --no", {"--no-mail"})]
)
def test_the_shell_completes_commands_and_options(home: Path, words: str, completed: set[str]) -> None:
    environ = {"_MEDIA_MONITOR_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    run = subprocess.run(
        [Path(sys.executable).with_name("media-monitor")],
        env=os.environ | environ,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert {line.removeprefix("plain,") for line in run.stdout.splitlines()} == completed


def test_a_search_ends_with_the_day_or_month_that_until_names(command: Callable[..., Run]) -> None:
    day = now() - timedelta(hours=30)
    assert "Title of tea" in command("search", "--until", f"{day:%Y-%m-%d}").out
    assert "Title of bank" not in command("search", "--until", f"{day - timedelta(days=1):%Y-%m-%d}").out
    assert command("search", "--until", f"{now():%Y-%m}").err == "3 stories\n"
    assert command("search", "--until", "28h").err == "2 stories\n"
    assert "is not a time" in command("search", "--until", "soon").err


def test_times_are_shown_in_the_zone_of_tz(home: Path, command: Callable[..., Run]) -> None:
    with open_store(home) as store:
        (tea,) = [each for each in store.search(None, now=now()).stories if each.title == "Title of tea"]
    assert tea.published_at is not None
    local = tea.published_at + timedelta(hours=9)
    assert f"Meridian · {local:%Y-%m-%d %H:%M} JST (30h ago)" in command("search", "tea", "--tz", "Asia/Tokyo").out
    assert f"{tea.published_at:%Y-%m-%d %H:%M} UTC (30h ago)" in command("search", "tea").out
    assert "'Mars' is no time zone; write Europe/Berlin" in command("search", "--tz", "Mars").err


def test_events_show_one_story_with_the_other_outlets(home: Path, command: Callable[..., Run]) -> None:
    with open_store(home) as store:
        (tea,) = [each for each in store.search(None, now=now()).stories if each.title == "Title of tea"]
        for number in range(7):
            url = f"https://o{number}.example/tea"
            copy = replace(tea, id=story_id(url), url=url, outlet=f"Outlet {number}", cluster=tea.cluster)
            entry = FrontierEntry(
                id=copy.id,
                candidate=Candidate(url=url, outlet=copy.outlet),
                first_seen_at=copy.first_seen_at,
                next_at=None,
                story=copy.id,
            )
            store.commit([PageCommit(entry=entry, outcome=Outcome(disposition=Disposition.STORED), story=copy)])
    lines = command("search", "tea", "--events").out.splitlines()
    assert lines.count("Title of tea") == 1
    (others,) = [line for line in lines if "also:" in line]
    assert others.endswith(" and 2 more (7 stories)")
    assert command("search", "tea").out.splitlines().count("Title of tea") == 8


def test_init_writes_the_file_that_config_names(home: Path, command: Callable[..., Run]) -> None:
    run = command("init", "--config", "desk.yaml")
    assert (run.status, run.err) == (0, "")
    assert "outlets:" in (home / "desk.yaml").read_text(encoding="utf-8")
    assert "media-monitor -c desk.yaml check" in run.out
    assert command("init", "--config", "desk.yaml").status == 1


def test_a_word_that_explain_reads_as_a_query_is_noted(command: Callable[..., Run]) -> None:
    story_url = "https://meridian.example/bank"
    assert command("explain", "sberbank", story_url).err == ""
    assert command("explain", "sberbnk", story_url).err == (
        'note: sberbnk is read as a query; did you mean "sberbank"?\n'
    )
    assert command("explain", "harbour", story_url).err == (
        "note: harbour is read as a query; no alert or topic has this name\n"
    )
    assert "note" not in command("explain", "harbour OR tea", story_url).err
    note = 'note: column 1: there is no alert "sberbnk"; did you mean alert:"sberbank"?'
    assert command("search", "alert:sberbnk").err.splitlines() == [note, "No stories for alert:sberbnk."]


def test_a_search_does_not_wait_for_a_writer(home: Path, command: Callable[..., Run]) -> None:
    with open_store(home) as store, store.database.write_transaction():
        assert "Title of tea" in command("search", "tea").out


def test_config_is_taken_from_either_side_of_the_command_or_environment(
    home: Path, command: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = home / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    path = str(home / "monitor.yaml")
    assert "Title of tea" in command("search", "tea", "--config", path).out
    assert "Title of tea" in command("--config", path, "search", "tea").out
    assert command("alerts", "--config", path, "list").status == 0
    monkeypatch.setenv("MONITOR_CONFIG", path)
    assert "Title of tea" in command("search", "tea").out
    assert list(other.iterdir()) == [], "the store is in the configuration's directory"


@pytest.mark.parametrize("name", [*MODULE_AND_HELP_BY_COMMAND, "alerts list", "alerts test", "alerts snooze"])
def test_every_command_has_help(name: str, command: Callable[..., Run]) -> None:
    run = command(*name.split(), "--help")
    assert run.status == 0
    assert "--config" in run.out
    assert run.err == ""


def test_help_fits_eighty_columns() -> None:
    for words, _ in all_commands(program):
        result = CliRunner().invoke(program, [*words, "--help"], terminal_width=80)
        assert [line for line in result.output.splitlines() if len(line) > 80] == [], words


def test_help_names_every_command_in_the_order_of_use(command: Callable[..., Run]) -> None:
    out = command("--help").out
    offsets = [out.index(f"\n  {name} ") for name in MODULE_AND_HELP_BY_COMMAND]
    assert offsets == sorted(offsets)


def shell(line: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    line = f"set -o pipefail; {line.replace('media-monitor', f'{sys.executable} -m monitor')}"
    environment = {**os.environ, **environ}
    return subprocess.run(
        ["bash", "-c", line], cwd=home, capture_output=True, text=True, check=False, env=environment, errors="replace"
    )


@pytest.mark.parametrize("words", ["search --json", "export", "search", "outlets", "--help"])
def test_a_closed_pipe_is_not_an_error(words: str, home: Path) -> None:
    completed = shell(f"media-monitor {words} | true", home)
    assert completed.returncode == 0, completed.stderr
    assert "rror" not in completed.stderr


@pytest.mark.parametrize("words", ["search --json", "export", "search", "outlets", "--help"])
def test_a_full_disk_is_reported_in_one_line(words: str, home: Path) -> None:
    completed = shell(f"media-monitor {words} > /dev/full", home)
    assert completed.returncode == 1
    assert completed.stderr.splitlines()[-1] == "stdout: No space left on device"
    assert "internal error" not in completed.stderr


@pytest.mark.parametrize("words", ["search", "search --json", "alerts test sberbank", "explain Sberbank ffffffff"])
def test_characters_missing_in_the_encoding_are_not_an_error(words: str, home: Path) -> None:
    completed = shell(f"media-monitor {words}", home, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "internal error" not in completed.stderr
    assert completed.returncode == (2 if "explain" in words else 0), completed.stderr


@pytest.mark.parametrize("words", ["search", "search --json", "outlets", "export", "--help"])
def test_a_closed_stdout_is_not_an_error(words: str, home: Path) -> None:
    completed = shell(f"media-monitor {words} >&-", home)
    assert (completed.returncode, "rror" in completed.stderr) == (0, False), completed.stderr


@pytest.mark.parametrize("words", [[], ["alerts"]])
def test_a_group_without_a_command_shows_its_help(words: list[str], command: Callable[..., Run]) -> None:
    run = command(*words)
    assert (run.status, run.out) == (2, "")
    assert run.err == command(*words, "--help").out


@pytest.mark.parametrize("query", ["-chip", "-nuclear", "-export controls", "-Сбербанк"])
def test_a_query_read_as_an_option_gets_a_hint(query: str, command: Callable[..., Run]) -> None:
    run = command("search", query)
    assert run.status == 2
    written = query if query in {"-chip", "-nuclear"} else f"'{query}'"
    assert f"a query that begins with - goes after --: media-monitor search -- {written}" in run.err
    assert command("search", "--", query).status == 0
    assert "after --" not in command("search", "--limit", "0", "chip").err


@pytest.mark.parametrize("words", ["--help", "search tea", "alerts list", "outlets"])
def test_light_commands_import_nothing_heavy(words: str, home: Path) -> None:
    program = (
        "import sys\n"
        "from monitor.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "heavy = {'scrapy', 'twisted', 'trafilatura', 'elasticsearch', 'numpy', 'smtplib'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    line = [sys.executable, "-c", program, *words.split()]
    completed = subprocess.run(line, cwd=home, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr


def test_history_marks_changed_words() -> None:
    from monitor.changes import changed_paragraph_pairs
    from monitor.cli.history import text_with_marked_changes

    before = "The first paragraph.\n\nThe bank had 3 models in May.\n\nThe end."
    after = "The first paragraph.\n\nThe bank had 4 models in May.\n\nIt is new.\n\nThe end."
    pairs = changed_paragraph_pairs(before, after)
    assert [text_with_marked_changes(*pair, colour=False).plain for pair in pairs] == [
        "The bank had [-3-]{+4+} models in May.",
        "{+It is new.+}",
    ]


def test_history_prints_no_control_characters_of_a_page(home: Path, command: Callable[..., Run]) -> None:
    from monitor.cli.history import text_with_marked_changes

    data = {"url": "https://a.example/x", "title": "Sberbank\x1b]0;owned\x07 \x1b[2J", "text": "words"}
    (home / "s.jsonl").write_text(json.dumps(data), encoding="utf-8")
    assert command("import", "s.jsonl").status == 0
    run = command("history", data["url"])
    assert "\x1b" not in run.out
    assert run.out.startswith("Sberbank")
    assert "\x1b" not in text_with_marked_changes("a \x1b[2J", "b \x1b[31m", colour=False).plain


def test_explain_names_the_failing_clause_and_shows_matching_words(home: Path, command: Callable[..., Run]) -> None:
    address = "https://meridian.example/bank"
    run = command("explain", "Sberbank AND (tea OR BRICS)", address)
    assert run.status == 0
    assert run.out.startswith("matches\n")
    assert "*Sberbank's*" in run.out
    run = command("explain", "Sberbank AND tea", address)
    assert run.status == 1
    assert [line.strip("│├└─ ") for line in run.out.splitlines()][:2] == ["does not match", "no   all of"]
    assert command("explain", "sberbank", address).status == 0, "an alert's name is replaced by its query"
    (home / "story.json").write_text(command("search", "tea", "--json").out, encoding="utf-8")
    explanation = json.loads(command("explain", "raw:Tea", "story.json", "--json").out)
    assert explanation["matched"] is False
    assert command("explain", "(a", address).status == 2
    assert command("explain", "a", "https://nowhere.example/").status == 2


def test_check_connects_every_channel(home: Path, command: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    class Pager:
        def __init__(self, problem: str) -> None:
            self.problem = problem

        def open(self) -> None:
            if self.problem:
                raise DeliveryUnavailable(self.problem)

        def close(self) -> None:
            pass

    channels = {"pager": Pager("no network"), "chat": Pager("")}
    monkeypatch.setattr("monitor.delivery.configured_channels", lambda _: channels)
    monkeypatch.setattr(Alert, "targets_by_channel", dict.fromkeys((*channels, "fax"), ("x",)))
    run = command("check")
    assert run.status == 1
    assert "FAIL  channel pager: no network" in run.out
    assert "ok    channel chat: connected" in run.out
    assert "note  the channel fax is not configured: its notifications wait in the outbox" in run.out


def test_check_reports_query_notes_and_an_unreachable_mail_server(home: Path, command: Callable[..., Run]) -> None:
    run = command("check")
    assert run.status == 0
    assert "2 outlets, 1 topic, 1 alert" in run.out
    assert "no mail.url" in run.out
    text = CONFIG + '  - {name: never, query: "tea AND NOT tea", to: a@example.org}\n'
    text += 'mail: {url: "smtp://127.0.0.1:1"}\n'
    (home / "monitor.yaml").write_text(text, encoding="utf-8")
    run = command("check")
    assert run.status == 1
    assert "note  alerts.never: " in run.out
    assert "FAIL  mail: smtp://127.0.0.1:1 does not answer" in run.out
    assert command("check", "--offline").status == 0


def test_exported_stories_import_unchanged_into_another_store(home: Path, command: Callable[..., Run]) -> None:
    complete = command("export").out
    assert command("export", "-o", "stories.jsonl").status == 0
    lines = (home / "stories.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (home / "stories.jsonl").write_text(lines[0] + lines[1][:50], encoding="utf-8")
    assert command("export", "-o", "stories.jsonl", "--resume").status == 0
    assert (home / "stories.jsonl").read_text(encoding="utf-8") == complete, "an incomplete line is written again"
    (home / "other.yaml").write_text(f'store: {{url: "sqlite:other.db"}}\n{CONFIG}', encoding="utf-8")
    with (home / "stories.jsonl").open("a", encoding="utf-8") as file:
        file.write("not a story\n")
    run = command("import", "stories.jsonl", "--config", "other.yaml")
    assert run.status == 1
    assert "stories.jsonl:4: not JSON" in run.err
    assert "3 stories stored, 0 known already, 1 line refused" in run.out
    assert command("export", "--config", "other.yaml").out == complete


def test_import_unpacks_gzip_and_shows_twenty_refused_lines(home: Path, command: Callable[..., Run]) -> None:
    """Further refused lines are only counted."""
    (home / "other.yaml").write_text(f'store: {{url: "sqlite:other.db"}}\n{CONFIG}', encoding="utf-8")
    lines = command("export").out + '{"title": "nowhere"}\n' * 50
    (home / "s.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    run = command("import", "s.jsonl.gz", "--config", "other.yaml")
    assert (run.status, run.out) == (1, "3 stories stored, 0 known already, 50 lines refused.\n")
    assert len(run.err.splitlines()) == 21
    assert run.err.endswith("s.jsonl.gz: and 30 lines more\n")


def test_import_checks_all_files_before_it_imports_one(home: Path, command: Callable[..., Run]) -> None:
    (home / "other.yaml").write_text(f'store: {{url: "sqlite:other.db"}}\n{CONFIG}', encoding="utf-8")
    (home / "s.jsonl").write_text(command("export").out, encoding="utf-8")
    (home / "a.json").write_text("[\n" + '{"title": "x"},\n' * 50, encoding="utf-8")
    for name in ("a.json", "missing.jsonl"):
        run = command("import", "s.jsonl", name, "--config", "other.yaml")
        assert (run.status, len(run.err.splitlines())) == (2, 1)
        assert name in run.err
    assert not (home / "other.db").exists()


def test_export_with_an_unknown_extension_requires_format(home: Path, command: Callable[..., Run]) -> None:
    for name in ("s.xlsx", "s.jsonl.gz"):
        run = command("export", "-o", name)
        assert run.status == 2
        assert "names no format" in run.err
        assert not (home / name).exists()
    assert command("export", "-o", "s.txt", "--format", "csv").status == 0


@pytest.mark.parametrize("words", ["export", "export -o s.jsonl", "copy sqlite:copy.db"])
def test_export_and_copy_without_a_store_fail_and_create_none(
    words: str, home: Path, command: Callable[..., Run]
) -> None:
    (home / "none.yaml").write_text(f'store: {{url: "sqlite:none.db"}}\n{CONFIG}', encoding="utf-8")
    run = command(*words.split(), "--config", "none.yaml")
    assert run.status == 1
    assert "none.db yet (`media-monitor crawl` makes it)" in run.err
    assert {path.name for path in home.iterdir()} & {"none.db", "copy.db", "s.jsonl"} == set()


def test_copy_copies_all_data_and_repeating_adds_nothing(home: Path, command: Callable[..., Run]) -> None:
    for _ in range(2):
        assert command("copy", "sqlite:copy.db").status == 0
    (home / "copy.yaml").write_text(f'store: {{url: "sqlite:copy.db"}}\n{CONFIG}', encoding="utf-8")
    assert command("export", "--config", "copy.yaml").out == command("export").out
    assert json.loads(command("alerts", "list", "--json", "--config", "copy.yaml").out)["waiting"] == 1
    assert command("copy", "sqlite:monitor.db").status == 2


def elasticsearch_that_refuses(request: Request) -> Answer:
    return Answer(401, {"error": {"type": "security_exception", "reason": "missing credentials"}, "status": 401})


@pytest.mark.parametrize("credentials", ["api_key: our-secret", "{username: ada, password: our-secret}"])
def test_copy_does_not_send_the_stores_credentials_to_the_target(
    home: Path, command: Callable[..., Run], credentials: str
) -> None:
    store = f'{{url: "https://127.0.0.1:1", verify: false, {credentials.strip("{}")}}}'
    (home / "ours.yaml").write_text(f"store: {store}\n{CONFIG}", encoding="utf-8")
    with serve(elasticsearch_that_refuses) as target:
        assert command("copy", target.url, "--config", "ours.yaml").status == 1
        assert command("copy", target.url.replace("//", "//bo:theirs@"), "--config", "ours.yaml").status == 1
    sent = {request.headers.get("authorization") for request in target.requests}
    assert sent == {None, "Basic Ym86dGhlaXJz"}


def test_copy_writes_to_the_named_file_not_the_configured_cloud(home: Path, command: Callable[..., Run]) -> None:
    cloud = base64.b64encode(b"127.0.0.1:1$0$").decode()
    (home / "cloud.yaml").write_text(f'store: {{cloud_id: "c:{cloud}", api_key: k}}\n{CONFIG}', encoding="utf-8")
    run = command("copy", "sqlite:backup.db", "--config", "cloud.yaml")
    assert run.status == 1, "the source, the cloud, cannot be reached"
    assert (home / "backup.db").exists()


@pytest.mark.parametrize("target", ["http://es:9200", "http://bo:theirs@es:9200"])
def test_copy_onto_the_same_store_is_refused_for_any_credentials(
    home: Path, command: Callable[..., Run], target: str
) -> None:
    (home / "ours.yaml").write_text(f'store: {{url: "http://es:9200", api_key: k}}\n{CONFIG}', encoding="utf-8")
    run = command("copy", target, "--config", "ours.yaml")
    assert run.status == 2
    assert "the store itself" in run.err
