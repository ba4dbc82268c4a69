"""Changes of monitor.yaml keep all other text."""

from __future__ import annotations

import pytest

from monitor.config_edit import changed_lines, text_with_alert, text_with_user
from monitor.errors import MonitorError

BLOCK = """\
alerts:
  # The first one.
  - name: a
    query: 'one'   # as written
    to:
      - x@example.org
    deliver: hourly

# Outlets follow.
outlets: []
"""
NEW = {"name": "b", "query": 'it\'s "two"', "to": ["y@example.org"], "deliver": None}
ITEM = ["+  - name: b", "+    query: 'it''s \"two\"'", "+    to: [y@example.org]"]


def changes(old: str, new: str) -> list[str]:
    return [line for line in changed_lines(old, new) if line[0] in "+-"]


def test_a_new_alert_follows_the_last_one_and_its_comment() -> None:
    new = text_with_alert(BLOCK, None, NEW)
    assert changes(BLOCK, new) == ITEM
    assert "hourly\n  - name: b" in new


@pytest.mark.parametrize("text", ["", "outlets: []\n", "alerts: []\n", "alerts:\n"])
def test_a_file_without_alerts_gets_its_first_one(text: str) -> None:
    assert next(line for line in changes(text, text_with_alert(text, None, NEW)) if "b" in line) == "+  - name: b"


def test_an_alert_on_one_line_stays_on_one_line() -> None:
    text = "alerts:\n- {name: a, query: one, to: x@example.org, deliver: hourly}  # kept\n"
    new = text_with_alert(text, "A", {"query": "two", "deliver": None, "timezone": "Asia/Tokyo"})
    assert new == "alerts:\n- {name: a, query: two, to: x@example.org, timezone: Asia/Tokyo}  # kept\n"


def test_a_changed_alert_keeps_its_comments_and_its_other_keys() -> None:
    new = text_with_alert(BLOCK, "a", {"query": "two", "to": ["x@example.org"], "deliver": None, "timezone": "UTC"})
    assert changes(BLOCK, new) == [
        "-    query: 'one'   # as written",
        "+    query: two   # as written",
        "-    deliver: hourly",
        "+    timezone: UTC",
    ]


def test_an_alert_that_is_gone_is_an_error() -> None:
    with pytest.raises(MonitorError, match="no alert 'c'"):
        text_with_alert(BLOCK, "c", {"query": "x"})


def test_a_user_is_added_to_a_section_that_is_missing_or_has_other_keys() -> None:
    user = {"name": "ines", "role": "editor"}
    assert text_with_user(BLOCK, None, user).endswith("\nweb:\n  users:\n    - name: ines\n      role: editor\n")
    text = "web:\n  hosts: [m.example.org]  # behind a proxy\nkeep: all\n"
    expected = text.replace("proxy\n", "proxy\n  users:\n    - name: ines\n      role: editor\n")
    assert text_with_user(text, None, user) == expected
