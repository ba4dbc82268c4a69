"""Changes of monitor.yaml keep all other text."""

from __future__ import annotations

import pytest

from monitor.config_edit import (
    alert_position,
    changed_lines,
    text_with_alert,
    text_with_copied_alert,
    text_with_user,
    text_without_alert,
)
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


THREE = """\
alerts:
  # The first one.
  - name: a
    query: one   # of a
    # Inside.
    to: [x@example.org]

  # The second one.
  - {name: b, query: two, to: x@example.org}  # of b
  - name: c
    query: three
    to: x@example.org
    max_entries: 5
# The end.
keep: all
"""


@pytest.mark.parametrize(
    ("name", "removed"),
    [
        ("A", ["  - name: a", "    query: one   # of a", "    # Inside.", "    to: [x@example.org]"]),
        ("b", ["  - {name: b, query: two, to: x@example.org}  # of b"]),
        ("c", ["  - name: c", "    query: three", "    to: x@example.org", "    max_entries: 5"]),
    ],
)
def test_a_deleted_alert_leaves_all_other_lines(name: str, removed: list[str]) -> None:
    assert changes(THREE, text_without_alert(THREE, name)) == [f"-{line}" for line in removed]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alerts: [{name: a}, {name: b}]\n", "alerts: [{name: b}]\n"),
        ("alerts: [{name: b}, {name: a}]  # kept\n", "alerts: [{name: b}]  # kept\n"),
        ("alerts:\n# One.\n- name: a", "alerts:\n# One.\n"),
        ("alerts:\n-\n  # One.\n  name: a\n- name: b\n", "alerts:\n- name: b\n"),
    ],
)
def test_an_alert_is_deleted_however_the_list_is_written(text: str, expected: str) -> None:
    assert text_without_alert(text, "a") == expected


def test_an_alert_is_added_after_the_last_one_was_deleted() -> None:
    text = text_with_alert(text_without_alert(BLOCK, "a"), None, NEW)
    assert [line for line in ("# The first one.", "  - name: b", "# Outlets follow.") if line not in text] == []
    assert alert_position(text, "b") == 0


def test_an_alert_that_is_gone_cannot_be_deleted() -> None:
    with pytest.raises(MonitorError, match="no alert 'c'"):
        text_without_alert(BLOCK, "c")


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("b", ["  - {name: d, query: two, to: x@example.org}  # of b"]),
        ("c", ["  - name: d", "    query: three", "    to: x@example.org", "    max_entries: 5"]),
    ],
)
def test_a_copied_alert_keeps_the_keys_that_are_not_given(name: str, added: list[str]) -> None:
    copied = text_with_copied_alert(THREE, name, {"name": "d", "deliver": None})
    assert changes(THREE, copied) == [f"+{line}" for line in added]


def test_a_copied_alert_joins_a_list_on_one_line() -> None:
    text = "alerts: [{name: a, query: one}, {name: b}]\n"
    assert text_with_copied_alert(text, "a", {"name": "c"}) == (
        "alerts: [{name: a, query: one}, {name: b}, {name: c, query: one}]\n"
    )
