"""From a fetched page to an article: the only room that knows trafilatura.

`Extractor` reads pages in worker processes; `read` does it here and now.  Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.extract.options import ExtractionOptions
from monitor.extract.pool import Extractor

if TYPE_CHECKING:
    from monitor.models import Article, NotArticle, Page

__all__ = ["ExtractionOptions", "Extractor", "read"]


def read(page: Page, options: ExtractionOptions) -> Article | NotArticle:
    """What the page is, read in this process: a page made to harm may take long or raise what it likes."""
    from monitor.extract import pipeline

    return pipeline.extract_article(page, options)
