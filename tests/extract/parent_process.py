"""A process with a busy worker: prints the worker's process id, then makes the worker hang."""

from __future__ import annotations

import asyncio
import signal

from extract import faulty_readers
from monitor.extract import ExtractionOptions, Extractor, pool
from monitor.models import Page, now

PAGE = Page(url="https://news.example/", body=faulty_readers.HARM, fetched_at=now())


async def main() -> None:
    task = asyncio.current_task()
    assert task is not None
    # asyncio's own handler may miss a signal that arrives just before the loop waits.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    async with Extractor(1) as extractor:
        pool.worker.extract_article = faulty_readers.process_id  # type: ignore[assignment]  # returns no article
        print(await extractor.extract_article(PAGE, ExtractionOptions()), flush=True)
        pool.worker.extract_article = faulty_readers.hang
        await extractor.extract_article(PAGE, ExtractionOptions())


if __name__ == "__main__":
    asyncio.run(main())
