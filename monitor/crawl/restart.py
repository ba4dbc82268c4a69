"""Replaces the process by a new start of the same command, as `run` does for a changed configuration.

The process keeps its PID, so a supervisor sees no end.  Everything else begins anew, as after a kill, which loses
nothing; so no part of the program needs to know how to change its configuration while it works.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from contextlib import suppress
from typing import NoReturn

from monitor import temporary_files

CHILD_END_SECONDS = 2.0  # for the processes of the program before the restart to end


def hangup_means_restart() -> bool:
    """Returns True unless the process logs to a terminal: its window sends SIGHUP when it is closed."""
    return not sys.stderr.isatty()


def ignore_hangups_at_start() -> None:
    """Ignores SIGHUP until the crawl handles it, as the configuration is about to be read; not at a terminal."""
    if hangup_means_restart():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def restart_program() -> NoReturn:
    """Starts the command of this process again in its place; may be called in any thread.

    SIGHUP waits until the command calls `ignore_hangups_at_start`.
    """
    logging.shutdown()
    temporary_files.leave_own_directory()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # which the new program gets from this thread
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  no shell; our own command line


def collect_former_children() -> None:
    """Waits for the processes that the program before a restart has started, so that none stays as a zombie.

    They end when their pipes close.  Returns at once without a child, after CHILD_END_SECONDS in any case; call it
    before this program starts a process.
    """
    deadline = time.monotonic() + CHILD_END_SECONDS
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.02)
