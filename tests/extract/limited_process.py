"""A process with a hard limit on its address space, in bytes (first argument): prints the title of a page."""

from __future__ import annotations

import asyncio
import resource
import sys

from monitor.extract import ExtractionOptions, Extractor
from monitor.models import Article, Page, now

TEXT = " ".join(f"Sentence {n} says that the bridge was closed for {n + 2} weeks, and why." for n in range(30))
STORY = f"<html><head><title>Bridge reopens</title></head><body><article><h1>Bridge reopens</h1><p>{TEXT}</p>"


async def main() -> None:
    async with Extractor(1) as extractor:
        page = Page(url="https://news.example/2026/bridge", body=STORY.encode(), fetched_at=now())
        article = await extractor.extract_article(page, ExtractionOptions())
    assert isinstance(article, Article)
    print(article.title)


if __name__ == "__main__":
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    asyncio.run(main())
