"""What is new in a story: words that earlier stories lack, and names."""

from __future__ import annotations

import pytest

from monitor.volume.names import names_of, sentence_with
from monitor.volume.new_words import new_words
from store.examples import story


def test_words_of_most_stories_that_earlier_ones_lack_are_new() -> None:
    earlier = [story(f"e{n}", text=f"The ministry spoke of chips and export number {n}.") for n in range(20)]
    stories = [
        story(f"n{n}", text=f"The ministry spoke of chips after the Earthquake in Hualien {n}.") for n in range(6)
    ]
    assert new_words(stories, earlier) == ["Earthquake", "Hualien", "after"]


def test_a_word_of_a_single_story_is_not_new() -> None:
    assert new_words([story("a", text="Zebra"), story("b", text="Lion")], []) == []


@pytest.mark.parametrize(
    ("title", "text", "names"),
    [
        ("", "Officials said that Maria Petrova left.", ["Maria Petrova"]),
        ("", "Yesterday Petrova left. Then the firm praised Petrova.", ["Petrova"]),
        ("", "We met Ursula von der Leyen in Brussels.", ["Ursula von der Leyen"]),
        ("", "Завод посетил Владимир Путин вчера.", ["Владимир Путин"]),
        ("", "The OECD met. A report of the OECD says so.", ["OECD"]),
        ("Acme sells chips", "The firm Acme sells.", ["Acme"]),
        ("ACME SELLS CHIPS", "The firm sells.", []),
        ("", "It was Monday.", []),
        ("", "这是一个中文句子。", []),
    ],
)
def test_the_names_of_a_story_are_found(title: str, text: str, names: list[str]) -> None:
    assert names_of(title, text) == names


def test_the_sentence_with_a_name_is_shown() -> None:
    assert sentence_with("Maria", "First. Then Maria left the firm. Last.") == "Then Maria left the firm."
