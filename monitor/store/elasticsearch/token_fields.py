"""The fields of a story's document that have one word for each token of a TEXT field, which keeps the token's position.

Elasticsearch splits them at spaces; `FILLER` stands for a token without such a form.
"""

from __future__ import annotations

import enum
import itertools
from typing import TYPE_CHECKING

from monitor.query.analysis import Form
from monitor.query.fields import TEXT_FIELDS
from monitor.query.matcher import AnalysedStory
from monitor.query.sections import Section
from monitor.store.elasticsearch.analysis import FILLER

if TYPE_CHECKING:
    from monitor.models import Json, Story
    from monitor.query.analysis import Tokens


def section_word(in_sentence: Place, in_paragraph: Place) -> str:
    """Returns the word of the field ``sections`` for a token with these places in its sentence and its paragraph."""
    return f"{in_sentence}{in_paragraph}"


class Place(enum.StrEnum):
    """The place of a token in a sentence or paragraph."""

    FIRST = "f"
    LAST = "l"
    ONLY = "o"
    INSIDE = "i"


def token_fields(story: Story) -> Json:
    """Returns the lead of a story, and for each TEXT field its stems, signed forms and boundaries of sentences."""
    analysed = AnalysedStory(story)
    fields: Json = {"stems": {}, Form.SIGNED: {}, Form.SIGNED_RAW: {}, "sections": {}}
    for name in TEXT_FIELDS:
        (tokens,) = analysed.analysed_texts(name)
        fields["stems"][name] = " ".join([tokens[position].stem or FILLER for position in range(len(tokens))])
        for form in (Form.SIGNED, Form.SIGNED_RAW):
            by_token = tokens.positions(form)
            fields[form][name] = _sparse(
                {position: token for token, positions in by_token.items() for position in positions}
            )
        fields["sections"][name] = _sparse(_section_words(tokens))
    (lead,) = analysed.analysed_texts("lead")
    return {"lead": lead.text, **fields}


def _section_words(tokens: Tokens) -> dict[int, str]:
    """Returns the words of the field ``sections`` by position, for the first and the last token of each sentence."""
    if not len(tokens):
        return {}
    sentence_starts = [0, *tokens.section_starts(Section.SENTENCE), len(tokens)]
    paragraph_starts = {0, *tokens.section_starts(Section.PARAGRAPH), len(tokens)}
    words: dict[int, str] = {}
    for start, end in itertools.pairwise(sentence_starts):
        for position in {start, end - 1}:
            in_sentence = _place(position == start, position + 1 == end)
            in_paragraph = _place(position in paragraph_starts, position + 1 in paragraph_starts)
            words[position] = section_word(in_sentence, in_paragraph)
    return words


def _place(is_first: bool, is_last: bool) -> Place:
    if is_first:
        return Place.ONLY if is_last else Place.FIRST
    return Place.LAST if is_last else Place.INSIDE


def _sparse(words: dict[int, str]) -> str:
    """Returns the words separated by spaces, with FILLER at all positions before the last that have none."""
    all_words = [FILLER] * (max(words, default=-1) + 1)
    for position, word in words.items():
        all_words[position] = word
    return " ".join(all_words)
