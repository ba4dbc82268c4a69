"""Extracts articles from fetched pages; the only package that uses trafilatura.

`Extractor` reads pages in worker processes; `read` reads one in the calling process.  Heavy imports are deferred until
the first page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.extract.options import ExtractionOptions
from monitor.extract.pool import Extractor

if TYPE_CHECKING:
    from monitor.models import Article, NotArticle, Page

__all__ = ["ExtractionOptions", "Extractor", "extract_article"]


def extract_article(page: Page, options: ExtractionOptions) -> Article | NotArticle:
    """Extracts a page in this process, without limits: a hostile page may hang, use much memory or raise anything."""
    from monitor.extract import pipeline

    return pipeline.extract_article(page, options)
