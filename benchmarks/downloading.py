"""How much the crawl costs beside Scrapy itself: pages a second downloaded by polls, and by a plain Scrapy spider.

    .venv/bin/python benchmarks/downloading.py [--pages 800] [--outlets 8] [--rounds 3]

Both fetch the same gzipped pages from sites on loopback, without extraction, one process each, by turns.  What a poll
does on top (guard, robots.txt, frontier, lease, dispositions) is what the ratio shows; the store is one in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from monitor.demo.web import Site

ROOT = Path(__file__).resolve().parents[1]
PAGE = gzip.compress(b"<html><body><p>" + b"Words that make a page of sixty kilobytes. " * 1400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=800)
    parser.add_argument("--outlets", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=["poll", "plain"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        sites = json.load(sys.stdin)
        began = time.perf_counter()
        pages = (poll if options.run == "poll" else plain)(sites)
        print(json.dumps({"pages": pages, "seconds": time.perf_counter() - began}))
        return
    with ExitStack() as opened:
        sites = [opened.enter_context(Site()) for _ in range(options.outlets)]
        listed = {site.url: publish(site, options.pages // options.outlets) for site in sites}
        rates: dict[str, list[float]] = {"poll": [], "plain": []}
        for _ in range(options.rounds):
            for kind, found in rates.items():
                line = [sys.executable, __file__, "--run", kind]
                done = subprocess.run(line, input=json.dumps(listed), capture_output=True, text=True, check=True)
                result = json.loads(done.stdout.splitlines()[-1])
                assert result["pages"] == sum(map(len, listed.values())), result
                found.append(result["pages"] / result["seconds"])
    ours, theirs = (statistics.median(rates[kind]) for kind in ("poll", "plain"))
    print(f"{options.pages} pages of {len(gzip.decompress(PAGE)):,} bytes, {options.outlets} outlets")
    print(f"polls         {ours:7.0f} pages a second ({', '.join(f'{rate:.0f}' for rate in rates['poll'])})")
    print(f"plain Scrapy  {theirs:7.0f} pages a second ({', '.join(f'{rate:.0f}' for rate in rates['plain'])})")
    print(f"ratio         {ours / theirs:7.2f}")


def publish(site: Site, number: int) -> list[str]:
    zipped = (("Content-Encoding", "gzip"),)
    urls = [site.put(f"/2026/story-with-number-{index}", PAGE, headers=zipped) for index in range(number)]
    items = "".join(f"<item><link>{url}</link></item>" for url in urls)
    site.put("/rss", f"<rss><channel>{items}</channel></rss>".encode(), "text/xml")
    return urls


def poll(sites: dict[str, list[str]]) -> int:
    sys.path.insert(0, str(ROOT / "tests"))
    from crawl.engine import FAST_SETTINGS, Engine, FakeService  # noqa: PLC0415  each process imports only its own side
    from monitor.config.schema import Outlet  # noqa: PLC0415

    outlets = [Outlet(name=url, url=url, feeds=(f"{url}rss",)) for url in sites]
    crawl = FAST_SETTINGS.model_copy(update={"pages_per_poll": 10_000})
    report = Engine().crawl(FakeService(*outlets, crawl=crawl))
    return report.outcomes.total()


def plain(sites: dict[str, list[str]]) -> int:
    import scrapy  # noqa: PLC0415  as above
    from scrapy.crawler import AsyncCrawlerProcess  # noqa: PLC0415

    class Plain(scrapy.Spider):
        name = "plain"
        pages = 0
        custom_settings: dict[str, Any] = {  # noqa: RUF012  Scrapy's way
            "CONCURRENT_REQUESTS": 64,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
            "LOG_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
        }

        async def start(self) -> Any:
            for urls in sites.values():
                for url in urls:
                    yield scrapy.Request(url)

        def parse(self, response: Any) -> None:
            Plain.pages += response.status == 200

    asyncio.set_event_loop(asyncio.new_event_loop())
    process = AsyncCrawlerProcess()
    process.crawl(Plain)
    process.start()
    return Plain.pages


if __name__ == "__main__":
    main()
