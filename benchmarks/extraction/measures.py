"""Scores extracted text against the truth, as the public article-extraction-benchmark does.

Texts are multisets of 4-grams of ``\\w+`` tokens.  Precision and recall are means over pages, with equal weight; F1 is
the harmonic mean of these two means.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class Score:
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def __str__(self) -> str:
        return f"{self.f1:.4f} {self.precision:.4f} {self.recall:.4f}"


def page_score(truth: str, extracted: str) -> tuple[float | None, float | None]:
    """Returns precision (None if nothing was extracted) and recall (None if the truth is empty) of one page."""
    true_shingles, extracted_shingles = _shingles(truth), _shingles(extracted)
    shared = sum((true_shingles & extracted_shingles).values())
    return (
        shared / sum(extracted_shingles.values()) if extracted_shingles else None,
        shared / sum(true_shingles.values()) if true_shingles else None,
    )


def score(pairs: Iterable[tuple[str, str]]) -> Score:
    """Returns the score over (truth, extracted) pairs."""
    pages = [page_score(truth, extracted) for truth, extracted in pairs]
    precisions = [precision for precision, _ in pages if precision is not None]
    recalls = [recall for _, recall in pages if recall is not None]
    return Score(precision=mean(precisions or [0.0]), recall=mean(recalls or [0.0]))


def _shingles(text: str, size: int = 4) -> Counter[tuple[str, ...]]:
    tokens = _TOKEN.findall(text)
    if not tokens:
        return Counter()
    return Counter(tuple(tokens[i : i + size]) for i in range(max(1, len(tokens) - size + 1)))
