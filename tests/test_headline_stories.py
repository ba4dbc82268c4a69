"""Where a page cannot be had, title and summary are stored, matched and mailed until it can be read."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ingested_site import ALERT, CONFIG, HOST, Newsroom, WebPage, prose
from monitor.config import Alert
from monitor.failures import FailureKind
from monitor.models import Disposition, NotArticle, Outcome
from monitor.retry_policy import RETRY_DELAYS

TITLE = "Sberbank hit by new sanctions"
SUMMARY = "The list of sanctions grows, officials said."
LISTED = {"title": TITLE, "summary": SUMMARY}


def room_with(page: WebPage, keep: str = "matching") -> Newsroom:
    room = Newsroom(config=CONFIG.model_copy(update={"keep": keep}))
    room.pages[f"{HOST}/walled"] = page
    return room


WALLS = {
    "forbidden": WebPage(failure=FailureKind.HTTP_403),
    "unauthorized": WebPage(failure=FailureKind.HTTP_401),
    "legal": WebPage(failure=FailureKind.HTTP_451),
    "robots": WebPage(failure=FailureKind.ROBOTS),
    "consent": WebPage(NotArticle(kind="consent")),
    "script": WebPage(NotArticle(kind="script")),
    "login": WebPage(NotArticle(kind="login")),
}


@pytest.mark.parametrize("wall", WALLS)
def test_title_and_summary_are_stored_at_once_behind_a_wall(wall: str) -> None:
    room = room_with(WALLS[wall])
    assert room.read("/walled", **LISTED) == [("stored", "headline")]
    (story,) = room.stories()
    assert (story.title, story.text, story.url) == (TITLE, SUMMARY, f"{HOST}/walled")
    assert (story.method, story.flags, story.alerts) == ("headline", ("headline",), ("bank",))
    assert room.mails() == [(TITLE, 1)]


@pytest.mark.parametrize("kind", [FailureKind.TIMEOUT, FailureKind.HTTP_503, FailureKind.DNS])
def test_after_a_passing_failure_the_last_retry_stores_the_headline(kind: FailureKind) -> None:
    room = room_with(WebPage(failure=kind))
    outcomes = [room.read("/walled", **LISTED)]
    for delay in RETRY_DELAYS:
        room.time += delay
        outcomes.append(room.read())
    assert [disposition for ((disposition, _),) in outcomes] == ["failed"] * 5 + ["stored"]


@pytest.mark.parametrize("page", [WebPage(failure=FailureKind.HTTP_410), WebPage(NotArticle(kind="video"))])
def test_a_page_that_is_gone_or_no_story_leaves_no_headline(page: WebPage) -> None:
    room = room_with(page)
    room.read("/walled", **LISTED)
    assert room.stories() == []


def test_a_page_of_an_error_is_no_wall_before_its_last_retry() -> None:
    room = room_with(WebPage(NotArticle(kind="error")))
    assert room.read("/walled", **LISTED) == [("not-an-article", "error")]


def test_keep_matching_stores_no_headline_off_topic() -> None:
    room = room_with(WALLS["forbidden"])
    assert room.read("/walled", title="Cup final", summary="The home team won.") == [("failed", "http-403")]
    assert (room.stories(), room.mails()) == ([], [])


def test_a_page_describes_its_story_where_the_source_does_not() -> None:
    room = room_with(WebPage(NotArticle(kind="script", title=TITLE, summary=SUMMARY)))
    room.read("/walled")
    assert [(story.title, story.text) for story in room.stories()] == [(TITLE, SUMMARY)]


def test_the_title_that_several_walls_state_is_that_of_the_site() -> None:
    """Only the first of them makes a story, unless the source states titles."""
    room = room_with(WALLS["consent"])
    for number in range(4):
        room.pages[f"{HOST}/{number}"] = WebPage(NotArticle(kind="script", title="The Sberbank Gazette"))
    assert room.read("/0", "/1", "/2") == [("stored", "headline"), *[("not-an-article", "script")] * 2]
    assert len(room.mails()) == 1
    assert room.read("/3", **LISTED)[0] == ("stored", "headline")
    assert TITLE in [story.title for story in room.stories()]


def test_a_link_of_a_section_page_is_no_headline() -> None:
    room = room_with(WALLS["forbidden"])
    (entry,) = room.list_urls([f"{HOST}/walled"], title="Subscribe to Sberbank news", published_at=None)
    (outcome,) = asyncio.run(room.poll())
    assert (outcome.disposition, outcome.kind, entry.story) == (Disposition.FAILED, "http-403", None)


def test_a_headline_story_is_retried_as_a_failed_page() -> None:
    room = room_with(WALLS["forbidden"])
    room.read("/walled", **LISTED)
    (entry,) = room.store.due_entries("Gazette", now=room.time, limit=10)
    assert entry.next_at == entry.first_seen_at + RETRY_DELAYS[0]
    assert entry.outcome == Outcome(disposition=Disposition.STORED, kind="headline", detail="no")
    assert room.read() == [("unchanged", "headline")]
    assert (room.stories()[0].version, len(room.mails())) == (1, 1)


@pytest.mark.parametrize(
    ("title", "alerts"),
    [
        (TITLE, [("bank", 1), ("sanctions", 1)]),
        ("New sanctions on banks", [("bank", 2), ("sanctions", 1)]),
    ],
)
def test_the_page_replaces_the_headline_once_it_can_be_read(title: str, alerts: list[tuple[str, int]]) -> None:
    """An alert that matched the headline does not fire again for the text; another one that matches the text fires."""
    sanctions = Alert(name="sanctions", query="sanctions", to=("desk@example.org",))
    room = Newsroom(config=CONFIG.model_copy(update={"alerts": (ALERT, sanctions)}))
    room.pages[f"{HOST}/walled"] = WALLS["forbidden"]
    room.read("/walled", title=title, summary="Officials said so.")
    room.put("/walled", f"{SUMMARY}\n\n{prose('text')}\n\nSberbank declined to comment on sanctions.", title=title)
    assert room.read() == [("updated", "")]
    (story,) = room.stories()
    assert (story.version, story.flags, story.alerts) == (2, (), ("bank", "sanctions"))
    assert sorted((hit.alert, hit.version) for hit in room.store.hits()) == alerts
    room.time += timedelta(hours=2)
    assert room.read() == [("unchanged", "")]


@pytest.mark.parametrize("title", ["Subscribe to the Gazette today", "Log in"])
def test_another_page_at_a_walled_address_does_not_replace_its_headline(title: str) -> None:
    room = room_with(WALLS["forbidden"])
    room.read("/walled", **LISTED)
    room.pages[f"{HOST}/walled"] = WebPage(moved_to=room.put("/offer", title=title))
    room.read()
    assert [(story.title, story.url) for story in room.stories()] == [(TITLE, f"{HOST}/walled")]


@pytest.mark.parametrize(("title", "text"), [(TITLE, ""), ("Bank named in list", SUMMARY)])
def test_the_story_to_which_a_walled_address_leads_replaces_its_headline(title: str, text: str) -> None:
    room = room_with(WALLS["forbidden"])
    room.read("/walled", **LISTED)
    new = room.put("/new", f"{text}\n\n{prose('text')}", title=title)
    room.pages[f"{HOST}/walled"] = WebPage(moved_to=new)
    room.read()
    assert [(story.title, story.url, story.version) for story in room.stories()] == [(title, new, 2)]


def test_a_headline_that_leads_to_a_stored_story_ends_there() -> None:
    room = room_with(WALLS["forbidden"])
    room.read("/walled", **LISTED)
    full = room.put("/full", f"{SUMMARY}\n\n{prose('text')}", title=TITLE)
    room.read("/full")
    room.pages[f"{HOST}/walled"] = WebPage(moved_to=full)
    room.time += timedelta(hours=2)
    assert ("duplicate", "") in room.read()
    assert sorted(story.version for story in room.stories()) == [1, 1]


def test_a_corrected_slug_behind_a_wall_is_one_headline() -> None:
    room = room_with(WALLS["forbidden"])
    room.pages[f"{HOST}/walled-2"] = WALLS["forbidden"]
    room.read("/walled", guid="1", **LISTED)
    assert ("duplicate", "") in room.read("/walled-2", guid="1", **LISTED)
    assert (len(room.stories()), len(room.mails())) == (1, 1)


def test_headlines_of_one_title_and_guid_differ_by_their_summaries() -> None:
    room = room_with(WALLS["forbidden"])
    for number, summary in enumerate((SUMMARY, "A court froze the accounts of a bank.")):
        room.pages[f"{HOST}/{number}"] = WALLS["forbidden"]
        room.read(f"/{number}", guid="news", title="Sberbank news of today", summary=summary)
    assert [story.text for story in room.stories()] == [SUMMARY, "A court froze the accounts of a bank."]
    assert len(room.mails()) == 2


def test_a_headline_without_summary_is_stored_with_keep_all() -> None:
    room = room_with(WALLS["forbidden"], keep="all")
    assert room.read("/walled", title="Cup final") == [("stored", "headline")]
    assert room.stories()[0].text == ""


@pytest.mark.parametrize(("title", "expected"), [(TITLE, ("stored", "headline")), ("Cup final", None)])
def test_a_page_that_was_not_requested_stays_due(title: str, expected: tuple[str, str] | None) -> None:
    room = room_with(WALLS["forbidden"])
    (entry,) = room.list_urls([f"{HOST}/walled"], title=title)
    outcome = asyncio.run(room.ingest.store_headline_unread(room.outlet, entry))
    assert (outcome and (outcome.disposition.value, outcome.kind)) == expected
    (due,) = room.store.due_entries("Gazette", now=room.time, limit=10)
    assert (due.attempts, due.story is not None) == (0, expected is not None)
    assert asyncio.run(room.ingest.store_headline_unread(room.outlet, due)) is None or expected is None
