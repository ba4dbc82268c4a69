"""Python imports this module at the start of each process of the monitored program: it sets the shared clock.

`run` then moves the clock ahead whenever its event loop waits for nothing but a timer: to that timer, or by MONTH_STEP
seconds if it is nearer and no poll is under way.  While a request, a worker or a thread is awaited, time passes at the
machine's rate, so that no timeout ends earlier than it would.  Names below ``.test`` have the address 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

GRACE_SECONDS = 0.002  # for which the loop has nothing to do before the clock moves
LOOK_SECONDS = 0.02  # between two looks at polls and threads that work
POLL = "OutletScheduler._run_poll"


def install() -> None:
    from benchmarks.month.clock import CLOCK_VARIABLE, SharedClock

    clock = SharedClock(Path(os.environ[CLOCK_VARIABLE]))
    time.time, time.monotonic = clock.time, clock.monotonic

    import monitor.models  # before any module that imports `now` from it

    monitor.models.now = lambda: datetime.fromtimestamp(clock.time(), UTC)
    _resolve_test_names(clock)
    _move_when_idle(clock, _Work(), float(os.environ["MONTH_STEP"]))


def _resolve_test_names(clock: Any) -> None:
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not name or not name.endswith(".test"):
            return resolve(host, *arguments, **options)
        if not clock.has_names:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve("127.0.0.1", *arguments, **options)

    socket.getaddrinfo = getaddrinfo


class _Work:
    """Counts the calls that run outside of the event loop: in thread pools, in worker processes, in other hosts."""

    def __init__(self) -> None:
        self._count, self._lock = 0, threading.Lock()
        self._counts_program = False
        ThreadPoolExecutor.submit = self._counted(ThreadPoolExecutor.submit)  # type: ignore[method-assign]

    def is_running(self) -> bool:
        if not self._counts_program and "monitor.egress.http_handler" in sys.modules:
            from monitor.egress.http_handler import GuardedHttpHandler
            from monitor.extract.worker_pool import WorkerPool

            WorkerPool.submit = self._counted(WorkerPool.submit)
            GuardedHttpHandler.download_request = self._awaited(GuardedHttpHandler.download_request)
            self._counts_program = True
        return self._count > 0

    def _add(self, number: int) -> None:
        with self._lock:
            self._count += number

    def _counted(self, submit: Any) -> Any:
        """Returns a function that counts the calls of one that returns a future, until the future is done."""

        def counted_submit(*arguments: Any, **options: Any) -> Any:
            future = submit(*arguments, **options)
            self._add(1)
            future.add_done_callback(lambda _: self._add(-1))
            return future

        return counted_submit

    def _awaited(self, call: Any) -> Any:
        async def counted_call(*arguments: Any, **options: Any) -> Any:
            self._add(1)
            try:
                return await call(*arguments, **options)
            finally:
                self._add(-1)

        return counted_call


def _move_when_idle(clock: Any, work: _Work, step: float) -> None:
    select = selectors.EpollSelector.select

    def is_polling() -> bool:
        return any(getattr(task.get_coro(), "__qualname__", "") == POLL for task in asyncio.all_tasks())

    def moving_select(self: Any, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0 or threading.current_thread() is not threading.main_thread():
            return select(self, timeout)
        if work.is_running():
            return select(self, min(timeout, LOOK_SECONDS))
        if events := select(self, min(timeout, GRACE_SECONDS)):
            return events
        clock.elapsed += timeout if is_polling() else max(timeout, step)
        return []

    selectors.EpollSelector.select = moving_select  # type: ignore[method-assign]


install()
