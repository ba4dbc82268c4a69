"""Measures the overhead of crawling over Scrapy: pages per second downloaded by polls, and by a plain Scrapy spider.

    python -m benchmarks.downloading [--pages 800] [--outlets 8] [--repeats 3]

Both fetch the same gzipped pages from sites on loopback, without extraction, in one process each, alternately.  The
ratio shows the cost of a poll (address guard, robots.txt, frontier, lease, dispositions); the store is in memory.
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
    parser.add_argument("--pages", type=int, default=800, help="pages in total (default: 800)")
    parser.add_argument("--outlets", type=int, default=8, help="outlets that publish the pages (default: 8)")
    parser.add_argument("--repeats", "--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--run", choices=["poll", "plain"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if any(argument.startswith("--rounds") for argument in sys.argv):
        print("note: --rounds is now --repeats; the next version will not accept the old name", file=sys.stderr)
    if options.run:
        sites = json.load(sys.stdin)
        started = time.perf_counter()
        pages = (poll if options.run == "poll" else plain)(sites)
        print(json.dumps({"pages": pages, "seconds": time.perf_counter() - started}))
        return
    with ExitStack() as stack:
        sites = [stack.enter_context(Site()) for _ in range(options.outlets)]
        page_urls = {site.url: publish(site, options.pages // options.outlets) for site in sites}
        rates: dict[str, list[float]] = {"poll": [], "plain": []}
        for _ in range(options.repeats):
            for kind, kind_rates in rates.items():
                command = [sys.executable, __file__, "--run", kind]
                process = subprocess.run(
                    command, input=json.dumps(page_urls), capture_output=True, text=True, check=True
                )
                result = json.loads(process.stdout.splitlines()[-1])
                assert result["pages"] == sum(map(len, page_urls.values())), result
                kind_rates.append(result["pages"] / result["seconds"])
    poll_rate, plain_rate = (statistics.median(rates[kind]) for kind in ("poll", "plain"))
    print(f"{options.pages} pages of {len(gzip.decompress(PAGE)):,} bytes, {options.outlets} outlets")
    print(f"polls         {poll_rate:7.0f} pages per second ({', '.join(f'{rate:.0f}' for rate in rates['poll'])})")
    print(f"plain Scrapy  {plain_rate:7.0f} pages per second ({', '.join(f'{rate:.0f}' for rate in rates['plain'])})")
    print(f"ratio         {poll_rate / plain_rate:7.2f}")


def publish(site: Site, number: int) -> list[str]:
    headers = (("Content-Encoding", "gzip"),)
    urls = [site.put(f"/2026/story-with-number-{index}", PAGE, headers=headers) for index in range(number)]
    items = "".join(f"<item><link>{url}</link></item>" for url in urls)
    site.put("/rss", f"<rss><channel>{items}</channel></rss>".encode(), "text/xml")
    return urls


def poll(sites: dict[str, list[str]]) -> int:
    sys.path.insert(0, str(ROOT / "tests"))
    from crawl.engine import FAST_SETTINGS, Engine, FakeService  # noqa: PLC0415  each process imports only its own side
    from monitor.config.schema import Outlet  # noqa: PLC0415  each process imports only its own side

    outlets = [Outlet(name=url, url=url, feeds=(f"{url}rss",)) for url in sites]
    crawl = FAST_SETTINGS.model_copy(update={"pages_per_poll": 10_000})
    report = Engine().crawl(FakeService(*outlets, crawl=crawl))
    return report.outcomes.total()


def plain(sites: dict[str, list[str]]) -> int:
    import scrapy  # noqa: PLC0415  each process imports only its own side
    from scrapy.crawler import AsyncCrawlerProcess  # noqa: PLC0415  each process imports only its own side

    class PlainSpider(scrapy.Spider):
        name = "plain"
        pages = 0
        custom_settings: dict[str, Any] = {  # noqa: RUF012  Scrapy reads it as a class attribute
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
            PlainSpider.pages += response.status == 200

    asyncio.set_event_loop(asyncio.new_event_loop())
    process = AsyncCrawlerProcess()
    process.crawl(PlainSpider)
    process.start()
    return PlainSpider.pages


if __name__ == "__main__":
    main()
