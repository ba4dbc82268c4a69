"""How extracted text is scored against the truth: the measure of the public article-extraction-benchmark.

Texts are bags of 4-grams of ``\\w+`` tokens; precision and recall are means over pages, each page weighing the same,
and F1 is the harmonic mean of these two means.
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


def page_score(truth: str, found: str) -> tuple[float | None, float | None]:
    """Precision (None where nothing was found) and recall (None where nothing was to be found) of one page."""
    true, got = _shingles(truth), _shingles(found)
    shared = sum((true & got).values())
    return (
        shared / sum(got.values()) if got else None,
        shared / sum(true.values()) if true else None,
    )


def score(pairs: Iterable[tuple[str, str]]) -> Score:
    """The measure over (truth, found) pairs."""
    pages = [page_score(truth, found) for truth, found in pairs]
    precisions = [precision for precision, _ in pages if precision is not None]
    recalls = [recall for _, recall in pages if recall is not None]
    return Score(precision=mean(precisions or [0.0]), recall=mean(recalls or [0.0]))


def _shingles(text: str, size: int = 4) -> Counter[tuple[str, ...]]:
    tokens = _TOKEN.findall(text)
    if not tokens:
        return Counter()
    return Counter(tuple(tokens[i : i + size]) for i in range(max(1, len(tokens) - size + 1)))
