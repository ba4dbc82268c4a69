"""Outlets that are made to use up the memory, the time or the connections of whoever reads them."""

from __future__ import annotations

import gzip
import itertools
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from monitor.demo.feeds import FeedEntry, rss_feed
from monitor.demo.web import Site
from monitor.models import now
from servers.accepting import AcceptingServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

PAGES = 8  # of an outlet, as many as are requested of one host at a time
PATHS = [f"news/a-long-headline-of-story-{number}" for number in range(PAGES)]
LETTERS = "bcdfghjklmnpqrstvwxz"
WORDS_PER_PAGE = 380_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


class HostileServer(AcceptingServer):
    """Lists the PATHS in its feed, and answers requests for them with the pieces of ``attack``."""

    def __init__(self, attack: Callable[[], Iterator[bytes]]) -> None:
        super().__init__()
        self._attack = attack
        self._attack_count = itertools.count(1)
        self.attack_count = 0  # requests that the attack has answered
        self.url = f"http://127.0.0.1:{self.port}/"

    def serve(self, client: socket.socket) -> None:
        path = client.recv(65536).partition(b" /")[2].partition(b" ")[0].decode()
        if path in PATHS:
            self.attack_count = next(self._attack_count)
            for piece in self._attack():
                client.sendall(piece)
        elif path == "feed.xml":
            body = feed(self.url, PATHS)
            client.sendall(HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        else:
            client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@dataclass(frozen=True, kw_only=True)
class HostileOutlet:
    """A hostile outlet; its server must be started."""

    name: str
    server: Site | HostileServer
    sources: dict[str, list[str]] = field(default_factory=lambda: {"feeds": ["feed.xml"]})
    attacking_paths: list[str] = field(default_factory=lambda: PATHS)
    attacks: int = 1  # requests for these paths after which the attack has shown its worst

    def has_attacked(self) -> bool:
        if isinstance(self.server, HostileServer):
            return self.server.attack_count >= self.attacks
        return sum(self.server.count(f"/{path}", status=200) for path in self.attacking_paths) >= self.attacks

    def config_entry(self) -> dict[str, Any]:
        sources = {key: [self.server.url + path for path in paths] for key, paths in self.sources.items()}
        return {"name": self.name, "url": self.server.url, "every": "5s", **sources}


def outlets_with_hostile_pages() -> list[HostileOutlet]:
    """Returns outlets whose pages cost much to receive, to parse or to index."""
    return [
        HostileOutlet(name="new words", server=site_of_pages(map(page_of_new_words, range(PAGES)))),
        HostileOutlet(name="nested markup", server=site_of_pages([article(b"<div>" * 1_000_000)] * PAGES)),
        HostileOutlet(name="endless headers", server=HostileServer(endless_headers)),
        HostileOutlet(name="small chunks", server=HostileServer(small_chunks)),
        HostileOutlet(name="slow bytes", server=HostileServer(slow_bytes)),
    ]


def outlets_with_large_pages() -> list[HostileOutlet]:
    """Returns an outlet with pages just below the size limit of 10 MB."""
    pages = site_of_pages([article(b"<p>some words</p>" * 570_000)] * PAGES)
    return [HostileOutlet(name="large pages", server=pages, attacks=PAGES + 2)]  # two with room for all of it


def outlets_with_hostile_sources() -> list[HostileOutlet]:
    return [
        HostileOutlet(name="compressed members", server=site_of_compressed_members(), attacking_paths=["feed.xml"]),
        HostileOutlet(name="new addresses", server=site_of_new_addresses(), attacking_paths=["feed.xml"]),
        large_sitemaps(),
    ]


def feed(base: str, paths: Iterable[str]) -> bytes:
    entries = [FeedEntry(url=base + path, title="A headline", summary="", published_at=now()) for path in paths]
    return rss_feed("Hostile", "en", entries)


def article(markup: bytes) -> bytes:
    head = b"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>A story of many words</title></head>"
    return head + b"<body><article><h1>A story of many words</h1>" + markup + b"</article></body></html>"


# ---- web sites


def site_of_pages(pages: Iterable[bytes]) -> Site:
    site = Site()
    site.put("/feed.xml", lambda: feed(site.url, PATHS), "application/rss+xml")
    for path, page in zip(PATHS, pages, strict=True):
        site.put(f"/{path}", page)
    return site


def page_of_new_words(number: int) -> bytes:
    """Returns a page of 3 MB with words that no other page has."""
    first = number * WORDS_PER_PAGE
    letters = itertools.islice(itertools.product(LETTERS, repeat=6), first, first + WORDS_PER_PAGE)
    words = list(map("".join, letters))
    paragraphs = (" ".join(words[start : start + 100]) for start in range(0, len(words), 100))
    return article("".join(f"<p>{paragraph}.</p>" for paragraph in paragraphs).encode())


def site_of_compressed_members() -> Site:
    """The feed is 10 MB of empty gzip members, compressed once more."""
    site = Site()
    body = gzip.compress(gzip.compress(b"", mtime=0) * 490_000, 1)
    site.put("/feed.xml", body, "application/rss+xml", headers=(("Content-Encoding", "gzip"),))
    return site


def large_sitemaps() -> HostileOutlet:
    """Three sitemaps of 48 MB with millions of elements, and three with 500,000 addresses."""
    site = Site()
    elements = gzip.compress(b"<urlset>" + b"<a/>" * 12_000_000 + b"</urlset>", 1)
    url = "<url><loc>{}news/a-story-{}</loc><lastmod>{:%Y-%m-%d}</lastmod></url>"
    addresses = "".join(url.format(site.url, number, now()) for number in range(500_000))
    urls = gzip.compress(f"<urlset>{addresses}</urlset>".encode(), 1)
    paths = [f"sitemap-{number}.xml" for number in range(6)]
    for path, body in zip(paths, [elements, urls] * 3, strict=True):
        site.put(f"/{path}", body, "application/xml", headers=(("Content-Encoding", "gzip"),))
    # Each is requested with two lower limits before one has room for all of it.
    attacks = 2 * len(paths) + 1
    return HostileOutlet(
        name="large sitemaps", server=site, sources={"sitemaps": paths}, attacking_paths=paths, attacks=attacks
    )


def site_of_new_addresses() -> Site:
    """Each answer of the feed lists 5,000 addresses that were never listed before; none of them exists."""
    site, rng = Site(), random.Random(1)

    def new_feed() -> bytes:
        return feed(site.url, [f"news/a-story-of-today-{rng.getrandbits(60)}" for _ in range(5000)])

    site.put("/feed.xml", new_feed, "application/rss+xml")
    return site


# ---- raw responses; they end when the client closes the connection


def endless_headers() -> Iterator[bytes]:
    yield HEAD
    yield from itertools.repeat((b"X-Name: " + b"x" * 900 + b"\r\n") * 64)


def small_chunks() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from itertools.repeat(b"1\r\na\r\n" * 10_000)


def slow_bytes() -> Iterator[bytes]:
    yield HEAD + b"Content-Length: 1000000\r\n\r\n"
    while True:
        yield b"a"
        time.sleep(0.5)
