"""The page of results keeps its narrowing in its links, counts events, and says why it is empty."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from monitor.query import parse
from monitor.story_search import StorySearch

if TYPE_CHECKING:
    from web.conftest import Page


def links(text: str) -> dict[str, str]:
    """Returns the addresses of the links of a page by their texts."""
    found = re.findall(r'<a[^>]* href="([^"]*)"[^>]*>(.*?)</a>', text, re.DOTALL)
    return {re.sub("<[^>]*>", "", content).strip(): html.unescape(address) for address, content in found}


def parameters(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)


def test_trend_and_alert_of_a_search_keep_its_chosen_values(page: Page) -> None:
    found = links(page.get("/?q=Sberbank+OR+chips&language=en&outlet=Outlet&outlet=Wire&since=7d&until=2030")[1])
    query = '(Sberbank OR chips) (outlet:"Outlet" OR outlet:"Wire") language:"en"'
    assert parameters(found["Trend"]) == {"q": [query], "since": ["7d"], "until": ["2030"]}
    assert parameters(found["Make an alert"]) == {"q": [query]}
    assert html.escape(query) in page.get(found["Make an alert"])[1].replace("&#34;", "&quot;")


def test_trend_and_alert_say_that_they_leave_out_marks(page: Page) -> None:
    sentence = "Tags, stars and read states are not taken over."
    assert sentence not in page.get("/?q=Sberbank")[1]
    assert sentence in page.get("/?q=Sberbank&unread=1")[1]


@pytest.mark.parametrize("query", ["", "chip", "a OR b", "a b OR c", "a NEAR/5 b", "-a"])
def test_a_query_with_chosen_values_is_the_search_as_text(query: str) -> None:
    chosen = {"country": ("GB",), "outlet": ('The "Post"', "Wire"), "author": ("A. Roe",)}
    search = StorySearch(query=query, chosen=chosen)
    text = search.query_with_chosen()
    assert StorySearch(query=text).node({}) == parse(text) == search.node({})
