"""The code of a worker process: serves calls until its pipe closes.

Imports little, because the crawling process imports it too.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from monitor.extract.call_pipe import receive_call
from monitor.models import NotArticle

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from monitor.extract.options import ExtractionOptions
    from monitor.models import Article, Page

PRELOAD_MODULE = "monitor.extract.worker_preload"  # the fork server imports it once for all workers
COLLECTION_THRESHOLD = 50_000  # containers after which Python looks for cycles: as many as a page has, which has none
MAX_ERROR_CHARACTERS = 1000  # of an exception's text, which may contain the page
_PR_SET_PDEATHSIG = 1  # option of prctl(2): the signal that a process gets when its parent ends


@dataclass(frozen=True, slots=True)
class CallResult:
    """The value that a called function returned; or, if it raised an exception, ``error`` as text."""

    value: Any = None
    error: str = ""  # type and message of the exception; empty without one
    is_memory_error: bool = False  # the function needed more memory than the worker may use


def serve(connection: Connection, memory_bytes: int, prepare: Callable[[], None] | None = None) -> None:
    """Sends an empty text once this process is ready, else the error; then answers calls until the pipe closes.

    A call is a pair of a function and its arguments; the answer is a CallResult.  ``prepare`` is called first.
    """
    try:
        _initialize_worker()
        __import__(PRELOAD_MODULE)
        if prepare is not None:
            prepare()
        _limit_memory(memory_bytes)
        gc.freeze()
        gc.set_threshold(COLLECTION_THRESHOLD)
    except Exception as error:  # noqa: BLE001  the crawling process reports it
        connection.send(_error_text(error))
        return
    try:
        connection.send("")
        while True:
            function, args = receive_call(connection)
            result = _call(function, args)
            del args  # the result may be large too
            _send_result(connection, result)
            del result
    except (EOFError, OSError):  # the crawling process has closed the pipe
        return


def _call(function: Any, args: tuple[Any, ...]) -> CallResult:
    """Calls the function and returns its value or the exception that it raised."""
    try:
        return CallResult(value=function(*args))
    except MemoryError as error:
        return CallResult(error=_error_text(error), is_memory_error=True)
    except Exception as error:  # noqa: BLE001  a hostile page can make a parser raise any exception; the caller counts it
        return CallResult(error=_error_text(error))


def _send_result(connection: Connection, result: CallResult) -> None:
    """Sends the result; if it cannot be pickled, sends the reason instead."""
    try:
        connection.send(result)
    except MemoryError as error:
        connection.send(CallResult(error=_error_text(error), is_memory_error=True))
    except (TypeError, AttributeError, RecursionError, ValueError, pickle.PicklingError) as error:
        connection.send(CallResult(error=_error_text(error)))


def _error_text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARACTERS]


def extract_article(
    page: Page, options: ExtractionOptions, analyse: Callable[[Page, Article], Article] | None = None
) -> Article | NotArticle:
    """Returns the page's article, passed through ``analyse``; or the kind of a page without one."""
    from monitor.extract import pipeline

    article = pipeline.extract_article(page, options)
    return article if analyse is None or isinstance(article, NotArticle) else analyse(page, article)


def _initialize_worker() -> None:
    """Prepares this worker process: it exits with its parent, and logs no errors of the libraries."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; the crawling process ends it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})  # the fork server blocks them
    _exit_with_parent()
    logging.disable(logging.ERROR)  # the libraries log an error for each bad page; the result contains it too


def _exit_with_parent() -> None:
    """Makes this process exit when its parent exits or is killed; no effect in a process without a parent."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    threading.Thread(target=_exit_when_ready, args=(parent.sentinel,), daemon=True, name="end-with-parent").start()
    if sys.platform == "linux":  # needed too, because no thread runs while a C library holds the interpreter lock
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _exit_when_ready(sentinel: int) -> None:
    """Waits until the parent's sentinel shows that the parent has ended, then exits this process."""
    wait([sentinel])
    os._exit(0)


def _limit_memory(memory_bytes: int) -> None:
    """Limits this process's address space to its present size plus ``memory_bytes``; only on Linux.

    A lower hard limit, which the process inherits, stays in force.
    """
    if sys.platform != "linux":  # other systems do not enforce the limit
        return
    import resource

    with open("/proc/self/statm") as file:  # noqa: PTH123  a Path would be one more import in each worker
        used_bytes = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    inherited = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([used_bytes + memory_bytes, *inherited]), hard))
