"""Finds words of a query that find less or more than they seem to.

Less: names with 's, and languages without inflection.  More: acronyms and the most frequent words of a language.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from monitor.query.analysis import EqualToken, token_matchers
from monitor.query.fields import WORDS_FIELDS
from monitor.query.lint_notes import LintNote
from monitor.query.scripts import LANGUAGES_BY_SCRIPT, LANGUAGES_WITHOUT_STEMS, script_of
from monitor.query.syntax import Node, Or, Phrase, Word, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.query.lint_notes import ConfiguredValues

#: Acronyms that are also words when case and accents are ignored: acronym -> language -> word.
AMBIGUOUS_ACRONYMS = {
    "AI": {"it": "ai", "pt": "aí", "fr": "j'ai"},
    "UN": {"fr": "un", "it": "un", "es": "un", "ro": "un", "pt": "un"},
    "US": {"en": "us"},
    "IT": {"en": "it"},
    "WHO": {"en": "who"},
    "ICE": {"en": "ice"},
    "AID": {"en": "aid"},
    "EU": {"pt": "eu", "ro": "eu"},
    "SI": {"es": "si", "it": "si", "fr": "si"},
    "LA": {"fr": "la", "es": "la", "it": "la"},
    "DAS": {"de": "das"},
    "ARM": {"en": "arm"},
    "ES": {"es": "es", "de": "es"},
}
#: Words that nearly every story in their language has; in lower case, as queries fold them.
FREQUENT_WORDS = {
    "en": "a an and are as at be been but by for from had has have he her his if in is it its not of on or our she "
    "so that the their them they this to us was we were what when which who will with would you",
    "de": "als am auch auf aus bei das dass dem den der des die ein eine einen er es für hat im in ist mit nach nicht "
    "noch sich sie sind so über um und von war wie wird zu zum zur",
    "fr": "au aux avec ce ces dans de des du elle en est et il ils la le les mais ont ou par pas plus pour qui que sa "
    "se son sont sur un une",
    "es": "al como con de del el en es esta este ha la las lo los más no para pero por que se ser su sus un una y",
    "it": "al che con da dei del della di e è gli ha i il in la le lo ma nel non per più si sono su un una",
    "pt": "ao as com da de do dos e é em foi mais mas na não no o os ou para pela pelo por que se sua um uma",
    "nl": "aan als bij dat de die een en er het hij in is met naar niet ook op te uit van voor was wordt ze zijn",
    "ru": "а без был было в во вы для до ее его если же за и из или их к как когда ли мы на не но о об он она они от "
    "по при с со так то у что это я",
}
_LANGUAGE_BY_FREQUENT_WORD = {
    word: language for language, words in reversed(FREQUENT_WORDS.items()) for word in words.split()
}
_LETTERS_PATTERN = re.compile(r"[^\W\d_]{3,}")
_SCRIPTS_OF_SINGLE_LETTERS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff]")


def is_frequent_word(word: str, language: str | None) -> bool:
    """Returns True for a frequent word of the language (None: of any), but not for its letters as an abbreviation."""
    words = FREQUENT_WORDS.get(language or "", "").split() if language else _LANGUAGE_BY_FREQUENT_WORD
    return word.lower() in words and not (len(word) > 1 and word.isupper())


def word_notes(node: Node, configured: ConfiguredValues | None) -> Iterator[LintNote]:
    """Yields the notes about the words of a query, without those in quotes, with ``raw:`` or with wildcards."""
    for part in walk(node):
        if isinstance(part, Word) and not part.raw and not part.distance and part.field not in WORDS_FIELDS:
            yield from _possessive_notes(part)
            yield from _uninflected_notes(part, configured)
    yield from _frequent_word_notes(node)
    yield from _ambiguous_acronym_notes(node, configured)


def _possessive_notes(word: Word) -> Iterator[LintNote]:
    """Yields a note for a name that is written with 's: Moody's, which does not find Moody."""
    for token_matcher in token_matchers(word):
        if isinstance(token_matcher, EqualToken) and token_matcher.value.endswith("'s"):
            name = re.sub("['’]s$", "", word.text)
            yield LintNote(word.column, f"{word} does not find {name} without 's", f"write {name} for both")


def _uninflected_notes(word: Word, configured: ConfiguredValues | None) -> Iterator[LintNote]:
    """Yields a note for a word of a language whose endings are not known: that of its script, or of all outlets."""
    if not _LETTERS_PATTERN.fullmatch(word.text) or _SCRIPTS_OF_SINGLE_LETTERS.match(word.text):
        return
    script = script_of(word.text)
    languages = configured.languages if configured and configured.has_all_languages else frozenset()
    uninflected = LANGUAGES_WITHOUT_STEMS.get(script, frozenset())
    if script not in LANGUAGES_BY_SCRIPT:
        yield LintNote(word.column, f"{word} finds this form only: its language has no inflection here", _WILDCARD_HINT)
    elif languages and languages <= uninflected:
        names = ", ".join(sorted(languages))
        yield LintNote(word.column, f"{word} finds this form only: {names} has no inflection here", _WILDCARD_HINT)


def _frequent_word_notes(node: Node) -> Iterator[LintNote]:
    """Yields a note for each of the most frequent words, in lower case, that is an alternative or the whole query."""
    alternatives = [child for part in walk(node) if isinstance(part, Or) for child in part.nodes]
    for part in [node, *alternatives]:
        if not isinstance(part, Word) or part.raw or part.distance or part.field in WORDS_FIELDS:
            continue
        if language := _LANGUAGE_BY_FREQUENT_WORD.get(part.text):
            name = part.text.upper()
            hint = f"write raw:{name} for the name, or leave it out" if name in AMBIGUOUS_ACRONYMS else "leave it out"
            yield LintNote(part.column, f'"{part.text}" is in nearly all stories in {language}', hint)


def _ambiguous_acronym_notes(node: Node, configured: ConfiguredValues | None) -> Iterator[LintNote]:
    """Yields a note for each acronym without ``raw:`` that is also a word in a language of the configured outlets."""
    if configured is None:
        return
    for part in walk(node):
        if not isinstance(part, Word | Phrase) or part.raw or part.field in WORDS_FIELDS:
            continue
        words = AMBIGUOUS_ACRONYMS.get(part.text, {})
        for language in sorted(words.keys() & configured.languages):
            message = f'{part.text} also finds "{words[language]}" in stories in {language}'
            yield LintNote(part.column, message, f"write raw:{part.text}")
            break


_WILDCARD_HINT = "for other forms, write its beginning with *"
