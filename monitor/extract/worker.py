"""Functions that run in a worker process.  Imports little, because the parent process imports this module too."""

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

PRELOAD_MODULE = "monitor.extract.worker_preload"  # imported once by the fork server, for all workers
_PR_SET_PDEATHSIG = 1


def initialize_worker(memory_bytes: int) -> None:
    """Makes this process end with its parent and limits its address space to ``memory_bytes`` more than now."""
    _exit_with_parent()
    _limit_memory(memory_bytes)
    logging.disable(logging.ERROR)  # the libraries log every bad page; the result already says what went wrong
    gc.freeze()


def preload_libraries() -> None:
    """Imports the extraction libraries, where the fork server could not preload them."""
    __import__(PRELOAD_MODULE)


def extract_article(page: Page, options: ExtractionOptions) -> Article | NotArticle:
    from monitor.extract import pipeline

    return pipeline.extract_article(page, options)


def _exit_with_parent() -> None:
    """Makes this process exit when its parent does, however the parent ends."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    threading.Thread(target=_exit_when_ready, args=(parent.sentinel,), daemon=True, name="end-with-parent").start()
    if sys.platform == "linux":  # the thread cannot run while a C library holds the interpreter lock
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _exit_when_ready(sentinel: int) -> None:
    wait([sentinel])
    os._exit(0)


def _limit_memory(memory_bytes: int) -> None:
    """Lets the address space grow by ``memory_bytes`` and no further."""
    if sys.platform != "linux":  # other systems do not enforce the limit
        return
    import resource

    with open("/proc/self/statm") as file:  # noqa: PTH123  a Path would be one more import in each worker
        used_bytes = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used_bytes + memory_bytes, resource.RLIM_INFINITY))
