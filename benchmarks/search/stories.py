"""Generates stories for benchmarks of stores: any number, the same in each run, without copyrighted text.

Words follow Zipf's law over a vocabulary that grows with the text as in news, with English and Russian endings,
capitals at the start of sentences, and names; some stories are in Chinese.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from monitor.models import Candidate, Disposition, FrontierEntry, Outcome, PageCommit, Story
from monitor.similarity import signature
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=365)
VOCABULARY_WORDS = 400_000  # words before endings
_ENGLISH = (
    ["b", "c", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v"],
    ["a", "e", "i", "o", "u", "ea"],
)
_RUSSIAN = (
    ["б", "в", "г", "д", "к", "л", "м", "н", "п", "р", "с", "ст", "т", "тр", "ч"],
    ["а", "е", "и", "о", "у", "я"],
)
_ENDINGS = {"en": ["", "", "", "", "s", "ed", "ing"], "ru": ["", "", "а", "у", "ом", "ы", "ами"]}


def word(rank: int, language: str = "en") -> str:
    """Returns the word of a frequency rank."""
    consonants, vowels = _ENGLISH if language == "en" else _RUSSIAN
    syllables, remainder = [], rank + 40
    while remainder:
        remainder, consonant = divmod(remainder, len(consonants))
        remainder, vowel = divmod(remainder, len(vowels))
        syllables.append(consonants[consonant] + vowels[vowel])
    return "".join(syllables) + ("n" if language == "en" else "н")


class StoryGenerator:
    """Generates stories; the n-th has the same fields in each run."""

    def __init__(self, *, words: int = 400, seed: int = 1) -> None:
        self._words = words
        self._random = np.random.default_rng(seed)
        frequency = 1 / (np.arange(VOCABULARY_WORDS) + 2.7) ** 1.25
        self._cumulative_frequencies = np.cumsum(frequency / frequency.sum())
        self._vocabulary = {code: [word(rank, code) for rank in range(VOCABULARY_WORDS)] for code in ("en", "ru")}

    def stories(self, count: int) -> Iterator[Story]:
        for number in range(count):
            language = ("en", "en", "en", "en", "en", "en", "en", "ru", "ru", "zh")[number % 10]
            title, text = self._text(12, language), self._text(self._words, language)
            published_at = NOW - SPAN + SPAN * (number / count)
            published_at = published_at.replace(microsecond=0)
            slug = f"{title.lower().replace(' ', '-')[:60]}-{number}"
            url = f"https://outlet-{number % 300}.example/{published_at:%Y/%m/%d}/{slug}"
            yield Story(
                id=story_id(url),
                url=url,
                outlet=f"Outlet {number % 300}",
                title=title,
                text=text,
                first_seen_at=published_at + timedelta(minutes=7),
                fetched_at=published_at + timedelta(minutes=7),
                updated_at=published_at + timedelta(minutes=7),
                authors=(f"{word(number % 997).title()} {word(number % 1009).title()}",),
                published_at=published_at,
                language=language,
                country=("GB", "US", "RU", "CN", "DE")[number % 5],
                word_count=self._words,
                topics=("ai",) if number % 7 == 0 else (),
                alerts=("chips",) if number % 97 == 0 else (),
                cluster=story_id(url),
                method="json-ld",
            )

    def _text(self, words: int, language: str) -> str:
        if language == "zh":
            characters = np.minimum(self._random.zipf(1.3, words), 6000) + 0x4E00
            return "".join(map(chr, characters.tolist()))
        vocabulary, endings = self._vocabulary[language], _ENDINGS[language]
        ranks = np.searchsorted(self._cumulative_frequencies, self._random.random(words)).tolist()
        choices = self._random.integers(0, len(endings) * 12, words).tolist()
        text, starts_sentence = [], True
        for rank, choice in zip(ranks, choices, strict=True):
            ending = endings[choice % len(endings)] if rank > 60 else ""
            inflected = vocabulary[min(rank, VOCABULARY_WORDS - 1)] + ending
            text.append(inflected.capitalize() if starts_sentence or rank % 37 == 5 else inflected)
            starts_sentence = choice < len(endings) // 2
            if starts_sentence:
                text[-1] += "."
        return " ".join(text)


def page_commit(story: Story) -> PageCommit:
    """Returns the story with its frontier entry, as a crawl commits it."""
    candidate = Candidate(url=story.url, outlet=story.outlet, title=story.title, published_at=story.published_at)
    entry = FrontierEntry(
        id=story.id, candidate=candidate, first_seen_at=story.first_seen_at, next_at=None, story=story.id
    )
    return PageCommit(
        entry=entry,
        outcome=Outcome(disposition=Disposition.STORED),
        story=story,
        signature=signature(story.text),
    )
