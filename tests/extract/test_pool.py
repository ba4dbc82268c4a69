"""The pool of workers: a page that harms its worker loses only that page."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extract import faulty_readers
from monitor.errors import ExtractionError
from monitor.extract import ExtractionOptions, Extractor, pool
from monitor.extract.worker_process import WorkerProcess
from monitor.models import Article, Page, now

if TYPE_CHECKING:
    from collections.abc import Callable

STORY = b"<html><head><title>Bridge reopens</title></head><body><article><h1>Bridge reopens</h1>" + b"".join(
    f"<p>Paragraph {n} of the story says that the bridge was closed for {n + 2} weeks, and why.</p>".encode()
    for n in range(12)
)


def page(body: bytes = STORY) -> Page:
    return Page(url="https://news.example/2026/bridge", body=body, fetched_at=now())


def use_reader(monkeypatch: pytest.MonkeyPatch, reader: Callable[[Page, ExtractionOptions], Article]) -> None:
    """Makes the workers call ``reader`` on each page; the function is pickled by name."""
    monkeypatch.setattr(pool.worker, "extract_article", reader)


def test_concurrent_pages_return_to_their_callers() -> None:
    async def main() -> list[str]:
        async with Extractor(2) as extractor:
            stories = await asyncio.gather(
                *(
                    extractor.extract_article(
                        page(STORY.replace(b"bridge", f"bridge{n}".encode())), ExtractionOptions()
                    )
                    for n in range(30)
                )
            )
        return [story.text for story in stories if isinstance(story, Article)]

    texts = asyncio.run(main())
    assert [f"bridge{n} " in text for n, text in enumerate(texts)] == [True] * 30


@pytest.mark.parametrize(
    ("reader", "kind"),
    [
        (faulty_readers.hang, "timeout"),
        (faulty_readers.die, "crash"),
        (faulty_readers.bloat, "memory"),
        (faulty_readers.fail, "error"),
        (faulty_readers.recurse, "error"),
    ],
)
def test_page_that_harms_its_worker_loses_only_itself(
    monkeypatch: pytest.MonkeyPatch, reader: Callable[[Page, ExtractionOptions], Article], kind: str
) -> None:
    use_reader(monkeypatch, reader)

    async def main() -> tuple[str, list[str]]:
        async with Extractor(1, timeout_seconds=1.5, memory_bytes=400_000_000) as extractor:
            bad = asyncio.create_task(extractor.extract_article(page(faulty_readers.HARM), ExtractionOptions()))
            good = [asyncio.create_task(extractor.extract_article(page(), ExtractionOptions())) for _ in range(3)]
            with pytest.raises(ExtractionError) as caught:
                await bad
            return caught.value.label, [(await story).title for story in good]  # type: ignore[union-attr]  # an article

    assert asyncio.run(main()) == (kind, ["Bridge reopens"] * 3)


def test_workers_are_replaced_after_their_number_of_pages() -> None:
    async def main() -> int:
        async with Extractor(1, pages_per_worker=3) as extractor:
            return len([await extractor.extract_article(page(), ExtractionOptions()) for _ in range(10)])

    assert asyncio.run(main()) == 10


def test_event_loop_keeps_running_while_workers_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start of a worker ends here only after the event loop has run on, so it must not block the loop."""
    is_starting, has_run_on = threading.Event(), threading.Event()
    start, results = WorkerProcess.start, []

    def start_after_the_loop_has_run_on(memory_bytes: int, prepare: None) -> WorkerProcess:
        is_starting.set()
        results.append(has_run_on.wait(20))
        return start(memory_bytes, prepare)

    async def main() -> None:
        async with Extractor(1) as extractor:
            story = asyncio.create_task(extractor.extract_article(page(), ExtractionOptions()))
            await asyncio.to_thread(is_starting.wait, 20)
            has_run_on.set()
            await story

    monkeypatch.setattr(WorkerProcess, "start", start_after_the_loop_has_run_on)
    asyncio.run(main())
    assert results == [True]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_without_output(signal_number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "extract.parent_process"],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    workers = [int(word) for word in parent.stdout.readline().split()]
    assert workers
    parent.send_signal(signal_number)
    parent.wait(60)
    deadline = time.monotonic() + 60
    while any(_is_running(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_is_running(worker) for worker in workers)
    assert "Process extraction" not in parent.stderr.read()


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
        with open(f"/proc/{process_id}/stat") as file:  # noqa: PTH123  the file may be gone
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
