"""Near-duplicate detection: recognizes a story that another outlet reprints shortened or with a new first paragraph.

A text is represented by the set of its shingles (runs of consecutive words).  Its signature holds the smallest hashes
of the shingles, a bottom-k sketch (Broder 1997; Thorup 2013), from which containment is estimated as in FracMinHash
(Irber et al. 2022).  Containment is the share of the shorter text's shingles that the longer text has; it stays high if
a reprint keeps only a third of the story, while the resemblance (Jaccard index) that MinHash estimates is then low.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

# Two stories with this `similarity` or more are near-duplicates; tuned with benchmarks/extraction/duplicates.py.
MIN_REPRINT_SIMILARITY = 0.3
MAX_REPRINT_SIZE_RATIO = 4  # of the longer text of a reprint to the shorter one
MAX_SIGNATURE_HASHES = 100  # hashes kept per text, the smallest ones
MAX_BANDS = 24  # number of hashes per signature that stores index, see `bands`
MIN_LONG_TEXT_SHINGLES = 60  # shorter texts need `MIN_SHORT_TEXT_SIMILARITY`, because stock phrases fill much of them
MIN_SHORT_TEXT_SIMILARITY = 0.7  # two short texts below this similarity share only stock phrases
MIN_SHARED_HASHES = 3  # two signatures that share fewer are not similar: the shared ones may be chance

_WORD_PATTERN = re.compile(r"[^\W_]+")
# Regular expression: one character of a script that writes no spaces between words (Thai, Lao, Burmese, Khmer, Chinese,
# Japanese).
UNSPACED_CHARACTER_CLASS = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_UNSPACED_CHARACTER_PATTERN = re.compile(UNSPACED_CHARACTER_CLASS)
_WORDS_PER_SHINGLE = 4  # in texts with spaces between words
_CHARACTERS_PER_SHINGLE = 8  # in texts written without spaces
_SPLITMIX64_INCREMENT = np.uint64(0x9E3779B97F4A7C15)  # constant of `_splitmix64`


def signature(text: str) -> tuple[int, ...]:
    """Returns the up to `MAX_SIGNATURE_HASHES` smallest hashes of the text's shingles, in ascending order.

    Each hash is below 2**53, so that JSON keeps it exact.  Returns () if the text has fewer than twice
    `MIN_SHARED_HASHES` different shingles, which are too few to recognize a reprint.
    """
    hashes = _shingle_hashes(text)
    if len(hashes) < 2 * MIN_SHARED_HASHES:
        return ()
    if len(hashes) > MAX_SIGNATURE_HASHES:
        hashes = hashes[:MAX_SIGNATURE_HASHES]
    return tuple(hashes.tolist())


def bands(signature: Sequence[int]) -> tuple[int, ...]:
    """Returns the hashes by which a store indexes a signature: the `MAX_BANDS` smallest.

    A text and its reprint almost always share at least one.  A store with many stories that share one returns those
    that share most, which are the most probable reprints.
    """
    return tuple(signature[:MAX_BANDS])


def similarity(first: Sequence[int], second: Sequence[int]) -> float:
    """Estimates from two signatures the share of the shorter text that the longer text contains, from 0 to 1.

    Returns 0 if a signature is empty, if they share fewer than `MIN_SHARED_HASHES` hashes, or if a text is short and
    the share is below `MIN_SHORT_TEXT_SIMILARITY`.  Two texts with at least `MIN_REPRINT_SIMILARITY` are
    near-duplicates.
    """
    if not first or not second:
        return 0.0
    # A full signature holds all hashes of its text up to its largest hash, a shorter signature all hashes of its text.
    # Only hashes up to the smaller of both limits can be compared.
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


def is_reprint(first: Sequence[int], second: Sequence[int]) -> bool:
    """Returns True if two texts with these signatures are near-duplicates that are alike in length too.

    A page with the texts of many stories contains each of them and is a reprint of none.
    """
    sizes = sorted(map(_estimated_shingles, (first, second)))
    return sizes[1] <= MAX_REPRINT_SIZE_RATIO * sizes[0] and similarity(first, second) >= MIN_REPRINT_SIMILARITY


def _estimated_shingles(signature: Sequence[int]) -> float:
    """Returns how many different shingles a text has, estimated from the density of a full signature."""
    if len(signature) < MAX_SIGNATURE_HASHES:
        return len(signature)
    return (len(signature) - 1) * (1 << 53) / max(signature[-1], 1)


def _shingle_hashes(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Returns the distinct hashes of the text's shingles in ascending order, each below 2**53; may be empty."""
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
    """Hashes each number with the SplitMix64 finalizer (Steele et al. 2014): each input bit affects all output bits."""
    numbers = numbers + _SPLITMIX64_INCREMENT
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
