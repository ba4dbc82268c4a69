"""200 pages written by JavaScript through each engine, and what ``auto`` costs where nothing needs rendering.

Usage: python benchmarks/rendering.py [splash] [playwright] [auto]
Splash is that of SPLASH_URL, or what `make splash` installs.

Prints, for each engine, how many pages ended as they should, pages a second beside a plain download of the same pages
in the same run, and the memory of engine and crawler at most.
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

MIX = {  # kind of page: how many, and how each is to end
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


def main(wanted: list[str]) -> None:
    if len(wanted) == 1:
        measure(wanted[0])
        return
    for name in wanted or ["splash", "playwright", "auto"]:  # each in a process of its own: a reactor starts once
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
            cost_of_auto(site)
        elif name == "splash" and "SPLASH_URL" not in os.environ:
            with tempfile.TemporaryDirectory() as place:
                splash = Splash(Path(place) / "log").wait()
                try:
                    engine(site, name, splash=splash.url)
                finally:
                    splash.stop()
        else:
            engine(site, name, splash=os.environ.get("SPLASH_URL"))


def settings(**values: Any) -> CrawlSettings:
    return CrawlSettings(delay=timedelta(0), timeout=timedelta(seconds=30), obey_robots=False, **values)


def engine(site: Site, name: str, **values: Any) -> None:
    kinds = [kind for kind, (number, _) in MIX.items() for _ in range(number)]
    random.Random(7).shuffle(kinds)
    urls = [f"{site.url}{kind}" for kind in kinds]

    async def work(fetcher: Any) -> tuple[list[str], float, float]:
        outlet = Outlet(name="Script Times", url=site.url, render=name, consent=("button.ja",))
        plain = outlet.model_copy(update={"render": "none"})
        await end_of(fetcher, plain, f"{site.url}late")
        await end_of(fetcher, outlet, f"{site.url}late")  # the engine's start is told apart
        quick = [url for url in urls if not url.endswith(("hung", "loop", "loop-late"))]
        began = time.perf_counter()
        await asyncio.gather(*(end_of(fetcher, plain, url) for url in quick))
        downloaded = len(quick) / (time.perf_counter() - began)
        began = time.perf_counter()
        ends = await asyncio.gather(*(end_of(fetcher, outlet, url) for url in quick))
        rendered = len(quick) / (time.perf_counter() - began)
        slow = [url for url in urls if url not in set(quick)]
        ends += await asyncio.gather(*(end_of(fetcher, outlet, url) for url in (*slow, *quick[:17])))
        return [*zip((*quick, *slow, *quick[:17]), ends, strict=True)], downloaded, rendered

    with Memory() as memory:
        results, downloaded, rendered = run_one_off(settings(**values), work)
    right = Counter[str]()
    wrong = []
    for url, end in results:
        kind = url.rpartition("/")[2]
        expected = MIX[kind][1]
        if name == "splash" and kind == "fetch":
            expected = "unwritten"  # its JavaScript has no fetch
        if end == expected or (end, expected) == ("timeout", "hang"):
            right[kind] += 1
        else:
            wrong.append(f"{kind}: {end}, not {expected}")
    print(f"{name}: {right.total()} of {len(results)} pages ended as they should; wrong: {wrong or 'none'}")
    print(f"  {rendered:.1f} pages a second beside {downloaded:.0f} downloaded: 1/{downloaded / rendered:.0f}")
    print(f"  at most {memory.engine} MB in the engine, {memory.crawler} MB in the crawler", flush=True)


async def end_of(fetcher: Any, outlet: Outlet, url: str) -> str:
    try:
        page = await fetcher.page(outlet, url)
    except FetchError as error:
        return error.kind
    text = page.body.decode()
    return "read" if f"<p>{pages.PARAGRAPHS[-1]}" in text.partition("<script>")[0] else "unwritten"


def cost_of_auto(site: Site) -> None:
    async def work(fetcher: Any) -> list[tuple[float, float]]:
        outlet = Outlet(name="Plain Times", url=site.url)
        auto = outlet.model_copy(update={"render": "auto"})
        rounds = []
        for _ in range(7):
            times = []
            for which in (outlet, auto):
                began = time.perf_counter()
                await asyncio.gather(*(fetcher.page(which, f"{site.url}plain") for _ in range(200)))
                times.append(time.perf_counter() - began)
            rounds.append(tuple(times))
        return rounds

    ratios = sorted(auto / plain for plain, auto in run_one_off(settings(), work)[1:])
    middle, least, most = ratios[len(ratios) // 2], ratios[0], ratios[-1]
    print(f"auto: {middle:.2f} times plain on pages that need no rendering ({least:.2f} to {most:.2f})")


class Memory:
    """Peak resident MB of this process and of the browsers or Splash under it."""

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
            for place in Path("/proc").glob("[0-9]*"):
                try:
                    parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                    pss = (place / "smaps_rollup").read_text().split("\nPss:")[1].split()[0]  # shared pages once
                    sizes[int(place.name)] = int(pss) // 1024
                except (OSError, ValueError, IndexError):
                    continue
            below, wave = set(), {os.getpid()}
            while wave := {pid for pid, parent in parents.items() if parent in wave}:
                below |= wave
            self.crawler = max(self.crawler, sizes.get(os.getpid(), 0))
            self.engine = max(self.engine, sum(sizes.get(pid, 0) for pid in below))


if __name__ == "__main__":
    main(sys.argv[1:])
