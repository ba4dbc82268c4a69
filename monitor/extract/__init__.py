"""Extracts articles from fetched pages; the only package that uses trafilatura.

`Extractor` extracts pages in worker processes; `extract_article` extracts one page in the calling process.  The
extraction libraries are imported with the first page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.extract.options import ExtractionOptions
from monitor.extract.pool import Extractor
from monitor.extract.worker_process import preload

if TYPE_CHECKING:
    from monitor.models import Article, NotArticle, Page

__all__ = ["ExtractionOptions", "Extractor", "extract_article", "preload"]


def extract_article(page: Page, options: ExtractionOptions) -> Article | NotArticle:
    """Returns the page's article, or the kind of a page without one; runs in the calling process.

    Time and memory are not limited: a hostile page may hang, exhaust the memory, or raise any exception.
    """
    from monitor.extract import pipeline

    return pipeline.extract_article(page, options)
