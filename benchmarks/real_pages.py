"""Crawls saved real pages with the real command, next to trafilatura alone on the same pages and cores.

    python -m benchmarks.real_pages --corpus DIR [--copies 4] [--workers 2]

DIR (or MONITOR_CORPUS) holds pages as NAME.html.gz, and truth.json with the URL and language of each name.  Each
language becomes an outlet on loopback with an RSS feed; each copy of a page has its own path.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trafilatura
import yaml

from monitor.demo.sink import MailSink
from monitor.demo.web import Site

ALERTS = {
    "ai": 'raw:AI OR "artificial intelligence" OR "künstliche Intelligenz" OR ИИ OR 人工智能',
    "sanctions": "sanction OR Sanktionen OR санкция OR 制裁",
    "china-russia": "(China OR Китай OR 中国) AND (Russia OR Russland OR Россия OR 俄罗斯)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=os.environ.get("MONITOR_CORPUS"))
    parser.add_argument("--copies", type=int, default=4, help="copies published of each page (default: 4)")
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        help="processes for each of the two (default: number of cores)",
    )
    options = parser.parse_args()
    if options.corpus is None:
        parser.error("name the pages with --corpus or MONITOR_CORPUS")

    pages = read_corpus(Path(options.corpus))
    print(f"{len(pages)} pages in {len({p['language'] for p in pages})} languages, {options.copies} copies of each,")
    print(f"{options.workers} workers on {os.cpu_count()} cores\n")

    bodies = [page["body"] for page in pages] * options.copies
    seconds_before = trafilatura_seconds(bodies, options.workers)
    crawled = crawl(pages, copies=options.copies, workers=options.workers)
    seconds_after = trafilatura_seconds(bodies, options.workers)
    trafilatura_rate = len(bodies) / ((seconds_before + seconds_after) / 2)

    print(crawled["summary"])
    print(f"pages fetched        {crawled['fetched']}")
    print(f"stories stored       {crawled['stories']}")
    for disposition, count in sorted(crawled["dispositions"].items()):
        print(f"  {disposition:<19}{count}")
    print("alerts               " + ", ".join(f"{name} {count}" for name, count in crawled["alerts"].items()))
    print(f"mails                {crawled['mails']}")
    print(f"second crawl         {crawled['refetched']} pages fetched, {crawled['mails_again']} mails")
    seconds, page_seconds = crawled["seconds"], crawled["page_seconds"]
    print(f"seconds              {seconds:.1f} for the command, {page_seconds:.1f} since the first page")
    command_rate, page_rate = len(bodies) / seconds, len(bodies) / page_seconds
    rate_before, rate_after = len(bodies) / seconds_before, len(bodies) / seconds_after
    print(f"\npages per second     {command_rate:.1f} for the command, {page_rate:.1f} since the first page")
    print(f"trafilatura alone    {trafilatura_rate:.1f} (before {rate_before:.1f}, after {rate_after:.1f})")
    command_ratio, page_ratio = command_rate / trafilatura_rate, page_rate / trafilatura_rate
    print(f"ratio                {command_ratio:.2f} for the command, {page_ratio:.2f} since the first page")


def read_corpus(corpus: Path) -> list[dict[str, Any]]:
    truths = json.loads((corpus / "truth.json").read_text(encoding="utf-8"))
    return [
        {**truth, "name": name, "body": gzip.decompress((corpus / f"{name}.html.gz").read_bytes())}
        for name, truth in sorted(truths.items())
    ]


# ---- the bound: only extraction, in the same number of processes


def trafilatura_seconds(bodies: list[bytes], workers: int) -> float:
    """Returns the seconds that a pool of warm processes takes for the pages."""
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_extract, [b"<p>warm</p>"] * workers * 4))
        started = time.perf_counter()
        list(pool.map(_extract, bodies, chunksize=4))
        return time.perf_counter() - started


def _extract(body: bytes) -> bool:
    return trafilatura.bare_extraction(body, with_metadata=True) is not None


# ---- the measurement: the real command


def crawl(pages: list[dict[str, Any]], *, copies: int, workers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        sink = stack.enter_context(MailSink())
        sites, page_urls = {}, defaultdict(list)
        for page in pages:
            language = page["language"] or "none"
            site = sites.get(language)
            if site is None:
                site = sites[language] = stack.enter_context(Site())
            for copy in range(copies):
                page_urls[language].append(site.put(_path(page, copy), page["body"], "text/html"))
        paths = {language: {urlsplit(url).path for url in urls} for language, urls in page_urls.items()}
        for language, site in sites.items():
            items = "".join(f"<item><link>{url.replace('&', '&amp;')}</link></item>" for url in page_urls[language])
            feed = f'<rss version="2.0"><channel><title>{language}</title>{items}</channel></rss>'
            site.put("/rss.xml", feed.encode(), "application/rss+xml", conditional=True)
        config = Path(directory) / "monitor.yaml"
        settings = {
            "store": {"url": "sqlite:monitor.db"},
            "mail": {"url": sink.url},
            "keep": "all",
            "crawl": {"delay": "0s", "workers": workers, "max_age": "3650d", "pages_per_poll": 10_000},
            "outlets": [
                {"name": f"Pages in {language}", "url": site.url, "feeds": [f"{site.url}rss.xml"]}
                for language, site in sites.items()
            ],
            "alerts": [{"name": name, "query": query, "to": ["a@example.org"]} for name, query in ALERTS.items()],
        }
        config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")

        started = time.time()
        result = run(config, "crawl")
        seconds = time.time() - started
        page_requests = [
            (request.path, request.at)
            for language, site in sites.items()
            for request in site.recorded_requests
            if request.path.partition("?")[0] in paths[language]
        ]
        mails = len(sink.received)
        stories = [json.loads(line) for line in run(config, "export").stdout.splitlines()]
        dispositions: Counter[str] = Counter()
        for line in run(config, "outlets", "--json").stdout.splitlines():
            dispositions.update(json.loads(line)["counts"])
        for site in sites.values():
            site.forget_requests()
        run(config, "crawl", "--all")
        refetched = sum(
            request.path.partition("?")[0] in paths[language]
            for language, site in sites.items()
            for request in site.recorded_requests
        )
        return {
            "summary": result.stdout,
            "fetched": len(page_requests),
            "stories": len(stories),
            "dispositions": dispositions,
            "alerts": {name: sum(name in story["alerts"] for story in stories) for name in ALERTS},
            "mails": mails,
            "seconds": seconds,
            # From the first page request to the end of the command, because the last page must still be extracted.
            "page_seconds": started + seconds - min(requested_at for _, requested_at in page_requests),
            "refetched": refetched,
            "mails_again": len(sink.received) - mails,
        }


def _path(page: dict[str, Any], copy: int) -> str:
    parts = urlsplit(page["url"] or "")
    path = parts.path if len(parts.path) > 5 else f"/news/{page['name']}-as-published.html"
    return f"/copy-{copy}{path}" + (f"?{parts.query}" if parts.query else "")


def run(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", arguments[0], "--config", str(config), *arguments[1:]]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode not in {0, 1}:
        sys.exit(f"media-monitor {' '.join(arguments)} ended with status {process.returncode}:\n{process.stderr}")
    return process


if __name__ == "__main__":
    main()
