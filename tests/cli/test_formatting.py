"""How stories are printed on a terminal: their addresses, excerpts and marks."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from rich.console import Console

from monitor.cli.formatting import print_story
from monitor.query import parse
from monitor.query.snippets import first_sentence
from store.examples import story

if TYPE_CHECKING:
    from monitor.models import Story

STORY = replace(
    story("first"),
    url="https://outlet.example/news/" + "a-long-address-" * 6,
    text="Dr. Carrow opened the bank's office in St. Petersburg. The ferries waited for the ice.",
)


def printed(
    query: str = "", *, shown: Story = STORY, colours: Literal["truecolor"] | None = None, no_colour: bool = False
) -> str:
    """Returns the lines that a terminal of 60 columns gets."""
    output = io.StringIO()
    console = Console(
        file=output, width=60, force_terminal=True, color_system=colours, no_color=no_colour, highlight=False
    )
    print_story(console, shown, parse(query) if query else None)
    return output.getvalue()


def test_an_address_wider_than_the_terminal_stays_one_line() -> None:
    assert f"\n{STORY.url}  {STORY.id[:8]}\n" in printed()


@pytest.mark.parametrize("query", ["", "outlet:Outlet", "title:title"])
def test_a_story_without_excerpts_shows_its_first_sentence(query: str) -> None:
    lines = printed(query).splitlines()
    assert lines[3:] == ["  Dr. Carrow opened the bank's office in St. Petersburg."]


def test_words_have_asterisks_on_a_terminal_without_colours() -> None:
    assert "The *ferries* waited for the *ice*." in printed("ferries NEAR/5 ice")
    assert "*ferries*" in printed("ferries NEAR/5 ice", colours="truecolor", no_colour=True)
    assert "*" not in printed("ferries NEAR/5 ice", colours="truecolor")


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("\n\nA heading\nThe text begins. It ends.", "A heading"),
        ("One two. Three.", "One two."),
        ("no end of a sentence", "no end of a sentence"),
        ("word " * 100, ("word " * 36).rstrip() + "…"),
        ("字" * 300, "字" * 180 + "…"),
    ],
)
def test_the_first_sentence_is_cut_at_a_word_if_it_is_long(text: str, beginning: str) -> None:
    assert first_sentence(replace(STORY, text=text)).text == beginning


def test_a_story_without_text_shows_no_sentence() -> None:
    assert len(printed(shown=replace(STORY, text=" \n")).splitlines()) == 3
