"""An event is reported once: the stories of further outlets follow in a digest, or at once where the alert says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mail.server import free_port, mail_server
from monitor import similarity
from monitor.config import Alert, Config, MailSettings, Outlet
from monitor.models import Candidate, Disposition, FrontierEntry, Notification, Outcome, PageCommit, Story
from monitor.notify.delivery_times import is_in_rest, next_delivery_time
from monitor.store.memory import MemoryStore
from notify.test_dispatcher import Clock, deliver

if TYPE_CHECKING:
    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEXT = " ".join(
    f"The bank of Norvia said in sentence {n} that chips of kind {n * 7} are sold abroad." for n in range(20)
)
OUTLETS = ("Courier", "Herald", "Mirror", "Tribune", "Wire")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "memory"])
def any_store(request: pytest.FixtureRequest, store: Store) -> Store:
    if request.param == "sqlite":
        return store
    memory = MemoryStore()
    memory.setup()
    return memory


def config(port: int, **alert: Any) -> Config:
    values = {"name": "banks", "query": "bank", "to": ("d@example.org",), **alert}
    return Config(
        outlets=tuple(Outlet(name=name, url="https://courier.example/") for name in OUTLETS),
        mail=MailSettings.model_validate({"url": f"smtp://127.0.0.1:{port}?starttls=never", "sender": "m@example.org"}),
        alerts=(Alert.model_validate(values),),
    )


def publish(
    store: Store,
    settings: Config,
    name: str,
    *,
    at: datetime,
    cluster: str = "",
    outlet: str = "Courier",
    version: int = 1,
    alerts: tuple[str, ...] = ("banks",),
    text: str = TEXT,
) -> Story:
    """Commits a story with the notifications that ingest would queue."""
    url = f"https://courier.example/{name}"
    story = Story(
        id=name,
        url=url,
        outlet=outlet,
        title=f"Title of {name}",
        text=text,
        first_seen_at=at,
        fetched_at=at,
        updated_at=at,
        cluster=cluster or name,
        version=version,
    )
    entry = FrontierEntry(
        id=name, candidate=Candidate(url=url, outlet=outlet), first_seen_at=at, next_at=None, story=name
    )
    alert = settings.alerts[0]
    notifications = tuple(
        Notification(
            alert=each,
            story=name,
            version=version,
            channel="email",
            targets=alert.to,
            due_at=next_delivery_time(alert.deliver, alert.timezone, at),
            created_at=at,
        )
        for each in alerts
    )
    signature = similarity.signature(text)
    outcome = Outcome(disposition=Disposition.STORED)
    store.commit(
        [PageCommit(entry=entry, outcome=outcome, story=story, signature=signature, notifications=notifications)]
    )
    return story


def publish_reprints(store: Store, settings: Config, clock: Clock) -> None:
    """Five outlets have one event, an hour after each other; mail is delivered after each."""
    for number, outlet in enumerate(OUTLETS):
        publish(store, settings, f"s{number}", at=clock.time, cluster="s0", outlet=outlet)
        deliver(store, settings, clock)
        clock.time += HOUR


def test_five_reprints_are_one_instant_mail_and_one_line_later(any_store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port)
        publish_reprints(any_store, settings, clock)
        assert [mail.message["Subject"] for mail in behavior.taken] == ["[banks] Title of s0 - Courier"]
        clock.time = datetime(2026, 11, 23, 6, 59, tzinfo=UTC)
        deliver(any_store, settings, clock)
        assert len(behavior.taken) == 1
        clock.time += timedelta(minutes=1)
        deliver(any_store, settings, clock)
    _, later = behavior.taken
    assert later.message["Subject"] == "[banks] now also at 4 more outlets: Title of s1"
    text = later.part("plain")
    assert text.startswith(
        "Title of s1\nHerald · reported before, now also at 4 more outlets\nhttps://courier.example/s1\n"
    )
    assert "  Wire: Title of s4\n    https://courier.example/s4\n" in text
    assert "chips of kind" not in text
    assert any_store.outbox() == []


def test_with_repeat_outlet_each_reprint_comes_at_once(any_store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        publish_reprints(any_store, config(port, repeat="outlet"), clock)
    assert [mail.message["Subject"] for mail in behavior.taken] == [
        f"[banks] Title of s{number} - {outlet}" for number, outlet in enumerate(OUTLETS)
    ]


def test_the_rest_comes_at_the_configured_time_of_the_alerts_zone(any_store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port, rest="weekly tue 09:30", timezone="Asia/Tokyo")
        publish_reprints(any_store, settings, clock)
        assert {each.due_at for each in any_store.outbox()} == {datetime(2026, 11, 24, 0, 30, tzinfo=UTC)}
        assert len(behavior.taken) == 1


def test_a_daily_digest_shows_an_event_of_yesterday_briefly(any_store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port, deliver="daily 07:00")
        publish(any_store, settings, "s0", at=clock.time)
        clock.time += timedelta(hours=19)
        deliver(any_store, settings, clock)
        publish(any_store, settings, "s1", at=clock.time + HOUR, cluster="s0", outlet="Herald")
        publish(any_store, settings, "other", at=clock.time + HOUR, text="Another bank.")
        clock.time += timedelta(days=1)
        deliver(any_store, settings, clock)
    first, second = (mail.part("plain") for mail in behavior.taken)
    assert first.startswith("Title of s0\n")
    assert second.startswith("2 events, 1 reported before.\n\n\nTitle of other\n")
    assert "Title of s1\nHerald · reported before, now also at 1 more outlet\n" in second


def test_reprints_that_are_due_together_are_one_full_entry(any_store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port)
        publish(any_store, settings, "s0", at=clock.time)
        publish(any_store, settings, "s1", at=clock.time + timedelta(minutes=1), cluster="s0", outlet="Herald")
        clock.time += HOUR
        deliver(any_store, settings, clock)
    (mail,) = behavior.taken
    assert mail.message["Subject"] == "[banks] Title of s0 - Courier"
    assert "reported before" not in mail.part("plain")
    assert "Herald: Title of s1" in mail.part("plain")


def test_a_new_version_of_a_reported_story_comes_at_once(any_store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port)
        publish(any_store, settings, "s0", at=clock.time)
        publish(any_store, settings, "s1", at=clock.time, cluster="s0", outlet="Herald")
        deliver(any_store, settings, clock)
        clock.time += HOUR
        publish(any_store, settings, "s1", at=clock.time, cluster="s0", outlet="Herald", version=2)
        deliver(any_store, settings, clock)
    assert [mail.message["Subject"] for mail in behavior.taken] == [
        "[banks] Title of s0 - Courier",
        "[banks] Title of s1 - Herald",
    ]


def test_an_event_is_known_if_another_story_than_the_first_matched(any_store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port)
        publish(any_store, settings, "s0", at=clock.time, alerts=())
        publish(any_store, settings, "s1", at=clock.time, cluster="s0", outlet="Herald")
        deliver(any_store, settings, clock)
        clock.time += HOUR
        publish(any_store, settings, "s2", at=clock.time, cluster="s0", outlet="Mirror")
        deliver(any_store, settings, clock)
    assert [mail.message["Subject"] for mail in behavior.taken] == ["[banks] Title of s1 - Herald"]


def test_an_event_that_only_another_alert_reported_is_new(any_store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port)
        publish(any_store, settings, "s0", at=clock.time, alerts=("other",))
        deliver(any_store, settings, clock)
        clock.time += HOUR
        publish(any_store, settings, "s1", at=clock.time, cluster="s0", outlet="Herald")
        deliver(any_store, settings, clock)
    assert [mail.message["Subject"] for mail in behavior.taken] == [
        "[other] Title of s0 - Courier",
        "[banks] Title of s1 - Herald",
    ]


def test_a_reprint_waits_while_the_mail_about_its_event_fails(any_store: Store, clock: Clock) -> None:
    port = free_port()
    settings = config(port)
    publish(any_store, settings, "s0", at=clock.time)
    deliver(any_store, settings, clock)
    publish(any_store, settings, "s1", at=clock.time + timedelta(seconds=1), cluster="s0", outlet="Herald")
    clock.time += timedelta(seconds=2)
    deliver(any_store, settings, clock)
    assert {each.story: each.due_at for each in any_store.outbox()} == {
        "s0": NOW + timedelta(minutes=1),
        "s1": datetime(2026, 11, 23, 7, 0, tzinfo=UTC),
    }


def test_what_failed_until_the_time_of_the_rest_is_in_a_digest(any_store: Store, clock: Clock) -> None:
    settings = config(free_port())
    for number in range(3):
        publish(any_store, settings, f"s{number}", at=clock.time, text=f"Bank number {number}.")
    deliver(any_store, settings, clock)
    clock.time = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    waiting = any_store.outbox()
    any_store.postpone([replace(each, due_at=clock.time) for each in waiting], holder="")
    assert all(is_in_rest(settings.alerts[0], each) for each in any_store.outbox())
    with mail_server() as (behavior, port):
        deliver(any_store, config(port), clock)
    assert [mail.message["Subject"] for mail in behavior.taken] == ["[banks] 3 stories: Title of s0 and 2 more"]
