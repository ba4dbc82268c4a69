"""A made-up story that goes through extraction, matching, the store, the outbox and the channels.

It shows that all of them work together, and how long each takes.  The store has one such story, of the outlet
`OUTLET_NAME`: each run corrects it with a sentence of its own, which only the alert `CANARY_ALERT_NAME` matches.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from monitor.config import CANARY_ALERT_NAME, Alert, Config, Outlet
from monitor.errors import MonitorError
from monitor.extract import Extractor
from monitor.extract.boilerplate import Boilerplate
from monitor.ingest import Ingest
from monitor.models import Candidate, FrontierEntry, Page, from_rfc3339, rfc3339
from monitor.models import now as clock
from monitor.notify.delivery_times import next_delivery_time
from monitor.query import parse
from monitor.query.rules import RuleSet
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from monitor.extract import ExtractionOptions
    from monitor.models import Article, Json, NotArticle, Notification
    from monitor.store import Store
    from monitor.store.records import OutboxRecord

T = TypeVar("T")
log = logging.getLogger(__name__)

OUTLET_NAME = "media-monitor canary"
STORY_URL = "https://canary.invalid/story"  # a name that no server has
DELIVERY_TIMEOUT = timedelta(minutes=10)  # of a scheduled canary, after which its failure is logged
SEARCH_TIMEOUT_SECONDS = 10.0  # Elasticsearch shows a story to searches about a second later
_KEY = "canary"  # setting: the last scheduled run, {"at": time, "word": text, "is_pending": bool}
_PAGE = """<!doctype html><html lang="en"><head><title>Canary of media-monitor</title></head><body><article>
<h1>Canary of media-monitor</h1>
<p>This story is made up. It shows that pages are extracted, matched, stored and delivered by this monitor.</p>
<p>A bird was sent through the tunnel in the morning, and the engineers waited at its other end with a clock.</p>
<p>The words {word} {others} were chosen by chance.</p>
</article></body></html>"""


class CanaryFailed(MonitorError):
    """A step of the canary failed."""


@dataclass(slots=True)
class CanaryRun:
    """What a run has done so far: the seconds of each step, in their order."""

    word: str
    version: int = 0  # of the story, which the notifications have
    seconds: dict[str, float] = field(default_factory=dict)


def with_canary_alert(config: Config) -> Config:
    """Returns the configuration with the alert of the canary behind its own."""
    alert = canary_alert(config)
    if alert is None or any(each.name == CANARY_ALERT_NAME for each in config.alerts):
        return config
    return config.model_copy(update={"alerts": (*config.alerts, alert)})


def canary_alert(config: Config, *, word: str = "canary") -> Alert | None:
    """Returns the alert of the canary: mail to ``mail.ops`` or else the first alert's, and all webhooks and chats.

    None if the configuration has no target.
    """
    mail = config.mail.ops or next((alert.mail_addresses for alert in config.alerts if alert.mail_addresses), ())
    others = [address for alert in config.alerts for address in alert.to if "://" in address]
    targets = tuple(dict.fromkeys((*mail, *others)))
    return Alert(name=CANARY_ALERT_NAME, query=word, to=targets, repeat="outlet") if targets else None


def send_canary(store: Store, config: Config) -> CanaryRun:
    """Extracts, matches and stores the story, which queues its notifications.  Raises CanaryFailed and StoreError."""
    run = CanaryRun(word=f"canary{_made_up_word()}")
    alert = canary_alert(config, word=run.word)
    if alert is None:
        raise CanaryFailed("there is nobody to tell", hint="add an alert, or mail.ops")
    extractor = _TimedExtractor(run)
    try:
        asyncio.run(_ingest(store, alert, extractor, run))
    finally:
        extractor.close()
    _search(store, run)
    return run


async def _ingest(store: Store, alert: Alert, extractor: Extractor, run: CanaryRun) -> None:
    outlet = Outlet(name=OUTLET_NAME, url="https://canary.invalid/", language="en")
    config = Config(keep="all", outlets=(outlet,), alerts=(alert,))
    ingest = Ingest(
        config=config,
        store=store,
        extractor=extractor,
        rules=RuleSet.of(config),
        call=_in_thread,
    )
    page = Page(url=STORY_URL, body=_page(run.word), fetched_at=clock(), content_type="text/html")

    async def no_other_page(url: str) -> Page:
        raise CanaryFailed(f"a page that the canary does not have was asked for: {url}")

    began = time.monotonic()
    outcome = await ingest.ingest_page(outlet, _entry(store), page, Boilerplate(), no_other_page)
    run.seconds["matched and stored"] = time.monotonic() - began - run.seconds.get("extracted", 0.0)
    story = store.stories([story_id(STORY_URL)]).get(story_id(STORY_URL))
    if story is None or run.word not in story.text:
        raise CanaryFailed(f"the story was not stored: {outcome.disposition.value} {outcome.detail or ''}".strip())
    run.version = story.version
    if not notifications_of(store, run.version):
        raise CanaryFailed("the story matched no alert")


async def _in_thread(work: Callable[..., T], *args: object, **kwargs: object) -> T:
    return await asyncio.to_thread(work, *args, **kwargs)


def _page(word: str) -> bytes:
    """Returns the page.  Its last sentence shares few words with that of another run, which else it would correct."""
    others = " ".join(_made_up_word() for _ in range(9))
    return _PAGE.format(word=word, others=others).encode()


def _made_up_word() -> str:
    return "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(10))


def _entry(store: Store) -> FrontierEntry:
    """Returns the frontier entry of the story's URL, which the first run makes."""
    store.enqueue([Candidate(url=STORY_URL, outlet=OUTLET_NAME)], now=clock())
    entry = store.entries([story_id(STORY_URL)]).get(story_id(STORY_URL))
    if not isinstance(entry, FrontierEntry):
        raise CanaryFailed("the frontier does not have the story's address")
    return entry


def _search(store: Store, run: CanaryRun) -> None:
    began = time.monotonic()
    while not store.search(parse(run.word), now=clock(), limit=1).stories:
        if time.monotonic() - began > SEARCH_TIMEOUT_SECONDS:
            raise CanaryFailed("a search does not find the story", hint="`setup` may still index stored stories")
        time.sleep(0.1)
    run.seconds["found by a search"] = time.monotonic() - began


def notifications_of(store: Store, version: int) -> list[OutboxRecord]:
    """Returns the notifications of the canary's story in a version, sent and unsent."""
    records = store.story_notifications(story_id(STORY_URL))
    return [record for record in records if record.notification.version == version]


class _TimedExtractor(Extractor):
    """An extractor of one process, which records how long the extraction takes."""

    def __init__(self, run: CanaryRun) -> None:
        super().__init__(1)
        self._run = run

    async def extract_article(
        self,
        page: Page,
        options: ExtractionOptions,
        *,
        outlet: str = "",
        analyse: Callable[[Page, Article], Article] | None = None,
    ) -> Article | NotArticle:
        began = time.monotonic()
        article = await super().extract_article(page, options, outlet=outlet, analyse=analyse)
        self._run.seconds["extracted"] = time.monotonic() - began
        return article


class CanarySchedule:
    """Sends the canary at the times of ``canary``, once over all processes, and logs its result."""

    def __init__(self, store: Store, config: Config, *, now: Callable[[], datetime] = clock) -> None:
        self._store = store
        self._config = config
        self._now = now

    def run_due(self) -> None:
        """Sends the canary if its time has come, and logs the result of the last one when it is known.

        Raises StoreError.
        """
        schedule = self._config.canary
        if schedule is None:
            return
        state, at = self._store.setting(_KEY), self._now()
        if state is None:  # the times before are over
            self._store.compare_and_set(_KEY, None, {"at": rfc3339(at), "version": 0, "is_pending": False})
            return
        if state["is_pending"]:
            self._log_result(state, at)
        if next_delivery_time(schedule, "UTC", from_rfc3339(state["at"])) > at:
            return
        claimed = {"at": rfc3339(at), "version": 0, "is_pending": False}
        if not self._store.compare_and_set(_KEY, self._store.setting(_KEY), claimed):
            return
        try:
            run = send_canary(self._store, self._config)
        except CanaryFailed as error:
            log.error("canary: %s", error)  # noqa: TRY400  a fault of a step, not of this program
            return
        log.info("canary: %s", ", ".join(f"{step} in {seconds:.2f} s" for step, seconds in run.seconds.items()))
        self._store.put_setting(_KEY, {**claimed, "version": run.version, "is_pending": True})

    def _log_result(self, state: Json, at: datetime) -> None:
        records = notifications_of(self._store, state["version"])
        unsent = [record.notification for record in records if record.sent_at is None]
        is_late = at - from_rfc3339(state["at"]) > DELIVERY_TIMEOUT
        if unsent and not is_late:
            return
        self._store.put_setting(_KEY, {**state, "is_pending": False})
        for line in _problem_lines(unsent):
            log.error("canary: %s", line)
        if not unsent:
            log.info("canary: delivered by %s", ", ".join(record.notification.channel for record in records))


def _problem_lines(unsent: list[Notification]) -> Iterator[str]:
    for notification in unsent:
        reason = notification.error or "the delivery has not tried it"
        yield f"not delivered by {notification.channel}: {reason}"
