"""Finds words of a query that find less than they seem to: names with 's, and languages without inflection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from monitor.query.analysis import EqualToken, token_matchers
from monitor.query.fields import WORDS_FIELDS
from monitor.query.lint_notes import LintNote
from monitor.query.scripts import LANGUAGES_BY_SCRIPT, LANGUAGES_WITHOUT_STEMS, script_of
from monitor.query.syntax import Node, Word, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.query.lint_notes import ConfiguredValues

_LETTERS_PATTERN = re.compile(r"[^\W\d_]{3,}")
_SCRIPTS_OF_SINGLE_LETTERS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff]")


def word_notes(node: Node, configured: ConfiguredValues | None) -> Iterator[LintNote]:
    """Yields the notes about the words of a query, without those in quotes, with ``raw:`` or with wildcards."""
    for part in walk(node):
        if isinstance(part, Word) and not part.raw and not part.distance and part.field not in WORDS_FIELDS:
            yield from _possessive_notes(part)
            yield from _uninflected_notes(part, configured)


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


_WILDCARD_HINT = "for other forms, write its beginning with *"
