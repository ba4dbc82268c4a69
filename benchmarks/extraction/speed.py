"""Pages a second on one core, beside trafilatura with metadata on the same pages in the same run.

    python -m benchmarks.extraction.speed [--corpus DIR] [--pages N] [--rounds N]

Both read the same pages in turns, so that what else the machine does burdens both; the ratio is what counts.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from typing import TYPE_CHECKING

import trafilatura

from benchmarks.extraction import corpus
from monitor.extract import ExtractionOptions, read
from monitor.models import Page, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.extraction.corpus import Sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_corpus_argument(parser)
    parser.add_argument("--pages", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    samples = [*corpus.public_samples(options.corpus), *corpus.dev_samples(options.corpus)]
    samples = samples[:: max(1, len(samples) // options.pages)]
    ours, theirs = [], []
    for sample in samples[:5]:
        _monitor(sample)
        _trafilatura(sample)
    for _ in range(options.rounds):
        mine = its = 0.0
        for sample in samples:
            mine += _timed(_monitor, sample)
            its += _timed(_trafilatura, sample)
        ours.append(len(samples) / mine)
        theirs.append(len(samples) / its)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"{len(samples)} pages, {options.rounds} rounds, processor time of one core")
    print(f"media-monitor, whole story                    {statistics.median(ours):7.1f} pages/s")
    print(f"trafilatura.bare_extraction(with_metadata)    {statistics.median(theirs):7.1f} pages/s")
    print(f"ratio                                         {ratio:7.2f}")


def _timed(reader: Callable[[Sample], None], sample: Sample) -> float:
    started = time.process_time()
    reader(sample)
    return time.process_time() - started


def _monitor(sample: Sample) -> None:
    read(Page(url=sample.url, body=sample.html, fetched_at=now()), ExtractionOptions())


def _trafilatura(sample: Sample) -> None:
    trafilatura.bare_extraction(sample.html, url=sample.url, with_metadata=True)


if __name__ == "__main__":
    main()
