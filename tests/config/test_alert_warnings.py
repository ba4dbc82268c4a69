"""Keys of an alert that have no effect are named."""

from __future__ import annotations

from typing import Any

from monitor.config import Alert, Config, Outlet
from monitor.config.warnings import alert_warnings


def warnings_of(**keys: Any) -> list[str]:
    alert = Alert.model_validate({"name": "a", "query": "bank", "to": ["desk@example.org"], **keys})
    return [warning.removeprefix("alerts.a: ") for warning in alert_warnings(Config(alerts=(alert,)))]


def test_keys_of_instant_alerts_are_warned_about_in_digests() -> None:
    assert warnings_of(deliver="hourly", rest="daily 07:00", max_per_hour=3, quiet_hours="22:00-07:00") == [
        "rest has no effect with deliver: hourly; it is for instant alerts",
        "max_per_hour has no effect with deliver: hourly; it is for instant alerts",
    ]
    assert warnings_of(rest="daily 07:00", max_per_hour=3, quiet_hours="22:00-07:00") == []


def test_an_instant_alert_cannot_be_sent_empty() -> None:
    assert warnings_of(when_empty="send") == ["when_empty: send has no effect with deliver: instant; it is for digests"]
    assert warnings_of(when_empty="send", deliver="daily 07:00") == []


def test_quiet_hours_of_a_daily_digest_are_warned_about() -> None:
    assert warnings_of(deliver="daily 07:00", quiet_hours="22:00-08:00") == [
        "quiet_hours have no effect with deliver: daily 07:00, which names the time of the mail"
    ]


def test_max_entries_of_separate_mails_is_warned_about() -> None:
    alert = {"query": "bank", "to": ["desk@example.org"]}
    alerts = (
        Alert.model_validate({"name": "all", "digest": "separate", "max_entries": 5, **alert}),
        Alert.model_validate({"name": "plain", "digest": "separate", **alert}),
        Alert.model_validate({"name": "few", "max_entries": 5, **alert}),
    )
    assert alert_warnings(Config(alerts=alerts)) == [
        "alerts.all: max_entries has no effect with digest: separate, whose mails show all events"
    ]


def test_unknown_outlets_and_topics_of_filters_are_named() -> None:
    values = {"name": "a", "query": "bank", "to": ["d@example.org"], "outlets": ["Courrier"], "topics": ["chips", "ai"]}
    outlet = Outlet(name="Courier", url="https://courier.example/")
    alerts = (Alert.model_validate(values),)
    config = Config(outlets=(outlet,), topics={"AI": "raw:AI"}, alerts=alerts)
    assert alert_warnings(config) == [
        'alerts.a: outlets: no outlet "Courrier"; did you mean "Courier"?',
        'alerts.a: topics: no topic "chips"; there are "AI"',
    ]
    aggregator = outlet.model_copy(update={"hosts": ("any",)})
    assert len(alert_warnings(config.model_copy(update={"outlets": (aggregator,)}))) == 1
