"""A flood of new URLs of one outlet neither fills the frontier nor hides its stories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from monitor.crawl import poll
from monitor.crawl.admission import admit
from monitor.models import Candidate, Disposition, Outcome, now
from monitor.urls import story_id

from .engine import Engine, FakeService
from .test_poll import outlet, put_stories, rss

if TYPE_CHECKING:
    import pytest

    from monitor.demo.web import Site

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
FOREIGN = Outcome(disposition=Disposition.DROPPED, kind="foreign")


def candidate(number: int, *, hours: int | None = None) -> Candidate:
    published_at = None if hours is None else NOON - timedelta(hours=hours)
    return Candidate(url=f"https://x.example/{number}", outlet="x", published_at=published_at)


NUMBERS = st.lists(st.integers(0, 30), max_size=30)


@given(NUMBERS, NUMBERS, st.sets(st.integers(0, 30)), st.integers(-2, 40))
def test_each_url_is_stored_admitted_or_counted(
    wanted: list[int], dropped: list[int], stored: set[int], allowance: int
) -> None:
    stored_ids = {story_id(candidate(number).url) for number in stored}
    result = admit(
        [candidate(number) for number in wanted],
        [(candidate(number), FOREIGN) for number in dropped],
        stored_ids=stored_ids,
        allowance=allowance,
    )
    listed = {story_id(candidate(number).url) for number in (*wanted, *dropped)}
    kept = {story_id(each.url) for each in (*result.candidates, *(each for each, _ in result.dropped))}
    assert listed & stored_ids <= kept <= listed
    assert len(kept - stored_ids) <= max(allowance, 0)
    assert result.ignored == len(listed - stored_ids) - len(kept - stored_ids)


def test_the_newest_dated_candidates_are_admitted_first() -> None:
    candidates = [candidate(1), candidate(2, hours=5), candidate(3, hours=2), candidate(4)]
    result = admit(candidates, [(candidate(5, hours=1), FOREIGN)], stored_ids=(), allowance=2)
    assert [each.url[-1] for each in result.candidates] == ["2", "3"]
    assert (result.dropped, result.ignored) == ([], 3)


def test_a_flood_of_failing_urls_leaves_room_for_a_story(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "MAX_NEW_URLS_PER_DAY", 50)
    service = FakeService(outlet(site, feeds=(f"{site.url}flood", f"{site.url}rss")))
    site.put("/rss", rss([]), "application/rss+xml")
    for number in range(3):
        flood = [f"{site.url}2026/flood-{number}-{index}" for index in range(40)]
        site.put("/flood", rss(flood, published_at=now() - timedelta(hours=9)), "application/rss+xml")
        engine.crawl(service, ignore_schedule=True)
    assert len(service.store.recent_entries("x", limit=500)) == 50
    suspicions = service.store.state.outlets["x"].memory.suspicions
    assert suspicions["flood"] == "70 listed URLs were ignored: there are too many new ones on a day"

    monkeypatch.setattr(poll, "MAX_NEW_URLS_PER_DAY", 51)
    (story,) = put_stories(site, 1)
    site.put("/rss", rss([story]), "application/rss+xml")
    engine.crawl(service, ignore_schedule=True)
    assert site.count(story.removeprefix(site.url.rstrip("/"))) == 1
