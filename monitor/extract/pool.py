"""Extracts pages in a pool of worker processes: if a page crashes or hangs its worker, no other page is lost."""

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

EXTRACTION_TIMEOUT_SECONDS = 20.0  # per page; the slowest of 500 collected pages takes one second
MAX_PAGES_PER_WORKER = 2000  # then the worker is replaced, because lxml and trafilatura leak memory
MAX_WORKER_MEMORY_GROWTH_BYTES = 1_500_000_000  # address space that a worker may use beyond that at its start
MAX_QUEUED_PAGES_PER_WORKER = 4  # pages submitted to the pool; further calls of extract_article wait


class Extractor:
    """Extracts pages in ``workers`` processes ("auto": one per usable processor).

    The processes start with the first page, or when `start` is called.  Each instance belongs to one event loop.
    """

    def __init__(
        self,
        workers: int | Literal["auto"] = "auto",
        *,
        timeout_seconds: float = EXTRACTION_TIMEOUT_SECONDS,
        memory_bytes: int = MAX_WORKER_MEMORY_GROWTH_BYTES,
        pages_per_worker: int = MAX_PAGES_PER_WORKER,
    ) -> None:
        self.workers = usable_cpu_count() if workers == "auto" else max(1, workers)
        self.timeout_seconds = timeout_seconds
        self._memory_bytes = memory_bytes
        self._pages_per_worker = pages_per_worker
        self._pool: ProcessPool | None = None
        self._start_lock = threading.Lock()
        self._free_slots = asyncio.Semaphore(self.workers * MAX_QUEUED_PAGES_PER_WORKER)

    def start(self) -> None:
        """Starts the workers, so that the first page does not wait for their imports; no effect if they run.

        Blocks for about a second; may be called from any thread.
        """
        with self._start_lock:
            if self._pool is not None:
                return
            # The fork server is a small process from which workers are forked: they inherit its imports, but not the
            # reactor, threads and sockets of this process.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([worker.__name__, worker.PRELOAD_MODULE])
            pool = ProcessPool(
                max_workers=self.workers,
                max_tasks=self._pages_per_worker,
                initializer=worker.initialize_worker,
                initargs=(self._memory_bytes,),
                context=context,
            )
            for _ in range(self.workers):
                pool.schedule(worker.preload_libraries)
            self._pool = pool

    async def extract_article(self, page: Page, options: ExtractionOptions) -> Article | NotArticle:
        """Returns the page's article, or the kind of a page without one.  Waits while the pool is full.

        Raises ExtractionError of kind EXTRACTION_TIMEOUT after `timeout_seconds`, EXTRACTION_CRASH if the worker died,
        EXTRACTION_MEMORY if the worker exceeded its memory limit, EXTRACTION_ERROR for any other exception.
        """
        async with self._free_slots:
            if self._pool is None:
                await asyncio.to_thread(self.start)
            future: ProcessFuture[Article | NotArticle] = self._schedule_extraction(page, options)
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
            except Exception as error:  # a hostile page can make a parser raise any exception
                raise ExtractionError(
                    f"{page.url}: {type(error).__name__}: {error}", kind=FailureKind.EXTRACTION_ERROR
                ) from error

    def _schedule_extraction(self, page: Page, options: ExtractionOptions) -> ProcessFuture[Article | NotArticle]:
        """Submits the page to the pool, which must be running, and returns the future of its result."""
        assert self._pool is not None
        return self._pool.schedule(worker.extract_article, args=(page, options), timeout=self.timeout_seconds)

    def close(self) -> None:
        """Stops the workers; pages in extraction are lost.  No effect if the workers are not running."""
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


def usable_cpu_count() -> int:
    """Returns the number of processors that this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
