"""The words that the stories of a spike have and earlier stories of the same query hardly have."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from monitor.query.segmentation import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.models import Story

MAX_NEW_WORDS = 8
MIN_STORIES = 2  # with the word
MIN_SHARE = 0.15  # of the stories with the word
MIN_RATIO = 4.0  # of this share to that of earlier stories
MIN_CHARACTERS = 3  # of a word in a script of letters
MAX_TEXT_CHARACTERS = 5000  # that are read of each story


def new_words(stories: Sequence[Story], earlier: Sequence[Story]) -> list[str]:
    """Returns up to `MAX_NEW_WORDS` words, the most telling first, as most stories write them."""
    spellings: dict[str, Counter[str]] = {}
    counts = _story_counts(stories, spellings)
    before = _story_counts(earlier, {})
    scores = {}
    for word, count in counts.items():
        share, usual = count / len(stories), (before[word] + 0.5) / (len(earlier) + 1)
        if count >= MIN_STORIES and share >= MIN_SHARE and share / usual >= MIN_RATIO:
            scores[word] = share * math.log(share / usual)
    shown = {word: spellings[word].most_common(1)[0][0] for word in scores}
    return sorted(shown.values(), key=lambda word: (-scores[word.casefold()], word.islower(), word))[:MAX_NEW_WORDS]


def _story_counts(stories: Iterable[Story], spellings: dict[str, Counter[str]]) -> Counter[str]:
    """Returns in how many stories each word is, in lower case; adds its spellings to ``spellings``."""
    counts: Counter[str] = Counter()
    for story in stories:
        words = {word.casefold(): word for word in words_of(f"{story.title}\n{story.text[:MAX_TEXT_CHARACTERS]}")}
        for folded, word in words.items():
            if (len(folded) >= MIN_CHARACTERS or not folded.isascii()) and not folded.isdecimal():
                counts[folded] += 1
                spellings.setdefault(folded, Counter())[word] += 1
    return counts
