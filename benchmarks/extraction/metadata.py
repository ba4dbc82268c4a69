"""Counts how often title, day, minute and authors of real pages are right, next to trafilatura, in one run.

    python -m benchmarks.extraction.metadata [--corpus DIR] [--wrong]

A title is right if it has the same words; a day or minute if it is the same point in time (in some time zone, if the
truth states none); authors if the same names are given.  Minutes and authors count only on pages whose truth has them.
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
from monitor.extract import ExtractionOptions, extract_article
from monitor.models import Article, Page, now

if TYPE_CHECKING:
    from benchmarks.extraction.corpus import Sample


@dataclass(frozen=True, kw_only=True)
class ExtractedMetadata:
    title: str = ""
    published_at: datetime | None = None
    has_time: bool = True
    authors: tuple[str, ...] = ()


def media_monitor(sample: Sample) -> ExtractedMetadata:
    article = extract_article(Page(url=sample.url, body=sample.html, fetched_at=now()), ExtractionOptions())
    if not isinstance(article, Article):
        return ExtractedMetadata()
    return ExtractedMetadata(title=article.title, published_at=article.published_at, authors=article.authors)


def trafilatura_alone(sample: Sample) -> ExtractedMetadata:
    document = trafilatura.bare_extraction(sample.html, url=sample.url, include_comments=False, with_metadata=True)
    if document is None or isinstance(document, dict):
        return ExtractedMetadata()
    day = datetime.fromisoformat(document.date).replace(tzinfo=UTC) if document.date else None
    authors = tuple(filter(None, (document.author or "").split("; ")))
    return ExtractedMetadata(title=document.title or "", published_at=day, has_time=False, authors=authors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_corpus_argument(parser)
    parser.add_argument("--wrong", action="store_true", help="list the pages that media-monitor gets wrong")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    samples = corpus.dev_samples(options.corpus)
    print(f"{'':16}{'title':>16}{'day':>16}{'minute':>16}{'authors':>16}")
    for name, extractor in (("media-monitor", media_monitor), ("trafilatura", trafilatura_alone)):
        extracted = {sample.name: extractor(sample) for sample in samples}
        counts = {"title": [0, 0], "day": [0, 0], "minute": [0, 0], "authors": [0, 0]}
        for sample in samples:
            for field, is_right in _compare(sample, extracted[sample.name]).items():
                counts[field][0] += is_right
                counts[field][1] += 1
                if options.wrong and name == "media-monitor" and not is_right:
                    truth = {"title": sample.title, "authors": sample.authors}.get(field, sample.date)
                    print(f"    {field:8}{sample.name}: {truth} / {extracted[sample.name]}")
        print(f"{name:16}" + "".join(f"{f'{a}/{b} {a / b:.3f}':>16}" for a, b in counts.values()))


def _compare(sample: Sample, extracted: ExtractedMetadata) -> dict[str, bool]:
    """Returns for each field that the truth states whether it is right."""
    is_right: dict[str, bool] = {}
    if sample.title:
        is_right["title"] = _words(sample.title) == _words(extracted.title)
    if sample.date:
        true_time = datetime.fromisoformat(sample.date)
        published_at = extracted.published_at
        has_time = len(sample.date) > 10 and (true_time.hour, true_time.minute, true_time.second) != (0, 0, 0)
        is_right["day"] = published_at is not None and _same_day(
            true_time, published_at, has_time=has_time and extracted.has_time
        )
        if has_time:
            is_right["minute"] = (
                extracted.has_time and published_at is not None and _same_minute(true_time, published_at)
            )
        if sample.truth_kind == "full":
            is_right["authors"] = sorted(map(_words, sample.authors or ())) == sorted(map(_words, extracted.authors))
    return is_right


def _same_day(true_time: datetime, published_at: datetime, *, has_time: bool) -> bool:
    if has_time and true_time.tzinfo:
        is_within_a_day = abs(true_time - published_at) < timedelta(hours=24)
        return is_within_a_day and true_time.astimezone(UTC).date() == published_at.date()
    hours_apart = (published_at.replace(tzinfo=None) - true_time.replace(tzinfo=None)) / timedelta(hours=1)
    return published_at.date() == true_time.date() or -14 <= hours_apart <= (14 if has_time else 38)


def _same_minute(true_time: datetime, published_at: datetime) -> bool:
    if true_time.tzinfo:
        return abs(true_time - published_at) < timedelta(seconds=60)
    difference = published_at.replace(tzinfo=None, second=0, microsecond=0) - true_time.replace(second=0, microsecond=0)
    minutes_apart = round(abs(difference).total_seconds() / 60)
    return minutes_apart <= 14 * 60 and minutes_apart % 15 == 0


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


if __name__ == "__main__":
    main()
