"""A process with a busy worker: prints the worker's id, then has it hang."""

from __future__ import annotations

import asyncio
import signal

from extract import hurtful
from monitor.extract import ExtractionOptions, Extractor, pool
from monitor.models import Page, now

PAGE = Page(url="https://news.example/", body=hurtful.HARM, fetched_at=now())


async def main() -> None:
    task = asyncio.current_task()
    assert task is not None
    # asyncio's own handler may sleep over a signal that comes just before it waits.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    async with Extractor(1) as extractor:
        pool.worker.extract_article = hurtful.children  # type: ignore[assignment]
        print(await extractor.read(PAGE, ExtractionOptions()), flush=True)
        pool.worker.extract_article = hurtful.hang
        await extractor.read(PAGE, ExtractionOptions())


if __name__ == "__main__":
    asyncio.run(main())
