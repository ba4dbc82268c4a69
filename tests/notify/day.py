"""A day of a newsroom on a clock that a test sets: stories, reprints, alerts of all kinds, outages and a restart.

`Day.messages` has what came out of the monitor, `expected_messages` the messages by a model of its own.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingested_site import Newsroom, prose
from mail.server import free_port, mail_server
from monitor.config import Config
from monitor.delivery import configured_dispatcher
from monitor.models import Hit, OutletState
from monitor.notify.dispatcher import DELIVERY_RETRY_DELAYS
from monitor.store.sqlite import SqliteStore
from monitor.urls import story_id
from webhook.receiver import webhook_receiver

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BEGIN = datetime(2026, 11, 22, 7, 1, tzinfo=UTC)
MINUTES = 24 * 60  # until the digests at 07:00
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MAIL_AWAY = range(130, 190)  # minutes of the day
WEBHOOK_AWAY = range(370, 430)
RESTART_AT = 480
SPIKE_AT = range(510, 539)  # a burst of stories; the hour ends at minute 539
NO_REPRINTS = range(100, 580)  # while messages are repeated, what shares one depends on the second
TOKEN = re.compile(r"\bT\d+x\d+\b")


@dataclass(frozen=True, order=True)
class DayMessage:
    """A message: when, by which channel, to whom, and the tokens of its stories."""

    minute: int
    channel: str
    target: str
    stories: frozenset[str] = field(compare=False)
    text: str = field(default="", compare=False)

    @property
    def key(self) -> tuple[int, str, str, tuple[str, ...]]:
        return self.minute, self.channel, self.target, tuple(sorted(self.stories))


@dataclass(frozen=True)
class PlannedStory:
    """A story of the day; ``event`` tells of which event, ``number`` is 0 for the first of it."""

    minute: int
    event: int
    number: int
    outlet: int
    keyword: int | None

    @property
    def token(self) -> str:
        return f"T{self.event}x{self.number}"

    @property
    def url(self) -> str:
        return f"https://o{self.outlet}.example/{self.token}"


def alerts(webhook: str) -> list[dict[str, Any]]:
    """Returns alerts of all kinds; the keyword of number n is ``keyword<n>``."""
    made = [
        *({"to": f"desk{n}@a.se"} for n in range(10)),
        *({"to": "boss@a.se"} for _ in range(3)),
        *({"to": f"outlet{n}@a.se", "repeat": "outlet"} for n in range(3)),
        *({"to": f"few{n}@a.se", "max_per_hour": 1} for n in range(3)),
        *({"to": f"quiet{n}@a.se", "quiet_hours": "22:00-07:00"} for n in range(3)),
        *({"to": "reader@a.se", "deliver": "daily 07:00"} for _ in range(3)),
        {"to": "reader@a.se", "deliver": "hourly"},
        {"to": "hourly@a.se", "deliver": "hourly"},
        {"to": webhook},
        {"to": ["both@a.se", webhook]},
        {"to": "strong@a.se", "min_strength": 5},
    ]
    named = [{"name": f"a{n}", "query": f"keyword{n}", "max_entries": 1000, **alert} for n, alert in enumerate(made)]
    spike = {"name": "spike", "query": "quake", "type": "spike", "to": "spike@a.se"}
    return [*named, spike]


def planned_stories(stories: int, outlets: int, seed: int = 7) -> list[PlannedStory]:
    """Returns the stories of the day in their order; three in ten are reprints, in the hours after the first."""
    choose = random.Random(seed)
    keywords = [n for n, alert in enumerate(alerts("http://x/")) if alert["name"] != "spike"]
    planned: list[PlannedStory] = []
    event = 0
    while len(planned) < stories:
        keyword = choose.choice([*keywords, None, None])
        minute = choose.randrange(1, MINUTES - 30)
        chosen = choose.sample(range(outlets - 2), 4)  # the last two fail
        planned.append(PlannedStory(minute, event, 0, chosen[0], keyword))
        number = 0
        while choose.random() < 0.42 and number < 3:
            later = minute + choose.randrange(5, 600)
            if later < MINUTES - 5 and later not in NO_REPRINTS:
                number += 1
                planned.append(PlannedStory(later, event, number, chosen[number], keyword))
        event += 1
    return sorted(planned, key=lambda each: (each.minute, each.event, each.number))


@dataclass
class Day:
    """Runs the day and keeps its messages."""

    folder: Path
    stories: list[PlannedStory]
    outlets: int
    messages: list[DayMessage] = field(default_factory=list)
    hits: int = 0

    def run(self) -> None:
        mail_port, hook_port = free_port(), free_port()
        hook = f"http://127.0.0.1:{hook_port}/hook"
        config = Config.model_validate(
            {
                "mail": {"url": f"smtp://127.0.0.1:{mail_port}?starttls=never", "sender": "m@a.se"},
                "outlets": [{"name": f"O{n}", "url": f"https://o{n}.example/"} for n in range(self.outlets)],
                "alerts": alerts(hook),
            }
        )
        store, newsroom = self._open(config)
        self._add_past(store)
        dispatcher = configured_dispatcher(store, config, now=lambda: newsroom.time)
        by_minute = defaultdict(list)
        for story in self.stories:
            by_minute[story.minute].append(story)
        with ExitStack() as mail_stack, ExitStack() as hook_stack:
            for minute in range(MINUTES):
                newsroom.time = BEGIN + minute * MINUTE
                if minute in {0, MAIL_AWAY.stop}:
                    behavior, _ = mail_stack.enter_context(mail_server(port=mail_port))
                if minute in {0, WEBHOOK_AWAY.stop}:
                    receiver = hook_stack.enter_context(webhook_receiver(port=hook_port))
                if minute == MAIL_AWAY.start:
                    mail_stack.close()
                if minute == WEBHOOK_AWAY.start:
                    hook_stack.close()
                if minute == RESTART_AT:
                    store.close()
                    store, restarted = self._open(config)
                    restarted.time, newsroom = newsroom.time, restarted
                    dispatcher = configured_dispatcher(store, config, now=lambda: newsroom.time)  # noqa: B023  used within this turn
                for story in by_minute[minute]:
                    self._publish(newsroom, story)
                if minute in SPIKE_AT:
                    newsroom.put(f"/quake{minute}", text=f"{prose(f'q{minute}')} The quake shook the town.")
                    self._read(newsroom, f"https://gazette.example/quake{minute}")
                before_mail, before_hook = len(behavior.taken), len(receiver.requests)
                dispatcher.deliver()
                for mail in behavior.taken[before_mail:]:
                    text = mail.part("plain")
                    (target,) = mail.recipients
                    self._keep(minute, "email", target, text)
                for request in receiver.requests[before_hook:]:
                    self._keep(minute, "webhook", hook, request.body.decode())
        self.hits = len(store.hits(limit=1_000_000, since=BEGIN))
        store.close()

    def _keep(self, minute: int, channel: str, target: str, text: str) -> None:
        self.messages.append(DayMessage(minute, channel, target, frozenset(TOKEN.findall(text)), text))

    def _open(self, config: Config) -> tuple[SqliteStore, Newsroom]:
        store = SqliteStore(self.folder / "monitor.db", timeout=timedelta(seconds=30))
        store.setup()
        newsroom = Newsroom(config=config, store=store, outlet=config.outlets[0])  # type: ignore[arg-type]  # any store does
        return store, newsroom

    def _add_past(self, store: SqliteStore) -> None:
        """Adds nine weeks of hits of the spike, and two outlets that have failed for days."""
        for hours in range(1, 9 * 168, 12):
            at = BEGIN.replace(minute=0) - hours * HOUR
            hit = Hit(alert="spike", story=f"{hours:032x}", version=1, outlet="O1", title="t", url="u", matched_at=at)
            store.load([hit])
        failed_at = BEGIN - timedelta(days=3)
        store.load(
            [
                OutletState(
                    name=f"O{n}", next_poll_at=BEGIN, interval=HOUR, last_ok_at=failed_at, failures=9, error="404"
                )
                for n in (self.outlets - 2, self.outlets - 1)
            ]
        )
        # The spike has been watched for as long as it has hits.
        state = {
            "query": "quake",
            "since": f"{BEGIN - timedelta(weeks=9):%Y-%m-%dT%H:%M:%SZ}",
            "seed": {},
            "seed_since": None,
            "looked_until": f"{BEGIN.replace(minute=0):%Y-%m-%dT%H:%M:%SZ}",
            "is_active": False,
            "seen_stories": [],
        }
        store.put_setting("volume-alert/spike", state)

    def _publish(self, newsroom: Newsroom, story: PlannedStory) -> None:
        words = f" The keyword{story.keyword} was named." if story.keyword is not None else ""
        newsroom.outlet = newsroom.config.outlets[story.outlet]
        newsroom.put(story.url, text=prose(f"event {story.event}") + words, title=f"{story.token} in other words")
        self._read(newsroom, story.url)

    def _read(self, newsroom: Newsroom, url: str) -> None:
        entries = newsroom.list_urls([url])
        for entry in entries:
            asyncio.run(newsroom._read(entry))


# ---- the model


@dataclass
class _Waiting:
    """What waits for one target and channel of an alert."""

    story: PlannedStory
    alert: int
    due: int  # minute
    is_digest: bool
    attempts: int = 0

    @property
    def order(self) -> tuple[int, int, str]:
        """The order in which notifications that are due at once are looked at."""
        return self.due, self.story.minute, story_id(self.story.url)


def expected_messages(stories: Iterable[PlannedStory], hook: str) -> list[DayMessage]:
    """Returns the messages about stories that the day must have, by rules of its own."""
    settings = alerts(hook)
    waiting: dict[tuple[str, str], list[_Waiting]] = defaultdict(list)
    sent_at: dict[tuple[int, str], list[int]] = defaultdict(list)
    messages: list[DayMessage] = []
    by_minute = defaultdict(list)
    for story in stories:
        by_minute[story.minute].append(story)
    for minute in range(MINUTES):
        for story in by_minute[minute]:
            if story.keyword is not None and not settings[story.keyword].get("min_strength"):
                _queue(story, settings[story.keyword], minute, waiting)
        for (channel, target), queue in waiting.items():
            due = sorted((each for each in queue if each.due <= minute), key=lambda each: each.order)
            _defer_above_limit(due, settings, sent_at, minute, target)
            due = [each for each in due if each.due <= minute]
            if minute in (MAIL_AWAY if channel == "email" else WEBHOOK_AWAY):
                for each in due:
                    each.attempts += 1
                    each.due = minute + int(DELIVERY_RETRY_DELAYS[each.attempts - 1] / MINUTE)
                continue
            together: dict[tuple[bool, int], list[_Waiting]] = defaultdict(
                list
            )  # one message each: an event, or a digest
            for each in due:
                together[each.is_digest, 0 if each.is_digest else each.story.event].append(each)
            for message in together.values():
                tokens = frozenset(each.story.token for each in message)
                messages.append(DayMessage(minute, channel, target, tokens))
            for each in due:
                queue.remove(each)
                if not each.is_digest:
                    sent_at[each.alert, target].append(minute)
    return messages


def _defer_above_limit(
    due: list[_Waiting],
    settings: list[dict[str, Any]],
    sent_at: dict[tuple[int, str], list[int]],
    minute: int,
    target: str,
) -> None:
    """Lets instant messages wait for the digest which the limit of their alert does not allow in this minute."""
    attempted: dict[int, int] = defaultdict(int)
    for each in due:
        limit = settings[each.alert].get("max_per_hour")
        recent = [at for at in sent_at[each.alert, target] if at > minute - 60]
        if each.is_digest or limit is None:
            continue
        if len(recent) + attempted[each.alert] >= limit:
            each.due, each.is_digest = _minute_of_rest(minute), True
        else:
            attempted[each.alert] += 1


def _queue(
    story: PlannedStory, alert: dict[str, Any], minute: int, waiting: dict[tuple[str, str], list[_Waiting]]
) -> None:
    deliver = alert.get("deliver", "instant")
    is_late_joiner = story.number > 0 and alert.get("repeat") != "outlet"
    clock = BEGIN + minute * MINUTE
    is_quiet = "quiet_hours" in alert and (clock.hour >= 22 or clock.hour < 7)
    due, is_digest = minute, False
    if deliver == "hourly":
        due, is_digest = minute + 60 - clock.minute, True
    elif deliver.startswith("daily") or is_late_joiner or is_quiet:
        due, is_digest = _minute_of_rest(minute), True
    targets = [alert["to"]] if isinstance(alert["to"], str) else alert["to"]
    for target in targets:
        channel = "webhook" if "://" in target else "email"
        number = int(alert["name"].removeprefix("a"))
        waiting[channel, target].append(_Waiting(story, number, due, is_digest))


def _minute_of_rest(minute: int) -> int:
    """Returns the minute of the next 07:00, which is the last of the day."""
    return MINUTES - 1 if minute < MINUTES - 1 else 2 * MINUTES
