"""A headline that an aggregator states for a page that was not read is not one of the page's outlet."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ingested_site import CONFIG, FEED, HOST, OUTLET, Newsroom, WebPage, prose
from monitor.config import Alert, Outlet
from monitor.failures import FailureKind
from monitor.models import Article, Candidate, NotArticle, Story

DIGEST = Outlet(name="Digest", url="https://digest.example/", hosts=("any",))
ALERTS = tuple(Alert(name=word, query=word, to=("desk@example.org",)) for word in ("bribery", "minister", "bridge"))
FALSE = {"title": "Minister arrested for bribery, police confirm", "summary": "He denies all of it."}
OWN = {"title": "Minister opens a new bridge", "summary": "It took nine years."}
URL = f"{HOST}/bridge"


@pytest.fixture
def room() -> Newsroom:
    config = CONFIG.model_copy(update={"outlets": (DIGEST, *CONFIG.outlets), "alerts": ALERTS})
    room = Newsroom(config=config, outlet=DIGEST)
    room.pages[URL] = WebPage(failure=FailureKind.HTTP_403)
    return room


def list_by_gazette(room: Newsroom, **fields: str) -> None:
    own = Candidate(url=URL, outlet="Gazette", source=FEED, published_at=room.time - timedelta(hours=1), **fields)
    room.store.enqueue([own], now=room.time)
    asyncio.run(room.ingest.take_over(OUTLET, [own]))


def only_story(room: Newsroom) -> Story:
    (story,) = room.stories()
    return story


def test_the_headline_of_an_aggregator_has_its_own_name(room: Newsroom) -> None:
    room.read(URL, **FALSE)
    story = only_story(room)
    assert (story.outlet, story.title, story.country) == ("Digest", FALSE["title"], None)


def test_an_unrequested_page_of_a_forbidding_host_too(room: Newsroom) -> None:
    (entry,) = room.list_urls([URL], **FALSE)
    asyncio.run(room.ingest.store_headline_unread(DIGEST, entry))
    assert only_story(room).outlet == "Digest"


def test_the_own_feed_takes_the_headline_over(room: Newsroom) -> None:
    room.read(URL, **FALSE)
    list_by_gazette(room, **OWN)
    story = only_story(room)
    assert (story.outlet, story.title, story.text, story.version) == ("Gazette", OWN["title"], OWN["summary"], 2)
    assert sorted((hit.alert, hit.version) for hit in room.store.hits()) == [
        ("bribery", 1),
        ("bridge", 2),
        ("minister", 1),
        ("minister", 2),
    ]
    (entry,) = room.store.due_entries("Gazette", now=room.time + timedelta(days=1), limit=10)
    assert (entry.candidate.title, entry.other_sources) == (OWN["title"], ())
    assert room.store.due_entries("Digest", now=room.time + timedelta(days=1), limit=10) == []


def test_a_second_poll_changes_nothing(room: Newsroom) -> None:
    room.read(URL, **FALSE)
    for _ in range(3):
        list_by_gazette(room, **OWN)
    assert only_story(room).version == 2


def test_a_page_that_still_fails_keeps_the_own_headline(room: Newsroom) -> None:
    """The aggregator's title is forgotten before the last retry would store it."""
    room.pages[URL] = WebPage(failure=FailureKind.TIMEOUT)
    assert room.read(URL, **FALSE) == [("failed", "timeout")]
    list_by_gazette(room, **OWN)
    room.outlet, room.pages[URL] = OUTLET, WebPage(failure=FailureKind.HTTP_403)
    assert room.read() == [("stored", "headline")]
    assert (only_story(room).outlet, only_story(room).title) == ("Gazette", OWN["title"])


def test_the_page_replaces_the_headline_under_its_outlet(room: Newsroom) -> None:
    room.read(URL, **FALSE)
    room.pages[URL] = WebPage(Article(title=OWN["title"], text=prose("bridge")))
    assert room.read() == [("updated", "")]
    assert (only_story(room).outlet, only_story(room).title) == ("Gazette", OWN["title"])


def test_a_read_story_is_not_taken_over(room: Newsroom) -> None:
    room.pages[URL] = WebPage(Article(title="A bridge opens", text=prose("bridge")))
    room.read(URL, **FALSE)
    list_by_gazette(room, **OWN)
    assert (only_story(room).title, only_story(room).version) == ("A bridge opens", 1)


def test_a_headline_that_only_the_page_states_is_its_outlets(room: Newsroom) -> None:
    """The aggregator's summary does not get under the outlet's name."""
    room.pages[URL] = WebPage(NotArticle(kind="script", title="A bridge opens", summary="It took nine years."))
    room.read(URL, summary=FALSE["title"])
    story = only_story(room)
    assert (story.outlet, story.title, story.text) == ("Gazette", "A bridge opens", "It took nine years.")
