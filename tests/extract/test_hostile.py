"""Hostile pages end as an article or a page kind, within the time and memory of a worker."""

from __future__ import annotations

import asyncio

import pytest

from extract import hostile_pages
from monitor.errors import ExtractionError
from monitor.extract import ExtractionOptions, Extractor
from monitor.models import Article, NotArticle, Page, now

pytestmark = pytest.mark.timeout(600)


def test_hostile_pages_are_extracted_within_limits() -> None:
    async def main() -> dict[str, str]:
        async with Extractor(2, timeout_seconds=60) as extractor:
            tasks = {
                name: asyncio.create_task(_result(extractor, make())) for name, make in hostile_pages.PAGES.items()
            }
            return {name: await task for name, task in tasks.items()}

    results = asyncio.run(main())
    assert {name: result for name, result in results.items() if result not in {"story", "empty"}} == {}
    assert {name for name, result in results.items() if result == "empty"} == {
        "JSON-LD without an end",
        "every byte there is",
    }


async def _result(extractor: Extractor, body: bytes) -> str:
    try:
        result = await extractor.extract_article(
            Page(url="https://news.example/2026/a", body=body, fetched_at=now()), ExtractionOptions()
        )
    except ExtractionError as error:
        return error.label
    if isinstance(result, NotArticle):
        return result.kind
    assert isinstance(result, Article)
    assert "The minister said on day 7" in result.text or len(body) > 4_000_000
    return "story"
