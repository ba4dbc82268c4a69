"""Feeds that the page serves: their form, their validators, and who may read them."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from monitor import feed_tokens, marks
from monitor.feed_files import FeedFiles
from monitor.models import now
from monitor.saved_searches import change_search, find_saved_search, save_search
from monitor.story_search import StorySearch
from monitor.urls import story_id
from monitor.web.accounts import MAX_FAILED_LOGINS, hash_password
from store.examples import page_commit, story, story_url
from syndication.rules import ATOM, atom_faults, json_feed_faults
from web.conftest import open_page
from web.examples import CONFIG, HOSTILE
from web.test_access import PASSWORD, log_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store import Store
    from web.conftest import Page

FIRST = story_id(story_url("first"))
PATHS = ("/feeds/alerts/banks", "/feeds/topics/ai", "/feeds/searches/chips")


@pytest.fixture
def chips(page: Page) -> Page:
    """The page with a saved search."""
    save_search(page.store, "chips", StorySearch(query="chips"), fragments={}, user="", at=now())
    return page


@pytest.fixture(scope="module")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def users_page(tmp_path: Path, filled_store: Store, password_hash: str) -> Iterator[Page]:
    users = f"web: {{users: [{{name: ines, password: '{password_hash}', role: editor}}, "
    yield from open_page(tmp_path, filled_store, CONFIG + users + f"{{name: jan, password: '{password_hash}'}}]}}\n")


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


@pytest.mark.parametrize("path", PATHS)
def test_a_feed_is_valid_and_has_its_own_address_and_the_sentences(chips: Page, path: str) -> None:
    status, text, headers = chips.get(f"{path}.atom")
    assert (status, headers["Content-Type"]) == (200, "application/atom+xml")
    assert atom_faults(text.encode()) == []
    root = etree.fromstring(text.encode())
    links = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    base = f"http://127.0.0.1:{chips.port}"
    assert links["self"] == f"{base}{path}.atom"
    assert links["alternate"].startswith(f"{base}/")
    assert "Sberbank publishes a model" in [entry.findtext(f"{ATOM}title") for entry in root.findall(f"{ATOM}entry")]
    status, text, headers = chips.get(f"{path}.json")
    assert (status, headers["Content-Type"]) == (200, "application/feed+json")
    assert json_feed_faults(text.encode()) == []
    assert json.loads(text)["feed_url"] == f"{base}{path}.json"
    assert chips.get(links["alternate"].removeprefix(base))[0] in {200, 303}


def test_the_sentences_of_a_feed_are_those_that_match(chips: Page) -> None:
    items = json.loads(chips.get("/feeds/searches/chips.json")[1])["items"]
    texts = {item["title"]: item["content_text"] for item in items}
    assert texts["Sberbank publishes a model"] == "Outlet\nA second paragraph about chips."


@pytest.mark.parametrize("path", ["/feeds/alerts/nope.atom", "/feeds/alerts/banks.rss", "/feeds/x/banks.atom"])
def test_an_unknown_feed_is_an_error_of_the_request(page: Page, path: str) -> None:
    status, text, _ = page.get(path)
    assert status == 404
    assert "/feeds for all of them" in json.loads(text)["error"]


@pytest.mark.parametrize("path", PATHS)
def test_an_unchanged_feed_is_answered_without_a_body(chips: Page, path: str) -> None:
    _, _, headers = chips.get(f"{path}.atom")
    tag = headers["ETag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        status, text, again = chips.get(f"{path}.atom", If_None_Match=known)
        assert (status, text, again["ETag"]) == (304, "", tag)
    assert chips.get(f"{path}.atom", If_None_Match='"x"', If_Modified_Since=headers["Date"])[0] == 200
    assert chips.get(f"{path}.json", If_None_Match=tag)[0] == 200


def test_a_time_does_not_hide_a_story_that_is_stored_late(chips: Page) -> None:
    assert chips.get("/feeds/alerts/banks.atom")[2]["Last-Modified"] is None
    later = "Sun, 06 Nov 2044 08:49:37 GMT"
    assert chips.get("/feeds/alerts/banks.atom", If_Modified_Since=later)[0] == 200


def test_a_new_story_and_a_changed_query_change_the_feed(chips: Page) -> None:
    tag = chips.get("/feeds/searches/chips.atom")[2]["ETag"]
    chips.store.commit([page_commit(story("new", text="Of chips.", published_at=now()))])
    status, text, headers = chips.get("/feeds/searches/chips.atom", If_None_Match=tag)
    assert status == 200
    assert "The title of new" in text
    saved = find_saved_search(chips.store.saved_searches(), "chips")
    assert saved is not None
    change_search(chips.store, saved, search=StorySearch(query="new chips"), fragments={}, at=now())
    assert chips.get("/feeds/searches/chips.atom", If_None_Match=headers["ETag"])[0] == 200


def test_a_renamed_search_keeps_the_id_of_its_feed(chips: Page) -> None:
    before = etree.fromstring(chips.get("/feeds/searches/chips.atom")[1].encode()).findtext(f"{ATOM}id")
    saved = find_saved_search(chips.store.saved_searches(), "chips")
    assert saved is not None
    change_search(chips.store, saved, name="semiconductors", fragments={}, at=now())
    assert chips.get("/feeds/searches/chips.atom")[0] == 404
    after = etree.fromstring(chips.get("/feeds/searches/semiconductors.atom")[1].encode()).findtext(f"{ATOM}id")
    assert before == after


def test_a_feed_with_a_hostile_name_is_valid(page: Page) -> None:
    save_search(page.store, HOSTILE[:90] + "\x01", StorySearch(query="Sberbank"), fragments={}, user="", at=now())
    (path,) = set(re.findall(r'href="(/feeds/searches/[^"]*)\.(?:atom|json)"', page.get("/feeds")[1]))
    assert atom_faults(page.get(f"{path}.atom")[1].encode()) == []
    assert json_feed_faults(page.get(f"{path}.json")[1].encode()) == []


# ---- who may read


def test_a_reader_with_a_token_reads_feeds_and_nothing_else(users_page: Page) -> None:
    status, _, headers = users_page.get("/feeds/alerts/banks.atom")
    assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="media-monitor"')
    log_in(users_page, "jan")
    users_page.get("/feeds")
    _, text, _ = users_page.submit("/feed-token", {"action": "make"})
    token = text.partition('<code class="secret">')[2].partition("<")[0]
    assert len(token) == 43
    users_page.cookies.clear()
    status, text, headers = users_page.get("/feeds/alerts/banks.atom", **basic("jan", token))
    assert status == 200
    assert token not in text
    assert headers["Cache-Control"] == "private, no-cache"
    assert users_page.get("/api/v1/alerts", **basic("jan", token))[0] == 401
    assert users_page.get("/feeds/alerts/banks.atom", **basic("ines", token))[0] == 401
    assert users_page.get("/feeds/alerts/banks.atom", **basic("jan", PASSWORD))[0] == 401
    assert token not in json.dumps(users_page.store.settings())


def test_a_token_ends_at_once_when_it_is_revoked_or_replaced(users_page: Page) -> None:
    store = users_page.store
    first = feed_tokens.make_token(store, "jan", at=now())
    assert users_page.get("/feeds/alerts/banks.atom", **basic("jan", first))[0] == 200
    second = feed_tokens.make_token(store, "jan", at=now())
    assert users_page.get("/feeds/alerts/banks.atom", **basic("jan", first))[0] == 401
    assert users_page.get("/feeds/alerts/banks.atom", **basic("jan", second))[0] == 200
    log_in(users_page, "jan")
    users_page.get("/feeds")
    assert users_page.submit("/feed-token", {"action": "revoke"})[0] == 303
    users_page.cookies.clear()
    assert users_page.get("/feeds/alerts/banks.atom", **basic("jan", second))[0] == 401
    assert feed_tokens.revoke_token(store, "jan") is False


def test_a_token_of_a_user_that_is_not_configured_opens_nothing(users_page: Page) -> None:
    token = feed_tokens.make_token(users_page.store, "former", at=now())
    assert users_page.get("/feeds/alerts/banks.atom", **basic("former", token))[0] == 401


def test_wrong_tokens_make_a_name_wait_but_not_the_known_reader(users_page: Page) -> None:
    token = feed_tokens.make_token(users_page.store, "jan", at=now())
    assert users_page.get("/feeds/alerts/banks.atom", **basic("jan", token))[0] == 200
    answers = [users_page.get("/feeds/alerts/banks.atom", **basic("jan", "x")) for _ in range(MAX_FAILED_LOGINS + 1)]
    assert [status for status, _, _ in answers] == [401] * MAX_FAILED_LOGINS + [429]
    assert 0 < int(answers[-1][2]["Retry-After"]) <= 301
    assert users_page.get("/feeds/alerts/banks.atom", **basic("jan", token))[0] == 200


def test_too_many_wrong_passwords_of_a_program_are_no_failure_of_the_page(users_page: Page) -> None:
    statuses = [users_page.get("/api/v1/alerts", **basic("jan", "wrong"))[0] for _ in range(MAX_FAILED_LOGINS + 1)]
    assert statuses == [401] * MAX_FAILED_LOGINS + [429]


def test_stars_and_read_states_of_two_users_are_their_own(users_page: Page) -> None:
    save_search(users_page.store, "mine", StorySearch(is_starred=True), fragments={}, user="", at=now())
    marks.star(users_page.store, FIRST, user="ines", at=now())
    found = {}
    for name in ("ines", "jan"):
        token = feed_tokens.make_token(users_page.store, name, at=now())
        items = json.loads(users_page.get("/feeds/searches/mine.json", **basic(name, token))[1])["items"]
        found[name] = [item["title"] for item in items]
    assert found == {"ines": ["Sberbank publishes a model"], "jan": []}


def test_a_reader_stars_stories_but_tags_and_saves_nothing(users_page: Page) -> None:
    log_in(users_page, "jan")
    users_page.get(f"/story/{FIRST}")
    statuses = {}
    for action in ("star", "read", "tag", "note"):
        fields = {"action": action, "tag": "x", "note": "x"}
        statuses[action] = users_page.submit(f"/story/{FIRST}/marks", fields)[0]
    assert statuses == {"star": 303, "read": 303, "tag": 403, "note": 403}
    assert users_page.submit("/searches", {"name": "a", "search": "q=x"})[0] == 403
    assert users_page.send("POST", "/api/v1/searches", "{}", Content_Type="application/json")[0] == 403
    assert users_page.send("PUT", f"/api/v1/stories/{FIRST}/tags/x")[0] == 403
    assert users_page.store.saved_searches() == []
    assert [mark.user for mark in users_page.store.marks([FIRST], user="jan")] == ["jan", "jan"]
    _, text, _ = users_page.get(f"/story/{FIRST}")
    assert 'name="tag"' not in text


# ---- files


def test_the_files_of_saved_searches_are_written_but_not_of_personal_ones(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from monitor.config import Config

    store.commit([page_commit(story("first", text="Of chips."))])
    at = now()
    for name, search in {"chips": StorySearch(query="chips"), "mine": StorySearch(is_unread=True)}.items():
        save_search(store, name, search, fragments={}, user="", at=at)
    times = [at]
    files = FeedFiles(store, Config(), tmp_path, now=lambda: times[-1])
    files.write_due()
    assert sorted(path.name for path in (tmp_path / "searches").iterdir()) == ["chips.atom", "chips.json"]
    assert atom_faults((tmp_path / "searches/chips.atom").read_bytes()) == []
    before = (tmp_path / "searches/chips.atom").stat()
    saved = find_saved_search(store.saved_searches(), "chips")
    assert saved is not None
    times.append(at + timedelta(minutes=1))
    files.write_due()
    assert (tmp_path / "searches/chips.atom").stat() == before
    store.commit([page_commit(story("second", text="More chips."))])
    (tmp_path / "searches/chips.json").unlink()
    times.append(at + timedelta(minutes=2))
    files.write_due()
    items = json.loads((tmp_path / "searches/chips.json").read_bytes())["items"]
    assert {item["title"] for item in items} == {"The title of first", "The title of second"}
    assert caplog.records == []
