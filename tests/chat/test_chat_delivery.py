"""A chat service gets each event in a form of its own; no fault of it loses one."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chat.examples import entry
from monitor.chat.text import ChatMessage
from monitor.config import Alert, Config
from monitor.delivery import configured_dispatcher
from monitor.models import Notification, now
from notify.killed_delivery import KILL_POINTS, deliver_in_process
from webhook.receiver import Receiver, webhook_receiver
from webhook.test_webhook_delivery import queue

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.notify.report import ChannelReport
    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def config(*to: str) -> Config:
    return Config(alerts=(Alert(name="sberbank", query="Sberbank", to=to),))


def json_service(receiver: Receiver) -> str:
    """Returns the address of apprise's service for plain JSON, which needs no server on the internet."""
    return f"json://127.0.0.1:{receiver.port}/secret-path"


def deliver(store: Store, config: Config, *, at: datetime = NOW) -> ChannelReport:
    return configured_dispatcher(store, config, now=lambda: at).deliver().of("chat")


def waiting(store: Store) -> list[Notification]:
    return [notification for notification in store.outbox() if notification.channel == "chat"]


def slack_blocks(receiver: Receiver) -> list[Any]:
    blocks: list[Any] = receiver.requests[0].json["attachments"][0]["blocks"]
    return blocks


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A receiver in place of Slack's server."""
    from apprise.plugins.slack import NotifySlack

    with webhook_receiver() as receiver:
        receiver.reply_text = "ok"
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{receiver.port}/services")
        yield receiver


def test_slack_gets_blocks_with_the_linked_title_and_one_sentence(store: Store, slack: Receiver) -> None:
    settings = config(SLACK)
    queue(store, settings.alerts[0], "one")
    assert deliver(store, settings).errors == []
    header, section, *_ = slack_blocks(slack)
    assert header["text"]["text"] == "[sberbank] Title of one - Outlet (outlet.example)"
    lines = section["text"]["text"].splitlines()
    assert lines[0] == "*<https://outlet.example/one|Title of one>*"
    assert lines[1] == "Outlet (outlet.example) · first seen 22 Nov 2026, 12:00 UTC"
    assert lines[2] == "> The story one tells of Sberbank's plans in some words."
    assert lines[-1].startswith("id ")
    assert "github" not in json.dumps(slack.requests[0].json), "no icon is loaded from elsewhere"


def test_a_pasted_address_of_slack_is_a_chat(store: Store, slack: Receiver) -> None:
    settings = config("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    queue(store, settings.alerts[0], "one")
    assert deliver(store, settings).errors == []
    assert [request.path for request in slack.requests] == ["/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"]


def test_a_service_without_markup_gets_plain_text(store: Store) -> None:
    with webhook_receiver() as receiver:
        settings = config(json_service(receiver) + "?format=text")
        queue(store, settings.alerts[0], "one")
        assert deliver(store, settings).errors == []
        (request,) = receiver.requests
    assert request.json["title"] == "[sberbank] Title of one - Outlet (outlet.example)"
    lines = request.json["message"].splitlines()
    assert lines[0] == "Title of one"
    assert lines[3] == "https://outlet.example/one"


def test_characters_of_markup_in_a_title_are_replaced(store: Store, slack: Receiver) -> None:
    settings = config(SLACK)
    story_title = "*Bold* <!channel> [link](x) `code` ~gone~ a|b"
    queue(store, settings.alerts[0], "one", title=story_title)
    deliver(store, settings)
    assert slack_blocks(slack)[1]["text"]["text"].splitlines()[0] == (
        "*<https://outlet.example/one|∗Bold∗ ‹!channel› ⟦link⟧(x) ˋcodeˋ ∼gone∼ a¦b>*"
    )


@pytest.mark.parametrize("markup", ["text", "markdown"])
@pytest.mark.parametrize("limit", [300, 500, 2000])
def test_a_message_fits_the_limit_of_its_service_and_counts_the_rest(markup: Any, limit: int) -> None:
    blocks = [entry(number) for number in range(10)]
    message = ChatMessage(id="1a2b3c4d", title="t", blocks={"markdown": blocks, "text": blocks}, foot=["A note."])
    body = message.body(markup, max_characters=limit)
    shown = sum(block in body for block in blocks)
    assert len(body) <= limit
    assert body.endswith("A note.\nid 1a2b3c4d")
    assert ("more event" in body) == (shown < 10)
    if shown < 10:
        assert f"and {10 - shown} more event" in body
        assert shown == 9 or len("\n\n".join(blocks[: shown + 1])) + 80 > limit


@pytest.mark.parametrize(
    ("answer", "error", "minutes"),
    [
        (404, "the service refuses the message: status 404 (check the address in `to`)", 24 * 60),
        (429, "the service takes no message now: status 429", 1),
        (500, "the service failed: status 500", 1),
        ("hang up", "the service does not answer", 1),
    ],
)
def test_a_fault_keeps_the_event_without_its_secrets(store: Store, answer: int | str, error: str, minutes: int) -> None:
    with webhook_receiver() as receiver:
        settings = config(json_service(receiver))
        queue(store, settings.alerts[0], "one")
        receiver.answer = answer
        deliver(store, settings)
        (failed,) = waiting(store)
        assert error in failed.error
        assert "secret-path" not in str(failed)
        assert failed.due_at == NOW + timedelta(minutes=minutes)
        receiver.answer = 200
        deliver(store, settings, at=failed.due_at)
        assert waiting(store) == []
        assert len({request.json["message"].splitlines()[-1] for request in receiver.requests}) == 1


def test_an_address_that_apprise_does_not_understand_is_refused(store: Store) -> None:
    settings = config("slak://T1/A1/TI")
    queue(store, settings.alerts[0], "one")
    report = deliver(store, settings)
    assert "apprise does not understand this slak:// address" in report.errors[0]
    assert len(waiting(store)) == 1


def test_without_apprise_messages_wait_and_the_error_has_the_command(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    settings = config(SLACK)
    queue(store, settings.alerts[0], "one")
    report = deliver(store, settings)
    assert report.errors == ["chat services need the library apprise (pip install 'media-monitor[chat]')"]
    assert len(waiting(store)) == 1


@pytest.mark.parametrize("step", [step for step in KILL_POINTS if "send" in step or "mark" in step])
def test_a_kill_at_any_step_loses_nothing_and_repeats_only_the_same_id(store: Store, tmp_path: Path, step: str) -> None:
    with webhook_receiver() as receiver:
        path = tmp_path / "monitor.yaml"
        path.write_text(f"alerts: [{{name: sberbank, query: Sberbank, to: ['{json_service(receiver)}']}}]\n")
        queue(store, config(json_service(receiver)).alerts[0], "one", at=now() - timedelta(minutes=1))
        assert deliver_in_process(tmp_path / "monitor.db", path, step) == 9
        assert deliver_in_process(tmp_path / "monitor.db", path, "-") == 0
        assert waiting(store) == []
        assert len({request.json["message"] for request in receiver.requests}) == 1
