"""The canary goes through every step, leaves one story, and names the step that fails."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mail.server import free_port, mail_server
from monitor.canary import CanaryFailed, notifications_of, send_canary, with_canary_alert
from monitor.config import CANARY_ALERT_NAME, Config
from monitor.delivery import configured_dispatcher
from monitor.models import now
from webhook.receiver import webhook_receiver

if TYPE_CHECKING:
    from monitor.store import Store


def config(port: int, *to: str, **sections: Any) -> Config:
    alert = {"name": "sberbank", "query": "Sberbank", "to": ["desk@example.org", *to]}
    mail = {"url": f"smtp://127.0.0.1:{port}?starttls=never", "sender": "m@example.org"}
    return Config.model_validate({"mail": mail, "alerts": [alert], **sections})


def test_each_run_reaches_every_channel_and_the_store_has_one_story(store: Store) -> None:
    with mail_server() as (behavior, port), webhook_receiver() as receiver:
        settings = config(port, receiver.url)
        words = []
        for version in (1, 2):
            run = send_canary(store, settings)
            assert run.version == version
            assert [*run.seconds] == ["extracted", "matched and stored", "found by a search"]
            assert all(0 <= seconds < 60 for seconds in run.seconds.values())
            words.append(run.word)
            configured_dispatcher(store, with_canary_alert(settings)).deliver()
            assert all(record.sent_at for record in notifications_of(store, version))
        assert [mail.recipients for mail in behavior.taken] == [("desk@example.org",)] * 2
        for mail in behavior.taken:
            assert "sent by the command `media-monitor canary`" in " ".join(mail.part("plain").split())
            assert "snooze" not in mail.part("plain")
        names = [request.json["data"]["alerts"][0]["name"] for request in receiver.requests]
        assert names == [CANARY_ALERT_NAME, CANARY_ALERT_NAME]
    (story,) = store.scan(now=now())
    assert words[1] in story.text
    assert words[0] not in story.text


def test_mail_goes_to_the_operator_if_there_is_one(store: Store) -> None:
    settings = config(1)
    settings = settings.model_copy(update={"mail": settings.mail.model_copy(update={"ops": ("ops@example.org",)})})
    run = send_canary(store, settings)
    (record,) = notifications_of(store, run.version)
    assert record.notification.targets == ("ops@example.org",)


def test_without_anybody_to_tell_it_fails(store: Store) -> None:
    with pytest.raises(CanaryFailed, match="there is nobody to tell"):
        send_canary(store, Config())


def test_it_goes_at_its_time_and_the_log_has_the_result(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    time = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
    with mail_server() as (behavior, port), caplog.at_level(logging.INFO, "monitor.canary"):
        dispatcher = configured_dispatcher(store, config(port, canary="daily 06:00"), now=lambda: time)
        for minutes in (0, 59, 60, 61, 120):
            time = datetime(2026, 11, 22, 5, 0, tzinfo=UTC) + timedelta(minutes=minutes)
            store.release_claims(lambda _: True)
            dispatcher.deliver()
        time = now() + timedelta(hours=1)  # the notification has the true time
        dispatcher.deliver()
        assert next(mail.message["Subject"].split("]")[0] for mail in behavior.taken) == "[media-monitor canary"
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith("canary: extracted in ")


def test_a_delivery_that_fails_is_logged_as_an_error(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    times = [now().replace(hour=5)]
    settings = config(free_port(), canary="daily 06:00")
    with caplog.at_level(logging.ERROR, "monitor.canary"):
        dispatcher = configured_dispatcher(store, settings, now=lambda: times[-1])
        for hours in (0, 24, 24.1, 24.3):
            times.append(times[0] + timedelta(hours=hours))
            dispatcher.deliver()
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("canary: not delivered by email: smtp://127.0.0.1:")
