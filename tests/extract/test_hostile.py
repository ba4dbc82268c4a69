"""Whatever a page is made of, it ends as a story or as no story, within the time and memory of a worker."""

from __future__ import annotations

import asyncio

import pytest

from extract import hostile
from monitor.errors import ExtractionError
from monitor.extract import ExtractionOptions, Extractor
from monitor.models import Article, NotArticle, Page, now

pytestmark = pytest.mark.timeout(600)


def test_no_page_stops_the_reading_of_others() -> None:
    async def main() -> dict[str, str]:
        async with Extractor(2, timeout_seconds=60) as extractor:
            tasks = {name: asyncio.create_task(_read(extractor, make())) for name, make in hostile.PAGES.items()}
            return {name: await task for name, task in tasks.items()}

    ends = asyncio.run(main())
    assert {name: end for name, end in ends.items() if end not in {"story", "empty"}} == {}
    assert {name for name, end in ends.items() if end == "empty"} == {"JSON-LD without an end", "every byte there is"}


async def _read(extractor: Extractor, body: bytes) -> str:
    try:
        story = await extractor.read(
            Page(url="https://news.example/2026/a", body=body, fetched_at=now()), ExtractionOptions()
        )
    except ExtractionError as error:
        return error.kind
    if isinstance(story, NotArticle):
        return story.kind
    assert isinstance(story, Article)
    assert "The minister said on day 7" in story.text or len(body) > 4_000_000
    return "story"
