"""Measures the page on a SQLite store: searches of one reader, then many readers while a crawl writes to the store.

    python -m benchmarks.page [--stories 20000] [--words 400] [--store FILE] [--readers 50] [--pause 15] [--crawls 3]
                              [--delay 1s]

With --delay 0s the crawl is bound by the processors alone, otherwise by its pauses between pages of one outlet, as it
is on the web.  A store that does not exist is made first, which takes long for 300,000 stories; crawls add stories to
it.  The bound of a search page is `Store.search` with the same query in the same run: the page also counts values and
days, folds events and marks the words.  The bound of a crawl is the same crawl without readers: both are run in turn.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import yaml

from benchmarks.search.__main__ import build, queries
from benchmarks.search.stories import StoryGenerator
from monitor.demo.web import Site
from monitor.errors import MonitorError
from monitor.models import now
from monitor.query import parse
from monitor.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OUTLETS, PAGES_PER_OUTLET = 6, 25  # of a crawl


def p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return int(opened.getsockname()[1])


def story_count(store: SqliteStore) -> int:
    with store.database.read_connection() as connection:
        return int(connection.execute("SELECT count(*) FROM story").get)


class Server:
    """A running `media-monitor serve`."""

    def __init__(self, config: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "monitor", "serve", "-c", str(config), "--listen", f"127.0.0.1:{free_port()}"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        match = re.search(r"open: http://127\.0\.0\.1:(\d+)", line)
        assert match, line
        self.port = int(match[1])

    def milliseconds(self, query: str, user: str) -> float:
        """Loads the page of a search; returns the time until it is read."""
        start = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("GET", f"/?q={quote(query)}", headers={"X-Forwarded-User": user})
        response = connection.getresponse()
        response.read()
        connection.close()
        if response.status not in {200, 503}:  # 503: a search that SQLite stops after a second
            raise AssertionError(f"{response.status} for {query}")
        return 1000 * (time.perf_counter() - start)

    def cpu_milliseconds(self) -> float:
        """Returns the CPU time of all its threads, which a busy machine does not lengthen as it does the time."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def measure_searches(server: Server, store: SqliteStore) -> None:
    page_times, page_cpu_times, store_times = [], [], []
    for _, text, _ in queries():
        start = time.perf_counter()
        try:
            store.search(parse(text), now=now())
        except MonitorError:
            continue
        store_times.append(1000 * (time.perf_counter() - start))
        before = server.cpu_milliseconds()
        page_times.append(server.milliseconds(text, "reader"))
        page_cpu_times.append(server.cpu_milliseconds() - before)
    print(f"one reader, {len(page_times)} searches: {'median':>15}{'p95':>8} ms")
    for name, times in (("the page", page_times), ("its CPU time", page_cpu_times), ("Store.search", store_times)):
        print(f"  {name:32}{statistics.median(times):6.0f}{p95(times):8.0f}")
    print(f"  ratio of the sums to the bound  {sum(page_times) / sum(store_times):6.1f}")


class Readers:
    """Threads that load searches, each with pauses of ``pause`` seconds on average."""

    def __init__(self, server: Server, count: int, pause: float) -> None:
        self.times: list[float] = []
        self._stop = threading.Event()
        self._server, self._pause = server, pause
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(count)]

    def _read(self, number: int) -> None:
        rng = random.Random(number)
        texts = itertools.cycle(rng.sample([text for _, text, _ in queries()], 100))
        while not self._stop.wait(rng.expovariate(1 / self._pause)):
            self.times.append(self._server.milliseconds(next(texts), f"reader-{number}"))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def newsroom() -> Iterator[list[Site]]:
    """Yields the sites of the outlets that are crawled."""
    with ExitStack() as stack:
        yield [stack.enter_context(Site()) for _ in range(OUTLETS)]


def publish(sites: Sequence[Site], batch: int) -> None:
    """Gives each site a feed with new stories only."""
    stories = StoryGenerator(words=600, seed=100 + batch).stories(OUTLETS * PAGES_PER_OUTLET)
    for site in sites:
        items = []
        for number, story in enumerate(itertools.islice(stories, PAGES_PER_OUTLET)):
            path = f"/news/{batch}/a-story-with-the-number-{number}"
            text = "".join(f"<p>{part}.</p>" for part in story.text.split(". "))
            site.put(
                path, f"<html><body><main><article><h1>{story.title}</h1>{text}</article></main></body></html>".encode()
            )
            items.append(f"<item><title>{story.title}</title><link>{site.url.rstrip('/')}{path}</link></item>")
        feed = f'<rss version="2.0"><channel><title>Feed</title>{"".join(items)}</channel></rss>'
        site.put("/rss.xml", feed.encode(), "application/rss+xml")


def crawl_seconds(config: Path) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "monitor", "crawl", "--all", "--quiet", "-c", str(config)], check=True)
    return time.perf_counter() - start


def measure_readers_beside_crawls(
    server: Server, store: SqliteStore, config: Path, sites: Sequence[Site], *, readers: int, pause: float, crawls: int
) -> None:
    batches, alone, beside, times = itertools.count(), [], [], []
    publish(sites, next(batches))
    crawl_seconds(config)  # warms the caches
    stored = story_count(store)
    for _ in range(crawls):
        publish(sites, next(batches))
        alone.append(crawl_seconds(config))
        publish(sites, next(batches))
        with Readers(server, readers, pause) as sender:
            time.sleep(2)
            beside.append(crawl_seconds(config))
        times += sender.times
    pages = OUTLETS * PAGES_PER_OUTLET
    print(f"{readers} readers, a search of each every {pause:g} s, while a crawl of {pages} pages runs:")
    print(f"  {len(times)} searches, median {statistics.median(times):.0f}, p95 {p95(times):.0f} ms")
    slower = 100 * (statistics.median(beside) / statistics.median(alone) - 1)
    print(
        f"  crawl alone {statistics.median(alone):.1f} s, beside them {statistics.median(beside):.1f}: {slower:+.0f} %"
    )
    print(f"  stories stored by {2 * crawls} crawls: {story_count(store) - stored}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=400)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--pause", type=float, default=15.0)
    parser.add_argument("--crawls", type=int, default=3)
    parser.add_argument("--delay", default="1s", help="crawl.delay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, newsroom() as sites:
        path = (options.store or Path(folder) / "monitor.db").absolute()
        if not path.exists():
            build(path, options.stories, words=options.words)
        config = Path(folder) / "monitor.yaml"
        settings = {
            "store": {"url": f"sqlite:{path}"},
            "crawl": {"delay": options.delay},
            "keep": "all",
            "web": {"user_header": "X-Forwarded-User"},
            "outlets": [
                {"name": f"Crawled {number}", "url": site.url, "feeds": [f"{site.url}rss.xml"]}
                for number, site in enumerate(sites)
            ],
        }
        config.write_text(yaml.safe_dump(settings))
        store = SqliteStore(path, timeout=timedelta(seconds=30))
        print(f"{story_count(store):,} stories, {path.stat().st_size / 1e9:.2f} GB, {os.cpu_count()} cores")
        server = Server(config)
        try:
            measure_searches(server, store)
            if options.crawls:
                measure_readers_beside_crawls(
                    server,
                    store,
                    config,
                    sites,
                    readers=options.readers,
                    pause=options.pause,
                    crawls=options.crawls,
                )
        finally:
            server.stop()
            store.close()


if __name__ == "__main__":
    main()
