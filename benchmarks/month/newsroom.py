"""The outlets of the simulated month: one server for the hosts ``outlet000.test``, ... that publishes by the clock."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import random
import sys
import threading
from bisect import bisect_right
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Self

from monitor.demo.feeds import FeedEntry, rss_feed

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from acceptance.harness import demo_story

if TYPE_CHECKING:
    from benchmarks.month.clock import SharedClock

LISTED = 60  # stories in a feed, the newest
DAY = 86_400
PAGE = """<!doctype html><html lang="en"><head><title>{title}</title>
<meta property="article:published_time" content="{date}"></head>
<body><nav><a href="/">Front page</a></nav><article><h1>{title}</h1>{paragraphs}</article></body></html>"""


@dataclass(frozen=True, slots=True)
class PlannedStory:
    """A story that appears at ``time`` (seconds since 1970); its text follows from outlet and number."""

    outlet: str
    number: int
    time: float
    word: str = ""  # that makes an alert match it


def plan(outlets: int, stories: int, *, begin: float, days: float, words: dict[str, float]) -> list[PlannedStory]:
    """Returns the stories in the order of their times: the outlet of rank r publishes in proportion to r ** -0.7.

    More appear by day than by night.  ``words`` is the share of stories by word.
    """
    rng = random.Random(1)
    weights = [(rank + 1) ** -0.7 for rank in range(outlets)]
    numbers: Counter[str] = Counter()
    planned = []
    for time in sorted(begin + DAY * _by_day(rng.uniform(0, days)) for _ in range(stories)):
        (rank,) = rng.choices(range(outlets), weights)
        outlet = f"outlet{rank:03}"
        (word,) = rng.choices(["", *words], [1 - sum(words.values()), *words.values()])
        planned.append(PlannedStory(outlet, numbers[outlet], time, word))
        numbers[outlet] += 1
    return planned


def _by_day(day: float) -> float:
    """Returns a time in days, moved away from the night."""
    return day - math.sin(2 * math.pi * day) / (2.5 * math.pi)


class Newsroom:
    """Serves robots.txt, feeds and pages, and accepts webhooks at /hook.  A context manager that runs in a thread."""

    def __init__(self, clock: SharedClock, planned: list[PlannedStory]) -> None:
        self._clock = clock
        self._stories: dict[str, list[PlannedStory]] = {}
        for story in planned:
            self._stories.setdefault(story.outlet, []).append(story)
        self.requests: Counter[str] = Counter()
        self.hooks: list[tuple[str, bytes]] = []  # webhook-id and body
        self.port = 0

    def url(self, story: PlannedStory) -> str:
        return f"http://{story.outlet}.test:{self.port}/{title(story).lower().replace(' ', '-')}-{story.number}"

    def __enter__(self) -> Self:
        started = threading.Event()
        self._loop = asyncio.new_event_loop()

        def serve() -> None:
            server = self._loop.run_until_complete(asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=1024))
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            self._loop.run_forever()

        threading.Thread(target=serve, daemon=True).start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                lines = head.split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
                }
                content = await reader.readexactly(int(headers.get("content-length", 0)))
                status, kind, body = self._response(lines[0].split(" ")[1], headers, content)
                etag = f'"{hashlib.md5(body).hexdigest()}"'
                if headers.get("if-none-match") == etag:
                    status, body = "304 Not Modified", b""
                    self.requests["unchanged"] += 1
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nETag: {etag}\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        writer.close()

    def _response(self, path: str, headers: dict[str, str], content: bytes) -> tuple[str, str, bytes]:
        """Returns status, content type and body."""
        outlet = headers.get("host", "").partition(".")[0]
        if path == "/hook":
            self.hooks.append((headers["webhook-id"], content))
            return "200 OK", "text/plain", b""
        stories = self._stories.get(outlet, [])
        shown = bisect_right(stories, self._clock.time(), key=lambda story: story.time)
        if path == "/feed.xml":
            self.requests["feed"] += 1
            entries = [self._entry(story) for story in reversed(stories[max(0, shown - LISTED) : shown])]
            return "200 OK", "application/rss+xml", rss_feed(outlet, "en", entries)
        number = path.rpartition("-")[2]
        if number.isdecimal() and int(number) < shown:
            self.requests["page"] += 1
            return "200 OK", "text/html; charset=utf-8", self._page(stories[int(number)]).encode()
        self.requests["other"] += 1
        return "404 Not Found", "text/plain", b"not found"

    def _entry(self, story: PlannedStory) -> FeedEntry:
        time = datetime.fromtimestamp(int(story.time), UTC)
        return FeedEntry(url=self.url(story), title=title(story), summary="", published_at=time)

    @staticmethod
    def _page(story: PlannedStory) -> str:
        demo = demo_story(story.outlet, story.number, word=story.word)
        date = datetime.fromtimestamp(int(story.time), UTC).isoformat()
        paragraphs = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in demo.paragraphs)
        return PAGE.format(title=escape(demo.title), date=date, paragraphs=paragraphs)


def title(story: PlannedStory) -> str:
    return demo_story(story.outlet, story.number).title


def hook_titles(body: bytes) -> list[tuple[str, str]]:
    """Returns alert and title of each event of a webhook's body."""
    return [
        (alert["name"], event["title"]) for alert in json.loads(body)["data"]["alerts"] for event in alert["events"]
    ]
