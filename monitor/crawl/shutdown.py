"""Ends a crawling process after SIGTERM or SIGINT: cleanly if possible, and within STOP_LIMIT_SECONDS in any case."""

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


class StopSignals:
    """Handles SIGTERM and SIGINT once `install` is called; ``received`` is the first signal, None before it.

    The first signal calls ``on_stop`` in the event loop.  If the process still runs STOP_LIMIT_SECONDS later, because a
    thread or the event loop itself is busy, it exits at once with the status that ``exit_status`` returns: a kill at
    any instant loses nothing.  A second signal kills the process.
    """

    def __init__(
        self, on_stop: Callable[[signal.Signals], None], *, exit_status: Callable[[signal.Signals], int]
    ) -> None:
        self.received: signal.Signals | None = None
        self._on_stop = on_stop
        self._exit_status = exit_status
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watchdog_pipe = -1

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Installs the handlers; call it in the main thread."""
        self._loop = loop
        reader, self._watchdog_pipe = os.pipe()
        threading.Thread(target=self._exit_when_late, args=(reader,), name="shutdown", daemon=True).start()
        for number in STOP_SIGNALS:
            # Not `loop.add_signal_handler`, because this handler also runs while a callback keeps the loop busy.
            signal.signal(number, self._handle)

    def uninstall(self) -> None:
        """Restores Python's own handlers, unless a signal was received."""
        if self.received is None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self.received = signal.Signals(number)
        os.write(self._watchdog_pipe, b"x")  # no lock: the interrupted code may hold any
        with suppress(RuntimeError):  # the loop is closed: the process is about to end
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._on_stop, self.received)

    def _exit_when_late(self, reader: int) -> None:
        """Waits for the first signal and then for STOP_LIMIT_SECONDS, then ends the process."""
        os.read(reader, 1)
        threading.Event().wait(STOP_LIMIT_SECONDS)
        received = self.received or signal.SIGTERM
        log.warning("some work did not end within %g s: ending without it; it is repeated later", STOP_LIMIT_SECONDS)
        os._exit(self._exit_status(received))
