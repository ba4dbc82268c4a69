"""Tags, notes, stars and read states of stories: shown, changed, searched, and by whom."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from monitor import marks, story_search
from monitor.errors import BadRequest
from monitor.models import now
from monitor.store.records import Mark, MarkKind
from monitor.urls import story_id
from store.examples import page_commit, story_url
from web.examples import HOSTILE, stories

if TYPE_CHECKING:
    from monitor.store import Store
    from web.conftest import Page

FIRST, REPRINT = story_id(story_url("first")), story_id(story_url("reprint"))
JSON = {"Content_Type": "application/json"}


def change(page: Page, action: str, story: str = FIRST, **fields: str) -> int:
    page.get(f"/story/{story}")
    return page.submit(f"/story/{story}/marks", {"action": action, "next": f"/story/{story}", **fields})[0]


def titles(page: Page, path: str) -> list[str]:
    """Returns the titles of the stories that a page lists."""
    text = page.get(path)[1]
    return re.findall(r'<h2 dir="auto"><a href="[^"]*">(.*?)</a>', text)


def test_a_tag_is_shown_on_the_story_and_in_results_and_narrows_a_search(page: Page) -> None:
    assert change(page, "tag", tag="  Trade   War ") == 303
    _, text, _ = page.get(f"/story/{FIRST}")
    assert '<a class="tag own" href="/?tag=Trade+War"><bdi>Trade War</bdi></a>' in text
    assert "<bdi>Trade War</bdi>" in page.get("/")[1]
    assert titles(page, "/?tag=trade%20war") == ["Sberbank publishes a model"]
    assert titles(page, "/?tag=other") == []
    assert change(page, "untag", tag="TRADE WAR") == 303
    assert page.store.count_marks() == 0


def test_a_star_and_its_filter(page: Page) -> None:
    assert change(page, "star", REPRINT) == 303
    assert titles(page, "/?starred=1") == ["Bank publishes model"]
    assert titles(page, "/?starred=1&q=Sberbank") == []
    assert "Remove the star" in page.get(f"/story/{REPRINT}")[1]
    assert change(page, "unstar", REPRINT) == 303
    assert titles(page, "/?starred=1") == []


def test_a_read_story_is_left_out_until_it_is_marked_as_unread(page: Page) -> None:
    before = titles(page, "/?unread=1")
    assert change(page, "read", REPRINT) == 303
    assert len(titles(page, "/?unread=1")) == len(before) == 3  # two stories are one event
    assert "Bank publishes model" not in "".join(titles(page, "/?unread=1"))
    assert change(page, "unread", REPRINT) == 303
    assert titles(page, "/?unread=1") == before


def test_a_correction_since_a_story_was_read_is_said(page: Page) -> None:
    assert change(page, "read", version="1") == 303
    assert "changed since you read it" not in page.get("/")[1]
    corrected = stories()[0].__class__.from_json({**stories()[0].to_json(), "version": 2, "title": "Corrected"})
    page.store.commit([page_commit(corrected)])
    assert "changed since you read it" in page.get("/")[1]
    assert "The outlet has changed it since you read version 1." in page.get(f"/story/{FIRST}")[1]


def test_a_page_of_results_is_marked_as_read_in_the_shown_versions(page: Page) -> None:
    _, text, _ = page.get("/?q=Sberbank")
    fields = dict(re.findall(r'name="(stories|next)" value="([^"]*)"', text))
    assert fields["stories"] == f"{FIRST}:1 {REPRINT}:1 "
    status, _, headers = page.submit("/stories/read", fields)
    assert (status, headers["Location"]) == (303, "/?q=Sberbank")
    marks_read = page.store.marks([FIRST, REPRINT], user="")
    assert {(mark.kind, mark.story, mark.version) for mark in marks_read} == {
        (MarkKind.READ, FIRST, 1),
        (MarkKind.READ, REPRINT, 1),
    }
    assert "Mark this page as read" not in page.get("/?q=Sberbank")[1]
    assert page.submit("/stories/read", {"stories": f"{FIRST}:x"})[0] == 400


def test_the_script_marks_a_story_without_loading_a_page(page: Page) -> None:
    assert change(page, "read", quiet="1") == 204
    assert page.store.marked_stories(MarkKind.READ, "", limit=9) == [FIRST]


def test_a_note_keeps_its_lines_and_is_inert(page: Page) -> None:
    note = f"First line\r\n{HOSTILE}\x00\x07"
    assert change(page, "note", note=note, note_id="a" * 32) == 303
    assert change(page, "note", note=note, note_id="a" * 32) == 303  # the form was sent twice
    (mark,) = page.store.marks([FIRST], user="")
    assert mark.text == f"First line\n{HOSTILE}"
    _, text, _ = page.get(f"/story/{FIRST}")
    assert "First line\n&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert "1 note" in page.get("/")[1]
    assert change(page, "delete-note", note_id="a" * 32) == 303
    assert page.store.count_marks() == 0


@pytest.mark.parametrize(
    ("action", "field", "typed", "reason"),
    [
        ("tag", "tag", " \u202e ", "tag: write a name"),
        ("tag", "tag", "x" * 10_000, "tag: longer than 60 characters: it has 10,000"),
        ("note", "note", "\x00", "note: write something first"),
        ("note", "note", "x" * 10_001, "note: longer than 10,000 characters: it has 10,001"),
    ],
)
def test_a_mark_that_is_refused_says_where_and_why(
    page: Page, action: str, field: str, typed: str, reason: str
) -> None:
    page.get(f"/story/{FIRST}")
    status, text, _ = page.submit(f"/story/{FIRST}/marks", {"action": action, field: typed})
    assert status == 400
    assert f"It was not stored: {reason}." in text
    assert 'aria-invalid="true"' in text
    assert page.store.count_marks() == 0


def test_a_story_has_a_limit_of_tags_and_notes(filled_store: Store) -> None:
    for number in range(marks.MAX_TAGS):
        marks.add_tag(filled_store, FIRST, f"tag {number}", user="", at=now())
    marks.add_tag(filled_store, FIRST, "TAG 0", user="", at=now())  # has it already
    with pytest.raises(BadRequest, match="at most 30 tags"):
        marks.add_tag(filled_store, FIRST, "one more", user="", at=now())
    for _ in range(marks.MAX_NOTES):
        marks.add_note(filled_store, FIRST, "x", user="", at=now(), identifier="")
    with pytest.raises(BadRequest, match="at most 100 notes"):
        marks.add_note(filled_store, FIRST, "x", user="", at=now(), identifier="")


def test_an_action_that_does_not_exist_or_a_missing_story_is_refused(page: Page) -> None:
    assert change(page, "burn") == 400
    assert page.submit("/story/nope/marks", {"action": "star"})[0] == 404
    page.token = "0" * 64
    assert page.submit(f"/story/{FIRST}/marks", {"action": "star"})[0] == 403
    assert page.store.count_marks() == 0


def test_a_form_leads_back_to_this_page_only(page: Page) -> None:
    page.get(f"/story/{FIRST}")
    _, _, headers = page.submit(f"/story/{FIRST}/marks", {"action": "star", "next": "//evil.example"})
    assert headers["Location"] == "/"


def test_a_filter_by_too_many_marks_says_which_it_leaves_out(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story_search, "MAX_SELECTED_STORIES", 1)
    at = now()
    for story, minutes in ((FIRST, 0), (REPRINT, 1)):
        made_at = at + timedelta(minutes=minutes)
        page.store.put_marks(
            [
                Mark(kind=MarkKind.TAG, story=story, key="chips", user="", made_at=made_at, text="chips"),
                Mark(kind=MarkKind.STAR, story=story, key="", user="", made_at=made_at),
                Mark(kind=MarkKind.READ, story=story, key="", user="", made_at=made_at, version=1),
            ]
        )
    assert titles(page, "/?tag=chips") == titles(page, "/?starred=1") == ["Bank publishes model"]
    assert "Only the 1 stories that got the tag chips last are searched." in page.get("/?tag=chips")[1]
    assert "Only the 1 stories that got a star last are searched." in page.get("/?starred=1")[1]
    assert "Only the 1 stories that you read last are left out." in page.get("/?unread=1")[1]
    found = json.loads(page.get("/api/v1/search?unread=1&q=Sberbank")[1])
    assert [each["marks"]["is_read"] for each in found["stories"]] == [True]
    assert len(found["cuts"]) == 1


def test_the_export_and_the_counts_follow_the_marks(page: Page) -> None:
    change(page, "star", REPRINT)
    rows = [json.loads(line) for line in page.get("/stories.jsonl?starred=1")[1].splitlines()]
    assert [row["id"] for row in rows] == [REPRINT]
    assert json.loads(page.get("/api/v1/counts?starred=1")[1])["total"] == 1


def test_the_api_changes_marks_and_returns_them(page: Page) -> None:
    base = f"/api/v1/stories/{FIRST}"
    assert page.send("PUT", f"{base}/star")[0] == 200
    assert page.send("PUT", f"{base}/tags/{quote('AI / chips')}")[0] == 200
    status, text, _ = page.send("POST", f"{base}/notes", json.dumps({"text": "Call them."}), **JSON)
    noted = json.loads(text)
    assert status == 200
    assert (noted["tags"], noted["is_starred"], noted["is_read"]) == (["AI / chips"], True, False)
    assert [note["text"] for note in noted["notes"]] == ["Call them."]
    assert json.loads(page.send("PUT", f"{base}/read")[1])["read_version"] == 1
    for path in ("star", "read", f"tags/{quote('ai / CHIPS')}", f"notes/{noted['notes'][0]['id']}"):
        assert page.send("DELETE", f"{base}/{path}")[0] == 200
    empty = {"tags": [], "notes": [], "is_starred": False, "is_read": False, "read_version": None}
    assert json.loads(page.get(f"{base}/marks")[1]) == empty
    assert json.loads(page.get("/api/v1/tags")[1]) == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ('{"text": "x"}', {"Content_Type": "text/plain"}, 415),
        ("[1]", JSON, 400),
        ("{", JSON, 400),
        ('{"text": 3}', JSON, 400),
        ('{"text": "x"}', {**JSON, "Origin": "https://evil.example"}, 403),
    ],
)
def test_a_wrong_body_or_foreign_site_changes_nothing_by_the_api(
    page: Page, body: str, headers: dict[str, str], status: int
) -> None:
    assert page.send("POST", f"/api/v1/stories/{FIRST}/notes", body, **headers)[0] == status
    assert page.store.count_marks() == 0
