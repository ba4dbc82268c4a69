"""A pool of worker processes that repairs itself: neither a call that harms its worker nor a kill loses other calls.

Each worker has a thread of this process, a process and a pipe of its own; workers share no lock and no queue, so a
process that is killed at any instant, even while it writes its result, can harm only its own call.  `call_queue`
chooses the next call.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from monitor.errors import WorkersUnavailable
from monitor.extract.call_queue import CallQueue, TakenCall
from monitor.extract.worker_process import CallTimeout, WorkerDied, WorkerProcess, WorkerStartError

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.extract.worker import CallResult

log = logging.getLogger(__name__)

MAX_ATTEMPTS_PER_CALL = 3  # a call whose worker died is repeated: the kernel may have killed the worker for its memory
FIRST_RESTART_PAUSE_SECONDS = 0.2  # after a failed start of a worker; doubled after each further one
MAX_RESTART_PAUSE_SECONDS = 5.0
REPORT_SECONDS = 1.0  # time without any worker after which the log says so; a fork server that died takes less
MAX_WAIT_FOR_WORKERS_SECONDS = 30.0  # time without any worker after which waiting calls fail
# Time without any worker after which the pool gives up: its process should end, so that its supervisor starts it anew.
GIVE_UP_SECONDS = 120.0
MIN_FAILED_STARTS_TO_GIVE_UP = 5
LIVENESS_CHECK_SECONDS = 1.0  # between two checks whether an idle worker still runs
THREAD_END_SECONDS = 2.0  # for the threads to end after their workers were killed


@dataclass(slots=True)
class _Call:
    """A function call that waits for a worker or runs in one."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    timeout_seconds: float
    future: Future[CallResult] = field(default_factory=Future)
    attempts: int = 0


class WorkerPool:
    """Runs calls in ``workers`` processes; replaces a process that ends, and each after ``calls_per_worker`` calls.

    Each worker calls ``prepare`` first, if it is given.
    ``problem`` is the reason why no worker can be started at present, else empty; ``has_given_up`` is True while the
    problem has lasted for longer than GIVE_UP_SECONDS.
    """

    def __init__(
        self,
        workers: int,
        *,
        memory_bytes: int,
        calls_per_worker: int,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.problem = ""
        self.has_given_up = False
        self._worker_count = workers
        self._memory_bytes = memory_bytes
        self._prepare = prepare
        self._calls_per_worker = calls_per_worker
        self._calls = CallQueue[_Call](workers)
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._lock = threading.Lock()  # for the attributes below and ``problem``
        self._workers: set[WorkerProcess] = set()
        self._failed_starts = 0  # since a worker last ran
        self._is_reported = False  # the log names the present problem
        self._failing_since = 0.0  # of `monotonic`, while ``_failed_starts`` is not 0

    def start(self) -> None:
        """Starts the threads, which start the workers; does not wait for them.  Raises WorkersUnavailable."""
        for number in range(self._worker_count):
            thread = threading.Thread(target=self._serve_calls, name=f"extraction-{number}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the process may have no further thread
                if not self._threads:
                    raise WorkersUnavailable(f"the extraction workers cannot be started: {error}") from error
                log.warning("only %d of %d extraction workers are started: %s", number, self._worker_count, error)
                return
            self._threads.append(thread)

    def submit(
        self, function: Callable[..., Any], *args: Any, timeout_seconds: float, owner: str = ""
    ) -> Future[CallResult]:
        """Queues ``function(*args)`` for a worker and returns the future of its result.

        ``owner`` names the outlet whose share of the workers the call uses, see `CallQueue`.  The future raises
        CallTimeout if the call takes longer than ``timeout_seconds``; WorkerDied if it ended MAX_ATTEMPTS_PER_CALL
        workers; WorkersUnavailable if no worker can be started.
        """
        call = _Call(function, args, timeout_seconds)
        if self._closing.is_set() or self.has_given_up:
            call.future.set_exception(WorkersUnavailable(self._unavailable_message()))
        else:
            self._calls.put(call, owner)
        return call.future

    def close(self) -> None:
        """Kills the workers.  Calls that wait or run raise WorkersUnavailable."""
        self._closing.set()
        self._calls.close()
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.kill()
        deadline = monotonic() + THREAD_END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
        self._fail_waiting_calls()

    # ---- the thread of one worker

    def _serve_calls(self) -> None:
        """Keeps a worker running and passes calls to it, until the pool closes."""
        worker: WorkerProcess | None = None
        while not self._closing.is_set():
            worker = worker or self._start_worker()
            if worker is None:
                break
            taken = self._calls.take(LIVENESS_CHECK_SECONDS)
            if not worker.is_alive:  # while it was idle: the call is not at fault
                if not self._closing.is_set():
                    log.warning("an idle extraction worker was killed and is replaced")
                self._discard(worker)
                worker = None
                if taken is not None:
                    self._calls.put_back(taken)
            elif taken is not None and not self._run_call(taken, worker):
                self._discard(worker)
                worker = None
            del taken  # it holds the page
        if worker is not None:
            self._discard(worker)

    def _run_call(self, taken: TakenCall[_Call], worker: WorkerProcess) -> bool:
        """Runs a call in the worker; returns False if the worker must be replaced."""
        call = taken.call
        if call.attempts == 0 and not call.future.set_running_or_notify_cancel():
            self._calls.end(taken)
            return True
        call.attempts += 1
        try:
            result = worker.call(call.function, call.args, timeout_seconds=call.timeout_seconds)
        except CallTimeout as error:
            self._calls.end(taken, is_harmful=True)
            _fail(call, error)
            return False
        except WorkerDied as error:
            if not self._closing.is_set() and call.attempts < MAX_ATTEMPTS_PER_CALL:
                log.warning("%s; the page is extracted again", error)
                self._calls.put_back(taken)
                return False
            self._calls.end(taken, is_harmful=True)
            is_closing = self._closing.is_set()
            _fail(call, WorkersUnavailable(self._unavailable_message()) if is_closing else error)
            return False
        except Exception as error:  # noqa: BLE001  the result cannot be unpickled; its caller gets the exception
            self._calls.end(taken)
            _fail(call, error)
            return False
        self._calls.end(taken)
        call.future.set_result(result)
        return worker.call_count < self._calls_per_worker

    # ---- starts of workers

    def _start_worker(self) -> WorkerProcess | None:
        """Starts a worker, with pauses between failed attempts; returns None if the pool closes first."""
        pause = FIRST_RESTART_PAUSE_SECONDS
        while not self._closing.is_set():
            try:
                worker = WorkerProcess.start(self._memory_bytes, self._prepare)
            except WorkerStartError as error:
                self._record_failed_start(str(error))
                self._closing.wait(pause)
                pause = min(pause * 2, MAX_RESTART_PAUSE_SECONDS)
                continue
            with self._lock:
                self._workers.add(worker)
                is_repaired, self._is_reported = self._is_reported, False
                self.problem, self._failed_starts, self.has_given_up = "", 0, False
            if is_repaired:
                log.warning("the extraction workers run again")
            if self._closing.is_set():  # `close` may have missed it
                self._discard(worker)
                return None
            return worker
        return None

    def _record_failed_start(self, reason: str) -> None:
        """Counts a failed start.  If no worker runs, states the problem, and in the end lets waiting calls fail."""
        if self._closing.is_set():
            return
        with self._lock:
            if self._workers:  # other workers go on with the work
                return
            if not self._failed_starts:
                self._failing_since = monotonic()
            self._failed_starts += 1
            self.problem = reason
            seconds = monotonic() - self._failing_since
            is_new = seconds >= REPORT_SECONDS and not self._is_reported
            self._is_reported |= is_new
            self.has_given_up = seconds > GIVE_UP_SECONDS and self._failed_starts >= MIN_FAILED_STARTS_TO_GIVE_UP
        if is_new:
            log.warning("%s; trying again", self._unavailable_message())
        if seconds > MAX_WAIT_FOR_WORKERS_SECONDS:
            self._fail_waiting_calls()

    def _discard(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._workers.discard(worker)
        worker.close()

    def _fail_waiting_calls(self) -> None:
        """Ends the calls that no worker has taken with WorkersUnavailable."""
        for call in self._calls.drain():
            if call.attempts or call.future.set_running_or_notify_cancel():
                call.future.set_exception(WorkersUnavailable(self._unavailable_message()))

    def _unavailable_message(self) -> str:
        reason = self.problem or "the process ends"
        return f"no extraction worker can be started: {reason}"


def _fail(call: _Call, error: Exception) -> None:
    """Ends the call with the error, whose traceback would keep the call's page in memory."""
    call.future.set_exception(error.with_traceback(None))
