"""The program ``media-monitor`` with a part that hangs: the first argument names it, the others are the command's."""

from __future__ import annotations

import sys
import time
from typing import Any

from extract import faulty_readers
from monitor.cli import main
from monitor.crawl import fetch
from monitor.extract import pool
from monitor.store.sqlite.frontier import Frontier

HANG_SECONDS = 120


def hang_worker() -> None:
    pool.worker.extract_article = faulty_readers.hang_always  # type: ignore[assignment]  # returns no article


def hang_event_loop() -> None:
    """As a response that takes minutes to unpack in the event loop."""

    def unpack(*_: Any) -> Any:
        end = time.monotonic() + HANG_SECONDS
        while time.monotonic() < end:
            bytes(1000)

    fetch._page_from_response = unpack


def hang_store() -> None:
    def due_entries(*_: Any, **__: Any) -> Any:
        time.sleep(HANG_SECONDS)

    Frontier.due_entries = due_entries  # type: ignore[method-assign]


if __name__ == "__main__":
    part = sys.argv.pop(1)
    {"worker": hang_worker, "event-loop": hang_event_loop, "store": hang_store, "nothing": lambda: None}[part]()
    main()
