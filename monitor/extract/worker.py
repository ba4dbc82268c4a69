"""Functions that run in a worker process of `pool`.  Imports little, because the crawling process imports it too."""

from __future__ import annotations

import ctypes
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.extract.options import ExtractionOptions
    from monitor.models import Article, NotArticle, Page

PRELOAD_MODULE = "monitor.extract.worker_preload"  # the fork server imports it once for all workers
_PR_SET_PDEATHSIG = 1  # option of prctl(2): the signal that a process gets when its parent ends


def initialize_worker(memory_bytes: int) -> None:
    """Prepares this worker process: it exits with its parent, and its memory may grow by ``memory_bytes``."""
    _exit_with_parent()
    _limit_memory(memory_bytes)
    logging.disable(logging.ERROR)  # the libraries log an error for each bad page; the result contains it too
    gc.freeze()


def preload_libraries() -> None:
    """Imports the extraction libraries in this worker, unless the fork server has imported them."""
    __import__(PRELOAD_MODULE)


def extract_article(page: Page, options: ExtractionOptions) -> Article | NotArticle:
    """Returns the page's article, or the kind of a page without one."""
    from monitor.extract import pipeline

    return pipeline.extract_article(page, options)


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
    """Limits this process's address space to its present size plus ``memory_bytes``; only on Linux."""
    if sys.platform != "linux":  # other systems do not enforce the limit
        return
    import resource

    with open("/proc/self/statm") as file:  # noqa: PTH123  a Path would be one more import in each worker
        used_bytes = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used_bytes + memory_bytes, resource.RLIM_INFINITY))
