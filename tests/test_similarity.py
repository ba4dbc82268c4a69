"""Reprints are found by containment; stories that only share a topic are not."""

# ruff: noqa: E501  sentences to compare

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.similarity import (
    MAX_BANDS,
    MAX_SIGNATURE_HASHES,
    MIN_REPRINT_SIMILARITY,
    bands,
    is_reprint,
    signature,
    similarity,
)

WORDS = [
    a + b + c
    for a in ("ba", "ko", "mi", "sta", "ver")
    for b in ("lo", "ne", "ri", "tu")
    for c in ("", "n", "s", "ka", "del")
]


def text(seed: int, words: int) -> str:
    chance = random.Random(seed)
    return " ".join(chance.choice(WORDS) for _ in range(words))


def shared_bands(first: str, second: str) -> int:
    return len(set(bands(signature(first))) & set(bands(signature(second))))


@pytest.mark.parametrize("kept", [0.3, 0.4, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(8))
def test_a_shortened_story_under_a_new_opening_is_found_as_a_reprint(seed: int, kept: float) -> None:
    original = text(seed, 700)
    words = original.split()
    reprint = text(seed + 1000, 40) + " " + " ".join(words[: int(len(words) * kept)])
    assert similarity(signature(original), signature(reprint)) >= MIN_REPRINT_SIMILARITY
    assert shared_bands(original, reprint) > 0


@pytest.mark.parametrize("seed", range(20))
def test_unrelated_stories_are_not_similar(seed: int) -> None:
    assert similarity(signature(text(seed, 500)), signature(text(seed + 500, 500))) < MIN_REPRINT_SIMILARITY / 2


def test_briefs_that_share_the_formulas_of_a_lede_are_not_similar() -> None:
    lede = "Russian President Vladimir Putin said on Tuesday that"
    source = "The Kremlin gave no further details, the RIA state news agency reported on Tuesday evening."
    first = f"{lede} he would visit India in the first week of December. {source}"
    second = f"{lede} Sberbank had been attacked by foreign hackers overnight. {source}"
    assert similarity(signature(first), signature(second)) < MIN_REPRINT_SIMILARITY
    assert (
        similarity(signature(first), signature(f"{first} It was not said who would go with him."))
        >= MIN_REPRINT_SIMILARITY
    )


def test_case_punctuation_and_width_of_letters_make_no_difference() -> None:
    first = (
        "The Ministry said on Monday that exports of chips to Russia fell by half, and gave no reason for it at all."
    )
    second = "THE MINISTRY said, on Monday, that exports of “chips” to Ｒｕｓｓｉａ fell by half - and gave no reason for it at all!"
    assert signature(first) == signature(second)


def test_scripts_without_spaces_are_compared_by_character() -> None:
    original = "中国政府周一宣布了新的人工智能芯片出口管制措施，业内人士表示这将影响多家俄罗斯企业的采购计划。" * 2
    reprint = "据外电报道，" + original[:70]
    assert similarity(signature(original), signature(reprint)) > MIN_REPRINT_SIMILARITY


@settings(deadline=None)
@given(st.text(max_size=3000))
def test_a_signature_is_short_ascending_and_survives_json(words: str) -> None:
    hashes = signature(words)
    assert len(hashes) <= MAX_SIGNATURE_HASHES
    assert list(hashes) == sorted(set(hashes))
    assert tuple(json.loads(json.dumps(hashes))) == hashes
    assert all(0 <= number < 2**53 for number in hashes)
    assert set(bands(hashes)) <= set(hashes)
    assert len(bands(hashes)) <= MAX_BANDS


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 900))
def test_similarity_is_symmetric_and_1_for_the_same_text(seed: int, words: int) -> None:
    first, second = signature(text(seed, words)), signature(text(seed + 1, words) + text(seed, words // 2))
    assert similarity(first, first) == 1.0
    assert similarity(first, second) == similarity(second, first)


@pytest.mark.parametrize("short", ["", "Breaking", "Two words", "a b c d e"])
def test_a_text_that_is_too_short_is_similar_to_none(short: str) -> None:
    assert signature(short) == ()
    assert similarity(signature(short), signature(short)) == 0.0


@pytest.mark.parametrize(("others", "is_one"), [(0, True), (1, True), (2, True), (7, False), (40, False)])
def test_a_page_of_many_stories_is_a_reprint_of_none(others: int, is_one: bool) -> None:
    story = text(1, 260)
    page = " ".join([story, *(text(seed + 2, 260) for seed in range(others))])
    first, second = signature(story), signature(page)
    assert similarity(first, second) >= MIN_REPRINT_SIMILARITY
    assert (is_reprint(first, second), is_reprint(second, first)) == (is_one, is_one)


def test_a_shortened_reprint_is_found() -> None:
    story = text(1, 600)
    assert is_reprint(signature(story), signature(" ".join(story.split()[:220])))
