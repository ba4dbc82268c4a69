"""A source that gives its addresses new session ids at each poll lists no new stories."""

from __future__ import annotations

import pytest

from ingested_site import HOST, Newsroom, prose
from monitor.urls import canonical_url, story_id

STORY = f"{HOST}/news/a-story-of-the-day"
SESSIONS = (
    ("0a1b2c3d4e5f60718293a4b5", "b5a49382f1e0d4c3b2a10987"),
    ("k3jq8v0m2t5r9s1u4w6x7y0zab", "z9y8x7w6v5u4t3s2r1q0ponmlk"),
)
FORMS = (
    *(f"{STORY}?{name}={{}}" for name in ("sid", "SID", "sessid", "SESSION", "s", "ssid", "osCsid", "zenid", "s_id")),
    f"{STORY}?CFID=40961&CFTOKEN={{}}",
    f"{STORY}?a=1&sid={{}}&b=2",
    f"{HOST}/(S({{}}))/news/a-story-of-the-day.aspx",
    f"{HOST}/%28X%281%29S%28{{}}%29%29/news/a-story-of-the-day.aspx",
    f"{STORY}%3Bjsessionid={{}}",
    f"{STORY};jsessionid={{}}?id=7",
    f"{HOST}/viewtopic.php?t=123&sid={{}}",
)


@pytest.mark.parametrize("sessions", SESSIONS)
@pytest.mark.parametrize("form", FORMS)
def test_session_ids_are_no_part_of_an_address(form: str, sessions: tuple[str, str]) -> None:
    first, second = (canonical_url(form.format(session)) for session in sessions)
    assert first == second == canonical_url(first)
    assert sessions[0] not in first


@pytest.mark.parametrize(
    "query",
    [
        "article.php?sid=123",
        "article.php?sid=20261106123456789012",
        "article?sid=0a1b2c3d4e5f60718293a4b5",  # nothing else selects the story
        "article?page=2&sid=0a1b2c3d4e5f60718293a4b5",
        "a-story-of-the-day?s=budget",
        "a-story-of-the-day?session=autumn-2026-budget-of-the-ministry",
        "a-story-of-the-day?oid=0a1b2c3d4e5f60718293a4b5",
        "a-story-of-the-day?cfid=7",
        "(Search)/a-story-of-the-day",
        "a-story;part=2",
    ],
)
def test_what_may_select_a_story_stays(query: str) -> None:
    assert canonical_url(f"{HOST}/{query}") == f"{HOST}/{query}"


def test_short_ids_select_different_stories() -> None:
    assert story_id(f"{HOST}/news.php?sid=123") != story_id(f"{HOST}/news.php?sid=124")


def put_with_session(room: Newsroom, session: str, **fields: object) -> str:
    return room.put(f"/news?visit={session}", prose("bank") + " Sberbank.", title="Banks", **fields)


def test_an_unknown_session_id_gives_no_second_mail() -> None:
    room = Newsroom()
    results = [room.read(put_with_session(room, session))[0] for session in "abc"]
    assert [disposition for disposition, _ in results] == ["stored", "duplicate", "duplicate"]
    assert (len(room.stories()), room.mails()) == (1, [("Banks", 1)])


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Banks and others", prose("bank") + " Sberbank."),
        ("Banks", prose("bank") + "\n\n" + prose("more", 1) + " Sberbank."),
    ],
)
def test_another_title_or_a_longer_text_is_another_story(title: str, text: str) -> None:
    room = Newsroom()
    room.read(put_with_session(room, "a"))
    assert room.read(room.put("/news/further", text, title=title))[0] == ("stored", "")
