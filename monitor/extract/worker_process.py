"""Starts, calls and kills one worker process.  Blocks; `worker_pool` calls it from the thread of each worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import struct
import sys
import threading
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from types import ModuleType
from typing import TYPE_CHECKING, Any

from monitor.extract import worker
from monitor.extract.call_pipe import send_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

START_TIMEOUT_SECONDS = 60.0  # for a worker to import its libraries, on a machine that is busy
TRANSFER_TIMEOUT_SECONDS = 30  # for one part of a page or result to pass through the pipe
KILL_TIMEOUT_SECONDS = 5.0  # for a killed worker to end

_start_lock = threading.Lock()
_preloaded_modules = dict.fromkeys((worker.__name__, worker.PRELOAD_MODULE))


class WorkerStartError(Exception):
    """A worker process could not be started; a later attempt may succeed."""


class WorkerDied(Exception):
    """The worker process ended during a call; ``exit_code`` is negative for a signal, None if it is not known."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(f"the extraction worker died (exit code {exit_code})")
        self.exit_code = exit_code


class CallTimeout(Exception):
    """A call took longer than allowed; the worker must be killed."""


def preload(module: str) -> None:
    """Makes the fork server import a module too, once for all workers; no effect if it runs already."""
    _preloaded_modules[module] = None


class WorkerProcess:
    """A running worker process, which handles one call at a time; `start` creates instances."""

    def __init__(self, process: ForkServerProcess, connection: Connection) -> None:
        self._process = process
        self._connection = connection
        self.call_count = 0
        self._close_lock = threading.Lock()
        self._is_closed = False

    @classmethod
    def start(cls, memory_bytes: int, prepare: Callable[[], None] | None = None) -> WorkerProcess:
        """Starts a worker whose memory may grow by ``memory_bytes``, and waits until it is ready.

        ``prepare``, which is pickled, is called in it first, before its memory is limited.  Starts the fork server
        too if it does not run.  Raises WorkerStartError.
        """
        # The fork server is a small process from which workers are forked: they inherit its imports, but not the
        # reactor, threads and sockets of this process.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*_preloaded_modules])
        try:
            with _start_lock, _terminal_signals_blocked(), _main_module_hidden():
                connection, worker_connection = context.Pipe()
                with worker_connection:  # closed here, so that the end of the worker closes the pipe
                    process = context.Process(
                        target=worker.serve,
                        args=(worker_connection, memory_bytes, prepare),
                        name="extraction",
                        daemon=True,
                    )
                    process.start()
            _set_transfer_timeout(connection)
        except (OSError, EOFError, MemoryError, RuntimeError) as error:
            raise WorkerStartError(str(error) or "the fork server ended") from error
        started = cls(process, connection)
        try:
            started._await_ready()
        except BaseException:
            started.close()
            raise
        return started

    def _await_ready(self) -> None:
        """Waits for the first message of the worker, which says that it is ready.  Raises WorkerStartError."""
        try:
            if not self._connection.poll(START_TIMEOUT_SECONDS):
                raise WorkerStartError(f"it was not ready after {START_TIMEOUT_SECONDS:g} s")
            problem: str = self._connection.recv()
        except (OSError, EOFError) as error:
            raise WorkerStartError(f"it ended at once (exit code {self._exit_code()})") from error
        if problem:
            raise WorkerStartError(problem)

    @property
    def is_alive(self) -> bool:
        """True if the process runs."""
        return self._process.is_alive()

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], *, timeout_seconds: float) -> worker.CallResult:
        """Runs ``function(*args)`` in the worker and returns its result or failure.

        Raises CallTimeout after ``timeout_seconds``, and WorkerDied if the process ends.  After these and any other
        exception the worker must be replaced.
        """
        self.call_count += 1
        try:
            send_call(self._connection, (function, args))
            if not self._connection.poll(timeout_seconds):
                raise CallTimeout
            result: worker.CallResult = self._connection.recv()
        except BlockingIOError as error:  # TRANSFER_TIMEOUT_SECONDS have passed
            raise CallTimeout from error
        except (OSError, EOFError) as error:
            raise WorkerDied(self._exit_code()) from error
        return result

    def kill(self) -> None:
        """Kills the process if it runs; a call that waits in another thread raises WorkerDied."""
        with self._close_lock:
            if not self._is_closed:
                self._process.kill()

    def close(self) -> None:
        """Kills the process, waits for its end and closes the pipe; no call may run."""
        self.kill()
        self._process.join(KILL_TIMEOUT_SECONDS)
        with self._close_lock:
            self._is_closed = True
            self._connection.close()
        # `multiprocessing` joins all children when the program ends, and fails for one that another thread closes; the
        # descriptors of the process are closed with its object.

    def _exit_code(self) -> int | None:
        """Returns the exit code of a process that ends; None if it still runs after KILL_TIMEOUT_SECONDS."""
        self._process.join(KILL_TIMEOUT_SECONDS)
        return self._process.exitcode


@contextmanager
def _terminal_signals_blocked() -> Iterator[None]:
    """Starts the fork server with SIGINT and SIGTERM blocked, and blocks them in this thread meanwhile.

    Ctrl-C and systemd signal all processes of a terminal or service: the fork server would print a traceback or end,
    but it has to serve until the crawling process ends.  A process inherits the signal mask of the thread that starts
    it.
    """
    resource_tracker.ensure_running()  # first, because it unblocks these signals when it starts its process
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        forkserver.ensure_running()
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)


@contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Starts a process that does not import the program's main module.

    It needs nothing of that, and the main module of another program, which uses the Python API, may lack the guard
    that `multiprocessing` demands: each worker would run the program again.
    """
    main_module = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main_module


def _set_transfer_timeout(connection: Connection) -> None:
    """Makes a read or write on the pipe raise BlockingIOError after TRANSFER_TIMEOUT_SECONDS without progress."""
    timeout = struct.pack("ll", TRANSFER_TIMEOUT_SECONDS, 0)
    with socket.socket(fileno=os.dup(connection.fileno())) as pipe:
        pipe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        pipe.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
