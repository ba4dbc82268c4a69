"""Sets a SQLite store up in a process that kills itself on the way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import apsw

from monitor.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path


def open_file(path: Path) -> SqliteStore:
    return SqliteStore(path, timeout=timedelta(seconds=30))


def exit_code_of_setup(path: Path, *, killed_before: int) -> int | None:
    """Sets the store up in another process, which kills itself before that statement after the first BEGIN."""
    process = multiprocessing.get_context("fork").Process(target=_set_up_until, args=(path, killed_before))
    process.start()
    process.join()
    return process.exitcode


def _set_up_until(path: Path, killed_before: int) -> None:
    statements: list[str] = []

    def trace(_cursor: apsw.Cursor, statement: str, _bindings: object) -> bool:
        if statements or statement.startswith("BEGIN"):
            if len(statements) == killed_before:
                os.kill(os.getpid(), signal.SIGKILL)
            statements.append(statement)
        return True

    apsw.connection_hooks.append(lambda connection: setattr(connection, "exec_trace", trace))
    open_file(path).setup()
