"""A webhook gets each event once, or again under the same id; no fault of its server loses one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from mail.server import free_port, mail_server
from monitor import webhook
from monitor.config import Alert, Config
from monitor.delivery import configured_dispatcher
from monitor.models import Notification, now
from monitor.notify.new_notifications import new_notifications
from monitor.store.records import OutboxRecord
from notify.killed_delivery import KILL_POINTS, deliver_in_process
from notify.test_dispatcher import put
from webhook.receiver import webhook_receiver

if TYPE_CHECKING:
    from monitor.notify.report import ChannelReport
    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = b"sixteen bytes or more"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
SCHEMA = json.loads((Path(webhook.__file__).parent / "schema.json").read_text(encoding="utf-8"))


def config(*to: str, alert: dict[str, Any] | None = None, **settings: Any) -> Config:
    return Config.model_validate(
        {
            "alerts": [{"name": "sberbank", "query": "Sberbank", "to": list(to), **(alert or {})}],
            "webhook": {"secret": SECRET, "timeout": 1, **settings},
        }
    )


def queue(store: Store, alert: Alert, name: str, *, at: datetime = NOW, **more: Any) -> None:
    """Stores a story and queues it for the channels of the alert, in place of the mail that `put` queues."""
    story = put(store, name, alert="other", due_at=NOW + timedelta(days=9), **more)
    for notification in new_notifications(alert, story=story.id, version=1, due_at=at, created_at=at):
        store.load([OutboxRecord(notification=notification, sent_at=None)])


def deliver(store: Store, config: Config, *, at: datetime = NOW) -> ChannelReport:
    return configured_dispatcher(store, config, now=lambda: at).deliver().of("webhook")


def waiting(store: Store) -> list[Notification]:
    return [notification for notification in store.outbox() if notification.channel == "webhook"]


def test_the_body_has_the_published_schema_and_a_valid_signature(store: Store) -> None:
    with webhook_receiver() as receiver:
        settings = config(receiver.url)
        queue(store, settings.alerts[0], "one")
        assert deliver(store, settings).errors == []
        (request,) = receiver.requests
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(request.json, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert request.path == "/hook/secret-path-4711"
    assert request.headers["content-type"] == "application/json"
    assert request.json["id"] == request.headers["webhook-id"]
    event = request.json["data"]["alerts"][0]["events"][0]
    assert event["title"] == "Title of one"
    assert event["sentences"] == ["The story one tells of Sberbank's plans in some words."]
    assert event["story"]["url"] == "https://outlet.example/one"
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(request.headers["webhook-timestamp"]) - now().timestamp()) < 60


def test_the_secret_of_a_host_replaces_the_common_one(store: Store) -> None:
    with webhook_receiver() as receiver:
        settings = config(receiver.url, secrets={"127.0.0.1": "another secret of this host"})
        queue(store, settings.alerts[0], "one")
        deliver(store, settings)
        (request,) = receiver.requests
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    digest = hmac.new(b"another secret of this host", signed, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_without_a_secret_a_request_is_not_signed(store: Store) -> None:
    with webhook_receiver() as receiver:
        settings = config(receiver.url, secret=None)
        queue(store, settings.alerts[0], "one")
        deliver(store, settings)
        assert "webhook-signature" not in receiver.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "error", "minutes", "same_id"),
    [
        ("hang up unread", "gave no answer, it may have taken the message", 1, True),
        ("hang up", "gave no answer, it may have taken the message", 1, True),
        ("wait", "gave no answer, it may have taken the message", 1, True),
        ("trickle", "gave no answer, it may have taken the message", 1, True),
        (500, "500 Internal Server Error", 1, True),
        (502, "502 Bad Gateway", 1, True),
        (503, "503 Service Unavailable", 1, False),
        (429, "429 Too Many Requests", 1, False),
        (404, "404 Not Found", 24 * 60, True),
        (302, "redirects, which is not followed (302) (write the final address)", 24 * 60, True),
    ],
)
def test_a_fault_keeps_the_event_and_its_repetition_has_the_same_id(
    store: Store, answer: int | str, error: str, minutes: int, same_id: bool
) -> None:
    with webhook_receiver() as receiver:
        settings = config(receiver.url)
        queue(store, settings.alerts[0], "one")
        receiver.answers = [answer]
        report = deliver(store, settings)
        (failed,) = waiting(store)
        assert error in failed.error
        assert error in report.errors[0]
        assert "secret-path" not in failed.error
        assert failed.due_at == NOW + timedelta(minutes=minutes)
        assert (failed.message_id is not None) == same_id
        deliver(store, settings, at=NOW + timedelta(minutes=minutes - 1))
        assert waiting(store) == [failed], "not tried before its time"
        deliver(store, settings, at=NOW + timedelta(minutes=minutes))
        assert waiting(store) == []
        assert len(set(receiver.ids)) == 1
        assert len({request.headers["idempotency-key"] for request in receiver.requests}) == 1
        assert {title for request in receiver.requests for title in request.titles} == {"Title of one"}


@pytest.mark.parametrize("answer", [429, 500, 503])
@pytest.mark.parametrize(("header", "minutes"), [("1800", 30), ("20", 1), ("soon", 1), ("99999999", 24 * 60)])
def test_the_next_attempt_is_as_late_as_the_server_asks(store: Store, answer: int, header: str, minutes: int) -> None:
    with webhook_receiver() as receiver:
        settings = config(receiver.url)
        queue(store, settings.alerts[0], "one")
        receiver.answers, receiver.retry_after = [answer], header
        deliver(store, settings)
        (failed,) = waiting(store)
        assert failed.due_at == NOW + timedelta(minutes=minutes)
        deliver(store, settings, at=failed.due_at)
        assert waiting(store) == []


def test_of_two_servers_the_longer_wait_holds_for_both(store: Store) -> None:
    with webhook_receiver() as one, webhook_receiver() as two:
        settings = config(one.url, two.url)
        queue(store, settings.alerts[0], "one")
        one.answer = two.answer = 503
        one.retry_after, two.retry_after = "600", "1200"
        deliver(store, settings)
        (failed,) = waiting(store)
    assert failed.due_at == NOW + timedelta(minutes=20)


def test_pauses_between_attempts_grow_to_four_hours(store: Store) -> None:
    with webhook_receiver() as receiver:
        settings = config(receiver.url)
        queue(store, settings.alerts[0], "one")
        receiver.answer = 503
        pauses, at = [], NOW
        for _ in range(8):
            deliver(store, settings, at=at)
            (failed,) = waiting(store)
            pauses.append(int((failed.due_at - at).total_seconds() // 60))
            at = failed.due_at
    assert pauses == [1, 5, 15, 30, 60, 120, 240, 240]


def test_a_server_that_is_away_gets_the_event_when_it_is_back(store: Store) -> None:
    port = free_port()
    settings = config(f"http://127.0.0.1:{port}/hook")
    queue(store, settings.alerts[0], "one")
    report = deliver(store, settings)
    assert report.errors == ["alert sberbank: http://127.0.0.1 does not answer: Connection refused"]
    queue(store, settings.alerts[0], "two", at=NOW + timedelta(minutes=1))
    with webhook_receiver(port=port) as receiver:
        deliver(store, settings, at=NOW + timedelta(hours=1))
        assert sorted(title for request in receiver.requests for title in request.titles) == [
            "Title of one",
            "Title of two",
        ]


def test_one_failing_address_is_repeated_without_the_others(store: Store) -> None:
    with webhook_receiver() as first, webhook_receiver() as second:
        settings = config(first.url, second.url)
        queue(store, settings.alerts[0], "one")
        second.answers = [503]
        deliver(store, settings)
        assert (len(first.requests), len(second.requests)) == (1, 1)
        deliver(store, settings, at=NOW + timedelta(minutes=1))
        assert (len(first.requests), len(second.requests)) == (1, 2)
        assert {*first.ids, *second.ids} == {first.ids[0]}
        assert first.requests[0].headers["idempotency-key"] != second.requests[0].headers["idempotency-key"]


def test_the_store_has_no_path_of_an_address(store: Store, tmp_path: Path) -> None:
    with webhook_receiver() as receiver:
        settings = config(receiver.url)
        queue(store, settings.alerts[0], "one")
        receiver.answer, receiver.reply_text = 400, "no hook at /hook/secret-path-4711"
        deliver(store, settings)
        (failed,) = waiting(store)
        assert failed.targets == (settings.alerts[0].targets_by_channel["webhook"])
        assert failed.targets[0].startswith(f"http://127.0.0.1:{receiver.port} #")
    assert not any(b"secret-path" in path.read_bytes() for path in tmp_path.glob("monitor.db*"))


def test_a_corrected_address_gets_what_waits_at_once(store: Store) -> None:
    with webhook_receiver() as receiver:
        wrong = config(receiver.url + "/wrong")
        queue(store, wrong.alerts[0], "one")
        receiver.answers = [404]
        deliver(store, wrong)
        deliver(store, config(receiver.url), at=NOW + timedelta(minutes=1))
        assert [request.path for request in receiver.requests] == [
            "/hook/secret-path-4711/wrong",
            "/hook/secret-path-4711",
        ]
        assert waiting(store) == []


def test_a_digest_and_its_limit_hold_for_a_webhook(store: Store) -> None:
    with webhook_receiver() as receiver:
        settings = config(receiver.url, alert={"max_per_hour": 2})
        for name in ("one", "two", "three"):
            queue(store, settings.alerts[0], name)
        deliver(store, settings)
        assert len(receiver.requests) == 2
        assert "has reached its 2 messages an hour" in receiver.requests[1].json["data"]["notes"][0]
        (rest,) = waiting(store)
        assert rest.due_at == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def test_mail_and_webhook_of_one_alert_have_limits_of_their_own(store: Store) -> None:
    with webhook_receiver() as receiver, mail_server() as (behavior, port):
        settings = config(receiver.url, "desk@example.org", alert={"max_per_hour": 1})
        settings = settings.model_copy(
            update={"mail": settings.mail.model_validate({"url": f"smtp://127.0.0.1:{port}"})}
        )
        queue(store, settings.alerts[0], "one")
        deliver(store, settings)
        assert (len(receiver.requests), len(behavior.taken)) == (1, 1)


@pytest.mark.parametrize("step", KILL_POINTS)
def test_a_kill_at_any_step_loses_nothing_and_repeats_only_the_same_id(store: Store, tmp_path: Path, step: str) -> None:
    with webhook_receiver() as receiver:
        path = tmp_path / "monitor.yaml"
        path.write_text(
            f"alerts: [{{name: sberbank, query: Sberbank, to: [{receiver.url}]}}]\nwebhook: {{secret: {SECRET}}}\n"
        )
        settings = config(receiver.url)
        for name in ("one", "two"):
            queue(store, settings.alerts[0], name, at=now() - timedelta(minutes=1))
        for killed_at in (step, "-"):
            assert deliver_in_process(tmp_path / "monitor.db", path, killed_at) == (0 if killed_at == "-" else 9)
        assert waiting(store) == []
        titles = {request.headers["webhook-id"]: request.titles for request in receiver.requests}
        assert sorted(title for events in titles.values() for title in events) == ["Title of one", "Title of two"]
        for request in receiver.requests:
            assert request.titles == titles[request.headers["webhook-id"]]
