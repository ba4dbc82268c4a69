"""Saved searches: saved, opened, renamed and deleted on the page and by the API."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from monitor.models import now
from monitor.saved_searches import MAX_SAVED_SEARCHES
from monitor.store.records import SavedSearch
from web.examples import HOSTILE

if TYPE_CHECKING:
    from web.conftest import Page

JSON = {"Content_Type": "application/json"}
SEARCH = "q=Sberbank+OR+chips&since=7d&outlet=Outlet&outlet=Wire&sort=relevance&starred=1&tag=a+b"


def save(page: Page, name: str, search: str = SEARCH, **fields: str) -> tuple[int, str]:
    page.get("/?q=Sberbank")
    status, text, _ = page.submit("/searches", {"name": name, "search": search, **fields})
    return status, text


def names(page: Page) -> list[str]:
    return [saved.name for saved in page.store.saved_searches()]


def test_a_saved_search_keeps_its_parameters_and_is_opened_by_its_link(page: Page) -> None:
    assert save(page, "banks ")[0] == 303
    (saved,) = page.store.saved_searches()
    assert (saved.name, saved.query, saved.created_by) == ("banks", "Sberbank OR chips", "")
    assert saved.filters == {
        "since": ("7d",), "sort": ("relevance",), "outlet": ("Outlet", "Wire"), "starred": ("1",), "tag": ("a b",),
    }  # fmt: skip
    status, _, headers = page.get(f"/searches/{saved.id}")
    assert status == 303
    status, text, _ = page.get(headers["Location"])
    assert status == 200
    assert "Saved as <b><bdi>banks</bdi></b>" in text
    assert 'aria-current="true"><bdi>banks</bdi>' in text
    assert "Save this search" not in text


def test_a_taken_name_is_refused_and_can_be_replaced(page: Page) -> None:
    save(page, "banks")
    status, text = save(page, "BANKS", "q=chips")
    assert status == 400
    assert "It was not saved: name: there is a saved search" in text
    assert "Replace the search of this name" in text
    before = page.store.saved_searches()[0]
    assert save(page, "BANKS", "q=chips", action="replace")[0] == 303
    (after,) = page.store.saved_searches()
    assert (after.id, after.name, after.query, after.filters) == (before.id, "banks", "chips", {})


@pytest.mark.parametrize(
    ("name", "search", "reason"),
    [
        ("\u202e\u2066", "q=x", "name: write a name"),
        ("x" * 10_000, "q=x", "name: longer than 100 characters: it has 10,000"),
        ("a", "q=chip+AND+(foo", "query: unmatched"),
        ("a", "q=x&since=never", "since: "),
        ("a", "", "q: this search has no query and no filter"),
        ("a", "page=3&unknown=1", "q: this search has no query and no filter"),
    ],
)
def test_a_search_that_cannot_be_saved_says_where_and_why(page: Page, name: str, search: str, reason: str) -> None:
    status, text = save(page, name, search)
    assert status == 400
    assert f"It was not saved: {reason}" in text
    assert names(page) == []


def test_a_search_is_renamed_and_deleted_under_the_same_link(page: Page) -> None:
    save(page, "banks")
    save(page, "chips", "q=chips")
    identifier = page.store.saved_searches()[0].id
    page.get("/searches")
    status, text, _ = page.submit(f"/searches/{identifier}", {"action": "rename", "name": "Chips"})
    assert status == 400
    assert "It was not renamed: name: there is a saved search" in text
    status, _, headers = page.submit(f"/searches/{identifier}", {"action": "rename", "name": "lenders"})
    assert status == 303
    assert "Renamed: it is called <bdi>lenders</bdi> now." in page.get(headers["Location"])[1]
    assert names(page) == ["chips", "lenders"]
    assert page.get(f"/searches/{identifier}")[0] == 303
    status, text, _ = page.get(f"/searches/{identifier}/delete")
    assert "Delete the saved search <bdi>lenders</bdi>?" in text
    assert names(page) == ["chips", "lenders"]
    status, _, headers = page.submit(f"/searches/{identifier}", {"action": "delete"})
    assert (status, headers["Location"]) == (303, "/searches?deleted=lenders")
    assert names(page) == ["chips"]
    assert "Deleted: <bdi>lenders</bdi>." in page.get(headers["Location"])[1]
    assert "Deleted:" not in page.get("/searches?deleted=chips")[1]
    status, text, _ = page.get(f"/searches/{identifier}")
    assert status == 404
    assert "it may have been deleted" in text
    assert page.submit(f"/searches/{identifier}", {"action": "delete"})[0] == 404


def test_the_list_asks_before_a_search_is_deleted(page: Page) -> None:
    save(page, "banks")
    (saved,) = page.store.saved_searches()
    _, text, _ = page.get("/searches")
    assert 'name="name" value="banks"' in text
    assert f'href="/searches/{saved.id}/delete"' in text
    assert 'value="delete"' not in text


def test_a_hostile_name_is_text_on_every_page_that_shows_it(page: Page) -> None:
    name = HOSTILE[:90]
    assert save(page, name, "q=Sberbank")[0] == 303
    for path in ("/", "/?q=Sberbank", "/searches", "/feeds"):
        _, text, _ = page.get(path)
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text
    assert "\u202e" not in page.get("/searches")[1]  # a name keeps no sign that reorders the text beside it


def test_the_number_of_saved_searches_is_limited(page: Page) -> None:
    at = now()
    for number in range(MAX_SAVED_SEARCHES):
        search = SavedSearch(
            id=str(number), name=f"name {number}", query="x", filters={}, created_by="", created_at=at, updated_at=at
        )
        page.store.put_search(search)
    assert "there are 200 saved searches, the most" in save(page, "one more")[1]
    assert f"all {MAX_SAVED_SEARCHES}" in page.get("/")[1]


def test_the_page_of_a_saved_search_names_its_feed(page: Page) -> None:
    save(page, "banks", "q=Sberbank")
    _, text, _ = page.get("/?q=Sberbank")
    assert re.search(r'<link rel="alternate" type="application/atom\+xml"[^>]*href="/feeds/searches/banks.atom">', text)
    assert 'href="/feeds/searches/banks.json">JSON Feed</a>' in text


def test_the_api_saves_changes_and_deletes_searches(page: Page) -> None:
    body = {"name": "banks", "query": "Sberbank", "filters": {"outlet": ["Outlet"], "unread": ["1"]}}
    status, text, headers = page.send("POST", "/api/v1/searches", json.dumps(body), **JSON)
    created = json.loads(text)
    assert (status, headers["Location"]) == (201, f"/api/v1/searches/{created['id']}")
    assert {key: created[key] for key in body} == body
    path = f"/api/v1/searches/{created['id']}"
    changed = json.loads(page.send("PUT", path, json.dumps({"name": "lenders"}), **JSON)[1])
    assert (changed["name"], changed["query"], changed["filters"]) == ("lenders", "Sberbank", body["filters"])
    changed = json.loads(page.send("PUT", path, json.dumps({"filters": {"since": ["7d"]}}), **JSON)[1])
    assert (changed["query"], changed["filters"]) == ("Sberbank", {"since": ["7d"]})
    assert json.loads(page.get("/api/v1/searches")[1]) == [changed]
    assert json.loads(page.get(path)[1]) == changed
    assert page.send("DELETE", path)[0] == 204
    assert page.get(path)[0] == 404


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"query": "x"}, "name"),
        ({"name": "a", "query": "x", "filters": {"colour": ["red"]}}, "filters"),
        ({"name": "a", "query": "x", "filters": {"outlet": "A"}}, "filters"),
        ({"name": "a", "query": "x", "filters": {"since": ["never"]}}, "since"),
        ({"name": 3, "query": "x"}, "name"),
        ({"name": "a", "query": "x" * 25_000}, "q"),
        ({"name": "a", "query": "x", "filters": {"q": ["y"]}}, "filters"),
        ({"name": "a", "query": "x", "filters": {"sort": ["bogus"]}}, "sort"),
        ({"name": "a", "query": "x", "filters": {"since": ["7d", "8d"]}}, "since"),
    ],
)
def test_the_api_names_the_part_that_is_wrong(page: Page, body: object, parameter: str) -> None:
    status, text, _ = page.send("POST", "/api/v1/searches", json.dumps(body), **JSON)
    assert status == 400
    assert json.loads(text)["parameter"] == parameter
    assert names(page) == []
