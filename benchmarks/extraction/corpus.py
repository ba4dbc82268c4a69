"""Loads the pages for the extraction benchmarks.  They are not in the repository, because publishers own their text.

A corpus directory holds ``article-extraction-benchmark`` (``html/ID.html.gz``, ``ground-truth.json``) and optionally
``dev`` (``NAME.html.gz`` and ``truth.json``, with dates, authors, titles and several languages).
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


@dataclass(frozen=True, kw_only=True)
class Sample:
    name: str
    url: str
    html: bytes
    language: str = "en"
    body: str | None = None  # the full text; None if only snippets of it are known
    present: tuple[str, ...] = ()  # snippets that the text must contain
    absent: tuple[str, ...] = ()  # snippets that it must not contain
    title: str | None = None
    date: str | None = None
    authors: tuple[str, ...] | None = None
    truth_kind: str = "full"  # "full", "snippets" or "none"


def public_samples(corpus: Path) -> list[Sample]:
    """Returns the pages of the public article-extraction-benchmark."""
    root = corpus / "article-extraction-benchmark"
    truth = json.loads((root / "ground-truth.json").read_text())
    return [
        Sample(name=name, url=entry["url"], html=_page(root / "html" / name), body=entry["articleBody"])
        for name, entry in truth.items()
    ]


def dev_samples(corpus: Path) -> list[Sample]:
    """Returns pages in many languages, with their metadata."""
    root = corpus / "dev"
    truth = json.loads((root / "truth.json").read_text())
    return [
        Sample(
            name=name,
            url=entry["url"],
            html=_page(root / name),
            language=entry["language"],
            body=entry["body"] if entry["truth_kind"] == "full" else None,
            present=tuple(entry.get("with") or ()),
            absent=tuple(entry.get("without") or ()),
            title=entry["title"],
            date=entry["date"],
            authors=tuple(entry["authors"] or ()),
            truth_kind=entry["truth_kind"],
        )
        for name, entry in truth.items()
    ]


def add_corpus_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corpus",
        type=Path,
        default=Path(os.environ.get("MONITOR_CORPUS", "../shared/corpus")),
        help="directory of the pages (default: MONITOR_CORPUS, or ../shared/corpus)",
    )


def _page(path: Path) -> bytes:
    return gzip.decompress(path.with_name(path.name + ".html.gz").read_bytes())
