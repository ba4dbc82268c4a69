"""Near-duplicate detection: recognizes a story that another outlet reprints shortened or under a new beginning.

A text is the set of its shingles (runs of words).  Its signature holds the smallest hashes of this set, a bottom-k
sketch (Broder 1997; Thorup 2013) that is evaluated as FracMinHash does (Irber et al. 2022) to estimate *containment*.
MinHash estimates resemblance, which is low between a story and a third of it; containment is high.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

# Similarity from which on two stories are one, measured by benchmarks/extraction/duplicates.py.
MIN_REPRINT_SIMILARITY = 0.3
MAX_SIGNATURE_HASHES = 100
MAX_BANDS = 24  # the smallest hashes of a signature, which stores index
MIN_LONG_TEXT_SHINGLES = 60  # a text with fewer shingles consists in good part of the formulas of a lede
MIN_SHORT_TEXT_SIMILARITY = 0.7  # below it, two short texts share only these formulas
MIN_SHARED_HASHES = 3  # fewer shared hashes are chance

_WORD_PATTERN = re.compile(r"[^\W_]+")
UNSPACED_CHARACTER_CLASS = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_UNSPACED_CHARACTER_PATTERN = re.compile(UNSPACED_CHARACTER_CLASS)
_WORDS_PER_SHINGLE = 4
_CHARACTERS_PER_SHINGLE = 8  # in scripts without spaces
_SPLITMIX64_INCREMENT = np.uint64(0x9E3779B97F4A7C15)


def signature(text: str) -> tuple[int, ...]:
    """Returns up to `SIGNATURE_HASHES` numbers, ascending, each below 2**53 so that JSON keeps them exact.

    Empty if the text is too short to recognize a reprint.
    """
    hashes = _shingle_hashes(text)
    if len(hashes) < 2 * MIN_SHARED_HASHES:
        return ()
    if len(hashes) > MAX_SIGNATURE_HASHES:
        hashes = hashes[:MAX_SIGNATURE_HASHES]
    return tuple(hashes.tolist())


def bands(signature: Sequence[int]) -> tuple[int, ...]:
    """The hashes by which a store indexes a signature: a text and its reprint share at least one.

    The more hashes are shared, the more probable is a reprint; a store with many matches returns those that share most.
    """
    return tuple(signature[:MAX_BANDS])


def similarity(first: Sequence[int], second: Sequence[int]) -> float:
    """The share of the shorter text that the other one contains, from 0 to 1.

    From `MIN_REPRINT_SIMILARITY` on, the texts are one story.
    """
    if not first or not second:
        return 0.0
    # Up to the smaller of both horizons, each signature holds all hashes of its text.
    horizon = min(hashes[-1] if len(hashes) >= MAX_SIGNATURE_HASHES else 1 << 53 for hashes in (first, second))
    first_hashes = {number for number in first if number <= horizon}
    second_hashes = {number for number in second if number <= horizon}
    shared = len(first_hashes & second_hashes)
    if shared < MIN_SHARED_HASHES:
        return 0.0
    containment = shared / min(len(first_hashes), len(second_hashes))
    if containment < MIN_SHORT_TEXT_SIMILARITY and min(len(first), len(second)) < MIN_LONG_TEXT_SHINGLES:
        return 0.0
    return containment


def _shingle_hashes(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """The hashes of the text's shingles, ascending, each once."""
    text = unicodedata.normalize("NFKC", text).casefold()
    unspaced = len(_UNSPACED_CHARACTER_PATTERN.findall(text)) > len(text) // 4
    tokens = _WORD_PATTERN.findall(text)
    if unspaced:
        tokens = list("".join(tokens))
    length = _CHARACTERS_PER_SHINGLE if unspaced else _WORDS_PER_SHINGLE
    if len(tokens) < length:
        return np.empty(0, dtype=np.uint64)
    crc = zlib.crc32
    words = np.array([crc(token.encode("utf-8", "surrogatepass")) for token in tokens], dtype=np.uint64)
    count = len(words) - length + 1
    mixed = np.zeros(count, dtype=np.uint64)
    for offset in range(length):
        mixed = _splitmix64(mixed + words[offset : offset + count])
    return np.unique(mixed >> np.uint64(11))


def _splitmix64(numbers: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """The finalizer of SplitMix64 (Steele et al. 2014): every bit of the input changes every bit of the output."""
    numbers = numbers + _SPLITMIX64_INCREMENT
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
