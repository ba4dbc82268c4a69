"""Text analysis: splits text into tokens.  Every back end follows this definition.

Token boundaries are those of Lucene's standard tokenizer (Unicode's UAX #29): each Han or Hiragana character is a
token; each run of Katakana, Thai, Lao, Khmer or Burmese is a token.  Each token has three forms at one position:

- raw: the written form without a possessive 's or an elided article (l', d', dell');
- exact: raw in lower case without diacritics;
- stem: exact without Russian and English endings (Snowball).

`monitor.store.elasticsearch.analysis` configures Elasticsearch accordingly; a test compares both on a real server.
"""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from monitor.models import DIRECTION_MARKS
from monitor.query import folding
from monitor.query.fields import WORDS_FIELDS
from monitor.query.segmentation import LOOKALIKES, boundaries, segment
from monitor.query.stemming import stem

if TYPE_CHECKING:
    from monitor.query.syntax import Phrase, Word

#: French and Italian articles, prepositions and conjunctions that are elided, without the apostrophe.
ARTICLES = frozenset(
    [
        "l",
        "m",
        "t",
        "qu",
        "n",
        "s",
        "j",
        "d",
        "c",
        "jusqu",
        "quoiqu",
        "lorsqu",
        "puisqu",
        "un",
        "v",
        "all",
        "dall",
        "dell",
        "nell",
        "sull",
        "coll",
        "pell",
        "gl",
        "agl",
        "dagl",
        "degl",
        "negl",
        "sugl",
        "quest",
        "quell",
    ]
)
MAX_CACHED_FORMS = 400_000  # words with their forms; about 100 MB


class Form(enum.StrEnum):
    RAW = "raw"
    EXACT = "exact"
    STEM = "stem"


#: The order of the fields of `Forms`.
FORMS = (Form.RAW, Form.EXACT, Form.STEM)


class Forms(NamedTuple):
    raw: str
    exact: str
    stem: str


class Tokens:
    """An analysed text: the tokens in order, each in three forms; a position is an index into that order."""

    __slots__ = ("_offsets", "_positions", "_sorted", "_words", "position_cache", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._words = [_forms_cache.get(surface) or forms(surface) for surface in segment(text)]
        self._positions: list[dict[str, list[int]] | None] = [None, None, None]
        self._sorted: dict[Form, list[str]] = {}
        self._offsets: list[tuple[int, int]] | None = None
        self.position_cache: dict[TokenMatch, list[int]] = {}  # of patterns and fuzzy words that queries share

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, position: int) -> Forms:
        return self._words[position]

    def positions(self, form: Form) -> dict[str, list[int]]:
        """Returns the positions of each distinct token of that form, in ascending order."""
        return self.positions_by_form_index(FORMS.index(form))

    def positions_by_form_index(self, form_index: int) -> dict[str, list[int]]:
        """Returns the same as `positions` for an index into `FORMS`, which is faster to look up."""
        positions = self._positions[form_index]
        if positions is None:
            positions = {}
            for position, word in enumerate(self._words):
                token = word[form_index]
                if token in positions:
                    positions[token].append(position)
                else:
                    positions[token] = [position]
            self._positions[form_index] = positions  # assigned when complete, for other threads
        return positions

    def sorted(self, form: Form) -> list[str]:
        """Returns the distinct tokens of that form in sorted order."""
        tokens_in_order = self._sorted.get(form)
        if tokens_in_order is None:
            tokens_in_order = self._sorted[form] = sorted(self.positions(form))
        return tokens_in_order

    def offsets(self) -> list[tuple[int, int]]:
        """Returns the start and end of each token in the text, in characters."""
        if self._offsets is None:
            self._offsets = boundaries(self.text)
        return self._offsets


def tokens(text: str) -> Tokens:
    return Tokens(text)


_forms_cache: dict[str, Forms] = {}
# Elasticsearch needs no rule for direction marks, because stories are stored without them.
_REMOVED_CHARACTERS = {**folding.INVISIBLE, **DIRECTION_MARKS}


def forms(surface: str) -> Forms:
    """Returns the three forms of one word."""
    cached = _forms_cache.get(surface)
    if cached is None:
        raw = _without_article(_without_possessive(surface.translate(LOOKALIKES).translate(_REMOVED_CHARACTERS)))
        exact = folding.fold(raw)
        if len(_forms_cache) >= MAX_CACHED_FORMS:
            _forms_cache.clear()
        cached = _forms_cache[surface] = Forms(raw, exact, stem(exact))
    return cached


def _without_possessive(token: str) -> str:
    return token[:-2] if token[-2:] in {"'s", "'S"} else token


def _without_article(token: str) -> str:
    article, apostrophe, rest = token.partition("'")
    return rest if apostrophe and article.lower() in ARTICLES else token


# ---- the words of a query


@dataclass(frozen=True, slots=True)
class Term:
    """Matches the token that equals ``value``."""

    form: Form
    value: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """Matches a complete token by a glob of ``*`` (any characters) and ``?`` (one character); begins with a letter."""

    form: Form
    value: str

    @property
    def prefix(self) -> str:
        """The text before the first wildcard."""
        return self.value[: min(index for wildcard in "*?" if (index := self.value.find(wildcard)) >= 0)]

    @property
    def simple(self) -> bool:
        """True if the pattern is a prefix followed by one star."""
        return self.value == self.prefix + "*"


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """Matches a token at most ``distance`` insertions, deletions, substitutions or transpositions from ``value``."""

    form: Form
    value: str
    distance: int


TokenMatch: TypeAlias = Term | Pattern | Fuzzy

# Click letters of Khoisan languages, which replace wildcards during segmentation.
_STAR, _QUESTION_MARK = "\u01c0", "\u01c3"
_ENCODE_WILDCARDS = str.maketrans({"*": _STAR, "?": _QUESTION_MARK})
_DECODE_WILDCARDS = str.maketrans({_STAR: "*", _QUESTION_MARK: "?"})


@lru_cache(maxsize=65536)
def token_matches(leaf: Word | Phrase) -> tuple[TokenMatch, ...]:
    """Returns the matches that a word or phrase requires at consecutive positions; empty if it contains no token.

    Raises ValueError with the reason if a wildcard stands alone or begins a word.
    """
    quoted = not hasattr(leaf, "distance")
    distance = getattr(leaf, "distance", 0)
    form = Form.RAW if leaf.raw else Form.EXACT if quoted or leaf.field in WORDS_FIELDS else Form.STEM
    text = unicodedata.normalize("NFC", leaf.text)
    text = text if quoted else text.translate(_ENCODE_WILDCARDS)
    text = text.translate(folding.URL_PUNCTUATION) if leaf.field == "url" else text
    return tuple(_token_match(surface, form, distance) for surface in _surfaces(text))


def _token_match(surface: str, form: Form, distance: int) -> TokenMatch:
    word = forms(surface)
    if _STAR in word.exact or _QUESTION_MARK in word.exact:
        literal = Form.EXACT if form is Form.STEM else form
        return Pattern(literal, getattr(word, literal).translate(_DECODE_WILDCARDS))
    if distance:
        literal = Form.EXACT if form is Form.STEM else form
        return Fuzzy(literal, getattr(word, literal), distance)
    return Term(form, getattr(word, form))


def _surfaces(text: str) -> list[str]:
    """Returns the words of the text, each wildcard joined to the word that segmentation separated it from.

    Segmentation separates a wildcard from Katakana and Thai runs.  A star after a script in which each character is a
    token has no effect and is dropped.
    """
    surfaces: list[str] = []
    last_end = -1
    for start, end in boundaries(text):
        surface = text[start:end]
        if surface[0] not in (_STAR, _QUESTION_MARK):
            if surfaces and start == last_end and surfaces[-1][-1] in (_STAR, _QUESTION_MARK):
                surfaces[-1] += surface
            else:
                surfaces.append(surface)
        elif not surfaces or start != last_end:
            raise ValueError("a wildcard needs letters before it")
        elif _is_ideograph(surfaces[-1][-1]):
            if surface.strip(_STAR):
                raise ValueError("a wildcard cannot follow a character that is a word by itself")
            continue
        else:
            surfaces[-1] += surface
        last_end = end
    return surfaces


def _is_ideograph(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("CJK", "HIRAGANA"))
