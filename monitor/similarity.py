"""Near-duplicates: a story that another outlet reprints cut, retitled or under a lead of its own is found again.

A text is the set of its shingles (runs of words), sketched by the ones with the smallest hashes: a bottom-k sketch
(Broder 1997; Thorup 2013) read the way FracMinHash does (Irber et al. 2022), so that it estimates *containment*.
Resemblance, which MinHash estimates, is low between a story and a third of it; containment is high.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_REPRINT_SIMILARITY = (
    0.3  # from this much of the shorter text on, two stories are one; benchmarks/extraction/duplicates.py
)
SIGNATURE_HASHES = 100  # hashes of a signature
BANDS = 24  # the smallest of them, which stores index
SHORT_TEXT_SHINGLES = 60  # shingles of a text so short that the formulas of a lede are a good part of it
MIN_SHORT_TEXT_SIMILARITY = 0.7  # likeness below which that is all two briefs share
MIN_SHINGLES = 3  # shared hashes below which likeness is chance

_TOKEN = re.compile(r"[^\W_]+")
UNSPACED_SCRIPTS = (
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"  # scripts without spaces
)
_UNSPACED = re.compile(UNSPACED_SCRIPTS)
_WORDS, _CHARACTERS = 4, 8  # in a shingle
_MIX = np.uint64(0x9E3779B97F4A7C15)


def signature(text: str) -> tuple[int, ...]:
    """The text's sketch: up to `SIGNATURE_HASHES` numbers, ascending, each below 2**53 (so that JSON keeps them whole).

    Empty where the text is too short to tell a reprint by.
    """
    hashes = _shingles(text)
    if len(hashes) < 2 * MIN_SHINGLES:
        return ()
    if len(hashes) > SIGNATURE_HASHES:
        hashes = hashes[:SIGNATURE_HASHES]
    return tuple(hashes.tolist())


def bands(signature: Sequence[int]) -> tuple[int, ...]:
    """What to index a signature by: two texts of which one holds a good part of the other share at least one.

    The more are shared, the likelier the reprint: a store that finds too many returns those that share most.
    """
    return tuple(signature[:BANDS])


def similarity(first: Sequence[int], second: Sequence[int]) -> float:
    """The share of the shorter text that the other one contains, from 0 to 1.

    From `MIN_REPRINT_SIMILARITY` on, the texts are one story.
    """
    if not first or not second:
        return 0.0
    # Below the smaller of both horizons, each sketch holds all of its text's hashes.
    horizon = min(sketch[-1] if len(sketch) >= SIGNATURE_HASHES else 1 << 53 for sketch in (first, second))
    seen = {number for number in first if number <= horizon}
    others = {number for number in second if number <= horizon}
    shared = len(seen & others)
    if shared < MIN_SHINGLES:
        return 0.0
    likeness = shared / min(len(seen), len(others))
    return (
        0.0 if likeness < MIN_SHORT_TEXT_SIMILARITY and min(len(first), len(second)) < SHORT_TEXT_SHINGLES else likeness
    )


def _shingles(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """The hashes of the text's shingles, ascending, each once."""
    text = unicodedata.normalize("NFKC", text).casefold()
    unspaced = len(_UNSPACED.findall(text)) > len(text) // 4
    tokens = _TOKEN.findall(text)
    if unspaced:
        tokens = list("".join(tokens))
    length = _CHARACTERS if unspaced else _WORDS
    if len(tokens) < length:
        return np.empty(0, dtype=np.uint64)
    crc = zlib.crc32
    words = np.array([crc(token.encode("utf-8", "surrogatepass")) for token in tokens], dtype=np.uint64)
    count = len(words) - length + 1
    mixed = np.zeros(count, dtype=np.uint64)
    for place in range(length):
        mixed = _hash_mix(mixed + words[place : place + count])
    return np.unique(mixed >> np.uint64(11))


def _hash_mix(numbers: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """The finalizer of SplitMix64 (Steele et al. 2014): every bit of the input changes every bit of the output."""
    numbers = numbers + _MIX
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
