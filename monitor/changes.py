"""What a new version of a story changed: for alerts, which read only what was added, and for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal, TypeAlias

from monitor.models import normalize_text
from monitor.similarity import UNSPACED_SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.models import Story

ChangeKind: TypeAlias = Literal["same", "removed", "added"]

# A sentence ends at its marks, with closing quotes, before a space (none follows in Chinese and Japanese).  Each run of
# marks is looked at once: a line of nothing else must not cost the square of its length.
_END = re.compile(r"(?<![.!?…।॥؟۔])([.!?…।॥؟۔]++)[\"'”’»)\]]*+(?=\s|$)|([。！？]++)[”’」』）]*+")
# What is compared: words, and characters where no space stands between words.
_UNIT = re.compile(rf"{UNSPACED_SCRIPTS}|(?:(?!{UNSPACED_SCRIPTS})\S)+")
_RUN = re.compile(rf"\s+|{UNSPACED_SCRIPTS}|(?:(?!{UNSPACED_SCRIPTS})[^\W_])+|.")
EDITED_SENTENCE_SIMILARITY = 0.6  # a sentence this like a removed one was corrected, not added
# Sentences and words: beyond, a rewrite is all new, and comparing each with each would cost seconds.
MAX_PAIRED_SENTENCES = 200
MAX_COMPARED_WORDS = 4000
# A line that counts readers or tells the time; its numbers change by themselves.
_COUNTER = re.compile(
    "|".join(
        (
            # en
            r"\bread(?: by)? \d",
            r"\bupdated\b",
            r"\bviews\W*\d",
            r"\d (?:people|readers) (?:have )?read\b",
            r"\d\W*(?:comments|likes|reads|views?)\b",
            r"\d\s?(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|days?)\sago\b",
            # de
            r"\b(?:aktualisiert|aufrufe)\b",
            r"\bvor \d+ (?:sekunden|minuten|stunden?|tag)",
            # es, pt
            r"\b(?:actualizad[oa]|visualizaciones|visualizações)\b",
            r"\bhace \d+ (?:segundos?|minutos?|horas?|días?)",
            # fr
            r"\b(?:mis à jour|vues)\b",
            r"\bil y a \d+ (?:secondes?|minutes?|heures?|jours?)",
            # it
            r"\baggiornato\b",
            # ja, zh
            r"\d\s?(?:分钟|小时|分|時間)前",
            r"浏览|瀏覽|更新|閱讀|阅读",
            # ru
            r"\b(?:обновлено|просмотр\w*|прочитал\w*)\b",
            r"\d\s(?:минут|секунд|час)\w*\sназад",
            # uk
            r"\b(?:оновлено|перегляд\w*)\b",
        )
    ),
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?<![\d:])\d{1,2}:\d\d(?![\d:])")
_WORDED = re.compile(r"(?=[^\W\d_]*[^\W\d_A-ZА-Я])[^\W\d_]{4,}")  # a word that is no abbreviation
_NUMBER = re.compile(r"\d+(?:[.,'’\u00a0\u202f ]\d+)*")
MAX_COUNTER_CHARACTERS = 120  # characters


@dataclass(frozen=True, slots=True)
class Change:
    """A run of words that stayed, went or came."""

    kind: ChangeKind
    text: str


def sentences(text: str) -> list[str]:
    """The sentences of a text, trimmed, none empty."""
    return [found for line in text.split("\n") for sentence in _of_line(line) if (found := sentence.strip())]


def _of_line(line: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(line):
        if end.start() == start and len(end[1] or end[2]) == 1:
            continue  # a mark with nothing before it
        yield line[start : end.end()]
        start = end.end()
    yield line[start:]


def added_sentences(old: str, new: str) -> str:
    """The sentences of ``new`` that are not in ``old``, one a line; one that was merely corrected is not among them."""
    before, after = sentences(old), sentences(new)
    kept, still = set(before), set(after)
    gone = [_UNIT.findall(s) for s in before if s not in still]
    come = [s for s in after if s not in kept]
    few = len(gone) * len(come) <= MAX_PAIRED_SENTENCES**2
    if few and sum(map(len, gone)) * sum(len(_UNIT.findall(s)) for s in come) <= MAX_COMPARED_WORDS**2:
        come = [s for s in come if not _edited(s, gone)]
    return "\n".join(come)


def differences(old: str, new: str) -> Iterator[Change]:
    """The way from ``old`` to ``new`` in words, in order."""
    before, after = _RUN.findall(old), _RUN.findall(new)
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Change("same", "".join(before[a:b]))
            continue
        if b > a:
            yield Change("removed", "".join(before[a:b]))
        if d > c:
            yield Change("added", "".join(after[c:d]))


def is_changed(stored: Story, fetched: Story, *, boilerplate: Sequence[str] = ()) -> bool:
    """Whether a reader would see another title or text.

    White space does not count, nor do paragraphs that were learnt since to be boilerplate, nor the numbers
    in a line that counts readers or tells how long ago it was written.
    """
    furniture = {line for block in boilerplate for line in normalize_text(block).splitlines()}
    before = [line for line in stored.text.splitlines() if line not in furniture]
    return (stored.title.split(), _lasting(before)) != (fetched.title.split(), _lasting(fetched.text.splitlines()))


def _lasting(lines: Iterable[str]) -> list[str]:
    """The words of the lines, without the numbers that change by themselves."""
    return [word for line in lines for word in (_NUMBER.sub("0", line) if _counts(line) else line).split()]


def _counts(line: str) -> bool:
    if len(line) >= MAX_COUNTER_CHARACTERS or not any(map(str.isdigit, line)):
        return False
    return bool(_COUNTER.search(line) or (_CLOCK.search(line) and not _WORDED.search(line)))


def _edited(new: str, gone: Iterable[list[str]]) -> bool:
    """Whether ``new`` is one of the gone sentences corrected: most of it the same, in order."""
    matcher = SequenceMatcher(
        None, [], _UNIT.findall(new), autojunk=False
    )  # it keeps what it learns of its second sequence
    for old in gone:
        matcher.set_seq1(old)
        if (
            matcher.real_quick_ratio() >= EDITED_SENTENCE_SIMILARITY
            and matcher.quick_ratio() >= EDITED_SENTENCE_SIMILARITY
            and matcher.ratio() >= EDITED_SENTENCE_SIMILARITY
        ):
            return True
    return False
