"""A process with a busy worker: prints the worker's id, then has it hang."""

from __future__ import annotations

import asyncio

from extract import hurtful
from monitor.extract import Extractor, Reading, pool
from monitor.models import Page, now

PAGE = Page(url="https://news.example/", body=hurtful.HARM, fetched_at=now())


async def main() -> None:
    async with Extractor(1) as extractor:
        pool.worker.read = hurtful.children  # type: ignore[assignment]
        print(await extractor.read(PAGE, Reading()), flush=True)
        pool.worker.read = hurtful.hang
        await extractor.read(PAGE, Reading())


if __name__ == "__main__":
    asyncio.run(main())
