"""Text analysis: splits text into tokens, and a query's words into conditions on tokens (token matchers).

The matcher and both stores' searches follow this definition.

Token boundaries are those of Lucene's standard tokenizer (Unicode's UAX #29): each Han or Hiragana character is a
token; each run of Katakana, Thai, Lao, Khmer or Burmese is a token.  Each token has three forms:

- raw: the written form without a possessive 's or an elided article (l', d', dell');
- exact: raw in lower case without diacritics;
- stem: the word that it is a form of, in the language of the text (`monitor.query.stemming`); "" where a script has
  none.

A plain word of a query accepts its exact form and its stems in all languages of its script.

`monitor.store.elasticsearch.analysis` configures Elasticsearch's analyzers to give the same raw and exact tokens; a
test compares both on a real server.  Both stores index the stems as they are computed here.
"""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from monitor.models import DIRECTION_MARK_DELETIONS
from monitor.query import folding
from monitor.query.fields import WORDS_FIELDS
from monitor.query.scripts import DISTINGUISHED_LANGUAGES
from monitor.query.segmentation import LOOKALIKE_REPLACEMENTS, word_boundaries, words_of
from monitor.query.stemming import stem, stems_of_query_word

if TYPE_CHECKING:
    from monitor.query.syntax import Phrase, Word

#: French and Italian words that lose their vowel before another word (l'Italia, j'ai), without the apostrophe;
#: `word_forms` removes them.
ELIDED_ARTICLES = frozenset(
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
MAX_CACHED_BYTES = 60_000_000  # estimated size of the cache of `word_forms`; a larger one is emptied
_BYTES_PER_CACHED_WORD, _BYTES_PER_CACHED_CHARACTER = 400, 8  # estimates: four strings, a tuple and a dict entry


class Form(enum.StrEnum):
    """The forms of a token that a query can require: raw, exact or stem, as the module docstring defines them."""

    RAW = "raw"
    EXACT = "exact"
    STEM = "stem"


#: All forms, in the order of the fields of `WordForms`.
FORM_ORDER = (Form.RAW, Form.EXACT, Form.STEM)


class WordForms(NamedTuple):
    """One word in its three forms, as the module docstring defines them."""

    raw: str
    exact: str
    stem: str


class Tokens:
    """An analysed text: its tokens in order, each in three forms.  A position is a token's index, from 0."""

    __slots__ = (
        "_forms_by_word",
        "_offsets",
        "_positions",
        "_positions_by_word",
        "_sorted_tokens",
        "_words",
        "position_cache",
        "text",
    )

    def __init__(self, text: str, language: str | None = None) -> None:
        self.text = text
        language = language if language in _word_forms_by_language else None
        cached = _word_forms_by_language[language]
        self._words = words_of(text)
        positions: dict[str, list[int]] = {}
        for position, word in enumerate(self._words):
            if word in positions:
                positions[word].append(position)
            else:
                positions[word] = [position]
        self._positions_by_word = positions
        self._forms_by_word = {word: cached.get(word) or word_forms(word, language) for word in positions}
        self._positions: list[dict[str, list[int]] | None] = [None, None, None]
        self._sorted_tokens: dict[Form, list[str]] = {}
        self._offsets: list[tuple[int, int]] | None = None
        self.position_cache: dict[TokenMatcher, list[int]] = {}  # for tokens that several values satisfy

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, position: int) -> WordForms:
        return self._forms_by_word[self._words[position]]

    def positions(self, form: Form) -> dict[str, list[int]]:
        """Maps each distinct token, in the given form, to its positions in ascending order."""
        return self.positions_by_form_index(FORM_ORDER.index(form))

    def positions_by_form_index(self, form_index: int) -> dict[str, list[int]]:
        """Returns the same as `positions`, but takes an index into FORM_ORDER, which is faster than a form."""
        positions = self._positions[form_index]
        if positions is None:
            positions = {}
            of_several_words: dict[str, list[list[int]]] = {}
            forms = self._forms_by_word
            for word, found in self._positions_by_word.items():
                token = forms[word][form_index]
                if token in of_several_words:
                    of_several_words[token].append(found)
                elif token in positions:
                    of_several_words[token] = [positions[token], found]
                else:
                    positions[token] = found
            for token, lists in of_several_words.items():
                positions[token] = sorted(chain.from_iterable(lists))
            self._positions[form_index] = positions  # assigned only when complete, because other threads read it
        return positions

    def sorted_tokens(self, form: Form) -> list[str]:
        """Returns the distinct tokens, in the given form, in sorted order."""
        tokens_in_order = self._sorted_tokens.get(form)
        if tokens_in_order is None:
            tokens_in_order = self._sorted_tokens[form] = sorted(self.positions(form))
        return tokens_in_order

    def offsets(self) -> list[tuple[int, int]]:
        """Returns the character offsets (start, end) in the text of each token."""
        if self._offsets is None:
            self._offsets = word_boundaries(self.text)
        return self._offsets


def analysed_tokens(text: str, language: str | None = None) -> Tokens:
    """Splits a text of a language (ISO 639-1; None if unknown) into tokens."""
    return Tokens(text, language)


_word_forms_by_language: dict[str | None, dict[str, WordForms]] = {
    language: {} for language in (None, *DISTINGUISHED_LANGUAGES)
}
_cached_bytes = 0  # estimated size of `_word_forms_by_language`; threads may lose an update, which matters little
# A translation table for str.translate.  The Elasticsearch analyzers do not remove direction marks, because stories are
# stored without them.
_REMOVED_CHARACTERS = {**folding.INVISIBLE_CHARACTERS, **DIRECTION_MARK_DELETIONS}


def word_forms(surface: str, language: str | None = None) -> WordForms:
    """Returns the three forms of one word of a text in a language, from a cache if the word occurred before."""
    global _cached_bytes  # noqa: PLW0603  an attribute of an object would cost time for each word of each text
    cached = _word_forms_by_language[language].get(surface)
    if cached is None:
        raw = _raw_form(surface)
        if _cached_bytes > MAX_CACHED_BYTES:
            for words in _word_forms_by_language.values():
                words.clear()
            _cached_bytes = 0
        _cached_bytes += _BYTES_PER_CACHED_WORD + _BYTES_PER_CACHED_CHARACTER * len(surface)
        cached = WordForms(raw, folding.fold_case_and_diacritics(raw), stem(raw, language))
        _word_forms_by_language[language][surface] = cached
    return cached


def _raw_form(surface: str) -> str:
    return _without_article(
        _without_possessive(surface.translate(LOOKALIKE_REPLACEMENTS).translate(_REMOVED_CHARACTERS))
    )


def _without_possessive(token: str) -> str:
    """Removes a final 's or 'S."""
    return token[:-2] if token[-2:] in {"'s", "'S"} else token


def _without_article(token: str) -> str:
    """Removes an elided article and its apostrophe from the start: l'Italia becomes Italia."""
    article, apostrophe, rest = token.partition("'")
    return rest if apostrophe and article.lower() in ELIDED_ARTICLES else token


# ---- token matchers: the conditions that a query's words set on tokens


@dataclass(frozen=True, slots=True)
class EqualToken:
    """A token matcher: accepts a token that, in the given form, equals ``value``."""

    form: Form
    value: str


@dataclass(frozen=True, slots=True)
class InflectedToken:
    """A token matcher: accepts a token whose exact form is ``value``, or whose stem is one of ``stems``."""

    value: str
    stems: tuple[str, ...]

    @property
    def alternatives(self) -> tuple[EqualToken, ...]:
        """The matchers of which a token satisfies one at least."""
        return (EqualToken(Form.EXACT, self.value), *(EqualToken(Form.STEM, stem) for stem in self.stems))


@dataclass(frozen=True, slots=True)
class WildcardToken:
    """A token matcher: accepts a token that, in the given form, ``value`` matches from start to end.

    In ``value``, ``*`` stands for any number of characters and ``?`` for one; it begins with neither.
    """

    form: Form
    value: str

    @property
    def prefix(self) -> str:
        """The part of ``value`` before the first wildcard."""
        return self.value[: min(index for wildcard in "*?" if (index := self.value.find(wildcard)) >= 0)]

    @property
    def is_prefix_only(self) -> bool:
        """True if ``value`` consists of a prefix and one final ``*``, with no other wildcard."""
        return self.value == self.prefix + "*"


@dataclass(frozen=True, slots=True)
class FuzzyToken:
    """A token matcher: accepts a token within the edit distance ``distance`` of ``value``, in the given form.

    An insertion, deletion, substitution or transposition of one character counts as one.
    """

    form: Form
    value: str
    distance: int


TokenMatcher: TypeAlias = EqualToken | InflectedToken | WildcardToken | FuzzyToken

# During segmentation two click letters of Khoisan languages replace the wildcards, because * and ? would end a word.
_STAR_PLACEHOLDER, _QUESTION_MARK_PLACEHOLDER = "\u01c0", "\u01c3"
_PLACEHOLDERS_BY_WILDCARD = str.maketrans({"*": _STAR_PLACEHOLDER, "?": _QUESTION_MARK_PLACEHOLDER})
_WILDCARDS_BY_PLACEHOLDER = str.maketrans({_STAR_PLACEHOLDER: "*", _QUESTION_MARK_PLACEHOLDER: "?"})


@lru_cache(maxsize=65536)
def token_matchers(leaf: Word | Phrase) -> tuple[TokenMatcher, ...]:
    """Returns one matcher for each token of a word or phrase of a query, in order; empty if it contains no token.

    A text matches if consecutive tokens satisfy the matchers.  Raises ValueError with the reason if a wildcard has no
    letter before it, or if ``?`` follows a Han or Hiragana character.
    """
    quoted = not hasattr(leaf, "distance")
    distance = getattr(leaf, "distance", 0)
    form = Form.RAW if leaf.raw else Form.EXACT if quoted or leaf.field in WORDS_FIELDS else Form.STEM
    text = unicodedata.normalize("NFC", leaf.text)
    text = text if quoted else text.translate(_PLACEHOLDERS_BY_WILDCARD)
    text = text.translate(folding.URL_PUNCTUATION_TO_SPACE) if leaf.field == "url" else text
    return tuple(_token_matcher(surface, form, distance) for surface in _words_with_wildcards(text))


def _token_matcher(surface: str, form: Form, distance: int) -> TokenMatcher:
    """Returns the matcher for one word of a query, whose wildcards are placeholders.

    Matchers with wildcards or an edit distance never use the stem: they require the exact form instead.
    """
    raw = _raw_form(surface)
    exact = folding.fold_case_and_diacritics(raw)
    literal_form, literal = (Form.RAW, raw) if form is Form.RAW else (Form.EXACT, exact)
    if _STAR_PLACEHOLDER in exact or _QUESTION_MARK_PLACEHOLDER in exact:
        return WildcardToken(literal_form, literal.translate(_WILDCARDS_BY_PLACEHOLDER))
    if distance:
        return FuzzyToken(literal_form, literal, distance)
    if form is Form.STEM and (stems := stems_of_query_word(raw)):
        return InflectedToken(exact, stems)
    return EqualToken(literal_form, literal)


def _words_with_wildcards(text: str) -> list[str]:
    """Splits a query's text into words that include their wildcards; the wildcards are placeholders.

    Segmentation separates a wildcard from a run of Katakana or Thai; this function joins them again.  A star after a
    Han or Hiragana character, which is a token by itself, has no effect and is dropped.  Raises ValueError as
    `token_matchers` does.
    """
    surfaces: list[str] = []
    last_end = -1
    for start, end in word_boundaries(text):
        surface = text[start:end]
        if surface[0] not in (_STAR_PLACEHOLDER, _QUESTION_MARK_PLACEHOLDER):
            if surfaces and start == last_end and surfaces[-1][-1] in (_STAR_PLACEHOLDER, _QUESTION_MARK_PLACEHOLDER):
                surfaces[-1] += surface
            else:
                surfaces.append(surface)
        elif not surfaces or start != last_end:
            raise ValueError("a wildcard needs letters before it")
        elif _is_han_or_hiragana(surfaces[-1][-1]):
            if surface.strip(_STAR_PLACEHOLDER):
                raise ValueError("a wildcard cannot follow a character that is a word by itself")
            continue
        else:
            surfaces[-1] += surface
        last_end = end
    return surfaces


def _is_han_or_hiragana(character: str) -> bool:
    """Returns True if the character's Unicode name says that it is Chinese (CJK) or Hiragana."""
    return unicodedata.name(character, "").startswith(("CJK", "HIRAGANA"))
