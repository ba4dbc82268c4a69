"""An outlet is added by its address: discovered in a process of its own, previewed, and saved to monitor.yaml."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.config import load
from monitor.web import outlet_editor, site_search
from monitor.web.site_search import SiteSearch, SiteSearches
from web.examples import CONFIG_WITHOUT_DELAY as FAST

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from monitor.demo.newsroom import Newsroom
    from web.conftest import Page


def search(page: Page, url: str) -> str:
    """Searches a site as a browser without scripts does; returns the address of the result."""
    page.get("/outlet/add")
    status, _, headers = page.submit("/outlet/add", {"url": url})
    assert status == 303
    return headers["Location"]


def result_of(page: Page, location: str) -> tuple[int, str]:
    """Loads the page again as long as it says so; returns its status and text when the search has ended."""
    for _ in range(120):
        status, text, headers = page.get(location)
        if headers["Refresh"] is None:
            return status, text
        assert "Looking through" in text
        time.sleep(float(headers["Refresh"]))
    raise AssertionError("the search did not end")


def fields_of(text: str) -> dict[str, str]:
    """Returns the values of a form's text fields and its chosen source, as a browser sends them."""
    values = dict(re.findall(r'name="(\w+)" value="([^"]*)"(?! type)', text))
    values["source"] = re.findall(r'name="source" value="(\d+)" checked', text)[0]
    return values


def test_an_outlet_is_previewed_and_saved_as_a_person_would(intranet_page: Page, newsroom: Newsroom) -> None:
    page, site = intranet_page, newsroom["meridian"].site.url
    status, text = result_of(page, search(page, site))
    assert status == 200
    assert 'name="name" value="Meridian Technology News"' in text
    assert f'feed <span class="url" dir="ltr">{site}rss.xml</span></label> <span class="meta">4 recent' in text
    assert "work with China on AI" in text
    assert "Instructions published by the Kremlin name the cabinet" in text  # the text as it would be stored
    fields = fields_of(text)
    assert fields["language"] == "en"
    _, preview, _ = page.submit("/outlet/add/save", {**fields, "action": "preview"})
    assert "+  - name: Meridian Technology News" in preview
    assert page.config_path.read_text() == FAST
    status, _, headers = page.submit("/outlet/add/save", {**fields, "country": "GB", "action": "save"})
    assert (status, headers["Location"]) == (303, "/outlet?name=Meridian%20Technology%20News")
    saved = page.config_path.read_text()
    assert "  # The bank in both alphabets." in saved
    added = load(page.config_path, {}).outlets[-1]
    assert (added.name, added.url, added.feeds) == ("Meridian Technology News", site, (f"{site}rss.xml",))
    assert (added.language, added.country, added.public_only) == ("en", "GB", True)
    assert page.get("/outlet?name=Meridian%20Technology%20News")[0] == 200


def test_an_entry_that_is_invalid_is_not_saved(intranet_page: Page, newsroom: Newsroom) -> None:
    page = intranet_page
    _, text = result_of(page, search(page, newsroom["meridian"].site.url))
    fields = fields_of(text)
    status, text, _ = page.submit("/outlet/add/save", {**fields, "name": "Outlet", "action": "save"})
    assert status == 400
    assert "It cannot be saved like this" in text
    status, text, _ = page.submit("/outlet/add/save", {**fields, "digest": "0" * 32, "action": "save"})
    assert status == 400
    assert "was changed meanwhile" in text
    assert page.config_path.read_text() == FAST


@pytest.mark.parametrize(
    ("proxy", "text"),
    [("", "they will be rendered (<code>render: auto</code>)"), ("off", "they will be read without it")],
)
def test_pages_with_scripts_are_rendered_behind_the_proxy_only(
    intranet_page: Page, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch, proxy: str, text: str
) -> None:
    page = intranet_page
    if proxy:
        page.config_path.write_text(FAST.replace("crawl: {", f"crawl: {{splash_proxy: '{proxy}', "))
    location = search(page, newsroom["meridian"].site.url)
    result_of(page, location)
    find = outlet_editor._find_search

    def find_with_reason(request: Request, key: str) -> SiteSearch:
        found = find(request, key)
        assert found.result is not None
        return replace(found, result=found.result | {"script_reason": "an empty page"})

    monkeypatch.setattr(outlet_editor, "_find_search", find_with_reason)
    _, shown, _ = page.get(location)
    assert text in shown
    _, preview, _ = page.submit("/outlet/add/save", {**fields_of(shown), "action": "preview"})
    assert ("+    render: auto" in preview) is (proxy != "off")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_not_searched(page: Page, newsroom: Newsroom, host: str) -> None:
    newsroom.forget_requests()
    url = newsroom["meridian"].site.url.replace("127.0.0.1", host)
    status, text = result_of(page, search(page, url))
    assert status == 400
    assert f"{host} is not a public address" in text
    assert newsroom.request_count == 0


@pytest.mark.parametrize("url", ["ftp://outlet.example/", "--help", "https://user:secret@outlet.example/", ""])
def test_text_that_is_no_web_address_starts_no_search(page: Page, url: str) -> None:
    page.get("/outlet/add")
    assert page.submit("/outlet/add", {"url": url})[0] == 400


def test_a_form_of_another_site_starts_no_search(page: Page) -> None:
    assert page.submit("/outlet/add", {"url": "https://outlet.example/", "form_token": "x"})[0] == 403


def test_a_user_searches_one_site_at_a_time(page: Page) -> None:
    search(page, "https://outlet.invalid/")
    page.get("/outlet/add")
    status, text, _ = page.submit("/outlet/add", {"url": "https://wire.invalid/"})
    assert status == 429
    assert "another site is searched at present" in text


def test_a_search_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_search, "MAX_SEARCH_SECONDS", 0.2)
    with SiteSearches(tmp_path / "monitor.yaml") as searches:
        found = searches.start("https://outlet.invalid/", user="ines")
        while (ended := searches.find(found.key, user="ines")) is not None and ended.is_running:
            time.sleep(0.05)
        assert ended is not None
        assert ended.error == "the search took longer than 0.2 seconds"
        assert searches.find(found.key, user="another") is None
        assert searches.start("https://outlet.invalid/", user="ines").is_running
