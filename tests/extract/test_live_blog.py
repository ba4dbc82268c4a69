"""A live blog's posts are its text, on the page or in JSON-LD; only a visible prompt to pay counts as a wall."""

# ruff: noqa: E501  markup is easier to read on one line

from __future__ import annotations

import json

import pytest

from extract import pages
from extract.test_story import article

LEAD = (
    "Ministers meet in the capital for two days. We follow the talks as they happen, from the first hour to the last."
)
POSTS = [
    ("Bank is put on the list", "Sberbank was put on the list this morning, an envoy said as he left the hall."),
    ("Talks begin", "The delegations arrived at nine, and the doors of the hall were closed soon afterwards."),
]
PROMPTS = {
    "style": "<div class='paywall' style='display: none'>{}</div>",
    "hidden": "<div class='paywall' hidden>{}</div>",
    "template": "<template><div class='paywall'>{}</div></template>",
    "aria-hidden": "<div role='dialog' aria-hidden='true' class='paywall'>{}</div>",
    "dialog": "<dialog class='paywall'>{}</dialog>",
    "noscript": "<noscript><div class='paywall'>{}</div></noscript>",
    "inner": "<div hidden><section><div class='paywall'>{}</div></section></div>",
}


def live_blog(posts: list[tuple[str, str]], shown: list[tuple[str, str]]) -> bytes:
    updates = [{"@type": "BlogPosting", "headline": headline, "articleBody": text} for headline, text in posts]
    data = {"@type": "LiveBlogPosting", "headline": "Summit of the ministers", "liveBlogUpdate": updates}
    body = "".join(f"<section><h2>{headline}</h2><p>{text}</p></section>" for headline, text in shown)
    return (
        f"<html lang='en'><head><title>Summit of the ministers</title><script type='application/ld+json'>{json.dumps(data)}</script></head>"
        f"<body><main><h1>Summit of the ministers</h1><p>{LEAD}</p>{body}</main></body></html>"
    ).encode()


def test_posts_that_only_json_ld_states_are_text() -> None:
    story = article(live_blog(POSTS, []))
    expected = [LEAD, *(line for post in POSTS for line in post)]
    assert (story.text.split("\n\n"), story.flags) == (expected, ("live",))


def test_posts_on_the_page_are_not_repeated() -> None:
    story = article(live_blog(POSTS, POSTS))
    assert [story.text.count(text) for _, text in POSTS] == [1, 1]


def test_a_single_post_and_markup_in_a_post_are_read() -> None:
    data = live_blog([("", "<p>Sberbank is named.</p><p>An envoy said so.</p>")], [])
    assert article(data).text.split("\n\n")[1:] == ["Sberbank is named.", "An envoy said so."]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_hidden_prompt_to_pay_flags_nothing(prompt: str) -> None:
    wall = PROMPTS[prompt].format("<p>Subscribe to continue reading this story.</p>")
    story = article(pages.plain().replace(b"</main>", f"{wall}</main>".encode()))
    assert story.flags == ()
    short = f"<article><h1>{pages.TITLE}</h1><p>{pages.PARAGRAPHS[0]}</p><p>{pages.PARAGRAPHS[1]}</p>{wall}</article>"
    assert article(f"<html><title>{pages.TITLE}</title><body>{short}".encode()).flags == ()


def test_an_open_dialog_that_asks_to_pay_is_a_wall() -> None:
    wall = "<dialog open class='paywall'><p>Subscribe to continue reading this story.</p></dialog>"
    short = f"<article><h1>{pages.TITLE}</h1><p>{pages.PARAGRAPHS[0]}</p><p>{pages.PARAGRAPHS[1]}</p>{wall}</article>"
    assert "paywall" in article(f"<html><title>{pages.TITLE}</title><body>{short}".encode()).flags
