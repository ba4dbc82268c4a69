"""Scores the text that is extracted from real pages, next to other extractors, in one run.

    python -m benchmarks.extraction.bodies [--corpus DIR] [--peers DIR] [--worst N]

Prints F1, precision and recall on the public article-extraction-benchmark and on ``dev`` (in total and by language).
For pages of which only snippets are known, prints the shares of wanted snippets present and unwanted ones absent.  A
page classified as no article counts as an empty text.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import time
import warnings
from typing import TYPE_CHECKING

import trafilatura

from benchmarks.extraction import corpus
from benchmarks.extraction.measures import page_score, score
from monitor.extract import ExtractionOptions, extract_article
from monitor.models import Article, Page, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.extraction.corpus import Sample

    Extractor = Callable[[Sample], str]


def media_monitor(sample: Sample) -> str:
    result = extract_article(Page(url=sample.url, body=sample.html, fetched_at=now()), ExtractionOptions())
    return result.text if isinstance(result, Article) else ""


def trafilatura_with(**options: bool) -> Extractor:
    def trafilatura_text(sample: Sample) -> str:
        document = trafilatura.bare_extraction(sample.html, url=sample.url, include_comments=False, **options)
        return getattr(document, "text", "") or ""

    return trafilatura_text


def extractors() -> dict[str, Extractor]:
    by_name: dict[str, Extractor] = {
        "media-monitor": media_monitor,
        "trafilatura": trafilatura_with(),
        "trafilatura fast": trafilatura_with(fast=True),
        "trafilatura precision": trafilatura_with(favor_precision=True),
    }
    with contextlib.suppress(ImportError):
        import lxml.html  # noqa: PLC0415  used only with readability
        import readability  # noqa: PLC0415  optional

        def readability_text(sample: Sample) -> str:
            summary = readability.Document(sample.html.decode("utf-8", "replace")).summary(html_partial=True)
            return "\n".join(lxml.html.fromstring(summary).itertext()) if summary.strip() else ""

        by_name["readability-lxml"] = readability_text
    with contextlib.suppress(ImportError):
        import newspaper  # noqa: PLC0415  optional

        def newspaper_text(sample: Sample) -> str:
            article = newspaper.Article(sample.url, language=sample.language if len(sample.language) == 2 else "en")
            article.download(input_html=sample.html.decode("utf-8", "replace"))
            article.parse()
            return str(article.text)

        by_name["newspaper4k"] = newspaper_text
    with contextlib.suppress(ImportError):
        from resiliparse.extract.html2text import extract_plain_text  # noqa: PLC0415  optional

        by_name["resiliparse"] = lambda s: str(extract_plain_text(s.html.decode("utf-8", "replace"), main_content=True))
    return by_name


def run(extractor: Extractor, samples: list[Sample]) -> tuple[dict[str, str], int]:
    texts, failed = {}, 0
    for sample in samples:
        try:
            texts[sample.name] = extractor(sample)
        except Exception:  # noqa: BLE001  an extractor that fails on a page scores as an empty text
            texts[sample.name], failed = "", failed + 1
    return texts, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_corpus_argument(parser)
    parser.add_argument("--peers", help="directory with the installed packages of the other extractors")
    parser.add_argument(
        "--worst", type=int, default=0, help="also list this number of the pages with media-monitor's lowest scores"
    )
    options = parser.parse_args()
    if options.peers:
        sys.path.append(options.peers)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    public, dev = corpus.public_samples(options.corpus), corpus.dev_samples(options.corpus)
    full = [s for s in dev if s.body is not None]
    snippets = [s for s in dev if s.truth_kind == "snippets"]
    groups = {name: [s for s in full if s.language in codes] for name, codes in _GROUPS.items()}
    groups["other"] = [s for s in full if not any(s.language in codes for codes in _GROUPS.values())]
    print(f"{'':22} {'public F1     P      R':22} {'dev    F1     P      R':22} in     out    pages/s failed", *groups)
    for name, extractor in extractors().items():
        started = time.process_time()
        texts, failed = run(extractor, [*public, *dev])
        rate = (len(public) + len(dev)) / (time.process_time() - started)
        scores = [score((s.body or "", texts[s.name]) for s in part) for part in (public, full)]
        wanted_present = [_collapse_spaces(t) in _collapse_spaces(texts[s.name]) for s in snippets for t in s.present]
        unwanted_absent = [
            _collapse_spaces(t) not in _collapse_spaces(texts[s.name]) for s in snippets for t in s.absent
        ]
        languages = [f"{score((s.body or '', texts[s.name]) for s in part).f1:.3f}" for part in groups.values()]
        print(
            f"{name:22} {scores[0]!s:22} {scores[1]!s:22} {sum(wanted_present) / len(wanted_present):.3f}  "
            f"{sum(unwanted_absent) / len(unwanted_absent):.3f}  {rate:7.1f} {failed:6}",
            *languages,
        )
        if name == "media-monitor" and options.worst:
            for sample in sorted([*public, *full], key=lambda s: _f1(s, texts[s.name]))[: options.worst]:
                print(f"    {_f1(sample, texts[sample.name]):.3f} {sample.name} {sample.url}")


_GROUPS = {
    "en": {"en"},
    "germanic": {"de", "nl", "da", "no", "sv", "is"},
    "romance": {"es", "fr", "it", "pt"},
    "slavic": {"ru", "pl", "cs"},
    "greek": {"el"},
    "cjk": {"zh", "ja", "ko"},
}


def _f1(sample: Sample, text: str) -> float:
    precision, recall = page_score(sample.body or "", text)
    total = (precision or 0.0) + (recall or 0.0)
    return 2 * (precision or 0.0) * (recall or 0.0) / total if total else 0.0


def _collapse_spaces(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
