"""A pool of worker processes for extraction: a page that crashes, hangs or bloats its worker loses only that page."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from concurrent.futures import TimeoutError as TaskTimeout
from typing import TYPE_CHECKING, Literal, Self

from pebble import ProcessExpired, ProcessPool

from monitor.errors import ExtractionError
from monitor.extract import worker
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from types import TracebackType

    from pebble import ProcessFuture

    from monitor.extract.options import ExtractionOptions
    from monitor.models import Article, NotArticle, Page

PAGE_TIMEOUT_SECONDS = 20.0  # the slowest of 500 real pages takes one second
PAGES_PER_WORKER = 2000  # then the worker is replaced, because lxml and trafilatura retain memory
WORKER_MEMORY_BYTES = 1_500_000_000  # address space that a worker may use beyond what it starts with
QUEUED_PAGES_PER_WORKER = 4  # further pages wait in their callers' tasks


class Extractor:
    """Extracts pages in ``workers`` processes (auto: one per core).

    The processes start with the first page, or with `start`.  Each instance belongs to one event loop.
    """

    def __init__(
        self,
        workers: int | Literal["auto"] = "auto",
        *,
        timeout_seconds: float = PAGE_TIMEOUT_SECONDS,
        memory_bytes: int = WORKER_MEMORY_BYTES,
        pages_per_worker: int = PAGES_PER_WORKER,
    ) -> None:
        self.workers = available_cores() if workers == "auto" else max(1, workers)
        self.timeout_seconds = timeout_seconds
        self._memory_bytes = memory_bytes
        self._pages_per_worker = pages_per_worker
        self._pool: ProcessPool | None = None
        self._start_lock = threading.Lock()
        self._slots = asyncio.Semaphore(self.workers * QUEUED_PAGES_PER_WORKER)

    def start(self) -> None:
        """Starts the workers, so that the first page does not wait for their imports.  Further calls have no effect.

        Blocks for about a second; may be called from any thread.
        """
        with self._start_lock:
            if self._pool is not None:
                return
            # Workers are forked from a small server process: they inherit its imports, but not this process's reactor,
            # threads and sockets.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([worker.__name__, worker.PRELOAD_MODULE])
            pool = ProcessPool(
                max_workers=self.workers,
                max_tasks=self._pages_per_worker,
                initializer=worker.initialize,
                initargs=(self._memory_bytes,),
                context=context,
            )
            for _ in range(self.workers):
                pool.schedule(worker.preload)
            self._pool = pool

    async def read(self, page: Page, options: ExtractionOptions) -> Article | NotArticle:
        """Extracts a page in a worker.  Waits while the pool is full.

        Raises ExtractionError of kind EXTRACTION_TIMEOUT after `timeout_seconds`, EXTRACTION_CRASH if the worker died,
        EXTRACTION_MEMORY if it exceeded its memory limit, EXTRACTION_ERROR for any other exception during extraction.
        """
        async with self._slots:
            if self._pool is None:
                await asyncio.to_thread(self.start)
            future: ProcessFuture[Article | NotArticle] = self._schedule(page, options)
            try:
                return await asyncio.wrap_future(future)
            except TaskTimeout as error:
                raise ExtractionError(
                    f"{page.url}: extraction took longer than {self.timeout_seconds:g} s",
                    kind=FailureKind.EXTRACTION_TIMEOUT,
                ) from error
            except ProcessExpired as error:
                raise ExtractionError(
                    f"{page.url}: the extraction worker died (exit code {error.exitcode})",
                    kind=FailureKind.EXTRACTION_CRASH,
                ) from error
            except MemoryError as error:
                raise ExtractionError(
                    f"{page.url}: extraction needs more memory than allowed", kind=FailureKind.EXTRACTION_MEMORY
                ) from error
            except asyncio.CancelledError:
                raise
            except Exception as error:  # a hostile page can make a parser raise anything
                raise ExtractionError(
                    f"{page.url}: {type(error).__name__}: {error}", kind=FailureKind.EXTRACTION_ERROR
                ) from error

    def _schedule(self, page: Page, options: ExtractionOptions) -> ProcessFuture[Article | NotArticle]:
        assert self._pool is not None
        return self._pool.schedule(worker.extract_article, args=(page, options), timeout=self.timeout_seconds)

    def close(self) -> None:
        """Ends the workers and abandons the pages that are being extracted."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]  # pebble does not annotate it
            pool.join()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)


def available_cores() -> int:
    """Returns the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
