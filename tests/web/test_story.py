"""The page of a story shows its versions, its event in order of time, and what is cut from its outlet's pages."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from monitor.models import OutletMemory, now
from monitor.urls import story_id
from store.examples import page_commit, story, story_url
from web.conftest import open_page
from web.examples import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.models import Story
    from monitor.store import Store
    from web.conftest import Page

SEVEN = now().replace(hour=7, minute=12, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def first() -> Story:
    return story("first", title="Sberbank plans", text="One model.\n\nTwo chips are sold.", published_at=SEVEN)


@pytest.fixture
def story_page(tmp_path: Path, store: Store, first: Story) -> Iterator[Page]:
    """A page with three versions of a story, of which the last differs in its tags only, and a later reprint."""
    second = replace(first, version=2, title="Sberbank plans a model", text="One model.\n\nThree chips are sold.")
    reprint = story("again", outlet="Wire", published_at=SEVEN + timedelta(hours=2), cluster=first.id)
    for each in (first, reprint, second, replace(second, version=3, tags=("chips",))):
        store.commit([page_commit(each)])
    (state,) = store.lease(["Outlet"], holder="test", now=now(), term=timedelta(minutes=1), limit=1)
    memory = {"shown": {"Subscribe <b>now</b>": 34, "More stories": 7}}
    store.release(replace(state, memory=OutletMemory(boilerplate=memory)))
    yield from open_page(tmp_path, store, CONFIG)


def section(page: Page, story_id: str, name: str) -> str:
    text = page.get(f"/story/{story_id}")[1]
    return text.partition(f'aria-labelledby="{name}"')[2].partition("</section>")[0]


def test_versions_are_shown_with_marked_changes(story_page: Page, first: Story) -> None:
    versions = re.findall(r"<details.*?</details>", section(story_page, first.id, "versions"), re.DOTALL)
    assert len(versions) == 3
    assert "Title and text are the same" in versions[0]
    assert '<p class="change" dir="auto">Sberbank plans<ins> a model</ins></p>' in versions[1]
    assert "<del>Two</del><ins>Three</ins> chips are sold." in versions[1]
    assert "One model." not in versions[1]
    assert "first stored" in versions[2]


def test_an_event_is_listed_in_the_order_of_time(story_page: Page, first: Story) -> None:
    event = section(story_page, first.id, "event")
    assert f'First by the outlets\' own times: <bdi>Outlet</bdi>, <time datetime="{SEVEN:%Y-%m-%dT07:12:00Z}"' in event
    assert re.findall(r"(\d\d:\d\d)</time>", event) == ["07:12", "07:12", "09:12"]
    assert re.findall(r"<bdi>(\w+)</bdi>:", event) == ["Outlet", "Wire"]


def test_the_boilerplate_of_the_outlet_is_listed_as_text(story_page: Page, first: Story) -> None:
    cut = section(story_page, first.id, "boilerplate")
    assert "2 texts that recur on pages of Outlet" in cut
    assert 'Subscribe &lt;b&gt;now&lt;/b&gt;</span> <span class="meta">34 stories' in cut
    assert cut.index("34 stories") < cut.index("7 stories")
    assert "It is not stored which of them this page had." in cut


def test_a_story_alone_in_its_event_claims_no_more_than_is_known(page: Page) -> None:
    hostile = story_id(story_url("hostile"))
    assert "No other stored story was recognised as the same event" in section(page, hostile, "event")
    assert "only within one language" in section(page, hostile, "event")
    assert re.search(r"fetched <time[^>]*>2026-11-22 12:00</time>; no later look", section(page, hostile, "versions"))


def test_a_story_leads_back_to_the_results_it_was_opened_from(page: Page) -> None:
    results = page.get("/?q=Sberbank&language=en&since=7d")[1]
    opened = html.unescape(re.findall(r'<h2 dir="auto"><a href="([^"]+)"', results)[0])
    text = page.get(opened)[1]
    back = re.findall(r'<p class="crumbs"><a href="([^"]+)">Back to the results', text)
    assert [html.unescape(address) for address in back] == ["/?q=Sberbank&since=7d&language=en"]
    other = html.unescape(re.findall(r'<bdi>Wire</bdi>: <a href="([^"]+)"', text)[0])
    assert "Back to the results" in page.get(other)[1]
    assert f'name="next" value="{html.escape(opened)}"' in text


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/?q=a", "/logout", "javascript:alert(1)"])
def test_a_story_leads_back_to_nothing_but_a_search(page: Page, target: str) -> None:
    _, text, _ = page.get(f"/story/{story_id(story_url('first'))}?{urlencode({'results': target})}")
    (back,) = re.findall(r'<p class="crumbs"><a href="([^"]+)">', text)
    assert back == "/" or back.startswith("/?")
    assert "evil" not in back.partition("q=")[0]


def test_alerts_and_topics_of_a_story_are_links(page: Page) -> None:
    for path in ("/?q=Sberbank", f"/story/{story_id(story_url('first'))}"):
        _, text, _ = page.get(path)
        assert '<a class="tag alert" href="/alert?name=banks">banks</a>' in text
        assert '<a class="tag" href="/?topic=ai">ai</a>' in text
