"""Pages are read in processes of their own: a page that kills, hangs or bloats its reader costs that page alone."""

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

if TYPE_CHECKING:
    from types import TracebackType

    from pebble import ProcessFuture

    from monitor.extract.options import ExtractionOptions
    from monitor.models import Article, NotArticle, Page

PAGE_TIMEOUT_SECONDS = 20.0  # seconds for one page; the slowest of 500 real ones takes one
PAGES_PER_WORKER = 2000  # then it is replaced: lxml and trafilatura keep memory
WORKER_MEMORY_BYTES = 1_500_000_000  # bytes of address space a worker may take beyond what it starts with
QUEUED_PAGES_PER_WORKER = 4  # pages in the pool for each worker; further ones wait in their own tasks


class Extractor:
    """Reads pages in ``workers`` processes (auto: one for each core).

    The processes start with the first page, or with `start`.  Bound to one event loop.
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
        self._memory = memory_bytes
        self._pages = pages_per_worker
        self._pool: ProcessPool | None = None
        self._starting = threading.Lock()
        self._places = asyncio.Semaphore(self.workers * QUEUED_PAGES_PER_WORKER)

    def start(self) -> None:
        """Starts the workers, so that the first page does not wait for their imports.  Does nothing twice.

        Blocks for a second; safe from any thread.
        """
        with self._starting:
            if self._pool is not None:
                return
            # Children of a small server process: they inherit its imports and nothing of the reactor, its threads
            # or its sockets, as they would from a plain fork.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([worker.__name__, worker.PRELOAD_MODULE])
            pool = ProcessPool(
                max_workers=self.workers,
                max_tasks=self._pages,
                initializer=worker.initialize,
                initargs=(self._memory,),
                context=context,
            )
            for _ in range(self.workers):
                pool.schedule(worker.preload)
            self._pool = pool

    async def read(self, page: Page, options: ExtractionOptions) -> Article | NotArticle:
        """What the page is.  Waits while the pool is full.

        Raises ExtractionError: ``timeout`` after `timeout` seconds, ``crash`` where the worker died,
        ``memory`` where it wanted more than it may have, ``error`` for any fault in reading.
        """
        async with self._places:
            if self._pool is None:
                await asyncio.to_thread(self.start)
            future: ProcessFuture[Article | NotArticle] = self._schedule(page, options)
            try:
                return await asyncio.wrap_future(future)
            except TaskTimeout as error:
                raise ExtractionError(f"{page.url}: not read within {self.timeout_seconds:g} s", kind="timeout") from error
            except ProcessExpired as error:
                raise ExtractionError(
                    f"{page.url}: the worker that read it died ({error.exitcode})", kind="crash"
                ) from error
            except MemoryError as error:
                raise ExtractionError(f"{page.url}: takes too much memory to read", kind="memory") from error
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever a page makes a parser raise: it costs this page, and is counted
                raise ExtractionError(f"{page.url}: {type(error).__name__}: {error}", kind="error") from error

    def _schedule(self, page: Page, reading: ExtractionOptions) -> ProcessFuture[Article | NotArticle]:
        assert self._pool is not None
        return self._pool.schedule(worker.extract_article, args=(page, reading), timeout=self.timeout_seconds)

    def close(self) -> None:
        """Ends the workers; pages still being read are given up."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it out
            pool.join()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)


def available_cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
