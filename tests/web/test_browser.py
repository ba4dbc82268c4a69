"""Every page in a real Chromium: no violation of accessibility rules, no script of a story, no request elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from monitor.rendering import browser
from monitor.urls import story_id
from servers import missing
from store.examples import story_url
from web.test_pages import PATHS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.demo.newsroom import Newsroom
    from web.conftest import Page

pytestmark = pytest.mark.chromium
STORY_PATHS = [f"/story/{story_id(story_url(name))}" for name in ("first", "hostile", "huge")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = browser.find_chromium(os.environ.get("MONITOR_TEST_CHROMIUM"))
    if path is None:
        missing("there is no Chromium: apt-get install chromium, or set MONITOR_TEST_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


def test_no_page_violates_a_rule_of_accessibility(page: Page, chromium: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    violations = {}
    for scheme in ("light", "dark"):
        context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme, bypass_csp=True)
        tab = context.new_page()
        for path in (*PATHS, "/?q=(", "/nope", *STORY_PATHS):
            tab.goto(f"http://127.0.0.1:{page.port}{path}")
            if found := Axe().run(tab).response["violations"]:
                violations[scheme, path] = [each["id"] for each in found]
        context.close()
    assert violations == {}


def test_a_hostile_story_runs_nothing_and_requests_nothing(page: Page, chromium: Any) -> None:
    context = chromium.new_context()
    tab, requested, dialogs = context.new_page(), [], []
    tab.on("request", lambda request: requested.append(request.url))
    tab.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
    for path in ("/", *STORY_PATHS):
        tab.goto(f"http://127.0.0.1:{page.port}{path}")
    context.close()
    assert dialogs == []
    assert [url for url in requested if not url.startswith(f"http://127.0.0.1:{page.port}/")] == []


def test_keys_focus_the_search_and_move_between_stories(page: Page, chromium: Any) -> None:
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{page.port}/")
    tab.keyboard.press("j")
    assert "model" in tab.evaluate("document.activeElement.textContent")
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "q"
    tab.keyboard.type("(foo")
    tab.wait_for_selector("#check.error")
    assert tab.text_content("#check").startswith("Column 1:")
    context.close()


@pytest.mark.parametrize("width", [390, 1920])
def test_no_page_scrolls_sideways(page: Page, chromium: Any, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    tab = context.new_page()
    wide = []
    for path in (*PATHS, *STORY_PATHS):
        tab.goto(f"http://127.0.0.1:{page.port}{path}")
        if tab.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(path)
    context.close()
    assert wide == []


def test_an_outlet_is_added_in_a_browser(intranet_page: Page, newsroom: Newsroom, chromium: Any) -> None:
    """The page loads again by itself until the site was searched; no page of it violates a rule."""
    from axe_playwright_python.sync_playwright import Axe

    context = chromium.new_context(viewport={"width": 390, "height": 844}, bypass_csp=True)
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{intranet_page.port}/outlet/add")
    tab.fill("#url", newsroom["meridian"].site.url)
    tab.click("text=Look through the site")
    assert tab.text_content("h1").startswith("Looking through")
    tab.wait_for_selector("text=Sources to read", timeout=120_000)
    assert [each["id"] for each in Axe().run(tab).response["violations"]] == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.click("text=Show the lines to add")
    tab.wait_for_selector("text=What would be added")
    assert [each["id"] for each in Axe().run(tab).response["violations"]] == []
    tab.click("text=Save to monitor.yaml")
    tab.wait_for_selector("h1:has-text('Meridian Technology News')")
    assert "public_only: true" in intranet_page.config_path.read_text()
    context.close()
