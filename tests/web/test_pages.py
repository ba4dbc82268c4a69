"""The pages show what the store has, and change the configuration as a person would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from monitor.urls import story_id
from store.examples import story_url
from web.examples import CONFIG, HOSTILE

if TYPE_CHECKING:
    from web.conftest import Page

PATHS = (
    "/",
    "/?q=Sberbank",
    "/alerts",
    "/alert?name=banks",
    "/alert/edit",
    "/alert/edit?copy=banks",
    "/alert/delete?name=banks",
    "/alert?name=banks&saved=1",
    "/outlets",
    "/outlet?name=Outlet",
    "/outlet/add",
    "/trends",
    "/trends?q=Sberbank&q=chips&names=new",
    "/?starred=1&unread=1&tag=chips",
    "/searches",
    "/feeds",
)
ALERT = {"name": "new one", "query": "chips OR model", "to": "a@example.org", "deliver": "instant", "timezone": "UTC"}


def test_a_search_marks_words_and_folds_reprints_into_their_event(page: Page) -> None:
    status, text, _ = page.get("/?q=Sberbank")
    assert status == 200
    assert "<mark>Sberbank</mark> publishes a model" in text
    assert "1 more story of this event: <bdi>Wire</bdi>" in text
    assert '<span class="count">1</span>' in text


def test_a_query_that_is_wrong_is_shown_with_its_column(page: Page) -> None:
    status, text, _ = page.get("/?q=chip+AND+(foo")
    assert status == 400
    assert "at column 10" in text
    assert "<mark>(</mark>" in text


@pytest.mark.parametrize("path", ["/?since=never", "/?until=99999-1", "/trends?q=(", "/api/v1/search?limit=x"])
def test_a_parameter_that_cannot_be_read_is_an_error_of_the_request(page: Page, path: str) -> None:
    assert page.get(path)[0] == 400


@pytest.mark.parametrize("path", PATHS)
def test_every_page_states_a_strict_content_security_policy(page: Page, path: str) -> None:
    status, text, headers = page.get(path)
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert " style=" not in text
    assert "<style" not in text


@pytest.mark.parametrize("path", ["/", f"/?q={quote('script OR onerror')}", f"/story/{story_id(story_url('hostile'))}"])
def test_markup_in_a_story_is_shown_as_text(page: Page, path: str) -> None:
    _, text, _ = page.get(path)
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "&lt;" in text
    assert "{{ 7*7 }}" in text
    assert len(text) < 200_000  # a title of megabytes is cut


def test_a_story_shows_why_it_matched_and_its_event(page: Page) -> None:
    _, text, _ = page.get(f"/story/{story_id(story_url('first'))}?q=chips+-foo")
    assert "<mark>chips</mark>" in text
    assert "First by the outlets' own times: <bdi>Outlet</bdi>" in text
    assert 'rel="noopener noreferrer external"' in text
    assert '<span class="verdict">yes</span>' in text


def test_an_unknown_story_is_a_page_with_status_404(page: Page) -> None:
    status, text, _ = page.get("/story/nope")
    assert status == 404
    assert "There is no stored story with this id." in text


def test_an_export_has_the_stories_that_are_shown(page: Page) -> None:
    lines = page.get("/stories.jsonl?q=Sberbank")[1].splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["Sberbank publishes a model"]
    rows = page.get("/stories.csv?q=Sberbank")[1].splitlines()
    assert rows[0].startswith("id,url,outlet,title")


def test_the_preview_of_an_alert_shows_what_it_would_catch_and_change(page: Page) -> None:
    page.get("/alert/edit")
    status, text, _ = page.submit("/alert/edit", {**ALERT, "action": "preview"})
    assert status == 200
    assert "would have caught 2 stories of 1 event" in text
    assert "+  - name: new one" in text
    assert page.config_path.read_text() == CONFIG


def test_saving_an_alert_keeps_all_other_lines_of_the_file(page: Page) -> None:
    _, text, _ = page.get("/alert/edit?name=banks")
    digest = text.partition('name="digest" value="')[2].partition('"')[0]
    fields = {**ALERT, "name": "banks", "original": "banks", "digest": digest, "action": "save"}
    status, _, headers = page.submit("/alert/edit", fields)
    assert (status, headers["Location"]) == (303, "/alert?name=banks&saved=1")
    expected = CONFIG.replace("'Sberbank OR Сбербанк'", "chips OR model").replace("desk@", "a@")
    assert page.config_path.read_text() == expected
    assert "chips OR model" in page.get("/alert?name=banks")[1]


def test_an_alert_that_is_invalid_is_not_saved(page: Page) -> None:
    page.get("/alert/edit")
    status, text, _ = page.submit("/alert/edit", {**ALERT, "query": "-chips", "action": "save"})
    assert status == 400
    assert "It cannot be saved like this" in text
    assert page.config_path.read_text() == CONFIG


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(page: Page) -> None:
    page.get("/alert/edit")
    status, text, _ = page.submit("/alert/edit", {**ALERT, "digest": "0" * 32, "action": "save"})
    assert status == 400
    assert "was changed meanwhile" in text


def test_an_alert_can_be_snoozed_and_sends_again(page: Page) -> None:
    page.get("/alert?name=banks")
    assert page.submit("/alert/snooze", {"name": "banks", "span": "2d"})[0] == 303
    assert list(page.store.snoozes()) == ["banks"]
    assert page.submit("/alert/snooze", {"name": "banks", "span": "off"})[0] == 303
    assert page.store.snoozes() == {}


def test_trends_have_a_table_behind_the_chart_and_a_file(page: Page) -> None:
    _, text, _ = page.get("/trends?q=Sberbank&q=chips")
    assert "<polyline" in text
    assert "All numbers as a table" in text
    status, svg, headers = page.get("/trends.svg?q=Sberbank")
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
    assert svg.startswith("<?xml")


def test_a_file_that_becomes_invalid_is_named_on_each_page(page: Page) -> None:
    page.config_path.write_text("alerts: 3\n")
    _, text, _ = page.get("/alerts")
    assert "monitor.yaml is invalid since it was changed" in text
    assert "banks" in text


def test_the_api_answers_in_json_and_describes_itself(page: Page) -> None:
    found = json.loads(page.get("/api/v1/search?q=Sberbank")[1])
    assert (found["total"], found["stories"][0]["contexts"][0]["field"]) == (1, "title")
    error = json.loads(page.get("/api/v1/search?q=(")[1])
    assert error["column"] == 1
    paths = json.loads(page.get("/api/v1/openapi.json")[1])["paths"]
    assert {"/search", "/counts", "/stories/{id}", "/alerts", "/outlets", "/trends"} <= set(paths)
    assert json.loads(page.get("/api/v1/check?q=-a&kind=alert")[1])["error"]


def test_an_empty_store_says_how_to_fill_it(empty_page: Page) -> None:
    assert "<code>media-monitor crawl</code> fills it" in empty_page.get("/")[1]


def test_hostile_text_is_what_the_other_tests_look_for() -> None:
    assert "<script>" in HOSTILE
