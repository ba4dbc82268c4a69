"""Opens and closes what a crawling process shares: store, extraction pool, rules, ingest and store threads."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from monitor.errors import StoreUnavailable
from monitor.extract import Extractor, preload
from monitor.ingest import Ingest, article_analysis
from monitor.page_budget import PageBudget
from monitor.query.rules import RuleSet
from monitor.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from monitor.config import Config
    from monitor.store import Store

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger(__name__)

STORE_RETRY_TIMEOUT = timedelta(minutes=2)  # for commands that crawl once; `run` retries without limit
STORE_SETUP_RETRY_PAUSE_SECONDS = 5.0  # between two attempts of `run` to open an unavailable store at its start
MAX_STORE_RETRY_PAUSE_SECONDS = 30.0  # longest pause between two attempts of a store call


class Service:
    """Holds the store, extraction pool, rules and ingest of a crawling process; `open_service` creates instances."""

    def __init__(
        self,
        config: Config,
        store: Store,
        extractor: Extractor,
        rules: RuleSet,
        *,
        store_retry_timeout: timedelta | None,
    ) -> None:
        self.config = config
        self.store = store
        self.extractor = extractor
        self.store_retry_timeout = store_retry_timeout
        self.page_budget = PageBudget(max_page_bytes=config.crawl.max_size, concurrency=config.crawl.concurrency)
        self.rules = rules
        self.ingest = Ingest(
            config=config,
            store=store,
            extractor=extractor,
            rules=self.rules,
            call=self.call,
            call_matching=self.call_matching,
        )
        self._store_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="store")
        self._matching_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="matching")
        self.is_store_unavailable = False  # at least one call failed, and none has succeeded since
        self._first_failure_loop_time: float | None = None  # event-loop time of the first failure of the outage
        self._waiting_call_count = 0
        self.on_store_call: Callable[[float, str], None] = lambda _seconds, _result: None  # in a store thread

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a blocking store call in a thread, retries it while the store is unavailable, and returns its result.

        Crawling pauses meanwhile, because each caller awaits its call and holds only a few pages.  Raises
        StoreUnavailable when calls have failed for ``store_retry_timeout``; retries without limit if that is None.
        """
        return await self._call_in(self._store_threads, partial(self._timed, work, *args, **kwargs))

    async def call_matching(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``work`` as `call` does, in a thread for long computations, which must not keep store calls waiting."""
        return await self._call_in(self._matching_threads, partial(work, *args, **kwargs))

    def _timed(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        started_at, result = time.monotonic(), "failed"
        try:
            returned = work(*args, **kwargs)
        except StoreUnavailable:
            result = "unavailable"
            raise
        else:
            result = "ok"
            return returned
        finally:
            self.on_store_call(time.monotonic() - started_at, result)

    async def _call_in(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        failed, pause = False, 0.5
        try:
            while True:
                try:
                    result = await loop.run_in_executor(threads, work)
                except StoreUnavailable as error:
                    self._waiting_call_count += not failed
                    failed = True
                    self._first_failure_loop_time = (
                        loop.time() if self._first_failure_loop_time is None else self._first_failure_loop_time
                    )
                    if (
                        self.store_retry_timeout is not None
                        and loop.time() - self._first_failure_loop_time > self.store_retry_timeout.total_seconds()
                    ):
                        raise
                    if not self.is_store_unavailable:
                        log.warning("crawling pauses until the store is back: %s", error)
                        self.is_store_unavailable = True
                    await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  jitter, no secret
                    pause = min(pause * 2, MAX_STORE_RETRY_PAUSE_SECONDS)
                else:
                    if failed or not self._waiting_call_count:  # on a full disk, reads succeed while writes still fail
                        self._mark_store_available()
                    return result
        finally:
            self._waiting_call_count -= failed

    def _mark_store_available(self) -> None:
        """Ends the outage, and logs its end if its beginning was logged."""
        self._first_failure_loop_time = None
        if self.is_store_unavailable:
            log.warning("the store is back: crawling continues")
            self.is_store_unavailable = False

    def close(self) -> None:
        """Stops extraction workers and threads and closes the store.

        Pages in progress are lost; their URLs stay due in the store and are fetched again.
        """
        self.extractor.close()
        for threads in (self._matching_threads, self._store_threads):
            threads.shutdown(wait=True, cancel_futures=True)
        self.store.close()


@contextmanager
def open_service(
    config: Config,
    base: Path,
    *,
    store_retry_timeout: timedelta | None = None,
    while_unavailable: Callable[[], None] | None = None,
) -> Iterator[Service]:
    """Yields a Service with the store set up and migrated; closes it afterwards.

    ``base`` is the directory to which relative paths in the configuration refer.  With ``while_unavailable``, waits
    for an unavailable store and calls it before each attempt; otherwise raises StoreUnavailable.  Raises StoreRefused
    if the store cannot be opened.
    """
    store = open_store(config.store, base)
    try:
        _set_up_store(store, while_unavailable)
        rules = RuleSet.of(config)
        preload(article_analysis.__name__)
        extractor = Extractor(config.crawl.workers, prepare=partial(article_analysis.use_rules, rules))
        service = Service(config, store, extractor, rules, store_retry_timeout=store_retry_timeout)
    except BaseException:
        store.close()
        raise
    try:
        yield service
    finally:
        service.close()


def _set_up_store(store: Store, while_unavailable: Callable[[], None] | None) -> None:
    """Sets the store up.  With ``while_unavailable``, repeats that until the store is available; see `open_service`."""
    failed = False
    while True:
        if while_unavailable:
            while_unavailable()
        try:
            store.setup()
        except StoreUnavailable as error:
            if while_unavailable is None:
                raise
            if not failed:
                log.warning("waiting for the store: %s", error)
            failed = True
            time.sleep(STORE_SETUP_RETRY_PAUSE_SECONDS)
        else:
            if failed:
                log.warning("the store is there: crawling begins")
            return
