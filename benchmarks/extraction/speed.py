"""Measures pages per second on one core, next to trafilatura with metadata on the same pages in the same run.

    python -m benchmarks.extraction.speed [--corpus DIR] [--pages N] [--repeats N]

The two alternate page by page, so that other load on the machine slows both; only the ratio is meaningful.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
from typing import TYPE_CHECKING

import trafilatura

from benchmarks.extraction import corpus
from monitor.extract import ExtractionOptions, extract_article
from monitor.models import Page, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.extraction.corpus import Sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_corpus_argument(parser)
    parser.add_argument("--pages", type=int, default=150, help="size of the sample (default: 150)")
    parser.add_argument("--repeats", "--rounds", type=int, default=3, help="runs of all pages (default: 3)")
    options = parser.parse_args()
    if any(argument.startswith("--rounds") for argument in sys.argv):
        print("note: --rounds is now --repeats; the next version will not accept the old name", file=sys.stderr)
    logging.disable(logging.CRITICAL)
    samples = [*corpus.public_samples(options.corpus), *corpus.dev_samples(options.corpus)]
    samples = samples[:: max(1, len(samples) // options.pages)]
    monitor_rates, trafilatura_rates = [], []
    for sample in samples[:5]:
        _run_monitor(sample)
        _run_trafilatura(sample)
    for _ in range(options.repeats):
        monitor_seconds = trafilatura_seconds = 0.0
        for sample in samples:
            monitor_seconds += _seconds(_run_monitor, sample)
            trafilatura_seconds += _seconds(_run_trafilatura, sample)
        monitor_rates.append(len(samples) / monitor_seconds)
        trafilatura_rates.append(len(samples) / trafilatura_seconds)
    ratio = statistics.median(a / b for a, b in zip(monitor_rates, trafilatura_rates, strict=True))
    print(f"{len(samples)} pages, {options.repeats} repeats, processor time of one core")
    print(f"media-monitor, complete article               {statistics.median(monitor_rates):7.1f} pages/s")
    print(f"trafilatura.bare_extraction(with_metadata)    {statistics.median(trafilatura_rates):7.1f} pages/s")
    print(f"ratio                                         {ratio:7.2f}")


def _seconds(extractor: Callable[[Sample], None], sample: Sample) -> float:
    started = time.process_time()
    extractor(sample)
    return time.process_time() - started


def _run_monitor(sample: Sample) -> None:
    extract_article(Page(url=sample.url, body=sample.html, fetched_at=now()), ExtractionOptions())


def _run_trafilatura(sample: Sample) -> None:
    trafilatura.bare_extraction(sample.html, url=sample.url, with_metadata=True)


if __name__ == "__main__":
    main()
