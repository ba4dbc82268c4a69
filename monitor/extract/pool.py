"""Extracts pages in worker processes: if a page crashes or hangs its worker, no other page is lost."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Literal, Self

from monitor.errors import ExtractionError, MonitorError
from monitor.extract import worker
from monitor.extract.worker_pool import WorkerPool
from monitor.extract.worker_process import CallTimeout, WorkerDied
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from monitor.extract.options import ExtractionOptions
    from monitor.models import Article, NotArticle, Page

EXTRACTION_TIMEOUT_SECONDS = 20.0  # per page; the slowest of 500 collected pages takes one second
MAX_PAGES_PER_WORKER = 2000  # then the worker is replaced, because lxml and trafilatura leak memory
MAX_WORKER_MEMORY_GROWTH_BYTES = 1_500_000_000  # address space that a worker may use beyond that at its start


class Extractor:
    """Extracts pages in ``workers`` processes ("auto": one per usable processor), which are replaced when they end.

    Each worker calls ``prepare`` first, if it is given.
    The processes start with the first page, or when `start` is called.
    """

    def __init__(
        self,
        workers: int | Literal["auto"] = "auto",
        *,
        timeout_seconds: float = EXTRACTION_TIMEOUT_SECONDS,
        memory_bytes: int = MAX_WORKER_MEMORY_GROWTH_BYTES,
        pages_per_worker: int = MAX_PAGES_PER_WORKER,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.workers = usable_cpu_count() if workers == "auto" else max(1, workers)
        self.timeout_seconds = timeout_seconds
        self._pool = WorkerPool(
            self.workers, memory_bytes=memory_bytes, calls_per_worker=pages_per_worker, prepare=prepare
        )
        self._start_lock = threading.Lock()
        self._has_started = False

    def start(self) -> None:
        """Starts the workers without waiting for them; no effect if they were started.  Raises WorkersUnavailable."""
        with self._start_lock:
            if not self._has_started:
                self._pool.start()
                self._has_started = True

    @property
    def problem(self) -> str:
        """The reason why no worker can be started at present; empty if pages can be extracted."""
        return self._pool.problem

    @property
    def has_given_up(self) -> bool:
        """True if no worker could be started for so long that this process should end."""
        return self._pool.has_given_up

    async def extract_article(
        self,
        page: Page,
        options: ExtractionOptions,
        *,
        outlet: str = "",
        analyse: Callable[[Page, Article], Article] | None = None,
    ) -> Article | NotArticle:
        """Returns the page's article, or the kind of a page without one.  Waits while all workers are busy.

        ``outlet`` names the outlet whose share of the workers counts.  ``analyse``, which is pickled, runs in the
        worker on the page's article and returns it with its analysis.

        Raises ExtractionError of kind EXTRACTION_TIMEOUT after `timeout_seconds`, EXTRACTION_CRASH if the page ended
        several workers, EXTRACTION_MEMORY if it exceeds a worker's memory limit, EXTRACTION_ERROR for any other
        exception.  Raises WorkersUnavailable if no worker can be started, which is not the page's fault.
        """
        self.start()
        try:
            # No variable holds the future: with an exception, it would form a cycle that keeps the page in memory.
            result = await asyncio.wrap_future(
                self._pool.submit(
                    worker.extract_article, page, options, analyse, timeout_seconds=self.timeout_seconds, owner=outlet
                )
            )
        except CallTimeout as error:
            raise ExtractionError(
                f"{page.url}: extraction took longer than {self.timeout_seconds:g} s",
                kind=FailureKind.EXTRACTION_TIMEOUT,
            ) from error
        except WorkerDied as error:
            raise ExtractionError(f"{page.url}: {error}", kind=FailureKind.EXTRACTION_CRASH) from error
        except (MonitorError, asyncio.CancelledError):
            raise
        except Exception as error:  # the result of a hostile page may be one that cannot be unpickled
            raise ExtractionError(
                f"{page.url}: {type(error).__name__}: {error}", kind=FailureKind.EXTRACTION_ERROR
            ) from error
        if result.is_memory_error:
            raise ExtractionError(
                f"{page.url}: extraction needs more memory than allowed", kind=FailureKind.EXTRACTION_MEMORY
            )
        if result.error:
            raise ExtractionError(f"{page.url}: {result.error}", kind=FailureKind.EXTRACTION_ERROR)
        article: Article | NotArticle = result.value
        return article

    def close(self) -> None:
        """Kills the workers; pages in extraction raise WorkersUnavailable.  The extractor cannot be used again."""
        self._pool.close()

    async def __aenter__(self) -> Self:
        self.start()
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
