"""The page of results keeps its narrowing in its links, counts events, and says why it is empty."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from monitor.models import now
from monitor.query import parse
from monitor.story_search import StorySearch
from store.examples import page_commit, story
from web.conftest import open_page
from web.examples import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store import Store
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


def summary(text: str) -> str:
    found = text.partition('<p class="summary" role="status">')[2].partition("<span")[0].partition("</p>")[0]
    return " ".join(re.sub("<[^>]*>", "", found).split())


@pytest.fixture
def long_page(tmp_path: Path, store: Store) -> Iterator[Page]:
    """A page with 25 stories, of which 5 of the newest 20 are one event; all stories are stored."""
    examples = [story(f"s{n:02}", published_at=now() - timedelta(hours=n)) for n in range(25)]
    examples = [replace(each, cluster=examples[0].id) if n < 5 else each for n, each in enumerate(examples)]
    store.commit([page_commit(each) for each in examples])
    yield from open_page(tmp_path, store, CONFIG + "keep: all\n")


def test_the_summary_counts_stories_and_their_events(page: Page) -> None:
    assert summary(page.get("/")[1]) == "4 stories in 3 events"
    assert summary(page.get("/?q=Sberbank")[1]) == "1 story"


def test_events_are_counted_of_one_page_if_there_are_several(long_page: Page) -> None:
    assert summary(long_page.get("/")[1]) == "25 stories · the 20 of this page are 16 events"
    assert summary(long_page.get("/?page=2")[1]) == "25 stories"


def test_a_page_behind_the_last_one_leads_to_the_last(long_page: Page) -> None:
    _, text, _ = long_page.get("/?q=title&page=99")
    assert summary(text) == "There is no page 99. The last page is 2"
    assert links(text)["The last page is 2"] == "/?q=title&page=2"


@pytest.mark.parametrize("path", ["/", "/trends", "/api/v1/search"])
def test_a_time_that_ends_before_it_begins_is_an_error_of_its_field(page: Page, path: str) -> None:
    status, text, _ = page.get(f"{path}?since=2026-12-30&until=2026-11-01")
    assert status == 400
    if path.startswith("/api"):
        assert json.loads(text)["parameter"] == "until"
        return
    assert "To: the time ends before it begins." in text
    field = re.findall(r'<input[^>]* name="(?:since|until)"[^>]*>', text)
    assert ["aria-invalid" in each for each in field] == [False, True]


def hint(shown: Page, path: str) -> str:
    found = shown.get(path)[1].partition("No stories")[2].partition('<p class="meta">')[2].partition("</p>")[0]
    return found.strip()


def test_an_empty_result_suggests_only_what_applies(long_page: Page) -> None:
    assert hint(long_page, "/?q=zebra") == "Try fewer words or other forms of them."
    assert hint(long_page, "/?since=2020&until=2020") == "Try a longer time."
    assert hint(long_page, "/?outlet=Zebra") == "Remove a value that narrows the search."


def test_an_empty_result_says_if_only_matching_stories_are_stored(page: Page) -> None:
    stored = "This monitor stores only stories that match one of its topics or alerts."
    assert hint(page, "/?outlet=Zebra") == f"Remove a value that narrows the search. {stored}"
