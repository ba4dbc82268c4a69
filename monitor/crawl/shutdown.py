"""Ends a crawling process after a signal: cleanly if possible, and within STOP_LIMIT_SECONDS in any case."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from types import FrameType

log = logging.getLogger(__name__)

STOP_LIMIT_SECONDS = 8.0  # from the first signal to the end of the process
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
SHOW_CURSOR = b"\x1b[?25h"  # as terminals understand it


class StopSignals:
    """Handles SIGTERM and SIGINT once `install` is called; ``received`` is the signal that counts, None before it.

    The first signal calls ``on_stop`` in the event loop.  If the process still runs STOP_LIMIT_SECONDS later, because a
    thread or the event loop itself is busy, ``end_late`` ends it at once: a kill at any instant loses nothing.  A
    second signal kills the process.  With ``on_hangup``, SIGHUP calls it in the event loop.
    """

    def __init__(
        self,
        on_stop: Callable[[signal.Signals], None],
        *,
        end_late: Callable[[signal.Signals], None],
        on_hangup: Callable[[], None] | None = None,
    ) -> None:
        self.received: signal.Signals | None = None
        self._on_stop = on_stop
        self._end_late = end_late
        self._on_hangup = on_hangup
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watchdog_pipe = -1

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Installs the handlers; call it in the main thread."""
        self._loop = loop
        reader, self._watchdog_pipe = os.pipe()
        threading.Thread(target=self._end_when_late, args=(reader,), name="shutdown", daemon=True).start()
        for number in STOP_SIGNALS:
            # Not `loop.add_signal_handler`, because this handler also runs while a callback keeps the loop busy.
            signal.signal(number, self._handle)
        if self._on_hangup is not None:
            signal.signal(signal.SIGHUP, self._handle_hangup)

    def uninstall(self) -> None:
        """Restores Python's own handlers, unless SIGTERM or SIGINT was received."""
        if self.received in (None, signal.SIGHUP):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def restart(self) -> None:
        """Begins the end of the process as SIGTERM does, with SIGHUP as the signal received.

        Until the next `install`, SIGHUP has no effect; SIGTERM and SIGINT still end the process, cleanly at first.
        """
        # Not SIG_IGN: Python prints a traceback for a signal that came shortly before.
        signal.signal(signal.SIGHUP, _ignore)
        self._begin(signal.SIGHUP)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self._begin(signal.Signals(number))
        _show_cursor()  # last: a terminal that is stopped takes nothing

    def _begin(self, number: signal.Signals) -> None:
        self.received = number
        os.write(self._watchdog_pipe, b"x")  # no lock: the interrupted code may hold any
        self._call_in_loop(lambda: self._on_stop(number))

    def _handle_hangup(self, _number: int, _frame: FrameType | None) -> None:
        if self._on_hangup is not None:
            self._call_in_loop(self._on_hangup)

    def _call_in_loop(self, callback: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the process is about to end
            if self._loop is not None:
                self._loop.call_soon_threadsafe(callback)

    def _end_when_late(self, reader: int) -> None:
        """Waits for the first signal and then for STOP_LIMIT_SECONDS, then ends the process."""
        os.read(reader, 1)
        threading.Event().wait(STOP_LIMIT_SECONDS)
        log.warning("some work did not end within %g s: ending without it; it is repeated later", STOP_LIMIT_SECONDS)
        self._end_late(self.received or signal.SIGTERM)


def _show_cursor() -> None:
    """Shows the cursor of the terminal at stderr, which a progress bar hides: from now on the process may be killed."""
    with suppress(OSError):
        if os.isatty(2) and os.environ.get("TERM", "dumb") != "dumb":
            os.write(2, SHOW_CURSOR)  # at once: the interrupted code may hold the lock of the progress bar


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Handles a signal without effect."""
