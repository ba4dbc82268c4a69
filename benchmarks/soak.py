"""Measures the memory of `media-monitor run` over many pages: of the crawling process and of its workers.

    python -m benchmarks.soak [--pages 50000] [--outlets 50] [--every 1000] [--minutes 60]

Linux only.  Each outlet's feed lists new stories as fast as they are fetched; each page has some 40 KB with 400 words
and menus, and words and names that no other page has.  Prints a line after each --every pages and at the end how much
the crawling process and its largest child grow per 10,000 pages, by a line fitted to the second half.  Flat is less
than 1 MB.  The first thousands of pages fill caches of words, which have limits (60 MB for word forms in each process
that matches), and workers are replaced from time to time.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import yaml

from benchmarks.process_usage import Usage, usage
from monitor.demo.feeds import FeedEntry, rss_feed

ROOT = Path(__file__).parents[1]
LISTED_AHEAD = 40  # stories that a feed lists beyond those that were fetched
SYLLABLES = [consonant + vowel for consonant in "bcdfghklmnprstvz" for vowel in "aeiou"]
MENU = "".join(
    f'<li><a href="/section/{n}" class="menu-item level-{n % 3}">Section number {n}</a></li>' for n in range(300)
)
PAGE = """<!doctype html><html lang="en"><head><title>{title}</title><meta property="og:title" content="{title}">
<meta property="article:published_time" content="{date}"></head><body><nav><ul>{menu}</ul></nav>
<article><h1>{title}</h1>{paragraphs}</article><footer>{menu}</footer></body></html>"""


class Server:
    """An HTTP server for all loopback addresses, each an outlet with an endless number of stories."""

    def __init__(self) -> None:
        self.port = 0
        self.pages = 0
        self._fetched: dict[str, int] = {}

    def start(self) -> None:
        started = threading.Event()
        loop = asyncio.new_event_loop()

        def serve() -> None:
            server = loop.run_until_complete(asyncio.start_server(self._answer, "0.0.0.0", 0, backlog=1024))
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            loop.run_forever()

        threading.Thread(target=serve, daemon=True).start()
        started.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("sockname")[0]
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                status, kind, body = self._response(host, head.split(b" ", 2)[1].decode())
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
                )
                await writer.drain()
        writer.close()

    def _response(self, host: str, path: str) -> tuple[str, str, bytes]:
        """Returns status, content type and body."""
        fetched = self._fetched.setdefault(host, 0)
        if path == "/feed.xml":
            numbers = range(max(0, fetched - 20), fetched + LISTED_AHEAD)
            return "200 OK", "application/rss+xml", rss_feed(host, "en", [self._entry(host, n) for n in numbers])
        number = path.rpartition("-")[2]
        if number.isdecimal():
            self.pages += 1
            self._fetched[host] = max(fetched, int(number) + 1)
            return "200 OK", "text/html; charset=utf-8", page(host, int(number)).encode()
        return "404 Not Found", "text/plain", b"not found"

    def _entry(self, host: str, number: int) -> FeedEntry:
        url = f"http://{host}:{self.port}/2026/a-story-of-this-outlet-{number}"
        return FeedEntry(url=url, title=title(host, number), summary="", published_at=datetime.now(UTC))


def title(host: str, number: int) -> str:
    return words(random.Random(f"{host} {number}"), 7).capitalize()


def words(rng: random.Random, number: int) -> str:
    """Returns made-up words: half of them are frequent, the others are nearly always new."""
    return " ".join(
        "".join(rng.choices(SYLLABLES[:12], k=2) if rng.random() < 0.5 else rng.choices(SYLLABLES, k=rng.randint(2, 4)))
        for _ in range(number)
    )


def page(host: str, number: int) -> str:
    rng = random.Random(f"{host} {number} text")
    sentences = [f"{words(rng, 14).capitalize()}." for _ in range(28)]
    paragraphs = "".join(f"<p>{' '.join(sentences[n : n + 4])}</p>" for n in range(0, len(sentences), 4))
    return PAGE.format(title=title(host, number), date=datetime.now(UTC).isoformat(), paragraphs=paragraphs, menu=MENU)


def write_config(base: Path, outlets: int, port: int) -> Path:
    hosts = [f"127.21.{n // 250}.{n % 250 + 1}:{port}" for n in range(outlets)]
    settings = {
        "crawl": {"delay": "0s"},
        "keep": "all",
        "outlets": [
            {"name": host, "url": f"http://{host}/", "feeds": [f"http://{host}/feed.xml"], "every": "5s"}
            for host in hosts
        ],
        "alerts": [{"name": f"alert{n}", "query": f"bababa{n} OR babe", "to": "desk@example.org"} for n in range(20)],
    }
    path = base / "monitor.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def growth(samples: list[tuple[int, float]]) -> float:
    """Returns the slope of a line through (pages, megabytes) of the second half, per 10,000 pages."""
    later = samples[len(samples) // 2 :]
    if len(later) < 2:
        return float("nan")
    slope, _ = statistics.linear_regression([pages for pages, _ in later], [size for _, size in later])
    return slope * 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=50_000)
    parser.add_argument("--outlets", type=int, default=50)
    parser.add_argument("--every", type=int, default=1000, help="pages between two lines")
    parser.add_argument("--minutes", type=float, default=600, help="end after this time at the latest")
    options = parser.parse_args()
    server = Server()
    server.start()
    samples: list[tuple[int, Usage]] = []
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder), options.outlets, server.port)
        with (Path(folder) / "run.log").open("wb") as log:
            command = [sys.executable, "-m", "monitor", "run", "-c", str(config)]
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        print("  pages  pages/s  MB run  MB largest child  MB children  children  fds")
        began = before = time.monotonic()
        try:
            while server.pages < options.pages and time.monotonic() - began < 60 * options.minutes:
                time.sleep(0.05)
                if process.poll() is not None:
                    sys.exit(f"`run` ended with status {process.returncode}")
                if server.pages < (len(samples) + 1) * options.every:
                    continue
                used, pages, at = usage(process.pid), server.pages, time.monotonic()
                rate = (pages - (samples[-1][0] if samples else 0)) / (at - before)
                print(
                    f"{pages:>7,} {rate:>8.1f} {used.megabytes:>7.0f} {used.largest_child_megabytes:>17.0f} "
                    f"{used.child_megabytes:>12.0f} {used.children:>9} {used.descriptors:>4}",
                    flush=True,
                )
                samples.append((pages, used))
                before = at
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    crawling = growth([(pages, used.megabytes) for pages, used in samples])
    largest = growth([(pages, used.largest_child_megabytes) for pages, used in samples])
    print(f"growth per 10,000 pages: {crawling:+.1f} MB crawling process, {largest:+.1f} MB largest child")


if __name__ == "__main__":
    main()
