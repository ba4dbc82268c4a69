"""The commands on a store that holds a few stories: what they print, where, and with which exit status."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import unicodedata
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.cli import main
from monitor.cli.app import COMMANDS
from monitor.cli.context import Context
from monitor.cli.crawl import _rest, _summary
from monitor.cli.deliver import tell
from monitor.crawl.report import CrawlReport, PollReport
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
from monitor.notify.dispatcher import DeliveryReport
from monitor.store.sqlite import SqliteStore
from monitor.urls import story_id
from servers.faulty import Answer, Request, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
    """How a command ended."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


def story(name: str, text: str, *, hours: float = 1, **more: object) -> Story:
    url = f"https://meridian.example/{name}"
    moment = now() - timedelta(hours=hours)
    values: dict[str, object] = {
        "id": story_id(url),
        "url": url,
        "outlet": "Meridian",
        "title": f"Title of {name}",
        "text": text,
        "published_at": moment,
        "first_seen_at": moment,
        "fetched_at": moment,
        "updated_at": moment,
        "cluster": story_id(url),
        "word_count": len(text.split()),
    }
    return Story(**(values | more))  # type: ignore[arg-type]  # names of fields


@pytest.fixture
def home(tmp_path: Path) -> Path:
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
    for told in stories:
        visit = FrontierEntry(
            id=told.id,
            candidate=Candidate(url=told.url, outlet=told.outlet),
            first_seen_at=told.first_seen_at,
            next_at=None,
            story=told.id,
        )
        hits = tuple(
            Hit(alert=a, story=told.id, version=1, outlet="Meridian", title=told.title, url=told.url, matched_at=now())
            for a in told.alerts
        )
        notices = tuple(
            Notification(alert=a, story=told.id, version=1, to=("desk@example.org",), due_at=now(), created_at=now())
            for a in told.alerts
        )
        outcome = Outcome(disposition=Disposition.STORED)
        store.commit([PageCommit(entry=visit, outcome=outcome, story=told, hits=hits, notifications=notices)])
    (state,) = store.lease(["Meridian"], holder="here:1:1", now=now(), term=timedelta(minutes=5), limit=1)
    store.release(state)
    store.close()
    return tmp_path


@contextmanager
def open_(home: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(home / "monitor.db", timeout=timedelta(seconds=30))
    yield store
    store.close()


@pytest.fixture
def command(home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    monkeypatch.chdir(home)

    def command(*words: str) -> Run:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        told = capfd.readouterr()
        assert "Traceback" not in told.err
        assert isinstance(ended.value.code, int)
        return Run(ended.value.code, told.out, told.err)

    return command


def test_search_shows_title_outlet_time_address_and_the_words_in_context(command: Callable[..., Run]) -> None:
    run = command("search", "Sberbank", "--since", "7d")
    assert run.status == 0
    title, facts, address, context, *_ = run.out.splitlines()
    assert title == "Title of bank"
    assert facts.startswith("Meridian · ")
    assert facts.endswith("(60m ago) · A B · alerts: sberbank") or "1h ago" in facts
    assert address.startswith("https://meridian.example/bank  ")
    assert "*Sberbank's* model" in context
    assert "Title of old" not in run.out


def test_search_json_prints_whole_stories_and_nothing_else(command: Callable[..., Run]) -> None:
    run = command("search", "Sberbank", "--json")
    stories = [json.loads(line) for line in run.out.splitlines()]
    assert [each["title"] for each in stories] == ["Title of bank", "Title of old"]
    assert stories[0]["text"].startswith("On Monday")
    assert run.err == ""


@pytest.mark.parametrize("length", [4, 7])
def test_a_year_or_month_is_a_time(length: int, command: Callable[..., Run]) -> None:
    begun = rfc3339(now() - timedelta(days=365 if length == 4 else 31))[:length]
    assert "Title of tea" in command("search", "--since", begun).out
    later = rfc3339(now() + timedelta(days=400))[:length]
    assert "Title of tea" not in command("search", "--since", later).out


def test_search_shows_text_as_it_is(command: Callable[..., Run]) -> None:
    assert "[bold]at all[/bold]" in command("search", "tea").out
    assert "paywall" in command("search", "tea").out


def test_search_without_a_query_shows_the_newest(command: Callable[..., Run]) -> None:
    run = command("search", "--limit", "1")
    assert "Title of bank" in run.out
    assert "1 of 3 stories" in run.err


def test_search_says_that_there_are_stories_but_fewer(command: Callable[..., Run]) -> None:
    assert command("search", "--offset", "100").err == "3 stories, none beyond the first 100.\n"
    assert command("search", "unheard", "--offset", "100").err == "No stories for unheard.\n"


@pytest.mark.parametrize(
    "words", ["search", "search tea --json", "outlets", "alerts list", "alerts test sberbank", "history 6eeeee"]
)
def test_a_command_that_only_reads_makes_no_store(words: str, home: Path, command: Callable[..., Run]) -> None:
    (home / "monitor.db").unlink()
    run = command(*words.split())
    assert (run.status, run.out) == (1, "")
    assert f"there is no store at {home / 'monitor.db'} yet (`media-monitor crawl` makes it)" in run.err
    assert not (home / "monitor.db").exists()


def test_search_says_on_stderr_that_there_is_nothing(command: Callable[..., Run]) -> None:
    run = command("search", "unheard")
    assert (run.status, run.out) == (0, "")
    assert "No stories for unheard" in run.err
    assert "keep: matching" not in run.err


def test_search_says_why_nothing_may_be_there(home: Path, command: Callable[..., Run]) -> None:
    (home / "monitor.yaml").write_text(CONFIG.replace("keep: all", "keep: matching"), encoding="utf-8")
    assert "With keep: matching only stories of a topic or alert are stored" in command("search", "unheard").err
    (home / "new.yaml").write_text(f'store: {{url: "sqlite:new.db"}}\n{CONFIG}', encoding="utf-8")
    assert command("deliver", "-c", "new.yaml").status == 0
    assert command("search", "chip", "-c", "new.yaml").err == "The store is empty; `media-monitor crawl` fills it.\n"


def test_one_story_of_several_is_counted_as_one(command: Callable[..., Run]) -> None:
    assert command("search", "-n", "1").err.startswith("1 of 3 stories")
    assert command("search", "-n", "1", "--offset", "1").err.startswith("2 of 3 stories")
    assert command("search", "-n", "2").err.startswith("1 to 2 of 3 stories")


@pytest.mark.parametrize("words", ["outlets", "alerts list"])
def test_a_table_in_a_pipe_ends_with_its_words(words: str, command: Callable[..., Run]) -> None:
    assert all(line == line.rstrip() for line in command(*words.split()).out.splitlines())


def test_what_is_left_out_of_an_outlets_stories_has_its_json(command: Callable[..., Run]) -> None:
    assert json.loads(command("outlets", "meridian", "--furniture", "--json").out) == {
        "name": "Meridian",
        "furniture": [],
    }


@pytest.mark.parametrize(
    "words", ["init", "check", "run", "deliver", "history", "import", "replay", "alerts list", "alerts test"]
)
def test_help_has_examples(words: str, command: Callable[..., Run]) -> None:
    assert "Examples:" in command(*words.split(), "--help").out


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("topic:nope", 'no topic "nope"; topics are banks'),
        ("outlet:Harbour", 'write outlet:"Harbour Wire"'),
        ("tea and cake", "write AND"),
    ],
)
def test_a_query_that_can_hardly_be_meant_is_named_beside_what_it_finds(
    query: str, told: str, command: Callable[..., Run]
) -> None:
    for words in (["search", query], ["alerts", "test", "--query", query]):
        run = command(*words)
        assert run.status == 0
        assert told in run.err
    assert command("search", query, "--json").err == ""


@pytest.mark.parametrize("query", ["(a", '"a', "a AND", "nosuch:a", "*a", "published_at:[x TO y]"])
def test_a_query_with_a_mistake_is_told_with_its_column(query: str, command: Callable[..., Run]) -> None:
    run = command("search", query)
    assert (run.status, run.out) == (2, "")
    assert "at column" in run.err
    assert len(run.err.splitlines()) == 1


def test_alerts_list_shows_what_was_caught_and_what_waits(command: Callable[..., Run]) -> None:
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


def test_alerts_test_counts_by_day_and_sends_nothing(command: Callable[..., Run]) -> None:
    run = command("alerts", "test", "Sberbank", "--since", "60d")
    assert run.status == 0
    assert "2 stories of 2 events" in run.out
    assert run.out.count("█") >= 2
    assert "*Sberbank*" in run.out
    assert json.loads(command("alerts", "list", "--json").out)["waiting"] == 1


def test_alerts_test_takes_a_query_not_yet_in_the_file(command: Callable[..., Run]) -> None:
    run = command("alerts", "test", "--query", "BRICS", "--since", "7d")
    assert "1 story of 1 event" in run.out
    assert "Other alerts had caught 1 of them already: sberbank (1)." in run.out


def test_a_snoozed_alert_says_so_until_it_is_woken(command: Callable[..., Run]) -> None:
    assert command("alerts", "snooze", "sberbank", "2d").status == 0
    assert "snoozed until" in command("alerts", "list").out
    assert command("alerts", "snooze", "sberbank", "--off").status == 0
    assert "snoozed" not in command("alerts", "list").out


def test_deliver_says_what_waits_for_want_of_a_server(command: Callable[..., Run]) -> None:
    run = command("deliver")
    assert run.status == 0
    assert "1 notice in the outbox; set mail.url" in run.err


def test_deliver_says_what_waits_for_its_next_try(home: Path, command: Callable[..., Run]) -> None:
    mailed = CONFIG + 'mail: {url: "smtp://127.0.0.1:1"}\n'
    (home / "monitor.yaml").write_text(mailed, encoding="utf-8")
    assert command("deliver").status == 1
    run = command("deliver")
    assert run.status == 0
    assert "nothing is due; 1 notice waits, the next try in " in run.out
    assert "`alerts list` shows why" in run.out


def test_outlets_shows_all_and_one(command: Callable[..., Run]) -> None:
    table = command("outlets").out
    assert "Meridian" in table
    assert "Harbour Wire" in table
    assert "next poll" in command("outlets", "meridian").out
    found = [json.loads(line) for line in command("outlets", "--json").out.splitlines()]
    assert [each["name"] for each in found] == ["Meridian", "Harbour Wire"]
    assert {each["status"] for each in found} == {"new"}
    assert all(each["holder"] is None for each in found)


def test_outlets_failing_says_of_how_many(home: Path, command: Callable[..., Run]) -> None:
    run = command("outlets", "--failing")
    assert (run.status, run.out) == (0, "")
    assert run.err == "No outlet is failing (2 outlets).\n"
    with open_(home) as store:
        (state,) = store.lease(["Meridian"], holder="here:1:1", now=now(), term=timedelta(minutes=5), limit=1)
        store.release(replace(state, last_poll_at=now(), failures=1, error="the server answered 500"))
    run = command("outlets", "--failing")
    assert "Harbour Wire" not in run.out
    assert "1 of 2 failing" in run.err


def test_outlets_names_who_polls_an_outlet_that_fails_beside_its_error(home: Path, command: Callable[..., Run]) -> None:
    def leased(holder: str) -> OutletState:
        (state,) = store.lease(["Meridian"], holder=holder, now=now(), term=timedelta(minutes=5), limit=1)
        return state

    with open_(home) as store:
        store.release(replace(leased("here:1:1"), last_poll_at=now(), failures=1, error="the server answered 500"))
        leased("there:2:2")
    assert "the server answered 500; polled by there:2:2" in command("outlets").out


def test_an_outlet_that_could_be_read_is_ok_with_its_dead_link_as_a_note(
    home: Path, command: Callable[..., Run]
) -> None:
    with open_(home) as store:
        (state,) = store.lease(["Meridian"], holder="here:1:1", now=now(), term=timedelta(minutes=5), limit=1)
        store.release(replace(state, last_poll_at=now(), error="1 of 1 pages failed, such as /gone: 404"))
    run = command("outlets")
    assert "failing" not in run.out + run.err
    assert "1 of 1 pages failed" in run.out
    assert json.loads(command("outlets", "Meridian", "--json").out)["status"] == "ok"
    assert command("outlets", "--failing").out == ""


def test_a_narrow_terminal_shows_numbers_and_notes_whole_and_a_pipe_folds_nothing(
    home: Path, command: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "feed https://gazette.example/feed.xml: the server answered 500"
    with open_(home) as store:
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


def test_alerts_list_on_a_narrow_terminal_has_queries_and_addresses_below_the_numbers(
    home: Path, command: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_history_shows_a_story_that_did_not_change(command: Callable[..., Run]) -> None:
    run = command("history", "https://meridian.example/bank")
    assert "version 1" in run.out
    assert "has not changed" in run.err


def test_a_story_is_found_by_the_beginning_of_its_id(command: Callable[..., Run]) -> None:
    key = story_id("https://meridian.example/tea")
    assert "Title of tea" in command("history", key[:8]).out
    assert command("history", "ffffffffffff").status == 2


def test_too_little_of_an_id_names_no_story(home: Path, command: Callable[..., Run]) -> None:
    key = story_id("https://meridian.example/tea")
    run = command("history", key[:4])
    assert (run.status, "at least 6 characters of the id" in run.err) == (2, True)
    other = key[:12] + ("0" * 20 if key[12:] != "0" * 20 else "1" * 20)
    told = story("other", "Another.", id=other)
    visit = FrontierEntry(
        id=other, candidate=Candidate(url=told.url, outlet=told.outlet), first_seen_at=now(), next_at=None, story=other
    )
    with open_(home) as store:
        store.commit([PageCommit(entry=visit, outcome=Outcome(disposition=Disposition.STORED), story=told)])
    run = command("history", key[:8])
    assert run.status == 2
    assert key in run.err
    assert other in run.err
    assert "Title of tea" in command("history", key[:20]).out


def test_init_says_that_a_file_is_in_the_way(home: Path, command: Callable[..., Run]) -> None:
    (home / "desk").write_text("", encoding="utf-8")
    run = command("init", "desk")
    assert (run.status, run.err) == (1, "error: desk is a file, not a directory (name another directory)\n")


def test_crawl_counts_what_its_listings_hold_of_no_use() -> None:
    poll = PollReport(outlet="A", listed=20, dropped=Counter(excluded=19, old=1))
    assert list(_rest(poll)) == ["20 not wanted: 19 excluded, 1 old"]
    assert list(_rest(replace(poll, candidates=3))) == []


def test_crawl_says_that_a_listing_is_unchanged_and_not_that_it_is_empty(capfd: pytest.CaptureFixture[str]) -> None:
    polls = [
        PollReport(outlet="A", sources=2, unchanged_sources=2),
        PollReport(outlet="B", sources=2, unchanged_sources=1),
    ]
    assert _summary(Context(), CrawlReport(polls=polls)) == 0
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert lines[1:3] == [["A", "unchanged", "0", "0", "0"], ["B", "0", "0", "0", "0"]]


def test_an_interrupted_crawl_says_what_it_left_and_ends_with_the_signals_status(
    capfd: pytest.CaptureFixture[str],
) -> None:
    report = CrawlReport(unpolled=("A", "B", "C"), stop_signal=2)
    assert _summary(Context(), report) == 130
    told = capfd.readouterr()
    assert told.err == "interrupted: 3 outlets were not polled; the next crawl takes them\n"
    assert "not due" not in told.out


def test_one_mail_is_counted_as_one(capfd: pytest.CaptureFixture[str]) -> None:
    tell(Context(), DeliveryReport(mails=1, notifications=1), [])
    tell(Context(), DeliveryReport(mails=1, notifications=2), [])
    tell(Context(), DeliveryReport(mails=2, notifications=2), [])
    assert capfd.readouterr().out.splitlines() == [
        "Mail: 1 mail sent, 1 story in it.",
        "Mail: 1 mail sent, 2 stories in it.",
        "Mail: 2 mails sent, 2 stories in them.",
    ]


def test_a_verbose_crawl_logs_its_polls(home: Path) -> None:
    config = CONFIG.replace("https://meridian.example/", "http://127.0.0.1:1/")
    (home / "monitor.yaml").write_text(config, encoding="utf-8")
    line = "media-monitor crawl --outlet Meridian --all --no-mail"
    assert "0 new of 0 listed" in shell(f"{line} -v", home).stderr
    assert "0 new of 0 listed" not in shell(line, home).stderr


def test_match_names_alerts_and_topics_of_each_line_and_says_which_lines_are_none(
    home: Path, command: Callable[..., Run]
) -> None:
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
    found = [json.loads(line) for line in run.out.splitlines()]
    assert [(each["alerts"], each["topics"]) for each in found] == [
        (["sberbank"], ["banks"]),
        ([], ["banks"]),
        ([], []),
    ]
    assert [line.split(":")[1] for line in run.err.splitlines()] == ["2", "3", "5", "6"]


@pytest.mark.parametrize(
    ("wrong", "told"),
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
def test_match_names_a_value_of_the_wrong_kind_and_answers_the_other_lines(
    wrong: str, told: str, home: Path, command: Callable[..., Run]
) -> None:
    queries = "  - {name: asked, query: 'language:en OR word_count:>300 OR author:Bob', to: a@example.org}\n"
    (home / "monitor.yaml").write_text(CONFIG + queries, encoding="utf-8")
    (home / "s.jsonl").write_text(f'{{"text": "tea"}}\n{wrong}\n{{"text": "Sberbank"}}\n', encoding="utf-8")
    run = command("match", "--json", "s.jsonl")
    assert run.status == 1
    assert [json.loads(line)["alerts"] for line in run.out.splitlines()] == [[], ["sberbank"]]
    assert run.err.startswith(f"s.jsonl:2: {told}")


def test_match_and_import_read_decomposed_letters_as_composed_ones(home: Path, command: Callable[..., Run]) -> None:
    alert = "  - {name: office, query: 'Київ ガラス', to: a@example.org}\n"
    (home / "monitor.yaml").write_text(CONFIG + alert, encoding="utf-8")
    told = {"url": "https://a.example/x", "title": "x", "text": unicodedata.normalize("NFD", "Київ, ガラス")}
    (home / "s.jsonl").write_text(json.dumps(told), encoding="utf-8")
    assert json.loads(command("match", "--json", "s.jsonl").out)["alerts"] == ["office"]
    assert command("import", "s.jsonl").status == 0
    assert json.loads(command("search", "Київ", "--json").out)["url"] == told["url"]


def test_extract_prints_a_line_for_each_page_in_order(home: Path, command: Callable[..., Run]) -> None:
    sentence = "The harbour was measured again on Monday, and the people of the valley counted their boats. "
    for number in range(3):
        body = f"<p>{sentence * 4}</p>" * 4
        page = f"<html><head><title>Number {number}</title></head><body><article><h1>Number {number}</h1>{body}"
        (home / f"{number}.html").write_text(page, encoding="utf-8")
    urls = [word for number in range(4) for word in ("--url", f"https://a.example/{number}.html")]
    run = command("extract", "--json", "0.html", "1.html", "missing.html", "2.html", *urls)
    found = [json.loads(line) for line in run.out.splitlines()]
    assert [each["title"] for each in found] == ["Number 0", "Number 1", "", "Number 2"]
    assert found[0]["url"] == "https://a.example/0.html"
    assert "harbour" in found[3]["text"]
    assert found[2]["error"]
    assert run.status == 1
    assert "missing.html: No such file" in run.err


def test_a_page_on_a_configured_site_is_read_as_its_outlets(home: Path, command: Callable[..., Run]) -> None:
    body = "<p>The harbour was measured again on Monday, and the people counted their boats once more.</p>" * 9
    (home / "page.html").write_text(f"<html><body><article><h1>Boats</h1>{body}", encoding="utf-8")
    for url, outlet in (
        ("https://harbour.example/boats-are-counted", "Harbour Wire"),
        ("https://elsewhere.example/x", "elsewhere.example"),
    ):
        assert json.loads(command("extract", "page.html", "--url", url, "--json").out)["outlet"] == outlet


def test_a_file_that_is_no_page_is_no_story(home: Path, command: Callable[..., Run]) -> None:
    (home / "program").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 40)
    for name in ("monitor.yaml", "monitor.db", "program"):
        run = command("extract", name)
        assert (run.status, run.out) == (1, "")
        assert f"{name}: not a web page" in run.err


def test_a_file_that_cannot_be_a_page_is_told_what_it_is(home: Path, command: Callable[..., Run]) -> None:
    (home / "empty.html").write_bytes(b"\n")
    (home / "page.html.gz").write_bytes(gzip.compress(b"<html>"))
    run = command("extract", "empty.html", "page.html.gz", "www.example.org/x")
    assert (run.status, run.out) == (1, "")
    assert "empty.html: nothing in it" in run.err
    assert "page.html.gz: packed by gzip" in run.err
    assert "www.example.org/x: No such file or directory; an address begins with https://" in run.err
    assert "an address begins with https://" in command("extract", "example.org/a/b").err


def test_a_missing_file_is_told_at_once(home: Path) -> None:
    program = (
        "import sys\n"
        "from monitor.cli import main\n"
        "try:\n    main(['extract', 'nope.html'])\nexcept SystemExit as ended: assert ended.code == 1\n"
        "sys.exit(bool({'trafilatura', 'pydantic', 'lxml'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=home, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "nope.html: No such file or directory\n")


# ---- usage


@pytest.mark.parametrize(
    ("words", "told"),
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
        (["alerts", "snooze", "sberbank", "2"], "'2' of what? write 2d or 12h"),
        (["search", "chip", "-Nvidia"], "media-monitor search -- 'chip -Nvidia'"),
        (["search", "AI", "-china"], "media-monitor search -- 'AI -china'"),
        (["search", "chip", "-v1", "--since", "7d"], "media-monitor search --since 7d -- 'chip -v1'"),
        (["setup", "--kibana", "http://127.0.0.1:1"], "Kibana shows what is in Elasticsearch"),
        (["alerts", "test"], "give the NAME of an alert, or a --query"),
        (["crawl", "--outlet", "Meridiann"], 'no outlet "Meridiann"; did you mean "Meridian"?'),
        (["outlets", "Nowhere"], 'no outlet "Nowhere"'),
        (["extract", "a", "b", "c", "--url", "x", "--url", "y"], "3 pages but 2 --url"),
        (["extract", "page.html", "--url", "foo"], "'foo' is not an address"),
        (["match", "nowhere.jsonl"], "No such file"),
        (["discover", "ftp://a.example/"], "must begin with https://"),
        (["search", "x", "--config", "elsewhere.yaml"], "no such file"),
    ],
)
def test_wrong_usage_is_one_line_with_what_to_do_and_status_2(
    words: list[str], told: str, command: Callable[..., Run]
) -> None:
    run = command(*words)
    assert (run.status, run.out) == (2, "")
    assert told in run.err
    assert len(run.err.splitlines()) == 1


def test_the_configuration_is_named_before_or_behind_the_command_or_by_the_environment(
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
    assert list(other.iterdir()) == [], "the store is where the file is"


@pytest.mark.parametrize("name", [*COMMANDS, "alerts list", "alerts test", "alerts snooze"])
def test_every_command_has_help(name: str, command: Callable[..., Run]) -> None:
    run = command(*name.split(), "--help")
    assert run.status == 0
    assert "--config" in run.out
    assert run.err == ""


def test_help_names_every_command_in_the_order_of_use(command: Callable[..., Run]) -> None:
    out = command("--help").out
    places = [out.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)


def shell(line: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    line = f"set -o pipefail; {line.replace('media-monitor', f'{sys.executable} -m monitor')}"
    environment = {**os.environ, **environ}
    return subprocess.run(
        ["bash", "-c", line], cwd=home, capture_output=True, text=True, check=False, env=environment, errors="replace"
    )


@pytest.mark.parametrize("words", ["search --json", "export", "search", "outlets", "--help"])
def test_a_reader_that_stops_early_is_no_error(words: str, home: Path) -> None:
    done = shell(f"media-monitor {words} | true", home)
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr


@pytest.mark.parametrize("words", ["search --json", "export", "search", "outlets", "--help"])
def test_a_full_disk_is_one_line(words: str, home: Path) -> None:
    done = shell(f"media-monitor {words} > /dev/full", home)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "stdout: No space left on device"
    assert "internal error" not in done.stderr


@pytest.mark.parametrize("words", ["search", "search --json", "alerts test sberbank", "explain Sberbank ffffffff"])
def test_what_an_encoding_lacks_is_no_fault(words: str, home: Path) -> None:
    done = shell(f"media-monitor {words}", home, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "internal error" not in done.stderr
    assert done.returncode == (2 if "explain" in words else 0), done.stderr


@pytest.mark.parametrize("words", ["search", "search --json", "outlets", "export", "--help"])
def test_a_closed_stdout_is_no_fault(words: str, home: Path) -> None:
    done = shell(f"media-monitor {words} >&-", home)
    assert (done.returncode, "rror" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("words", [[], ["alerts"]])
def test_a_group_alone_shows_its_plain_help(words: list[str], command: Callable[..., Run]) -> None:
    run = command(*words)
    assert (run.status, run.out) == (2, "")
    assert run.err == command(*words, "--help").out


@pytest.mark.parametrize("query", ["-chip", "-nuclear", "-export controls", "-Сбербанк"])
def test_a_query_read_as_an_option_is_told_how_to_write_it(query: str, command: Callable[..., Run]) -> None:
    run = command("search", query)
    assert run.status == 2
    written = query if query in {"-chip", "-nuclear"} else f"'{query}'"
    assert f"a query that begins with - goes after --: media-monitor search -- {written}" in run.err
    assert command("search", "--", query).status == 0
    assert "behind --" not in command("search", "--limit", "0", "chip").err


@pytest.mark.parametrize("words", ["--help", "search tea", "alerts list", "outlets"])
def test_answers_import_nothing_heavy(words: str, home: Path) -> None:
    program = (
        "import sys\n"
        "from monitor.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "heavy = {'scrapy', 'twisted', 'trafilatura', 'elasticsearch', 'numpy', 'smtplib', 'pebble'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    line = [sys.executable, "-c", program, *words.split()]
    done = subprocess.run(line, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_history_shows_a_change_in_words() -> None:
    from monitor.cli.history import changed_paragraphs, difference

    before = "The first paragraph.\n\nThe bank had 3 models in May.\n\nThe end."
    after = "The first paragraph.\n\nThe bank had 4 models in May.\n\nIt is new.\n\nThe end."
    pairs = changed_paragraphs(before, after)
    assert [difference(*pair, colour=False).plain for pair in pairs] == [
        "The bank had [-3-]{+4+} models in May.",
        "{+It is new.+}",
    ]


def test_history_lets_no_page_steer_the_terminal(home: Path, command: Callable[..., Run]) -> None:
    from monitor.cli.history import difference

    told = {"url": "https://a.example/x", "title": "Sberbank\x1b]0;owned\x07 \x1b[2J", "text": "words"}
    (home / "s.jsonl").write_text(json.dumps(told), encoding="utf-8")
    assert command("import", "s.jsonl").status == 0
    run = command("history", told["url"])
    assert "\x1b" not in run.out
    assert run.out.startswith("Sberbank")
    assert "\x1b" not in difference("a \x1b[2J", "b \x1b[31m", colour=False).plain


def test_explain_names_the_clause_that_fails_and_shows_the_words_of_those_that_match(
    home: Path, command: Callable[..., Run]
) -> None:
    address = "https://meridian.example/bank"
    run = command("explain", "Sberbank AND (tea OR BRICS)", address)
    assert run.status == 0
    assert run.out.startswith("matches\n")
    assert "*Sberbank's*" in run.out
    run = command("explain", "Sberbank AND tea", address)
    assert run.status == 1
    assert [line.strip("│├└─ ") for line in run.out.splitlines()][:2] == ["does not match", "no   all of"]
    assert command("explain", "sberbank", address).status == 0, "the name of an alert stands for its query"
    (home / "story.json").write_text(command("search", "tea", "--json").out, encoding="utf-8")
    whole = json.loads(command("explain", "raw:Tea", "story.json", "--json").out)
    assert whole["matched"] is False
    assert command("explain", "(a", address).status == 2
    assert command("explain", "a", "https://nowhere.example/").status == 2


def test_check_tells_doubtful_queries_and_an_unreachable_mail_server(home: Path, command: Callable[..., Run]) -> None:
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


def test_stories_exported_and_imported_elsewhere_are_the_same(home: Path, command: Callable[..., Run]) -> None:
    whole = command("export").out
    assert command("export", "-o", "stories.jsonl").status == 0
    lines = (home / "stories.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (home / "stories.jsonl").write_text(lines[0] + lines[1][:50], encoding="utf-8")
    assert command("export", "-o", "stories.jsonl", "--resume").status == 0
    assert (home / "stories.jsonl").read_text(encoding="utf-8") == whole, "a torn line is written anew"
    (home / "other.yaml").write_text(f'store: {{url: "sqlite:other.db"}}\n{CONFIG}', encoding="utf-8")
    with (home / "stories.jsonl").open("a", encoding="utf-8") as file:
        file.write("not a story\n")
    run = command("import", "stories.jsonl", "--config", "other.yaml")
    assert run.status == 1
    assert "stories.jsonl:4: not JSON" in run.err
    assert "3 stories stored, 0 known already, 1 line refused" in run.out
    assert command("export", "--config", "other.yaml").out == whole


def test_an_import_unpacks_and_shows_twenty_refused_lines_and_counts_the_others(
    home: Path, command: Callable[..., Run]
) -> None:
    (home / "other.yaml").write_text(f'store: {{url: "sqlite:other.db"}}\n{CONFIG}', encoding="utf-8")
    lines = command("export").out + '{"title": "nowhere"}\n' * 50
    (home / "s.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    run = command("import", "s.jsonl.gz", "--config", "other.yaml")
    assert (run.status, run.out) == (1, "3 stories stored, 0 known already, 50 lines refused.\n")
    assert len(run.err.splitlines()) == 21
    assert run.err.endswith("s.jsonl.gz: and 30 lines more\n")


def test_an_import_looks_at_all_files_before_it_reads_the_first(home: Path, command: Callable[..., Run]) -> None:
    (home / "other.yaml").write_text(f'store: {{url: "sqlite:other.db"}}\n{CONFIG}', encoding="utf-8")
    (home / "s.jsonl").write_text(command("export").out, encoding="utf-8")
    (home / "a.json").write_text("[\n" + '{"title": "x"},\n' * 50, encoding="utf-8")
    for name in ("a.json", "missing.jsonl"):
        run = command("import", "s.jsonl", name, "--config", "other.yaml")
        assert (run.status, len(run.err.splitlines())) == (2, 1)
        assert name in run.err
    assert not (home / "other.db").exists()


def test_an_export_to_another_ending_asks_for_its_format(home: Path, command: Callable[..., Run]) -> None:
    for name in ("s.xlsx", "s.jsonl.gz"):
        run = command("export", "-o", name)
        assert run.status == 2
        assert "names no format" in run.err
        assert not (home / name).exists()
    assert command("export", "-o", "s.txt", "--format", "csv").status == 0


@pytest.mark.parametrize("words", ["export", "export -o s.jsonl", "copy sqlite:copy.db"])
def test_what_takes_stories_out_of_no_store_says_so_and_makes_none(
    words: str, home: Path, command: Callable[..., Run]
) -> None:
    (home / "none.yaml").write_text(f'store: {{url: "sqlite:none.db"}}\n{CONFIG}', encoding="utf-8")
    run = command(*words.split(), "--config", "none.yaml")
    assert run.status == 1
    assert "none.db yet (`media-monitor crawl` makes it)" in run.err
    assert {path.name for path in home.iterdir()} & {"none.db", "copy.db", "s.jsonl"} == set()


def test_a_whole_monitor_is_copied_and_copying_again_adds_nothing(home: Path, command: Callable[..., Run]) -> None:
    for _ in range(2):
        assert command("copy", "sqlite:copy.db").status == 0
    (home / "copy.yaml").write_text(f'store: {{url: "sqlite:copy.db"}}\n{CONFIG}', encoding="utf-8")
    assert command("export", "--config", "copy.yaml").out == command("export").out
    assert json.loads(command("alerts", "list", "--json", "--config", "copy.yaml").out)["waiting"] == 1
    assert command("copy", "sqlite:monitor.db").status == 2


def elasticsearch_that_refuses(request: Request) -> Answer:
    return Answer(401, {"error": {"type": "security_exception", "reason": "missing credentials"}, "status": 401})


@pytest.mark.parametrize("ours", ["api_key: our-secret", "{username: ada, password: our-secret}"])
def test_the_stores_credentials_are_not_sent_to_the_copys_host(
    home: Path, command: Callable[..., Run], ours: str
) -> None:
    store = f'{{url: "https://127.0.0.1:1", verify: false, {ours.strip("{}")}}}'
    (home / "ours.yaml").write_text(f"store: {store}\n{CONFIG}", encoding="utf-8")
    with serve(elasticsearch_that_refuses) as other:
        assert command("copy", other.url, "--config", "ours.yaml").status == 1
        assert command("copy", other.url.replace("//", "//bo:theirs@"), "--config", "ours.yaml").status == 1
    sent = {request.headers.get("authorization") for request in other.requests}
    assert sent == {None, "Basic Ym86dGhlaXJz"}


def test_a_copy_goes_to_the_file_it_names_and_not_to_the_configured_cloud(
    home: Path, command: Callable[..., Run]
) -> None:
    cloud = base64.b64encode(b"127.0.0.1:1$0$").decode()
    (home / "cloud.yaml").write_text(f'store: {{cloud_id: "c:{cloud}", api_key: k}}\n{CONFIG}', encoding="utf-8")
    run = command("copy", "sqlite:backup.db", "--config", "cloud.yaml")
    assert run.status == 1, "the cloud that is read from is away"
    assert (home / "backup.db").exists()


@pytest.mark.parametrize("target", ["http://es:9200", "http://bo:theirs@es:9200"])
def test_a_copy_onto_itself_is_refused_whoever_asks(home: Path, command: Callable[..., Run], target: str) -> None:
    (home / "ours.yaml").write_text(f'store: {{url: "http://es:9200", api_key: k}}\n{CONFIG}', encoding="utf-8")
    run = command("copy", target, "--config", "ours.yaml")
    assert run.status == 2
    assert "the store itself" in run.err
