"""What a new version of a story changed: for alerts, which read only what was added, and for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.models import Story

Kind: TypeAlias = Literal["same", "removed", "added"]

# A sentence ends at its mark, with closing quotes, before a space (none follows in Chinese and Japanese).
_SENTENCE = re.compile(r"[^\n]+?(?:[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[”’」』）]*|(?=\n|$))")
EDITED = 0.6  # a sentence this like a removed one was corrected, not added
LONGEST_PAIRING = 200  # sentences: beyond, a rewrite is all new, and comparing each with each would cost seconds


@dataclass(frozen=True, slots=True)
class Change:
    """A run of words that stayed, went or came."""

    kind: Kind
    text: str


def sentences(text: str) -> list[str]:
    """The sentences of a text, trimmed, none empty."""
    return [found for match in _SENTENCE.finditer(text) if (found := match.group().strip())]


def added(old: str, new: str) -> str:
    """The sentences of ``new`` that are not in ``old``, one a line; one that was merely corrected is not among them."""
    before, after = sentences(old), sentences(new)
    gone, kept = [s for s in before if s not in set(after)], set(before)
    come = [s for s in after if s not in kept]
    if len(gone) * len(come) <= LONGEST_PAIRING**2:
        come = [s for s in come if not any(_edited(s, other) for other in gone)]
    return "\n".join(come)


def differences(old: str, new: str) -> Iterator[Change]:
    """The way from ``old`` to ``new`` in words, in order."""
    before, after = re.findall(r"\s+|[^\W_]+|.", old), re.findall(r"\s+|[^\W_]+|.", new)
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Change("same", "".join(before[a:b]))
            continue
        if b > a:
            yield Change("removed", "".join(before[a:b]))
        if d > c:
            yield Change("added", "".join(after[c:d]))


def changed(known: Story, read: Story, *, left_out: Sequence[str] = ()) -> bool:
    """Whether a reader would see another title or text.

    White space does not count, nor do paragraphs that were learnt since to be furniture (``left_out``).
    """
    furniture = set(left_out)
    text = "\n".join(line for line in known.text.splitlines() if line not in furniture)
    return (known.title.split(), text.split()) != (read.title.split(), read.text.split())


def _edited(new: str, old: str) -> bool:
    """Whether ``new`` is ``old`` corrected: most words the same, in order."""
    matcher = SequenceMatcher(None, old.split(), new.split(), autojunk=False)
    return matcher.quick_ratio() >= EDITED and matcher.ratio() >= EDITED
