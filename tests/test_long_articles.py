"""The locks of long articles: an outlet with many of them delays only its own stories."""

from __future__ import annotations

import asyncio

import pytest

from monitor.ingest.long_articles import LONG_ARTICLE_CHARACTERS, VERY_LONG_ARTICLE_CHARACTERS, LongArticles
from monitor.models import Article

SHORT, LONG, VERY_LONG = (
    Article(title="A report", text="x" * (length + extra))
    for length, extra in ((LONG_ARTICLE_CHARACTERS, 0), (LONG_ARTICLE_CHARACTERS, 1), (VERY_LONG_ARTICLE_CHARACTERS, 1))
)


@pytest.mark.parametrize(
    ("held", "wanted", "lock", "waits"),
    [
        (("b", LONG), ("b", LONG), "matching", True),
        (("b", LONG), ("b", SHORT), "matching", False),
        (("b", VERY_LONG), ("a", VERY_LONG), "matching", False),
        (("b", LONG), ("a", LONG), "writing", False),
        (("b", VERY_LONG), ("a", VERY_LONG), "writing", True),
    ],
)
def test_an_article_waits_for_long_ones_of_its_outlet(
    held: tuple[str, Article], wanted: tuple[str, Article], lock: str, waits: bool
) -> None:
    async def main() -> None:
        articles = LongArticles()
        take = getattr(articles, lock)

        async def take_wanted() -> None:
            async with take(*wanted):
                pass

        async with take(*held):
            waiting = asyncio.create_task(take_wanted())
            await asyncio.sleep(0.01)
            assert waiting.done() is not waits
        await asyncio.wait_for(waiting, 5)

    asyncio.run(main())
