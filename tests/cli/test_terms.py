"""Fragments in commands: every command that takes a query expands them, and ``alerts terms`` lists them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.test_commands import CONFIG, Run, command, home
from monitor.cli.context import CommandContext
from monitor.config import load
from monitor.mail import compose
from monitor.models import Notification, now
from monitor.notify.channel import Message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["command", "home"]  # fixtures

TERMS = """\
terms:
  alliance: BRICS OR БРИКС
  banks: Sberbank OR VTB
  both: '@banks NEAR/20 @alliance'
  pack.ai: raw:KI
"""


@pytest.fixture(autouse=True)
def configured_terms(home: Path) -> None:
    alert = "  - {name: partners, query: '@both', to: desk@example.org}\n"
    (home / "monitor.yaml").write_text(TERMS + CONFIG.replace("banks: bank", "banks: '@banks'") + alert, "utf-8")


def test_search_explain_export_and_alerts_test_expand_terms(command: Callable[..., Run]) -> None:
    assert "Title of bank" in command("search", "@both").out
    assert "Title of old" not in command("search", "@both").out
    assert "Title of old" in command("search", "@banks").out
    assert json.loads(command("export", "--query", "@both").out)["title"] == "Title of bank"
    assert "1 story of 1 event" in command("alerts", "test", "partners").out
    assert "1 story of 1 event" in command("alerts", "test", "--query", "@banks @alliance").out
    story = json.loads(command("search", "@both", "--json").out)["id"]
    assert command("explain", "partners", story).status == 0
    assert command("explain", "@alliance -@banks", story).status == 1


def test_match_gives_the_topics_and_alerts_that_use_terms(home: Path, command: Callable[..., Run]) -> None:
    (home / "stories.jsonl").write_text('{"text": "Sberbank and BRICS"}\n{"text": "VTB"}\n{"text": "KI"}\n', "utf-8")
    matched = [json.loads(line) for line in command("match", "--json", "stories.jsonl").out.splitlines()]
    assert [(line["alerts"], line["topics"]) for line in matched] == [
        (["sberbank", "partners"], ["banks"]),
        ([], ["banks"]),
        ([], []),
    ]


def test_the_mail_of_an_alert_with_terms_shows_the_words_in_context(home: Path, command: Callable[..., Run]) -> None:
    context = CommandContext()
    context.config_option = str(home / "monitor.yaml")
    with context.open_existing_store() as store:
        story = next(story for story in store.scan(None, now=now()) if story.title == "Title of bank")
    times = {"due_at": now(), "created_at": now()}
    notification = Notification(alert="partners", story=story.id, version=1, channel="email", targets=("a@b",), **times)
    message = Message.alone("<1@b>", [notification])
    mail = compose.alert_mail(load(home / "monitor.yaml", {}), message, {story.id: story}, {}, at=now())
    assert b"On Monday *Sberbank's* model was shown to *BRICS* partners." in mail
    assert b"Alert partners: @both" in mail


def test_an_unknown_term_is_an_error_with_close_names_and_status_2(command: Callable[..., Run]) -> None:
    run = command("search", "@bank")
    assert (run.status, run.out) == (2, "")
    assert run.err.startswith("query: unknown fragment @bank at column 1 (did you mean @banks")


def test_alerts_terms_lists_own_terms_and_packs(command: Callable[..., Run]) -> None:
    lines = [line.split(None, 2) for line in command("alerts", "terms").out.splitlines()]
    assert lines[0] == ["TERM", "FROM", "QUERY"]
    assert lines[3] == ["@both", "monitor.yaml", "@banks NEAR/20 @alliance"]
    assert [line for line in lines if line[0] == "@pack.ai"] == [["@pack.ai", "monitor.yaml", "raw:KI"]]
    assert [line[1] for line in lines if line[0] == "@pack.china"] == ["states"]


def test_alerts_terms_shows_one_term_with_the_terms_that_it_uses(command: Callable[..., Run]) -> None:
    assert command("alerts", "terms", "@both").out.splitlines() == [
        "@both, from monitor.yaml",
        "  @banks NEAR/20 @alliance",
        "  written out: (Sberbank OR VTB) NEAR/20 (BRICS OR БРИКС)",
    ]
    assert json.loads(command("alerts", "terms", "banks", "--json").out) == {
        "name": "banks",
        "source": "monitor.yaml",
        "query": "Sberbank OR VTB",
        "written_out": "Sberbank OR VTB",
    }


def test_alerts_terms_shows_a_pack_or_suggests_names(home: Path, command: Callable[..., Run]) -> None:
    shown = command("alerts", "terms", "states", "--json").out.splitlines()
    assert {json.loads(line)["source"] for line in shown} == {"states"}
    run = command("alerts", "terms", "chinaa")
    assert run.status == 2
    assert 'no term "chinaa"; did you mean pack.china' in run.err
    (home / "monitor.yaml").unlink()
    assert command("alerts", "terms", "china").out.startswith("@pack.china, from states\n")
