"""Measures the time and memory that hostile pages take, next to a large normal page in the same run.

python -m benchmarks.extraction.hostile
"""

from __future__ import annotations

import logging
import resource
import sys
import time
from pathlib import Path

from monitor.extract import ExtractionOptions, extract_article
from monitor.extract.pool import EXTRACTION_TIMEOUT_SECONDS
from monitor.models import NotArticle, Page, now

sys.path.append(str(Path(__file__).parents[2] / "tests"))
from extract import hostile_pages


def main() -> None:
    logging.disable(logging.CRITICAL)
    normal_page = hostile_pages.story_page(hostile_pages.PARAGRAPHS * 40)
    _timed_extraction(normal_page)
    normal_seconds = min(_timed_extraction(normal_page)[0] for _ in range(3))
    print(
        f"a normal page of 330 paragraphs: {normal_seconds:.3f} s; "
        f"the limit per page is {EXTRACTION_TIMEOUT_SECONDS:g} s"
    )
    for name, make in hostile_pages.PAGES.items():
        seconds, result = _timed_extraction(make())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{name:32} {seconds:7.2f} s {seconds / normal_seconds:8.1f} times  {result:8} peak so far {peak} MB",
            flush=True,
        )


def _timed_extraction(body: bytes) -> tuple[float, str]:
    started = time.process_time()
    result = extract_article(Page(url="https://news.example/2026/a", body=body, fetched_at=now()), ExtractionOptions())
    return time.process_time() - started, result.kind if isinstance(result, NotArticle) else "story"


if __name__ == "__main__":
    main()
