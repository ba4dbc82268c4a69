"""How often title, day, minute and authors of real pages are right, beside trafilatura, in one run.

    python -m benchmarks.extraction.metadata [--corpus DIR] [--wrong]

A title counts where its words are the same; a day or minute where it is the same moment (truths without a zone: the
same in some zone); authors where the same names are given.  Minutes and authors are asked of pages whose truth has any.
"""

from __future__ import annotations

import argparse
import logging
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import trafilatura

from benchmarks.extraction import corpus
from monitor.extract import ExtractionOptions, read
from monitor.models import Article, Page, now

if TYPE_CHECKING:
    from benchmarks.extraction.corpus import Sample


@dataclass(frozen=True, kw_only=True)
class Told:
    title: str = ""
    at: datetime | None = None
    timed: bool = True
    authors: tuple[str, ...] = ()


def monitor(sample: Sample) -> Told:
    story = read(Page(url=sample.url, body=sample.html, fetched_at=now()), ExtractionOptions())
    if not isinstance(story, Article):
        return Told()
    return Told(title=story.title, at=story.published_at, authors=story.authors)


def trafilatura_says(sample: Sample) -> Told:
    document = trafilatura.bare_extraction(sample.html, url=sample.url, include_comments=False, with_metadata=True)
    if document is None or isinstance(document, dict):
        return Told()
    at = datetime.fromisoformat(document.date).replace(tzinfo=UTC) if document.date else None
    authors = tuple(filter(None, (document.author or "").split("; ")))
    return Told(title=document.title or "", at=at, timed=False, authors=authors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_corpus_argument(parser)
    parser.add_argument("--wrong", action="store_true", help="list what the monitor gets wrong")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    samples = corpus.dev_samples(options.corpus)
    print(f"{'':16}{'title':>16}{'day':>16}{'minute':>16}{'authors':>16}")
    for name, reader in (("media-monitor", monitor), ("trafilatura", trafilatura_says)):
        told = {sample.name: reader(sample) for sample in samples}
        counts = {"title": [0, 0], "day": [0, 0], "minute": [0, 0], "authors": [0, 0]}
        for sample in samples:
            for fact, right in _judged(sample, told[sample.name]).items():
                counts[fact][0] += right
                counts[fact][1] += 1
                if options.wrong and name == "media-monitor" and not right:
                    truth = {"title": sample.title, "authors": sample.authors}.get(fact, sample.date)
                    print(f"    {fact:8}{sample.name}: {truth} / {told[sample.name]}")
        print(f"{name:16}" + "".join(f"{f'{a}/{b} {a / b:.3f}':>16}" for a, b in counts.values()))


def _judged(sample: Sample, told: Told) -> dict[str, bool]:
    found: dict[str, bool] = {}
    if sample.title:
        found["title"] = _words(sample.title) == _words(told.title)
    if sample.date:
        true = datetime.fromisoformat(sample.date)
        timed = len(sample.date) > 10 and (true.hour, true.minute, true.second) != (0, 0, 0)
        found["day"] = told.at is not None and _same_day(true, told.at, timed=timed and told.timed)
        if timed:
            found["minute"] = told.timed and told.at is not None and _same_minute(true, told.at)
        if sample.kind == "full":
            found["authors"] = sorted(map(_words, sample.authors or ())) == sorted(map(_words, told.authors))
    return found


def _same_day(true: datetime, at: datetime, *, timed: bool) -> bool:
    if timed and true.tzinfo:
        return abs(true - at) < timedelta(hours=24) and true.astimezone(UTC).date() == at.date()
    apart = (at.replace(tzinfo=None) - true.replace(tzinfo=None)) / timedelta(hours=1)
    return at.date() == true.date() or -14 <= apart <= (14 if timed else 38)


def _same_minute(true: datetime, at: datetime) -> bool:
    if true.tzinfo:
        return abs(true - at) < timedelta(seconds=60)
    shift = at.replace(tzinfo=None, second=0, microsecond=0) - true.replace(second=0, microsecond=0)
    apart = round(abs(shift).total_seconds() / 60)
    return apart <= 14 * 60 and apart % 15 == 0


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


if __name__ == "__main__":
    main()
