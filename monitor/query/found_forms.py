"""Counts the written forms that a word of a query finds, which may be those of another word: Waters and water."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from monitor.query.analysis import InflectedToken, token_matchers
from monitor.query.folding import fold_case_and_diacritics
from monitor.query.matcher import analysed_story
from monitor.query.occurrences import matching_positions
from monitor.query.syntax import Word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.models import Story
    from monitor.query.syntax import Node


def is_inflected_name(node: Node) -> bool:
    """Returns True for a word with a capital whose inflected forms a query finds, so that it may find another word."""
    if not isinstance(node, Word) or node.raw or not node.text.istitle():
        return False
    sequence = token_matchers(node)
    return len(sequence) == 1 and isinstance(sequence[0], InflectedToken)


def other_words_found(name: Word, stories: Iterable[Story]) -> tuple[str, float]:
    """Returns the most frequent word in lower case that a name finds in the stories, and the share of such words.

    The share is that of all places where the name is found, 0 to 1; the word is "" if there is none.
    """
    (token_matcher,) = token_matchers(name)
    own, others, total = fold_case_and_diacritics(name.text), Counter[str](), 0
    for story in stories:
        for text in analysed_story(story).analysed_texts(name.field):
            for position in matching_positions(text, token_matcher):
                forms = text[position]
                total += 1
                others[forms.raw] += forms.raw.islower() and forms.exact != own
    if not others.total():
        return "", 0.0
    return others.most_common(1)[0][0], others.total() / total
