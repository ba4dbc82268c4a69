"""Spikes, flatlines and new names are told once, on both stores, also after a restart or a kill."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ingested_site import CONFIG, Newsroom
from mail.server import mail_server
from monitor.config import Config
from monitor.delivery import configured_dispatcher
from monitor.models import Hit, OutletState, Story
from monitor.notify.findings import is_finding
from monitor.store.elasticsearch import ElasticsearchStore
from monitor.store.records import StoryHistory
from monitor.store.sqlite import SqliteStore
from monitor.volume.watch import VolumeWatch
from store.examples import hit, page_commit, story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.schema import StoreSettings
    from monitor.notify.report import DeliveryReport
    from monitor.store import Store

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)


def config(port: int = 1, **alert: Any) -> Config:
    return Config.model_validate(
        {
            "mail": {"url": f"smtp://127.0.0.1:{port}?starttls=never", "sender": "monitor@example.org"},
            "outlets": [{"name": "Outlet", "url": "https://outlet.example/"}],
            "alerts": [{"name": "quakes", "query": "quake", "to": "desk@example.org", "type": "spike", **alert}],
        }
    )


def quake(name: str, at: datetime, **fields: Any) -> Story:
    values = {"title": f"A quake near {name}", "text": f"The quake of {name} was felt by many people.", **fields}
    return story(name, first_seen_at=at, fetched_at=at, updated_at=at, published_at=at, alerts=("quakes",), **values)


def add(store: Store, *stories: Story) -> None:
    """Stores stories with hits of the alert, as ingest does for a volume alert: without notifications."""
    store.commit([page_commit(each, hits=(hit("quakes", each),)) for each in stories])


def add_habit(store: Store, *, weeks: int = 9, hours: int = 3) -> None:
    """Stores a story for each ``hours`` of the weeks before NOW."""
    times = [NOW - WEEK * weeks + HOUR * hour for hour in range(0, weeks * 168, hours)]
    stories = [quake(f"habit{number}", at, text="quake") for number, at in enumerate(times)]
    store.load([record for each in stories for record in (StoryHistory(versions=(each,)), hit("quakes", each))])


def findings(store: Store) -> list[Hit]:
    return [each for each in store.hits("quakes", limit=100_000) if is_finding(each)]


def look(store: Store, settings: Config, *times: datetime) -> None:
    """Lets one process look at these times."""
    clock = iter(times)
    current = [NOW]
    watch = VolumeWatch(store, settings, now=lambda: current[0])
    for time in clock:
        current[0] = time
        watch.queue_findings()


def deliver(store: Store, settings: Config, at: datetime) -> DeliveryReport:
    return configured_dispatcher(store, settings, now=lambda: at).deliver()


@pytest.fixture(params=["sqlite", "elasticsearch"])
def any_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Each of the two stores."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
        return
    settings: StoreSettings = request.getfixturevalue("elasticsearch_store")
    opened = ElasticsearchStore.open(settings)
    yield opened
    opened.close()


@pytest.mark.elasticsearch
def test_a_spike_is_mailed_once_with_its_numbers_words_and_stories(any_store: Store) -> None:
    add_habit(any_store)
    look(any_store, config(), NOW)
    assert findings(any_store) == [], "the stories before the alert are its habit"
    words = "quake in Hualien after the eruption"
    add(any_store, *(quake(f"new{n}", NOW + HOUR * n / 10, text=f"A {words} {n}") for n in range(20)))
    with mail_server() as (behavior, port):
        for minutes in (119, 120, 130, 180, 240):
            deliver(any_store, config(port), NOW + timedelta(minutes=minutes))
        (mail,) = behavior.taken
    text = mail.part("plain")
    assert mail.message["Subject"].startswith("[quakes] Spike: 21 stories")
    assert "Spike: 21 stories in 6 hours, usually 2.0\n" in text
    assert "23 Nov 2026, 08:00 UTC to 23 Nov 2026, 14:00 UTC; so many by chance: " in text
    assert "New words: Hualien, after, eruption, the.\n" in text, text
    assert "Also in:\n  Outlet: A quake near new19\n    https://outlet.example/news/new19\n" in text
    assert "media-monitor search quake --since 2026-11-23T08:00 --limit 21" in text


def test_an_episode_that_has_ended_can_begin_again(store: Store) -> None:
    add_habit(store)
    look(store, config(), NOW)
    for day in (0, 2):
        add(store, *(quake(f"new{day}-{n}", NOW + timedelta(days=day, minutes=n)) for n in range(20)))
    look(store, config(), *(NOW + HOUR * hour for hour in range(1, 72)))
    assert [each.matched_at for each in reversed(findings(store))] == [NOW + HOUR, NOW + timedelta(days=2, hours=1)]


def test_a_restart_and_a_kill_before_the_state_is_kept_repeat_nothing(store: Store) -> None:
    add_habit(store)
    look(store, config(), NOW)
    before = store.setting("volume-alert/quakes")
    add(store, *(quake(f"new{n}", NOW + timedelta(minutes=n)) for n in range(20)))
    with mail_server() as (behavior, port):
        deliver(store, config(port), NOW + HOUR)
        store.put_setting("volume-alert/quakes", before)  # as if the process had been killed before it wrote this
        deliver(store, config(port), NOW + HOUR)
        deliver(store, config(port), NOW + 2 * HOUR)
        assert len(behavior.taken) == 1
    assert len(findings(store)) == 1


def test_a_new_query_begins_a_new_habit(store: Store) -> None:
    look(store, config(), NOW)
    state = store.setting("volume-alert/quakes")
    look(store, config(query="quake AND NOT drill"), NOW + HOUR)
    changed = store.setting("volume-alert/quakes")
    assert state is not None
    assert changed is not None
    assert (state["since"], changed["since"]) == ("2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z")


def test_stories_that_were_found_late_are_no_spike(store: Store) -> None:
    add_habit(store)
    look(store, config(), NOW)
    old = [replace(quake(f"new{n}", NOW), published_at=NOW - timedelta(days=3)) for n in range(30)]
    add(store, *old)
    look(store, config(), NOW + HOUR)
    assert findings(store) == []


@pytest.mark.parametrize(("read_at", "count"), [(NOW + 47 * HOUR, 1), (NOW, 0)])
def test_a_flatline_is_reported_only_if_the_outlets_were_read(store: Store, read_at: datetime, count: int) -> None:
    add_habit(store, hours=1)
    settings = config(type="flatline")
    look(store, settings, NOW)
    store.load([OutletState(name="Outlet", next_poll_at=NOW, interval=HOUR, last_poll_at=read_at, last_ok_at=read_at)])
    look(store, settings, *(NOW + HOUR * hour for hour in range(1, 49)))
    assert len(findings(store)) == count
    if count:
        assert findings(store)[0].title.startswith("Flatline: ")
        assert findings(store)[0].title.endswith(" in 24 hours, usually 24.0")


@pytest.mark.elasticsearch
def test_a_name_that_no_earlier_story_of_the_query_has_is_reported(any_store: Store) -> None:
    settings = config(type="first_seen")
    add_habit(any_store)
    known = "The quake was measured by Maria Petrova of the institute."
    add(any_store, quake("known", NOW - WEEK, text=known))
    look(any_store, settings, NOW)
    add(any_store, quake("again", NOW + HOUR, text=known.replace("was measured by", "surprised")))
    add(any_store, quake("new", NOW + HOUR, text="The quake was measured by Maria Petrova and by Li Wei yesterday."))
    look(any_store, settings, NOW + 2 * HOUR, NOW + 3 * HOUR)
    (finding,) = findings(any_store)
    assert finding.title == "New 1 name: Li Wei"
    assert "Li Wei: The quake was measured by Maria Petrova and by Li Wei yesterday." in finding.context
    assert finding.url == "https://outlet.example/news/new"


def test_a_first_seen_alert_learns_for_two_weeks(store: Store) -> None:
    settings = config(type="first_seen")
    look(store, settings, NOW)
    add(store, quake("early", NOW + HOUR, text="The quake surprised Maria Petrova."))
    look(store, settings, NOW + 2 * HOUR)
    add(store, quake("late", NOW + 2 * WEEK, text="The quake surprised Maria Petrova and Li Wei."))
    look(store, settings, NOW + 2 * WEEK + HOUR)
    assert [each.title for each in findings(store)] == ["New 1 name: Li Wei"]


def test_a_story_of_a_volume_alert_is_a_hit_but_not_mailed_by_itself() -> None:
    newsroom = Newsroom(config=CONFIG.model_copy(update={"alerts": config().alerts}))
    newsroom.put("/quake", text="A quake was felt by many people in the town.")
    newsroom.read("/quake")
    assert [each.alert for each in newsroom.store.hits()] == ["quakes"]
    assert newsroom.store.outbox() == []


def test_a_finding_is_no_inconsistency_of_the_store(store: Store) -> None:
    add_habit(store)
    look(store, config(), NOW)
    add(store, *(quake(f"new{n}", NOW + timedelta(minutes=n)) for n in range(20)))
    look(store, config(), NOW + HOUR)
    assert len(findings(store)) == 1
    assert isinstance(store, SqliteStore)
    diagnosis = store.capabilities.diagnosis
    assert diagnosis is not None
    assert [each.remedy for each in diagnosis.diagnose(repair=False) if each.remedy] == []
