"""Reprints are found by containment, and stories that only share a topic are not."""

# ruff: noqa: E501  sentences to compare

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.similarity import BANDS, MIN_REPRINT_SIMILARITY, SIGNATURE_HASHES, bands, signature, similarity

WORDS = [
    a + b + c
    for a in ("ba", "ko", "mi", "sta", "ver")
    for b in ("lo", "ne", "ri", "tu")
    for c in ("", "n", "s", "ka", "del")
]


def text(seed: int, words: int) -> str:
    chance = random.Random(seed)
    return " ".join(chance.choice(WORDS) for _ in range(words))


def shared(one: str, other: str) -> int:
    return len(set(bands(signature(one))) & set(bands(signature(other))))


@pytest.mark.parametrize("kept", [0.3, 0.4, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(8))
def test_a_story_cut_under_a_new_lead_is_a_reprint_that_the_index_finds(seed: int, kept: float) -> None:
    original = text(seed, 700)
    words = original.split()
    reprint = text(seed + 1000, 40) + " " + " ".join(words[: int(len(words) * kept)])
    assert similarity(signature(original), signature(reprint)) >= MIN_REPRINT_SIMILARITY
    assert shared(original, reprint) > 0


@pytest.mark.parametrize("seed", range(20))
def test_unrelated_stories_are_not_alike(seed: int) -> None:
    assert similarity(signature(text(seed, 500)), signature(text(seed + 500, 500))) < MIN_REPRINT_SIMILARITY / 2


def test_briefs_that_share_the_formulas_of_a_lede_are_not_alike() -> None:
    lede = "Russian President Vladimir Putin said on Tuesday that"
    source = "The Kremlin gave no further details, the RIA state news agency reported on Tuesday evening."
    one = f"{lede} he would visit India in the first week of December. {source}"
    other = f"{lede} Sberbank had been attacked by foreign hackers overnight. {source}"
    assert similarity(signature(one), signature(other)) < MIN_REPRINT_SIMILARITY
    assert (
        similarity(signature(one), signature(f"{one} It was not said who would go with him.")) >= MIN_REPRINT_SIMILARITY
    )


def test_case_punctuation_and_width_of_letters_make_no_difference() -> None:
    one = "The Ministry said on Monday that exports of chips to Russia fell by half, and gave no reason for it at all."
    other = "THE MINISTRY said, on Monday, that exports of “chips” to Ｒｕｓｓｉａ fell by half - and gave no reason for it at all!"
    assert signature(one) == signature(other)


def test_scripts_without_spaces_are_compared_by_character() -> None:
    original = "中国政府周一宣布了新的人工智能芯片出口管制措施，业内人士表示这将影响多家俄罗斯企业的采购计划。" * 2
    reprint = "据外电报道，" + original[:70]
    assert similarity(signature(original), signature(reprint)) > MIN_REPRINT_SIMILARITY


@settings(deadline=None)
@given(st.text(max_size=3000))
def test_a_signature_is_short_ascending_and_survives_json(words: str) -> None:
    sketch = signature(words)
    assert len(sketch) <= SIGNATURE_HASHES
    assert list(sketch) == sorted(set(sketch))
    assert tuple(json.loads(json.dumps(sketch))) == sketch
    assert all(0 <= number < 2**53 for number in sketch)
    assert set(bands(sketch)) <= set(sketch)
    assert len(bands(sketch)) <= BANDS


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 900))
def test_likeness_is_symmetric_and_a_text_is_like_itself(seed: int, words: int) -> None:
    one, other = signature(text(seed, words)), signature(text(seed + 1, words) + text(seed, words // 2))
    assert similarity(one, one) == 1.0
    assert similarity(one, other) == similarity(other, one)


@pytest.mark.parametrize("short", ["", "Breaking", "Two words", "a b c d e"])
def test_a_text_too_short_to_tell_is_like_nothing(short: str) -> None:
    assert signature(short) == ()
    assert similarity(signature(short), signature(short)) == 0.0
