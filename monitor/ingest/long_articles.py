"""Locks for long articles, so that an outlet with many of them delays only its own stories."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from monitor.models import Article

LONG_ARTICLE_CHARACTERS = 15_000  # text above which only one article of an outlet is matched or written at a time
VERY_LONG_ARTICLE_CHARACTERS = 60_000  # text above which only one article of all outlets is written at a time


class LongArticles:
    """One outlet matches or writes one long article at a time; the locks are held in the order of arrival."""

    def __init__(self) -> None:
        self._outlet_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._write_lock = asyncio.Lock()

    @asynccontextmanager
    async def matching(self, outlet: str, article: Article) -> AsyncIterator[None]:
        """Holds the outlet's lock if the article is long, so that it does not occupy all threads that match."""
        if len(article.text) <= LONG_ARTICLE_CHARACTERS:
            yield
            return
        lock = self._outlet_locks.setdefault(outlet, asyncio.Lock())
        async with lock:
            yield

    @asynccontextmanager
    async def writing(self, outlet: str, article: Article) -> AsyncIterator[None]:
        """Holds the outlet's lock if the article is long, and that of all writes if it is very long.

        A batch of commits then has one very long article at most.  As each outlet waits for the second lock with one
        article, none waits for more than one of each other outlet.
        """
        async with self.matching(outlet, article):
            if len(article.text) <= VERY_LONG_ARTICLE_CHARACTERS:
                yield
                return
            async with self._write_lock:
                yield
