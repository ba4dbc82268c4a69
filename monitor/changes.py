"""Compares two versions of a story: finds added sentences for alerts, and changed words for display."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal, TypeAlias

from monitor.models import normalize_text
from monitor.similarity import UNSPACED_CHARACTER_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.models import Story

ChangeKind: TypeAlias = Literal["same", "removed", "added"]

# The end of a sentence: one or more final marks and closing quotes, then white space or the end of the text; Chinese
# and Japanese marks need no white space.  The possessive ++ keeps a line of such marks from taking quadratic time.
_SENTENCE_END_PATTERN = re.compile(r"(?<![.!?…।॥؟۔])([.!?…।॥؟۔]++)[\"'”’»)\]]*+(?=\s|$)|([。！？]++)[”’」』）]*+")
# A run of characters without spaces; in scripts that write no spaces (Chinese, Japanese, Thai), a single character.
_WORD_OR_UNSPACED_CHARACTER_PATTERN = re.compile(rf"{UNSPACED_CHARACTER_CLASS}|(?:(?!{UNSPACED_CHARACTER_CLASS})\S)+")
# White space, a word, a character of a script without spaces, or a punctuation mark: together they cover the text.
_DIFF_TOKEN_PATTERN = re.compile(rf"\s+|{UNSPACED_CHARACTER_CLASS}|(?:(?!{UNSPACED_CHARACTER_CLASS})[^\W_])+|.")
MIN_CORRECTION_SIMILARITY = 0.6  # SequenceMatcher ratio; a new sentence this like a removed one is its correction
# Limits for comparing each removed sentence with each added one, which takes seconds for large changes.  A limit bounds
# the geometric mean of the removed and the added number; above it, each new sentence counts as added.
MAX_COMPARED_SENTENCES = 200
MAX_COMPARED_WORDS = 4000
# Parts of a line that states a number of readers or an age ("5 minutes ago"), which changes without an edit.
_COUNTER_OR_AGE_PATTERNS_BY_LANGUAGE = {
    "de": (
        r"\b(?:aktualisiert|aufrufe)\b",
        r"\bvor \d+ (?:sekunden|minuten|stunden?|tag)",
    ),
    "en": (
        r"\bread(?: by)? \d",
        r"\bupdated\b",
        r"\bviews\W*\d",
        r"\d (?:people|readers) (?:have )?read\b",
        r"\d\W*(?:views?|reads|likes|comments)\b",
        r"\d\s?(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|days?)\sago\b",
    ),
    "es": (
        r"\b(?:actualizad[oa]|visualizaciones)\b",
        r"\bhace \d+ (?:segundos?|minutos?|horas?|días?)",
    ),
    "fr": (
        r"\b(?:mis à jour|vues)\b",
        r"\bil y a \d+ (?:secondes?|minutes?|heures?|jours?)",
    ),
    "it": (r"\baggiornato\b",),
    "ja": (
        r"\d\s?(?:分|時間)前",
        r"更新",
    ),
    "pt": (r"\bvisualizações\b",),
    "ru": (
        r"\b(?:обновлено|просмотр\w*|прочитал\w*)\b",
        r"\d\s(?:минут|час|секунд)\w*\sназад",
    ),
    "uk": (r"\b(?:оновлено|перегляд\w*)\b",),
    "zh": (
        r"\d\s?(?:分钟|小时)前",
        r"阅读|浏览|閱讀|瀏覽",
    ),
}
_COUNTER_OR_AGE_PATTERN = re.compile(
    "|".join(phrase for phrases in _COUNTER_OR_AGE_PATTERNS_BY_LANGUAGE.values() for phrase in phrases), re.IGNORECASE
)
_TIME_OF_DAY_PATTERN = re.compile(r"(?<![\d:])\d{1,2}:\d\d(?![\d:])")
# Four or more letters, one of them lower-case; "UTC" and "CEST" do not match.
_UNABBREVIATED_WORD_PATTERN = re.compile(r"(?=[^\W\d_]*[^\W\d_A-ZА-Я])[^\W\d_]{4,}")
_NUMBER_PATTERN = re.compile(r"\d+(?:[.,'’\u00a0\u202f ]\d+)*")
MAX_COUNTER_LINE_CHARACTERS = 120  # a line this long or longer is text, even if it holds a counter


@dataclass(frozen=True, slots=True)
class Change:
    """A run of text that both versions share (same), or that only the old (removed) or the new one (added) holds."""

    kind: ChangeKind
    text: str


def split_sentences(text: str) -> list[str]:
    """Returns the sentences of a text in order, without surrounding white space; each line break ends a sentence."""
    return [
        stripped for line in text.split("\n") for sentence in _sentences_of_line(line) if (stripped := sentence.strip())
    ]


def _sentences_of_line(line: str) -> Iterator[str]:
    """Yields the consecutive sentences of a line, with their white space; they may be empty."""
    start = 0
    for end in _SENTENCE_END_PATTERN.finditer(line):
        if end.start() == start and len(end[1] or end[2]) == 1:
            continue  # a single mark with no text before it belongs to the next sentence
        yield line[start : end.end()]
        start = end.end()
    yield line[start:]


def added_sentences(old: str, new: str) -> str:
    """Returns the sentences of the text ``new`` that the text ``old`` lacks, one per line; "" if there are none.

    Leaves out a sentence that is a corrected version of one that ``new`` removed, see `MIN_CORRECTION_SIMILARITY`.
    """
    before, after = split_sentences(old), split_sentences(new)
    old_set, new_set = set(before), set(after)
    removed = [_WORD_OR_UNSPACED_CHARACTER_PATTERN.findall(sentence) for sentence in before if sentence not in new_set]
    added = [sentence for sentence in after if sentence not in old_set]
    is_small_change = len(removed) * len(added) <= MAX_COMPARED_SENTENCES**2
    if (
        is_small_change
        and sum(map(len, removed)) * sum(len(_WORD_OR_UNSPACED_CHARACTER_PATTERN.findall(s)) for s in added)
        <= MAX_COMPARED_WORDS**2
    ):
        added = [sentence for sentence in added if not _is_correction(sentence, removed)]
    return "\n".join(added)


def word_changes(old: str, new: str) -> Iterator[Change]:
    """Yields a word-by-word diff of two texts in order: the unchanged, removed and added runs of words."""
    before, after = _DIFF_TOKEN_PATTERN.findall(old), _DIFF_TOKEN_PATTERN.findall(new)
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Change("same", "".join(before[a:b]))
            continue
        if b > a:
            yield Change("removed", "".join(before[a:b]))
        if d > c:
            yield Change("added", "".join(after[c:d]))


def changed_paragraph_pairs(before: str, after: str) -> list[tuple[str, str]]:
    """Returns (old, new) for each changed paragraph; old is "" for an added paragraph, new is "" for a removed one."""
    old, new = before.split("\n\n"), after.split("\n\n")
    pairs: list[tuple[str, str]] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            pairs += zip_longest(old[a:b], new[c:d], fillvalue="")
    return pairs


def has_changed_text(stored: Story, fetched: Story, *, boilerplate: Sequence[str] = ()) -> bool:
    """Returns True if title or text of the fetched version differ from the stored version.

    Ignores differences in white space, stored lines that occur in ``boilerplate`` (texts recognized as boilerplate
    after the version was stored), and numbers in a line that counts readers or states an age or a time of day.
    """
    ignored = {line for block in boilerplate for line in normalize_text(block).splitlines()}
    before = [line for line in stored.text.splitlines() if line not in ignored]
    return (stored.title.split(), _words_with_counters_zeroed(before)) != (
        fetched.title.split(),
        _words_with_counters_zeroed(fetched.text.splitlines()),
    )


def _words_with_counters_zeroed(lines: Iterable[str]) -> list[str]:
    """Returns all words of the lines in order; in a line that `_is_counter_line` recognizes, each number becomes 0."""
    return [
        word for line in lines for word in (_NUMBER_PATTERN.sub("0", line) if _is_counter_line(line) else line).split()
    ]


def _is_counter_line(line: str) -> bool:
    """Returns True if a short line holds a count of readers or an age, or a time of day and no unabbreviated word."""
    if len(line) >= MAX_COUNTER_LINE_CHARACTERS or not any(map(str.isdigit, line)):
        return False
    return bool(
        _COUNTER_OR_AGE_PATTERN.search(line)
        or (_TIME_OF_DAY_PATTERN.search(line) and not _UNABBREVIATED_WORD_PATTERN.search(line))
    )


def _is_correction(sentence: str, removed: Iterable[list[str]]) -> bool:
    """Returns True if the sentence shares most words, in the same order, with one of the ``removed`` sentences."""
    # The sentence is the second sequence: SequenceMatcher analyses that one once for all comparisons.
    matcher = SequenceMatcher(None, [], _WORD_OR_UNSPACED_CHARACTER_PATTERN.findall(sentence), autojunk=False)
    for words in removed:
        matcher.set_seq1(words)
        if (
            matcher.real_quick_ratio() >= MIN_CORRECTION_SIMILARITY
            and matcher.quick_ratio() >= MIN_CORRECTION_SIMILARITY
            and matcher.ratio() >= MIN_CORRECTION_SIMILARITY
        ):
            return True
    return False
