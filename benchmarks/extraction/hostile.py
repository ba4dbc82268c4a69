"""Time and memory that pages written to harm take of a worker, beside a large honest page in the same run.

python -m benchmarks.extraction.hostile
"""

from __future__ import annotations

import logging
import resource
import sys
import time
from pathlib import Path

from monitor.extract import ExtractionOptions, read
from monitor.extract.pool import PAGE_TIMEOUT_SECONDS
from monitor.models import NotArticle, Page, now

sys.path.append(str(Path(__file__).parents[2] / "tests"))
from extract import hostile


def main() -> None:
    logging.disable(logging.CRITICAL)
    honest = hostile.story(hostile.PARAGRAPHS * 40)
    _timed(honest)
    bound = min(_timed(honest)[0] for _ in range(3))
    print(f"an honest page of 330 paragraphs: {bound:.3f} s; a worker has {PAGE_TIMEOUT_SECONDS:g} s")
    for name, make in hostile.PAGES.items():
        seconds, end = _timed(make())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{name:32} {seconds:7.2f} s {seconds / bound:8.1f} times  {end:8} peak so far {peak} MB", flush=True)


def _timed(body: bytes) -> tuple[float, str]:
    started = time.process_time()
    story = read(Page(url="https://news.example/2026/a", body=body, fetched_at=now()), ExtractionOptions())
    return time.process_time() - started, story.kind if isinstance(story, NotArticle) else "story"


if __name__ == "__main__":
    main()
