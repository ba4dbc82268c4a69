"""The bounds on what is stored of an article."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from monitor.extract.text_limits import MAX_TEXT_CHARACTERS, cut_characters
from monitor.ingest.text_limits import MAX_DIFFERENT_WORDS, MAX_WORDS, cut_words, limited_article
from monitor.models import Article
from monitor.query import analysis
from monitor.query.segmentation import words_of

WORDS = ["".join(letters) for letters in product("bcdfghklmn", repeat=5)]  # 100,000 different ones
ARTICLE = Article(title="Title", text="A text of some words.\n\nAnd more.", authors=("Ann Writer",), section="World")


@given(st.text(alphabet="ab \n", max_size=200), st.integers(min_value=1, max_value=200))
def test_a_cut_text_is_a_beginning_within_the_bound(text: str, limit: int) -> None:
    cut = cut_characters(text, max_characters=limit)
    assert text.startswith(cut)
    assert len(cut) <= limit or cut == text


def test_a_long_text_ends_with_a_complete_paragraph() -> None:
    assert cut_characters("one two\n\nthree four five", max_characters=13) == "one two"
    assert cut_characters("one two three four", max_characters=15) == "one two three"


def test_an_ordinary_article_stays_as_it_is() -> None:
    assert limited_article(ARTICLE) == ARTICLE


def test_a_text_of_many_different_words_is_cut_and_flagged() -> None:
    limited = limited_article(replace(ARTICLE, text=" ".join(WORDS[: MAX_DIFFERENT_WORDS + 5]), flags=("live",)))
    assert limited.text == " ".join(WORDS[:MAX_DIFFERENT_WORDS])
    assert limited.flags == ("live", "truncated")


def test_words_joined_by_punctuation_count_one_by_one() -> None:
    assert len(words_of(cut_words(",".join(WORDS)))) == MAX_DIFFERENT_WORDS


def test_a_text_of_many_words_is_cut_at_the_bound() -> None:
    assert len(words_of(cut_words("天" * (MAX_WORDS + 5)))) == MAX_WORDS


def test_a_text_of_one_endless_word_is_cut() -> None:
    limited = limited_article(replace(ARTICLE, text="x" * 3_000_000))
    assert (len(limited.text), limited.flags) == (MAX_TEXT_CHARACTERS, ("truncated",))


def test_metadata_is_cut_without_a_flag() -> None:
    long = "Ann Writer " * 200_000
    limited = limited_article(replace(ARTICLE, title=long, section=long, authors=(long,) * 300, tags=(long,) * 300))
    assert 990 <= len(limited.title) <= 1000
    assert 190 <= len(limited.section or "") <= 200
    assert (len(limited.authors), len(limited.tags)) == (100, 100)
    assert limited.authors[0] == limited.tags[0] == limited.section
    assert limited.flags == ()


def test_the_cache_of_words_is_bounded_in_bytes() -> None:
    for number in range(3000):
        analysis.word_forms(f"{number}" + "x" * 10_000)
    cached = sum(len(word) for word in analysis._word_forms_by_language[None])
    assert cached * 8 < analysis.MAX_CACHED_BYTES + 100_000
