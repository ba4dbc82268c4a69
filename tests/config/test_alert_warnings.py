"""Keys of an alert that have no effect are named."""

from __future__ import annotations

from monitor.config import Alert, Config
from monitor.config.warnings import alert_warnings


def test_the_rest_of_a_digest_is_warned_about() -> None:
    alert = Alert.model_validate(
        {"name": "all", "query": "bank", "to": ["desk@example.org"], "deliver": "hourly", "rest": "daily 07:00"}
    )
    assert alert_warnings(Config(alerts=(alert,))) == [
        "alerts.all: rest has no effect with deliver: hourly, as nothing is left for another digest"
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
