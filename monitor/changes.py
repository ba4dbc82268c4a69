"""Compares two versions of a story: for alerts, which match only added text, and for display."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal, TypeAlias

from monitor.models import normalize_text
from monitor.similarity import UNSPACED_CHARACTER_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.models import Story

ChangeKind: TypeAlias = Literal["same", "removed", "added"]

# A sentence ends at its marks, with closing quotes, before white space (none follows in Chinese and Japanese).  Runs of
# marks are matched possessively: a line of marks alone must not take quadratic time.
_SENTENCE_END_PATTERN = re.compile(r"(?<![.!?…।॥؟۔])([.!?…।॥؟۔]++)[\"'”’»)\]]*+(?=\s|$)|([。！？]++)[”’」』）]*+")
# The units of comparison: words, and single characters in scripts without spaces.
_WORD_OR_UNSPACED_CHARACTER_PATTERN = re.compile(rf"{UNSPACED_CHARACTER_CLASS}|(?:(?!{UNSPACED_CHARACTER_CLASS})\S)+")
_DIFF_TOKEN_PATTERN = re.compile(rf"\s+|{UNSPACED_CHARACTER_CLASS}|(?:(?!{UNSPACED_CHARACTER_CLASS})[^\W_])+|.")
MIN_CORRECTION_SIMILARITY = 0.6  # from which on a sentence is a correction of a removed one, not an addition
# Larger changes count as a rewrite that is all new: comparing each sentence with each would take seconds.
MAX_COMPARED_SENTENCES = 200
MAX_COMPARED_WORDS = 4000
# A line with a number of readers or an age, which changes by itself.
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
_UNABBREVIATED_WORD_PATTERN = re.compile(
    r"(?=[^\W\d_]*[^\W\d_A-ZА-Я])[^\W\d_]{4,}"
)  # four letters or more and not all capitals
_NUMBER_PATTERN = re.compile(r"\d+(?:[.,'’\u00a0\u202f ]\d+)*")
MAX_COUNTER_LINE_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Change:
    """A run of words that stayed, was removed or was added."""

    kind: ChangeKind
    text: str


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, stripped, without empty ones."""
    return [
        stripped for line in text.split("\n") for sentence in _sentences_of_line(line) if (stripped := sentence.strip())
    ]


def _sentences_of_line(line: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE_END_PATTERN.finditer(line):
        if end.start() == start and len(end[1] or end[2]) == 1:
            continue  # a mark with no text before it
        yield line[start : end.end()]
        start = end.end()
    yield line[start:]


def added_sentences(old: str, new: str) -> str:
    """Returns the sentences of ``new`` that ``old`` lacks, one a line, without those that correct a removed one."""
    before, after = split_sentences(old), split_sentences(new)
    old_set, new_set = set(before), set(after)
    removed = [_WORD_OR_UNSPACED_CHARACTER_PATTERN.findall(sentence) for sentence in before if sentence not in new_set]
    added = [sentence for sentence in after if sentence not in old_set]
    few = len(removed) * len(added) <= MAX_COMPARED_SENTENCES**2
    if (
        few
        and sum(map(len, removed)) * sum(len(_WORD_OR_UNSPACED_CHARACTER_PATTERN.findall(s)) for s in added)
        <= MAX_COMPARED_WORDS**2
    ):
        added = [sentence for sentence in added if not _is_correction(sentence, removed)]
    return "\n".join(added)


def word_changes(old: str, new: str) -> Iterator[Change]:
    """Yields the changes in words that lead from ``old`` to ``new``, in order."""
    before, after = _DIFF_TOKEN_PATTERN.findall(old), _DIFF_TOKEN_PATTERN.findall(new)
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Change("same", "".join(before[a:b]))
            continue
        if b > a:
            yield Change("removed", "".join(before[a:b]))
        if d > c:
            yield Change("added", "".join(after[c:d]))


def has_changed_text(stored: Story, fetched: Story, *, boilerplate: Sequence[str] = ()) -> bool:
    """Returns True if the title or the text differs for a reader.

    Ignores white space, the stored paragraphs that are ``boilerplate`` by now, and the numbers in a line that counts
    readers or states an age.
    """
    ignored = {line for block in boilerplate for line in normalize_text(block).splitlines()}
    before = [line for line in stored.text.splitlines() if line not in ignored]
    return (stored.title.split(), _words_with_counters_zeroed(before)) != (
        fetched.title.split(),
        _words_with_counters_zeroed(fetched.text.splitlines()),
    )


def _words_with_counters_zeroed(lines: Iterable[str]) -> list[str]:
    """The words of the lines, with the numbers of counters replaced by 0."""
    return [
        word for line in lines for word in (_NUMBER_PATTERN.sub("0", line) if _is_counter_line(line) else line).split()
    ]


def _is_counter_line(line: str) -> bool:
    """Returns True if the line counts readers, or states an age or a time of day without a sentence around it."""
    if len(line) >= MAX_COUNTER_LINE_CHARACTERS or not any(map(str.isdigit, line)):
        return False
    return bool(
        _COUNTER_OR_AGE_PATTERN.search(line)
        or (_TIME_OF_DAY_PATTERN.search(line) and not _UNABBREVIATED_WORD_PATTERN.search(line))
    )


def _is_correction(sentence: str, removed: Iterable[list[str]]) -> bool:
    """Returns True if most words of the sentence are those of a removed sentence, in the same order."""
    # A SequenceMatcher caches its analysis of the second sequence.
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
