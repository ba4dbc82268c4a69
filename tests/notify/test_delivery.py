"""The configured channels and the ones that alerts use without settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import Alert, Config, MailSettings
from monitor.delivery import configured_channels, unconfigured_channels
from monitor.delivery_text import describe_target, unconfigured_channel_text

if TYPE_CHECKING:
    import pytest

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
