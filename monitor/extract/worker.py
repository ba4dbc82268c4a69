"""What runs in a worker process.  Imports little itself, so that naming it costs the parent nothing."""

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

PRELOAD_MODULE = "monitor.extract.worker_preload"  # what the workers' server imports once for all of them
_PR_SET_PDEATHSIG = 1


def initialize(memory: int) -> None:
    """Makes this process end with its parent and keeps it from taking all the machine's memory."""
    _end_with_parent()
    _limit(memory)
    logging.disable(logging.ERROR)  # the libraries' remarks on bad pages; the outcome says what matters
    gc.freeze()


def preload() -> None:
    """Imports what reading needs, where the server process could not."""
    __import__(PRELOAD_MODULE)


def extract_article(page: Page, reading: ExtractionOptions) -> Article | NotArticle:
    from monitor.extract import pipeline

    return pipeline.extract_article(page, reading)


def _end_with_parent() -> None:
    """Whatever kills the parent, its workers follow: a page being read is of no use to anybody then."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True, name="end-with-parent").start()
    if sys.platform == "linux":  # the thread waits for ever where a C library never lets go
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _follow(sentinel: int) -> None:
    wait([sentinel])
    os._exit(0)


def _limit(memory: int) -> None:
    """Lets the address space grow by ``memory`` bytes and no further."""
    if sys.platform != "linux":  # elsewhere the limit is not enforced
        return
    import resource

    with open("/proc/self/statm") as file:  # noqa: PTH123  a Path would be one more import in each worker
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, resource.RLIM_INFINITY))
