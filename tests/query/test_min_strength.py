"""An alert with `min_strength` matches no story whose match is weaker."""

from __future__ import annotations

import pytest

from monitor.config import Alert, Config
from monitor.config.warnings import alert_warnings
from monitor.query.rules import RuleSet
from store.examples import story


def config(minimum: float) -> Config:
    alert = Alert(name="chips", query='chip OR "export ban"', to=("a@example.org",), min_strength=minimum)
    return Config(alerts=(alert,))


@pytest.mark.parametrize(
    ("text", "minimum", "matches"),
    [
        ("A chip.", 0, True),
        ("A chip.", 1, True),
        ("A chip.", 2, False),
        ("An export ban.", 2, True),
        ("An export ban.", 3, False),
        ("An export ban on a chip.", 3, True),
    ],
)
def test_a_weaker_match_is_none(text: str, minimum: float, matches: bool) -> None:
    alerts = RuleSet.of(config(minimum)).match(story(text=text, title="Title")).alerts
    assert (alerts == ("chips",)) == matches


def test_a_strength_that_no_match_reaches_gets_a_warning() -> None:
    assert alert_warnings(config(3)) == []
    assert alert_warnings(config(3.5)) == [
        "alerts.chips: min_strength: no match reaches 3.5; all clauses together have 3"
    ]
