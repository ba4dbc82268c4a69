"""What one process needs to work: configuration, store, extraction pool, ingest; opened once, closed once."""

from __future__ import annotations

import asyncio
import logging
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from monitor.errors import StoreUnavailable
from monitor.extract import Extractor
from monitor.ingest import Ingest
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

STORE_RETRY_TIMEOUT = timedelta(minutes=2)  # with a store that is away, in a pass that somebody waits for
MAX_RETRY_PAUSE_SECONDS = 30.0  # seconds between two tries of a store that is away


class Service:
    """The parts of a crawling process.  Made by `open_service`."""

    def __init__(
        self, config: Config, store: Store, extractor: Extractor, *, store_retry_timeout: timedelta | None
    ) -> None:
        self.config = config
        self.store = store
        self.extractor = extractor
        self.patience = store_retry_timeout
        self.rules = RuleSet.of(config)
        self.ingest = Ingest(config=config, store=store, extractor=extractor, rules=self.rules, call=self.call)
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="store")
        self.away = False  # the store does not answer, and calls wait for it
        self._since: float | None = None  # the first of these calls failed
        self._waiting = 0

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a blocking call of the store off the loop; while the store is away it waits and tries again.

        Callers hold few pages each, so crawling pauses by itself.  Raises StoreUnavailable once calls have failed for
        ``patience``, where there is one.
        """
        loop = asyncio.get_running_loop()
        failed, pause = False, 0.5
        try:
            while True:
                try:
                    answer = await loop.run_in_executor(self._threads, partial(work, *args, **kwargs))
                except StoreUnavailable as error:
                    self._waiting += not failed
                    failed = True
                    self._since = loop.time() if self._since is None else self._since
                    if self.patience is not None and loop.time() - self._since > self.patience.total_seconds():
                        raise
                    if not self.away:
                        log.warning("crawling pauses until the store is back: %s", error)
                        self.away = True
                    await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  spreads processes, no secret
                    pause = min(pause * 2, MAX_RETRY_PAUSE_SECONDS)
                else:
                    if failed or not self._waiting:  # on a full disk what only reads goes well all the while
                        self._returned()
                    return answer
        finally:
            self._waiting -= failed

    def _returned(self) -> None:
        self._since = None
        if self.away:
            log.warning("the store is back: crawling goes on")
            self.away = False

    def close(self) -> None:
        """Ends workers and threads; what they were doing is lost, and its visits still wait in the store."""
        self.extractor.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.store.close()


@contextmanager
def open_service(config: Config, base: Path, *, store_retry_timeout: timedelta | None = None) -> Iterator[Service]:
    """Opens all parts, the store migrated and ready; relative paths in the configuration start at ``base``.

    Raises StoreUnavailable or StoreRefused before anything is fetched.
    """
    store = open_store(config.store, base)
    try:
        store.setup()
        service = Service(config, store, Extractor(config.crawl.workers), store_retry_timeout=store_retry_timeout)
    except BaseException:
        store.close()
        raise
    try:
        yield service
    finally:
        service.close()
