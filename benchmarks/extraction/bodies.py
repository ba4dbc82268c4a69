"""How well the text of real pages is found, beside the others, in one run.

    python -m benchmarks.extraction.bodies [--corpus DIR] [--peers DIR] [--worst N]

Prints F1, precision and recall on the public article-extraction-benchmark and on ``dev`` (whole and by language),
and of the pages of which only snippets are known, how many wanted ones were in and unwanted ones out.  Pages that are
said to be no article count as an empty text.
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
from monitor.extract import ExtractionOptions, read
from monitor.models import Article, Page, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.extraction.corpus import Sample

    Reader = Callable[[Sample], str]


def monitor(sample: Sample) -> str:
    story = read(Page(url=sample.url, body=sample.html, fetched_at=now()), ExtractionOptions())
    return story.text if isinstance(story, Article) else ""


def trafilatura_with(**options: bool) -> Reader:
    def run(sample: Sample) -> str:
        document = trafilatura.bare_extraction(sample.html, url=sample.url, include_comments=False, **options)
        return getattr(document, "text", "") or ""

    return run


def readers() -> dict[str, Reader]:
    found: dict[str, Reader] = {
        "media-monitor": monitor,
        "trafilatura": trafilatura_with(),
        "trafilatura fast": trafilatura_with(fast=True),
        "trafilatura precision": trafilatura_with(favor_precision=True),
    }
    with contextlib.suppress(ImportError):
        import lxml.html  # noqa: PLC0415
        import readability  # noqa: PLC0415  a peer: may be missing

        def readable(sample: Sample) -> str:
            summary = readability.Document(sample.html.decode("utf-8", "replace")).summary(html_partial=True)
            return "\n".join(lxml.html.fromstring(summary).itertext()) if summary.strip() else ""

        found["readability-lxml"] = readable
    with contextlib.suppress(ImportError):
        import newspaper  # noqa: PLC0415

        def news(sample: Sample) -> str:
            article = newspaper.Article(sample.url, language=sample.language if len(sample.language) == 2 else "en")
            article.download(input_html=sample.html.decode("utf-8", "replace"))
            article.parse()
            return str(article.text)

        found["newspaper4k"] = news
    with contextlib.suppress(ImportError):
        from resiliparse.extract.html2text import extract_plain_text  # noqa: PLC0415

        found["resiliparse"] = lambda s: str(extract_plain_text(s.html.decode("utf-8", "replace"), main_content=True))
    return found


def run(reader: Reader, samples: list[Sample]) -> tuple[dict[str, str], int]:
    texts, failed = {}, 0
    for sample in samples:
        try:
            texts[sample.name] = reader(sample)
        except Exception:  # noqa: BLE001  a peer that fails on a page has found nothing on it
            texts[sample.name], failed = "", failed + 1
    return texts, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_corpus_argument(parser)
    parser.add_argument("--peers", help="directory that the peers were installed into")
    parser.add_argument("--worst", type=int, default=0, help="also name so many of the monitor's worst pages")
    options = parser.parse_args()
    if options.peers:
        sys.path.append(options.peers)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    public, dev = corpus.public_samples(options.corpus), corpus.dev_samples(options.corpus)
    full = [s for s in dev if s.body is not None]
    snippets = [s for s in dev if s.kind == "snippets"]
    groups = {name: [s for s in full if s.language in codes] for name, codes in _GROUPS.items()}
    groups["other"] = [s for s in full if not any(s.language in codes for codes in _GROUPS.values())]
    print(f"{'':22} {'public F1     P      R':22} {'dev    F1     P      R':22} in     out    pages/s failed", *groups)
    for name, reader in readers().items():
        started = time.process_time()
        texts, failed = run(reader, [*public, *dev])
        rate = (len(public) + len(dev)) / (time.process_time() - started)
        parts = [score((s.body or "", texts[s.name]) for s in part) for part in (public, full)]
        inside = [_flat(t) in _flat(texts[s.name]) for s in snippets for t in s.present]
        outside = [_flat(t) not in _flat(texts[s.name]) for s in snippets for t in s.absent]
        languages = [f"{score((s.body or '', texts[s.name]) for s in part).f1:.3f}" for part in groups.values()]
        print(
            f"{name:22} {parts[0]!s:22} {parts[1]!s:22} {sum(inside) / len(inside):.3f}  "
            f"{sum(outside) / len(outside):.3f}  {rate:7.1f} {failed:6}",
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


def _flat(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
