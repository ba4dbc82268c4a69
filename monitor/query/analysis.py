"""How text becomes tokens, the one definition behind every back end.

Tokens are words by Unicode's UAX #29 as Lucene's standard tokenizer cuts them: Han and Hiragana by character,
Katakana by run, Thai, Lao, Khmer and Burmese by run.  Each token has three forms at one position:

- raw: as written, without a possessive 's or an elided article (l', d', dell');
- exact: raw in lower case without diacritics;
- stem: exact without Russian and English endings (Snowball).

`monitor.store.elasticsearch.analysis` says the same to Elasticsearch, and a test compares the two on a real server.
"""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from monitor.models import DIRECTION_MARKS
from monitor.query import folding
from monitor.query.segmentation import LOOKALIKES, boundaries, segment
from monitor.query.stemming import stem

if TYPE_CHECKING:
    from monitor.query.syntax import Phrase, Word

#: Elided articles, prepositions and conjunctions of French and Italian, without their apostrophe.
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
MAX_CACHED_FORMS = 400_000  # words whose forms are kept in memory: some 100 MB


class Form(enum.StrEnum):
    RAW = "raw"
    EXACT = "exact"
    STEM = "stem"


#: In the order of `Forms`.
FORMS = (Form.RAW, Form.EXACT, Form.STEM)


class Forms(NamedTuple):
    raw: str
    exact: str
    stem: str


class Tokens:
    """An analysed text: for each form the list of tokens, the same position being the same word."""

    __slots__ = ("_offsets", "_positions", "_sorted", "_words", "remembered", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._words = [_known.get(surface) or forms(surface) for surface in segment(text)]
        self._positions: list[dict[str, list[int]] | None] = [None, None, None]
        self._sorted: dict[Form, list[str]] = {}
        self._offsets: list[tuple[int, int]] | None = None
        self.remembered: dict[TokenMatch, list[int]] = {}  # positions of patterns, for queries that share them

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, position: int) -> Forms:
        return self._words[position]

    def positions(self, form: Form) -> dict[str, list[int]]:
        """Where each token of that form stands, in ascending order."""
        return self.positions_of(FORMS.index(form))

    def positions_of(self, index: int) -> dict[str, list[int]]:
        """The same by the form's place in `FORMS`, which is quicker to look up."""
        found = self._positions[index]
        if found is None:
            found = {}
            for position, word in enumerate(self._words):
                token = word[index]
                if token in found:
                    found[token].append(position)
                else:
                    found[token] = [position]
            self._positions[index] = found  # complete before another thread sees it
        return found

    def sorted(self, form: Form) -> list[str]:
        """The different tokens of that form, in order."""
        found = self._sorted.get(form)
        if found is None:
            found = self._sorted[form] = sorted(self.positions(form))
        return found

    def offsets(self) -> list[tuple[int, int]]:
        """Start and end of each token in the text, in characters."""
        if self._offsets is None:
            self._offsets = boundaries(self.text)
        return self._offsets


def tokens(text: str) -> Tokens:
    return Tokens(text)


_known: dict[str, Forms] = {}
_UNSEEN = {**folding.INVISIBLE, **DIRECTION_MARKS}  # Elasticsearch gets stories that have no marks of direction


def forms(surface: str) -> Forms:
    """The three forms of one word."""
    found = _known.get(surface)
    if found is None:
        raw = _unelided(_unpossessed(surface.translate(LOOKALIKES).translate(_UNSEEN)))
        exact = folding.fold(raw)
        if len(_known) >= MAX_CACHED_FORMS:
            _known.clear()
        found = _known[surface] = Forms(raw, exact, stem(exact))
    return found


def _unpossessed(token: str) -> str:
    return token[:-2] if token[-2:] in {"'s", "'S"} else token


def _unelided(token: str) -> str:
    article, apostrophe, rest = token.partition("'")
    return rest if apostrophe and article.lower() in ARTICLES else token


# ---- the words of a query


@dataclass(frozen=True, slots=True)
class Term:
    """A token that equals ``value``."""

    form: Form
    value: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A token that a glob of ``*`` (any characters) and ``?`` (one character) covers whole; it begins with a letter."""

    form: Form
    value: str

    @property
    def prefix(self) -> str:
        """What comes before the first wildcard."""
        return self.value[: min(place for sign in "*?" if (place := self.value.find(sign)) >= 0)]

    @property
    def simple(self) -> bool:
        """Whether it is a prefix and a star, no more."""
        return self.value == self.prefix + "*"


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """A token at most ``distance`` insertions, deletions, changes or swaps of neighbours away from ``value``."""

    form: Form
    value: str
    distance: int


TokenMatch: TypeAlias = Term | Pattern | Fuzzy

# Letters that stand for wildcards while a word is cut into tokens: no script in use has them.
_STAR, _ONE = "\u01c0", "\u01c3"
_HIDE = str.maketrans({"*": _STAR, "?": _ONE})
_SHOW = str.maketrans({_STAR: "*", _ONE: "?"})


@lru_cache(maxsize=65536)
def token_matches(leaf: Word | Phrase) -> tuple[TokenMatch, ...]:
    """The tokens that a word or phrase asks for, side by side; empty where it has none.

    Raises ValueError, saying why, where a wildcard stands alone or at a word's beginning.
    """
    quoted = not hasattr(leaf, "distance")
    distance = getattr(leaf, "distance", 0)
    form = Form.RAW if leaf.raw else Form.EXACT if quoted or leaf.field in {"author", "url"} else Form.STEM
    text = unicodedata.normalize("NFC", leaf.text)
    text = text if quoted else text.translate(_HIDE)
    text = text.translate(folding.URL_PUNCTUATION) if leaf.field == "url" else text
    return tuple(_token_match(surface, form, distance) for surface in _joined(text))


def _token_match(surface: str, form: Form, distance: int) -> TokenMatch:
    word = forms(surface)
    if _STAR in word.exact or _ONE in word.exact:
        literal = Form.EXACT if form is Form.STEM else form
        return Pattern(literal, getattr(word, literal).translate(_SHOW))
    if distance:
        literal = Form.EXACT if form is Form.STEM else form
        return Fuzzy(literal, getattr(word, literal), distance)
    return Term(form, getattr(word, form))


def _joined(text: str) -> list[str]:
    """The words of the text, a wildcard rejoined to the Katakana or Thai run that the rules cut it from.

    After a script whose characters are words each, a star says nothing and is dropped.
    """
    found: list[str] = []
    last_end = -1
    for start, end in boundaries(text):
        surface = text[start:end]
        if surface[0] not in (_STAR, _ONE):
            if found and start == last_end and found[-1][-1] in (_STAR, _ONE):
                found[-1] += surface
            else:
                found.append(surface)
        elif not found or start != last_end:
            raise ValueError("a wildcard needs letters before it")
        elif _ideograph(found[-1][-1]):
            if surface.strip(_STAR):
                raise ValueError("a wildcard cannot follow a character that is a word of its own")
            continue
        else:
            found[-1] += surface
        last_end = end
    return found


def _ideograph(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("CJK", "HIRAGANA"))
