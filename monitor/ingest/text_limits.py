"""Bounds what is stored of an article: the words of its text, and the lengths of its title and other metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.extract.text_limits import cut_characters, with_flag
from monitor.query.segmentation import word_boundaries, words_of

if TYPE_CHECKING:
    from monitor.models import Article

MAX_WORDS = 100_000  # of a text; an index entry has a position for each
# Of a text; matching and indexing take 25 microseconds for each word that no earlier text contains.  A novel of 500,000
# words has 20,000 different ones.
MAX_DIFFERENT_WORDS = 20_000
MAX_TITLE_CHARACTERS = 1000
MAX_NAME_CHARACTERS = 200  # of an author, a section or a tag
MAX_NAMES = 100  # authors and tags each


def limited_article(article: Article) -> Article:
    """Returns the article within the bounds of this module; flags it ``truncated`` if its text is cut."""
    text = cut_words(cut_characters(article.text))
    return replace(
        article,
        text=text,
        title=cut_characters(article.title, max_characters=MAX_TITLE_CHARACTERS),
        authors=_limited_names(article.authors),
        tags=_limited_names(article.tags),
        section=article.section and cut_characters(article.section, max_characters=MAX_NAME_CHARACTERS),
        flags=article.flags if text == article.text else with_flag(article.flags, "truncated"),
    )


def cut_words(text: str) -> str:
    """Returns the text up to MAX_WORDS words and MAX_DIFFERENT_WORDS different words."""
    if len(text) <= MAX_DIFFERENT_WORDS:
        return text
    words = words_of(text)
    if len(words) <= MAX_WORDS and len(set(words)) <= MAX_DIFFERENT_WORDS:
        return text
    seen: set[str] = set()
    for count, word in enumerate(words):
        seen.add(word)
        if count == MAX_WORDS or len(seen) > MAX_DIFFERENT_WORDS:
            return text[: word_boundaries(text)[count][0]].rstrip()
    return text


def _limited_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(cut_characters(name, max_characters=MAX_NAME_CHARACTERS) for name in names[:MAX_NAMES])
