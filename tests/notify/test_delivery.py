"""The configured channels and the ones that alerts use without settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mail.server import mail_server
from monitor.config import Alert, Config, MailSettings
from monitor.delivery import configured_channels, configured_dispatcher, unconfigured_channels
from monitor.delivery_text import describe_target, unconfigured_channel_text
from notify.test_dispatcher import NOW, put

if TYPE_CHECKING:
    import pytest

    from monitor.store import Store

ALERT = Alert(name="a", query="bank", to=("desk@example.org",))
MAIL = MailSettings.model_validate({"url": "smtp://127.0.0.1:1"})


def test_email_is_configured_by_its_url() -> None:
    assert list(configured_channels(Config(mail=MAIL, alerts=(ALERT,)))) == ["email"]
    assert unconfigured_channels(Config(mail=MAIL, alerts=(ALERT,))) == []
    assert configured_channels(Config(alerts=(ALERT,))) == {}
    assert unconfigured_channels(Config(alerts=(ALERT,))) == ["email"]


def test_a_channel_that_only_alerts_name_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Alert, "targets_by_channel", {"email": ("desk@example.org",), "pager": ("+4670",)})
    assert unconfigured_channels(Config(mail=MAIL, alerts=(ALERT,))) == ["pager"]
    assert [unconfigured_channel_text(channel) for channel in ("email", "pager")] == [
        "no mail.url: notifications wait in the outbox",
        "the channel pager is not configured: its notifications wait in the outbox",
    ]


def test_a_target_of_an_unknown_channel_is_not_shown() -> None:
    assert describe_target("email", "desk@example.org") == "desk@example.org"
    assert describe_target("pager", "https://pager.example/SECRET") == "a target of pager"


def test_a_fault_in_a_task_before_the_delivery_stops_no_mail(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("monitor.volume.watch.VolumeWatch.queue_findings", fail)
    spike = Alert(name="spike", query="quake", to=("desk@example.org",), type="spike")
    with mail_server() as (behavior, port):
        url = MailSettings.model_validate({"url": f"smtp://127.0.0.1:{port}?starttls=never"})
        put(store, "one")
        configured_dispatcher(store, Config(mail=url, alerts=(ALERT, spike)), now=lambda: NOW).deliver()
        assert len(behavior.taken) == 1
    assert "a task of the delivery failed" in caplog.text
