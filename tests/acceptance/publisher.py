"""Publishes stories while `run` is killed, and compares what was stored, mailed and sent to the webhook with them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from monitor.demo.newsroom import MAX_SOURCE_ENTRIES

from .harness import SBERBANK, demo_story

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Mapping

    from monitor.demo.newsroom import Newsroom
    from monitor.demo.sink import MailSink
    from monitor.demo.stories import DemoStory
    from webhook.receiver import Receiver

    from .harness import Monitor

PUBLISH_SECONDS = 0.7  # between two new stories, each of a random outlet
MAX_UNREQUESTED = MAX_SOURCE_ENTRIES // 2  # stories of an outlet; more would leave its feed before they are seen

Entry = tuple[str, str]  # name of an alert, title of a story


def alerts(receiver: Receiver) -> list[dict[str, Any]]:
    """Returns two alerts; each story of a `Publisher` matches one of them.  Both go to a mailbox and a webhook."""
    to = ["desk@example.org", receiver.url]
    return [SBERBANK | {"to": to}, {"name": "visitor", "query": "nobody", "to": to}]


def alert_of(story: DemoStory) -> str:
    return "sberbank" if "Sberbank" in story.text else "visitor"


class Publisher:
    """Publishes stories, each of which matches one alert, and knows which are delivered."""

    def __init__(self, newsroom: Newsroom, sink: MailSink, receiver: Receiver, rng: random.Random) -> None:
        self.stories: list[DemoStory] = []
        self._newsroom, self._sink, self._receiver, self._rng = newsroom, sink, receiver, rng
        self._numbers: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._mails_read = self._posts_read = 0
        self._mailed_lines: set[str] = set()
        self._webhook_titles: set[str] = set()

    def publish(self, outlet: str) -> None:
        with self._lock:
            self._numbers[outlet] += 1
            number = self._numbers[outlet]
            story = demo_story(outlet, number, word="Sberbank" if number % 2 else "")
            self.stories.append(story)
            self._newsroom[outlet].publish(story)

    def publish_everywhere(self) -> list[DemoStory]:
        """Publishes a story of each outlet; returns all stories up to now."""
        for outlet in self._newsroom.outlets:
            self.publish(outlet)
        with self._lock:
            return list(self.stories)

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Publishes stories in a thread, until the block ends or `stop`."""
        thread = threading.Thread(target=self._publish_until_stopped, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.stop()
            thread.join()

    def stop(self) -> None:
        self._stopped.set()

    def _publish_until_stopped(self) -> None:
        while not self._stopped.wait(PUBLISH_SECONDS):
            outlet = self._rng.choice(list(self._newsroom.outlets))
            own = [story for story in self.stories if story.outlet == outlet]
            if len(own) < MAX_UNREQUESTED or self._newsroom[outlet].count_page_requests(own[-MAX_UNREQUESTED]):
                self.publish(outlet)

    def wait_until_delivered(self, stories: list[DemoStory], *, seconds: float) -> None:
        """Returns as soon as each story is delivered by mail and to the webhook; fails after so many seconds."""
        deadline = time.monotonic() + seconds
        while undelivered := self._undelivered(stories):
            assert time.monotonic() < deadline, f"not delivered within {seconds:g} s: {sorted(undelivered)[:20]}"
            time.sleep(0.1)

    def _undelivered(self, stories: list[DemoStory]) -> set[str]:
        mails, posts = self._sink.received, list(self._receiver.requests)
        for mail in mails[self._mails_read :]:
            self._mailed_lines.update(mail.text.splitlines())
        for post in posts[self._posts_read :]:
            self._webhook_titles.update(post.titles)
        self._mails_read, self._posts_read = len(mails), len(posts)
        return {story.title for story in stories} - (self._mailed_lines & self._webhook_titles)

    def check_stored_and_delivered_once(self, monitor: Monitor) -> None:
        """Fails unless each story is stored once, and delivered once under one id by mail and by webhook.

        A message that is sent again under its id must have the entries of the first, as receivers ignore the second.
        """
        published = Counter((alert_of(story), story.title) for story in self.stories)
        assert Counter(story["title"] for story in monitor.stories()) == Counter(title for _, title in published)
        assert delivered(self._mails()) == published
        assert delivered(self._webhook_messages()) == published

    def repeats(self) -> tuple[int, int]:
        """Returns how many mails and how many posts repeat an earlier one under its id."""
        mail_ids = {mail.message["Message-ID"] for mail in self._sink.received}
        return len(self._sink.received) - len(mail_ids), len(self._receiver.ids) - len(set(self._receiver.ids))

    def _mails(self) -> Iterator[tuple[str, frozenset[Entry]]]:
        titles = {story.title for story in self.stories}
        for mail in self._sink.received:
            lines = [line for line in mail.text.splitlines() if line in titles]
            names = [name for name in ("sberbank", "visitor") if name in mail.subject]
            yield mail.message["Message-ID"], frozenset((name, line) for name in names for line in lines)

    def _webhook_messages(self) -> Iterator[tuple[str, frozenset[Entry]]]:
        for post in self._receiver.requests:
            alerts: list[Mapping[str, Any]] = post.json["data"]["alerts"]
            yield (
                post.headers["webhook-id"],
                frozenset((alert["name"], event["title"]) for alert in alerts for event in alert["events"]),
            )


def delivered(messages: Iterable[tuple[str, frozenset[Entry]]]) -> Counter[Entry]:
    """Returns how often each entry was delivered, repeats under the same id not counted."""
    entries_by_id: dict[str, frozenset[Entry]] = {}
    for message_id, entries in messages:
        assert entries_by_id.setdefault(message_id, entries) == entries, f"{message_id} has other entries when repeated"
    return Counter(entry for entries in entries_by_id.values() for entry in entries)
