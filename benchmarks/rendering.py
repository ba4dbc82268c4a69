"""Render 200 pages written by JavaScript with each engine, and measure the cost of ``auto`` on plain pages.

Usage: python -m benchmarks.rendering [splash] [playwright] [auto]
Splash is the server of SPLASH_URL, or else the one that `make splash` installs.

Prints for each engine the number of pages with the expected result, pages per second beside a plain download of the
same pages in the same run, and the peak memory of engine and crawler.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from monitor.config.schema import CrawlSettings, Outlet
from monitor.crawl.process import run_one_off
from monitor.demo.web import Fault, Site
from monitor.errors import FetchError
from rendering import pages
from servers.splash import Splash

PAGE_MIX = {  # page kind: number of pages, and the expected result
    "late": (80, "read"),
    "request": (30, "read"),
    "framework": (30, "read"),
    "fetch": (20, "read"),
    "consent-platform": (8, "read"),
    "consent-own": (4, "read"),
    "redirect-http": (5, "read"),
    "redirect-meta": (5, "read"),
    "redirect-script": (5, "read"),
    "stuck-part": (2, "read"),
    "404": (4, "http-404"),
    "500": (4, "http-500"),
    "hung": (1, "timeout"),
    "loop": (1, "hang"),
    "loop-late": (1, "hang"),
}
SLOW_KINDS = ("hung", "loop", "loop-late")
PAGES_BESIDE_SLOW = 17  # rendered again together with the slow pages
AUTO_RUNS = 7  # the first one warms up
AUTO_PAGES = 200  # fetched per run


def main(names: list[str]) -> None:
    if len(names) == 1:
        measure(names[0])
        return
    for name in names or ["splash", "playwright", "auto"]:  # a reactor starts only once per process
        subprocess.run([sys.executable, __file__, name], check=True)


def measure(name: str) -> None:
    with Site() as site:
        pages.put_all(site)
        site.put("/stuck-part", pages.STORY.encode() + b"<script src='/never.js'></script>")
        site.put("/hung", b"x")
        for path in ("/never.js", "/hung"):
            site.fault(path, Fault(hang=True))
        site.put("/plain", f"<html><body>{pages.STORY * 20}<script>x = 1</script></body></html>".encode())
        if name == "auto":
            measure_auto(site)
        elif name == "splash" and "SPLASH_URL" not in os.environ:
            with tempfile.TemporaryDirectory() as folder:
                splash = Splash(Path(folder) / "log").wait()
                try:
                    measure_engine(site, name, splash=splash.url)
                finally:
                    splash.stop()
        else:
            measure_engine(site, name, splash=os.environ.get("SPLASH_URL"))


def settings(**values: Any) -> CrawlSettings:
    return CrawlSettings(delay=timedelta(0), timeout=timedelta(seconds=30), obey_robots=False, **values)


def measure_engine(site: Site, name: str, **values: Any) -> None:
    kinds = [kind for kind, (number, _) in PAGE_MIX.items() for _ in range(number)]
    random.Random(7).shuffle(kinds)
    urls = [f"{site.url}{kind}" for kind in kinds]

    async def work(fetcher: Any) -> tuple[list[str], float, float]:
        outlet = Outlet(name="Script Times", url=site.url, render=name, consent=("button.ja",))
        plain_outlet = outlet.model_copy(update={"render": "none"})
        await result_of(fetcher, plain_outlet, f"{site.url}late")
        await result_of(fetcher, outlet, f"{site.url}late")  # keeps the engine's start out of the measurement
        quick = [url for url in urls if not url.endswith(SLOW_KINDS)]
        start = time.perf_counter()
        await asyncio.gather(*(result_of(fetcher, plain_outlet, url) for url in quick))
        download_rate = len(quick) / (time.perf_counter() - start)
        start = time.perf_counter()
        results = await asyncio.gather(*(result_of(fetcher, outlet, url) for url in quick))
        render_rate = len(quick) / (time.perf_counter() - start)
        slow = [url for url in urls if url not in set(quick)]
        repeated = quick[:PAGES_BESIDE_SLOW]
        results += await asyncio.gather(*(result_of(fetcher, outlet, url) for url in (*slow, *repeated)))
        return [*zip((*quick, *slow, *repeated), results, strict=True)], download_rate, render_rate

    with PeakMemory() as memory:
        results, download_rate, render_rate = run_one_off(settings(**values), work)
    right = Counter[str]()
    wrong = []
    for url, result in results:
        kind = url.rpartition("/")[2]
        expected = PAGE_MIX[kind][1]
        if name == "splash" and kind == "fetch":
            expected = "unwritten"  # Splash's JavaScript has no fetch
        if result == expected or (result, expected) == ("timeout", "hang"):
            right[kind] += 1
        else:
            wrong.append(f"{kind}: {result}, not {expected}")
    print(f"{name}: {right.total()} of {len(results)} pages ended as expected; wrong: {wrong or 'none'}")
    print(
        f"  {render_rate:.1f} pages/s, plain download {download_rate:.0f} pages/s: 1/{download_rate / render_rate:.0f}"
    )
    print(f"  peak memory: engine {memory.engine} MB, crawler {memory.crawler} MB", flush=True)


async def result_of(fetcher: Any, outlet: Outlet, url: str) -> str:
    """Returns "read" for a page with its story, "unwritten" for one without, or the kind of the failure."""
    try:
        page = await fetcher.fetch_page(outlet, url)
    except FetchError as error:
        return error.label
    text = page.body.decode()
    return "read" if f"<p>{pages.PARAGRAPHS[-1]}" in text.partition("<script>")[0] else "unwritten"


def measure_auto(site: Site) -> None:
    async def work(fetcher: Any) -> list[tuple[float, float]]:
        plain_outlet = Outlet(name="Plain Times", url=site.url)
        auto_outlet = plain_outlet.model_copy(update={"render": "auto"})
        runs = []
        for _ in range(AUTO_RUNS):
            times = []
            for outlet in (plain_outlet, auto_outlet):
                start = time.perf_counter()
                await asyncio.gather(*(fetcher.fetch_page(outlet, f"{site.url}plain") for _ in range(AUTO_PAGES)))
                times.append(time.perf_counter() - start)
            runs.append(tuple(times))
        return runs

    ratios = sorted(auto / plain for plain, auto in run_one_off(settings(), work)[1:])
    median, lowest, highest = ratios[len(ratios) // 2], ratios[0], ratios[-1]
    print(f"auto: {median:.2f} times plain on pages that need no rendering ({lowest:.2f} to {highest:.2f})")


class PeakMemory:
    """Peak memory in MB of this process (``crawler``) and of its descendants (``engine``)."""

    def __init__(self) -> None:
        self.crawler = self.engine = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            parents, sizes = {}, {}
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    pid = int(process.name)
                    parents[pid] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                    # Pss counts a page of memory that processes share only once.
                    pss = (process / "smaps_rollup").read_text().split("\nPss:")[1].split()[0]
                    sizes[pid] = int(pss) // 1024
                except (OSError, ValueError, IndexError):
                    continue
            descendants, generation = set(), {os.getpid()}
            while generation := {pid for pid, parent in parents.items() if parent in generation}:
                descendants |= generation
            self.crawler = max(self.crawler, sizes.get(os.getpid(), 0))
            self.engine = max(self.engine, sum(sizes.get(pid, 0) for pid in descendants))


if __name__ == "__main__":
    main(sys.argv[1:])
