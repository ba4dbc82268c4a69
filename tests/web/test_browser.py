"""Every page in a real Chromium: no violation of accessibility rules, no script of a story, no request elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from monitor import marks
from monitor.models import now
from monitor.rendering import browser
from monitor.saved_searches import save_search
from monitor.store.records import MarkKind
from monitor.story_search import StorySearch
from monitor.urls import story_id
from servers import missing
from store.examples import story_url
from web.examples import HOSTILE
from web.test_pages import PATHS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.demo.newsroom import Newsroom
    from web.conftest import Page

pytestmark = pytest.mark.chromium
STORY_PATHS = [f"/story/{story_id(story_url(name))}" for name in ("first", "hostile", "huge")]


def follow(tab: Any, control: Any) -> None:
    """Clicks a link or a button that leads to another page, and waits until that is loaded."""
    with tab.expect_navigation():
        control.click()


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


def test_dragging_over_the_time_line_narrows_and_paints_nothing_else(page: Page, chromium: Any) -> None:
    """The outline of a pressed bar would be stretched with the chart and cover its neighbours."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{page.port}/?since=2026-11-01&until=2026-11-20")
    assert tab.locator("[data-drag-hint]").is_visible()
    box = tab.locator("[data-timeline]").bounding_box()
    tab.mouse.move(box["x"] + 1, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] / 2 - 1, box["y"] + 20)
    pressed = "getComputedStyle(document.querySelector('.bars a')).outlineStyle"
    assert (tab.locator(".selected").count(), tab.evaluate(pressed)) == (10, "none")
    with tab.expect_navigation(url="**/?since=2026-11-01&until=2026-11-10"):
        tab.mouse.up()
    context.close()
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{page.port}/")
    assert not tab.locator("[data-drag-hint]").is_visible()
    context.close()


def test_a_wide_chart_shows_its_newest_end_first(page: Page, chromium: Any) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{page.port}/trends?q=Sberbank")
    chart = tab.locator(".chart svg").bounding_box()
    assert chart["width"] > 390
    assert chart["x"] + chart["width"] <= 390
    context.close()


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


@pytest.mark.parametrize("width", [390, 1280])
def test_an_alert_is_made_and_deleted_without_a_script(page: Page, chromium: Any, width: int) -> None:
    """Its form with faults, its preview and its pages violate no rule and do not scroll sideways."""
    from axe_playwright_python.sync_playwright import Axe

    context = chromium.new_context(viewport={"width": width, "height": 844}, java_script_enabled=False)
    checked = chromium.new_context(viewport={"width": width, "height": 844}, bypass_csp=True)
    tab, checked_tab = context.new_page(), checked.new_page()

    def check() -> None:
        checked_tab.set_content(tab.content().replace("<head>", f'<head><base href="http://127.0.0.1:{page.port}/">'))
        assert [each["id"] for each in Axe().run(checked_tab).response["violations"]] == []
        assert checked_tab.evaluate("document.documentElement.scrollWidth") <= width

    tab.goto(f"http://127.0.0.1:{page.port}/alert/edit")
    for label, value in (("Name", "fresh"), ("Query", "chips\nAND (model"), ("To", "nobody"), ("Deliver", "daily 6")):
        tab.get_by_label(label, exact=True).fill(value)
    follow(tab, tab.get_by_role("button", name="Show what it would catch"))
    assert "look at Query, To, Deliver" in tab.inner_text("main")
    check()
    for label, value in (("Query", "chips\nAND model"), ("To", "desk@example.org"), ("Deliver", "daily 06:00")):
        tab.get_by_label(label, exact=True).fill(value)
    tab.get_by_text("Only stories of some outlets").click()
    tab.get_by_label("Outlets").fill("Nosuch")
    follow(tab, tab.get_by_role("button", name="Show what it would catch"))
    assert 'no outlet "Nosuch"' in tab.inner_text("main")
    check()
    tab.get_by_label("Outlets").fill("")
    follow(tab, tab.get_by_role("button", name="Save alert"))
    assert "1 earlier story of the last 30 days matches" in tab.inner_text("main")
    check()
    follow(tab, tab.get_by_role("link", name="Delete"))
    check()
    follow(tab, tab.get_by_role("button", name="Delete alert"))
    assert "Deleted: fresh." in tab.inner_text("main")
    assert "fresh" not in page.config_path.read_text()
    context.close()
    checked.close()


@pytest.fixture
def marked_page(page: Page) -> Page:
    """The page with marks of every kind, and a saved search with a name as long and as hostile as may be."""
    at, first = now(), story_id(story_url("first"))
    for name in ("a" * 60, HOSTILE[:60], "سلام עולם"):
        marks.add_tag(page.store, first, name, user="", at=at)
    marks.add_note(page.store, first, f"{HOSTILE}\n\n{'x' * 5000}", user="i" * 200, at=at, identifier="")
    marks.star(page.store, first, user="", at=at)
    marks.mark_read(page.store, {first: 0}, user="", at=at)  # an earlier version, so a correction is said
    save_search(page.store, ("w" * 80 + HOSTILE)[:100], StorySearch(query="Sberbank"), fragments={}, user="", at=at)
    return page


MARKED_PATHS = ("/", "/?q=Sberbank", "/?starred=1", f"/?tag={'a' * 60}", "/searches", "/feeds", STORY_PATHS[0])


@pytest.mark.parametrize("width", [390, 1280])
def test_marks_fit_on_every_page_and_are_accessible(marked_page: Page, chromium: Any, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    faults: dict[str, object] = {}
    for scheme in ("light", "dark"):
        context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True)
        tab = context.new_page()
        for path in MARKED_PATHS:
            tab.goto(f"http://127.0.0.1:{marked_page.port}{path}")
            if found := Axe().run(tab).response["violations"]:
                faults[f"{scheme} {path}"] = [(each["id"], each["nodes"][0]["html"][:200]) for each in found]
            if (scroll_width := tab.evaluate("document.documentElement.scrollWidth")) > width:
                faults[f"{scheme} {path} is wide"] = scroll_width
        context.close()
    assert faults == {}


def test_a_person_saves_a_search_and_marks_a_story_without_a_script(page: Page, chromium: Any) -> None:
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{page.port}/?q=Sberbank")
    tab.get_by_text("Save this search").click()
    tab.get_by_label("Name").fill("banks")
    follow(tab, tab.get_by_role("button", name="Save"))
    assert "Saved as banks" in tab.inner_text("main")
    follow(tab, tab.get_by_role("button", name="Give it a star"))
    assert tab.get_by_role("button", name="Remove the star").count() == 1
    follow(tab, tab.get_by_role("link", name="Sberbank publishes a model"))
    tab.get_by_label("Tag", exact=True).fill("Chips")
    follow(tab, tab.get_by_role("button", name="Add", exact=True))
    tab.get_by_label("Note for all users").fill("Ask them.\nToday.")
    follow(tab, tab.get_by_role("button", name="Add the note"))
    follow(tab, tab.get_by_role("button", name="Mark as read"))
    first = story_id(story_url("first"))
    assert [(mark.kind.value, mark.text) for mark in page.store.marks([first], user="")] == [
        ("star", ""),
        ("tag", "Chips"),
        ("note", "Ask them.\nToday."),
        ("read", ""),
    ]
    tab.goto(f"http://127.0.0.1:{page.port}/")
    tab.get_by_role("checkbox", name="Starred").check()
    follow(tab, tab.get_by_role("button", name="Search"))
    assert "1 story" in tab.inner_text("p.summary")
    follow(tab, tab.get_by_label("Saved searches").get_by_role("link", name="banks"))
    assert tab.url.endswith("/?q=Sberbank")
    follow(tab, tab.get_by_role("link", name="manage"))
    tab.get_by_label("Name").fill("lenders")
    follow(tab, tab.get_by_role("button", name="Rename"))
    assert [saved.name for saved in page.store.saved_searches()] == ["lenders"]
    follow(tab, tab.get_by_role("link", name="Delete"))
    follow(tab, tab.get_by_role("button", name="Delete search"))
    assert "Deleted: lenders." in tab.inner_text("main")
    assert "None yet" in tab.inner_text("main")
    context.close()


def test_a_story_that_is_opened_counts_as_read(page: Page, chromium: Any) -> None:
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{page.port}{STORY_PATHS[0]}")
    first = story_id(story_url("first"))
    unread = tab.get_by_role("button", name="Mark as unread")
    unread.wait_for()
    assert page.store.marked_stories(MarkKind.READ, "", limit=9) == [first]
    with tab.expect_navigation(url="**#unread"):
        unread.click()
    tab.get_by_role("button", name="Mark as read").wait_for()
    tab.goto(f"http://127.0.0.1:{page.port}/outlets")
    context.close()
    assert page.store.marks([first], user="") == []


def test_a_browser_without_loopback_privileges_sends_forms_with_the_origin(page: Page, chromium: Any) -> None:
    """Over plain HTTP a browser sends no Sec-Fetch-Site; then the page compares the origin, which must not be null."""
    context = chromium.new_context()
    tab, origins = context.new_page(), []
    tab.on("request", lambda sent: origins.append(sent.all_headers().get("origin")) if sent.method == "POST" else None)
    tab.goto(f"http://127.0.0.1:{page.port}/alert?name=banks")
    tab.get_by_role("button", name="2d").click()
    tab.get_by_role("button", name="End snooze").wait_for()
    context.close()
    assert list(page.store.snoozes()) == ["banks"]
    assert origins == [f"http://127.0.0.1:{page.port}"]
