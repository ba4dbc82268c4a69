"""Crawls saved real pages through the real command, beside trafilatura alone on the same pages and cores.

    .venv/bin/python benchmarks/real_pages.py --corpus DIR [--copies 4] [--workers 2]

DIR (or MONITOR_CORPUS) holds pages as NAME.html.gz, and truth.json that tells of each name its url and language.
Each language becomes an outlet on loopback with an RSS feed; copies of a page have paths of their own.
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
    parser.add_argument("--copies", type=int, default=4, help="how often each page is published (default: 4)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes, for both (default: cores)")
    options = parser.parse_args()
    if options.corpus is None:
        parser.error("name the pages with --corpus or MONITOR_CORPUS")

    pages = read_corpus(Path(options.corpus))
    print(f"{len(pages)} pages in {len({p['language'] for p in pages})} languages, {options.copies} copies of each,")
    print(f"{options.workers} workers on {os.cpu_count()} cores\n")

    bodies = [page["body"] for page in pages] * options.copies
    before = plain_trafilatura(bodies, options.workers)
    crawled = crawl(pages, copies=options.copies, workers=options.workers)
    after = plain_trafilatura(bodies, options.workers)
    plain = len(bodies) / ((before + after) / 2)

    print(crawled["summary"])
    print(f"pages fetched        {crawled['fetched']}")
    print(f"stories stored       {crawled['stories']}")
    for disposition, count in sorted(crawled["dispositions"].items()):
        print(f"  {disposition:<19}{count}")
    print("alerts               " + ", ".join(f"{name} {count}" for name, count in crawled["alerts"].items()))
    print(f"mails                {crawled['mails']}")
    print(f"second pass          {crawled['again']} pages fetched, {crawled['mails_again']} mails")
    print(f"seconds              {crawled['seconds']:.1f} for the command, {crawled['busy']:.1f} of them with pages")
    whole, steady = len(bodies) / crawled["seconds"], len(bodies) / crawled["busy"]
    print(f"\npages a second       {whole:.1f} for the command, {steady:.1f} from first page to last")
    print(f"trafilatura alone    {plain:.1f} (before {len(bodies) / before:.1f}, after {len(bodies) / after:.1f})")
    print(f"ratio                {whole / plain:.2f} for the command, {steady / plain:.2f} from first page to last")


def read_corpus(corpus: Path) -> list[dict[str, Any]]:
    truth = json.loads((corpus / "truth.json").read_text(encoding="utf-8"))
    return [
        {**facts, "name": name, "body": gzip.decompress((corpus / f"{name}.html.gz").read_bytes())}
        for name, facts in sorted(truth.items())
    ]


# ---- the bound: nothing but extraction, in as many processes


def plain_trafilatura(bodies: list[bytes], workers: int) -> float:
    """Seconds that a pool of warm processes takes for the pages."""
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_extract, [b"<p>warm</p>"] * workers * 4))
        began = time.perf_counter()
        list(pool.map(_extract, bodies, chunksize=4))
        return time.perf_counter() - began


def _extract(body: bytes) -> bool:
    return trafilatura.bare_extraction(body, with_metadata=True) is not None


# ---- the measured: the real command


def crawl(pages: list[dict[str, Any]], *, copies: int, workers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as opened:
        sink = opened.enter_context(MailSink())
        sites, listed = {}, defaultdict(list)
        for page in pages:
            language = page["language"] or "none"
            site = sites.get(language)
            if site is None:
                site = sites[language] = opened.enter_context(Site())
            for copy in range(copies):
                listed[language].append(site.put(_path(page, copy), page["body"], "text/html"))
        paths = {language: {urlsplit(url).path for url in urls} for language, urls in listed.items()}
        for language, site in sites.items():
            items = "".join(f"<item><link>{url.replace('&', '&amp;')}</link></item>" for url in listed[language])
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

        began = time.time()
        first = run(config, "crawl")
        seconds = time.time() - began
        asked = [
            (each.path, each.at)
            for language, site in sites.items()
            for each in site.asked
            if each.path.partition("?")[0] in paths[language]
        ]
        mails = len(sink.received)
        stories = [json.loads(line) for line in run(config, "export").stdout.splitlines()]
        dispositions: Counter[str] = Counter()
        for line in run(config, "outlets", "--json").stdout.splitlines():
            dispositions.update(json.loads(line)["counts"])
        for site in sites.values():
            site.forget()
        run(config, "crawl", "--all")
        again = sum(
            each.path.partition("?")[0] in paths[language] for language, site in sites.items() for each in site.asked
        )
        return {
            "summary": first.stdout,
            "fetched": len(asked),
            "stories": len(stories),
            "dispositions": dispositions,
            "alerts": {name: sum(name in story["alerts"] for story in stories) for name in ALERTS},
            "mails": mails,
            "seconds": seconds,
            # From the first page asked for to the end of the command: the last page has still to be read.
            "busy": began + seconds - min(at for _, at in asked),
            "again": again,
            "mails_again": len(sink.received) - mails,
        }


def _path(page: dict[str, Any], copy: int) -> str:
    parts = urlsplit(page["url"] or "")
    path = parts.path if len(parts.path) > 5 else f"/news/{page['name']}-as-published.html"
    return f"/copy-{copy}{path}" + (f"?{parts.query}" if parts.query else "")


def run(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "monitor", words[0], "--config", str(config), *words[1:]]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        sys.exit(f"media-monitor {' '.join(words)} ended with status {done.returncode}:\n{done.stderr}")
    return done


if __name__ == "__main__":
    main()
