"""Text analysis: splits text into tokens, and a query's words into conditions on tokens (token matchers).

The matcher and both stores' searches follow this definition.

Token boundaries are those of Lucene's standard tokenizer (Unicode's UAX #29): each Han or Hiragana character is a
token, and so is each run of Katakana.  Other than in Lucene, each letter of Thai, Lao, Khmer and Burmese is a token.
Each token has three forms:

- raw: the written form without a possessive 's or an elided article (l', d', dell');
- exact: raw in lower case without diacritics;
- stem: the word that it is a form of, in the language of the text (`monitor.query.stemming`); "" where a script has
  none.

A token that is written with a possessive 's, an elided article or signs (C++, $NVDA) also has two forms that include
them: signed raw and signed.

A plain word of a query accepts its exact form and its stems in all languages of its script.

`monitor.store.elasticsearch.analysis` configures Elasticsearch's analyzers to give the same raw and exact tokens; a
test compares both on a real server.  Both stores index the stems as they are computed here.
"""

from __future__ import annotations

import enum
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from monitor.models import DIRECTION_MARK_DELETIONS
from monitor.query import folding
from monitor.query.fields import WORDS_FIELDS
from monitor.query.scripts import DISTINGUISHED_LANGUAGES
from monitor.query.sections import Section, section_ends, section_starts
from monitor.query.segmentation import LOOKALIKE_REPLACEMENTS, boundaries_of_words, word_boundaries, words_of
from monitor.query.signs import POSSIBLE_SIGN_PATTERN, signs_around, without_signs_around
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
    """The forms of a token that a query can require, as the module docstring defines them."""

    RAW = "raw"
    EXACT = "exact"
    STEM = "stem"
    SIGNED_RAW = "signed_raw"
    SIGNED = "signed"  # signed raw in lower case without diacritics


#: All forms; the first three in the order of the fields of `WordForms`.
FORM_ORDER = (Form.RAW, Form.EXACT, Form.STEM, Form.SIGNED_RAW, Form.SIGNED)
SIGNED_FORMS = frozenset({Form.SIGNED_RAW, Form.SIGNED})
MAX_SIGNED_CHARACTERS = 100  # a longer word has no signed form


class WordForms(NamedTuple):
    """One word in its three forms, as the module docstring defines them."""

    raw: str
    exact: str
    stem: str


class Tokens:
    """An analysed text: its tokens in order, each in three forms.  A position is a token's index, from 0."""

    __slots__ = (
        "_forms_by_word",
        "_language",
        "_offsets",
        "_positions",
        "_positions_by_word",
        "_section_starts",
        "_sorted_tokens",
        "_words",
        "position_cache",
        "text",
    )

    def __init__(self, text: str, language: str | None = None) -> None:
        self.text = text
        self._language = language
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
        self._positions: list[dict[str, list[int]] | None] = [None] * len(FORM_ORDER)
        self._section_starts: dict[Section, list[int]] = {}
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
            is_signed = FORM_ORDER[form_index] in SIGNED_FORMS
            positions = self._signed_positions(form_index) if is_signed else self._word_positions(form_index)
            self._positions[form_index] = positions  # assigned only when complete, because other threads read it
        return positions

    def _word_positions(self, form_index: int) -> dict[str, list[int]]:
        positions: dict[str, list[int]] = {}
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
        return positions

    def _signed_positions(self, form_index: int) -> dict[str, list[int]]:
        if FORM_ORDER[form_index] is Form.SIGNED:
            folded: dict[str, list[int]] = {}
            for token, positions in self.positions(Form.SIGNED_RAW).items():
                folded.setdefault(folding.fold_case_and_diacritics(token), []).extend(positions)
            return {token: sorted(positions) for token, positions in folded.items()}
        signed_positions: dict[str, list[int]] = {}
        for position in self._positions_with_signs():
            if signed := signed_form(self.text, *self.offsets()[position]):
                signed_positions.setdefault(signed, []).append(position)
        return signed_positions

    def _positions_with_signs(self) -> list[int]:
        """Returns the positions of tokens with an apostrophe inside or a sign before or behind, and a few others."""
        signs = [match.start() for match in POSSIBLE_SIGN_PATTERN.finditer(self.text)]
        if not signs:
            return []
        ends = [end for _, end in self.offsets()]
        # The token that ends at the sign or contains it, and the one that begins behind it.
        nearby = {bisect_left(ends, sign + offset) for sign in signs for offset in (0, 1)}
        return sorted(position for position in nearby if position < len(ends))

    def section_starts(self, section: Section) -> list[int]:
        """Returns the positions at which a sentence or paragraph begins, in ascending order, without the first one."""
        starts = self._section_starts.get(section)
        if starts is None:
            ends = section_ends(self.text, section, self._language)
            starts = section_starts(ends, [start for start, _ in self.offsets()]) if ends else []
            self._section_starts[section] = starts
        return starts

    def sorted_tokens(self, form: Form) -> list[str]:
        """Returns the distinct tokens, in the given form, in sorted order."""
        tokens_in_order = self._sorted_tokens.get(form)
        if tokens_in_order is None:
            tokens_in_order = self._sorted_tokens[form] = sorted(self.positions(form))
        return tokens_in_order

    def offsets(self) -> list[tuple[int, int]]:
        """Returns the character offsets (start, end) in the text of each token."""
        if self._offsets is None:
            self._offsets = boundaries_of_words(self.text, self._words)
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


def signed_form(text: str, start: int, end: int) -> str:
    """Returns the word from ``start`` to ``end`` with its signs, possessive and article; "" if it has none of these."""
    prefix, suffix = signs_around(text, start, end)
    word = _written_form(text[start:end])
    if (prefix or suffix or _raw_form(word) != word) and len(word) <= MAX_SIGNED_CHARACTERS:
        return prefix + word + suffix
    return ""


def _written_form(surface: str) -> str:
    return surface.translate(LOOKALIKE_REPLACEMENTS).translate(_REMOVED_CHARACTERS)


def _raw_form(surface: str) -> str:
    return _without_article(_without_possessive(_written_form(surface)))


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
    matchers = []
    for start, end in _boundaries_with_wildcards(text):
        surface = text[start:end]
        signed = "" if leaf.field in WORDS_FIELDS else signed_form(text, start, end)
        if signed and (form is not Form.STEM or _is_signed_name(signed)):
            surface = signed
        else:
            signed = ""
        matchers.append(_token_matcher(surface, form, distance, is_signed=bool(signed)))
    return tuple(matchers)


def _is_signed_name(signed: str) -> bool:
    """Returns True for a word with signs and a name with 's or an article: C++, Moody's, D'Souza; not for chip's, l'IA.

    In a query, the endings of other words are removed, so that they find all forms of the word.
    """
    start, apostrophe, rest = signed.partition("'")
    return not signed.replace("'", "").isalnum() or bool(
        apostrophe and start[:1].isupper() and (rest[:1].isupper() or rest == "s")
    )


def _token_matcher(surface: str, form: Form, distance: int, *, is_signed: bool) -> TokenMatcher:
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
    if is_signed and form is Form.RAW:
        return EqualToken(Form.SIGNED_RAW, surface)
    if is_signed:
        return EqualToken(Form.SIGNED, folding.fold_case_and_diacritics(surface))
    if form is Form.STEM and (stems := stems_of_query_word(raw)):
        return InflectedToken(exact, stems)
    return EqualToken(literal_form, literal)


def without_signs(token_matcher: TokenMatcher) -> TokenMatcher:
    """Returns a matcher that accepts the token also without its signs, possessive and article."""
    if not isinstance(token_matcher, EqualToken) or token_matcher.form not in SIGNED_FORMS:
        return token_matcher
    form = Form.RAW if token_matcher.form is Form.SIGNED_RAW else Form.EXACT
    return EqualToken(form, _raw_form(without_signs_around(token_matcher.value)))


_WILDCARD_PLACEHOLDERS = (_STAR_PLACEHOLDER, _QUESTION_MARK_PLACEHOLDER)


def _boundaries_with_wildcards(text: str) -> list[tuple[int, int]]:
    """Returns the offsets (start, end) of the words of a query's text with their wildcards, which are placeholders.

    Segmentation separates a wildcard from a run of Katakana; this function joins them again.  A star after a character
    that is a token by itself, such as a Chinese one, has no effect and is dropped.  Raises ValueError as
    `token_matchers` does.
    """
    words: list[tuple[int, int]] = []
    for start, end in word_boundaries(text):
        is_adjacent = bool(words) and start == words[-1][1]
        if text[start] not in _WILDCARD_PLACEHOLDERS:
            if is_adjacent and text[start - 1] in _WILDCARD_PLACEHOLDERS:
                words[-1] = (words[-1][0], end)
            else:
                words.append((start, end))
        elif not is_adjacent:
            raise ValueError("a wildcard needs letters before it")
        elif _is_word_by_itself(text[words[-1][0] : start]):
            if text[start:end].strip(_STAR_PLACEHOLDER):
                raise ValueError("a wildcard cannot follow a character that is a word by itself")
        else:
            words[-1] = (words[-1][0], end)
    return words


def _is_word_by_itself(word: str) -> bool:
    """Returns True for a character (without a star) of a script whose letters are words, by its Unicode name."""
    name = unicodedata.name(word[0], "")
    return name.startswith(("CJK", "HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR")) and _STAR_PLACEHOLDER not in word
