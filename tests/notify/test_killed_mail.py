"""Faults of the mail server at each step, with a kill in between, lose no entry; a repeated one has the same id."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mail.scripted_server import DEFAULT_REPLIES, Reply, drop, scripted_server
from monitor.models import now
from notify.killed_delivery import deliver_in_process
from notify.test_dispatcher import put

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mail.scripted_server import ScriptedServer
    from monitor.store import Store

FAULTS: Mapping[str, Reply] = {
    "connect": b"421 busy\r\n",
    "EHLO": drop,
    "MAIL": b"451 later\r\n",
    "RCPT": b"450 greylisted\r\n",
    "DATA": b"451 later\r\n",
    "content": drop,  # the server has the mail, and its reply is lost
}
TITLES = {"Title of one", "Title of two"}


def titles_by_id(server: ScriptedServer) -> dict[str, set[str]]:
    """Returns the titles of all mails with each Message-ID, and checks that a repeated mail has the same ones."""
    found: dict[str, set[str]] = {}
    for message in server.messages:
        body = message.get_body(("plain",))
        assert body is not None
        titles = {title for title in TITLES if title in body.get_content()}
        assert found.setdefault(message["Message-ID"], titles) == titles
    return found


CASES = (
    *((fault, "after send") for fault in FAULTS),
    *(("content", step) for step in ("after claim", "after assign_message_ids", "before mark_sent")),
)


@pytest.mark.parametrize(("fault", "step"), CASES)
def test_a_fault_and_then_a_kill_lose_no_entry(store: Store, tmp_path: Path, fault: str, step: str) -> None:
    with scripted_server(**{fault: FAULTS[fault]}) as server:
        path = tmp_path / "monitor.yaml"
        path.write_text(
            f"mail: {{url: 'smtp://127.0.0.1:{server.port}?starttls=never', sender: m@example.org, timeout: 5s}}\n"
            "alerts: [{name: sberbank, query: Sberbank, to: desk@example.org}]\n"
        )
        for name in ("one", "two"):
            put(store, name, due_at=now() - timedelta(minutes=1))
        assert deliver_in_process(tmp_path / "monitor.db", path, "-") == 0
        assert len(store.outbox()) == 2, "a fault keeps both"
        server.replies[fault] = DEFAULT_REPLIES[fault]
        make_due(store)
        assert deliver_in_process(tmp_path / "monitor.db", path, step) == 9
        make_due(store)
        assert deliver_in_process(tmp_path / "monitor.db", path, "-") == 0
        assert store.outbox() == []
        found = titles_by_id(server)
    assert sorted(title for titles in found.values() for title in titles) == sorted(TITLES)


def make_due(store: Store) -> None:
    """Makes all that waits due, as time does."""
    store.postpone([replace(notification, due_at=now()) for notification in store.outbox()], holder="")
