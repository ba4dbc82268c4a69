"""One page to one article."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trafilatura

from monitor.models import Article, NotArticle

if TYPE_CHECKING:
    from monitor.extract.reading import Reading
    from monitor.models import Page


def read(page: Page, reading: Reading) -> Article | NotArticle:
    document = trafilatura.bare_extraction(page.body, url=page.url, include_comments=False, with_metadata=True)
    if not isinstance(document, trafilatura.settings.Document) or not document.text:
        return NotArticle(kind="empty")
    return Article(
        title=document.title or "",
        text="\n\n".join(document.text.split("\n")),
        authors=tuple((document.author or "").split("; ")) if document.author else (),
        method="trafilatura",
        language=reading.language,
    )
