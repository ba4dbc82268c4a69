"""Delivers once from a database file, and kills its own process at a step: see `KILL_POINTS`.

Arguments: the file of the database, that of the configuration, and the step, or ``-`` to end normally.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from monitor.chat.channel import ChatChannel
from monitor.config import load
from monitor.delivery import configured_dispatcher
from monitor.mail.channel import EmailChannel
from monitor.store.sqlite import SqliteStore
from monitor.webhook.channel import WebhookChannel

KILL_POINTS = (
    "before claim",
    "after claim",
    "before assign_message_ids",
    "after assign_message_ids",
    "before send",
    "after send",
    "before mark_sent",
    "after mark_sent",
)


def deliver_in_process(database: Path, configuration: Path, step: str) -> int:
    """Runs `main` in a process of its own and returns its exit status: 9 if it was killed at the step."""
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-m", "notify.killed_delivery", str(database), str(configuration), step]
    environment = {**os.environ, "PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"}
    return subprocess.run(command, check=False, env=environment).returncode


def kill_at(step: str, owner: Any, name: str) -> None:
    """Replaces a method by one that kills the process before or after it."""
    when, _, method = step.partition(" ")
    if method != name:
        return
    original = getattr(owner, name)

    def killing(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            os._exit(9)
        result = original(*args, **kwargs)
        if result or method != "claim":  # an empty claim is no step of a delivery
            os._exit(9)
        return result

    setattr(owner, name, killing)


def main(database: str, configuration: str, step: str) -> None:
    store = SqliteStore(Path(database), timeout=timedelta(seconds=30))
    for name in ("claim", "assign_message_ids", "mark_sent"):
        kill_at(step, store, name)
    for channel in (EmailChannel, WebhookChannel, ChatChannel):
        kill_at(step, channel, "send")
    configured_dispatcher(store, load(Path(configuration), {})).deliver()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
