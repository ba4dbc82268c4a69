"""Sixty outlets, each with one way in which real publishers send what a monitor may lose."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING, Any

from monitor.demo.feeds import FeedEntry, atom_feed, json_feed, news_sitemap, rss_feed, sitemap_index
from monitor.demo.web import Fault, Site

from .harness import demo_story

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

FEED, SITEMAP = "/feed.xml", "/sitemap.xml"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A story that an outlet published: its URL and the text that the page has."""

    url: str
    title: str
    paragraphs: tuple[str, ...]
    published_at: datetime

    @property
    def entry(self) -> FeedEntry:
        return FeedEntry(url=self.url, title=self.title, summary=self.paragraphs[0], published_at=self.published_at)


@dataclass
class FaultyOutlet:
    """An outlet with its own server; `publish` adds stories and writes its sources again."""

    name: str
    site: Site
    write_sources: Callable[[FaultyOutlet], None]
    config: dict[str, Any] = field(default_factory=dict)
    path: Callable[[int], str] = lambda number: f"/2026/news/a-long-headline-of-story-{number}"
    page: Callable[[Published], bytes] | None = None
    fault: Fault | None = None
    host: str = "127.0.0.1"  # in the URLs that the sources list
    stories: list[Published] = field(default_factory=list)

    def publish(self, at: datetime, count: int = 3) -> None:
        """Publishes stories at a time, and writes the sources with all stories so far, the newest first."""
        for _ in range(count):
            number = len(self.stories)
            demo = demo_story(self.name, number)
            url = self.site.url.rstrip("/").replace("127.0.0.1", self.host) + self.path(number)
            story = Published(url=url, title=demo.title, paragraphs=demo.paragraphs, published_at=at)
            self.stories.append(story)
            self.site.put(self.path(number), (self.page or page)(story))
            if self.fault:
                self.site.fault(self.path(number), self.fault)
        self.write_sources(self)

    @property
    def newest_first(self) -> list[Published]:
        return list(reversed(self.stories))

    def put_feed(self, body: bytes, content_type: str = "application/rss+xml", path: str = FEED) -> None:
        self.site.put(path, body, content_type, conditional=True)

    def config_entry(self) -> dict[str, Any]:
        sources = {"feeds": [self.site.url + FEED[1:]]}
        changes = {key: _resolved(value, self.site.url) for key, value in self.config.items()}
        return {"name": self.name, "url": self.site.url, **sources, **changes}


def _resolved(value: Any, base: str) -> Any:
    return [base + item[1:] if item.startswith("/") else item for item in value] if isinstance(value, list) else value


def page(story: Published, *, head: str = "", dated: bool = True) -> bytes:
    time = f'<time datetime="{story.published_at.isoformat()}">today</time>' if dated else ""
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in story.paragraphs)
    return (
        f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>{escape(story.title)}</title>{head}</head>"
        f"<body><article><h1>{escape(story.title)}</h1>{time}{text}</article></body></html>"
    ).encode()


def rss(outlet: FaultyOutlet) -> None:
    outlet.put_feed(rss_feed(outlet.name, "en", [story.entry for story in outlet.newest_first]))


def item(story: Published, link: str | None = None, extra: str = "") -> str:
    date = format_datetime(story.published_at)
    return (
        f"<item><title>{escape(story.title)}</title><link>{link if link is not None else story.url}</link>"
        f"<pubDate>{date}</pubDate>{extra}</item>"
    )


def items(write: Callable[[FaultyOutlet], str], **options: Any) -> Callable[[FaultyOutlet], None]:
    """Returns a writer of an RSS feed whose channel has the text that ``write`` returns."""

    def write_sources(outlet: FaultyOutlet) -> None:
        prolog = options.get("prolog", '<?xml version="1.0"?>')
        text = f'{prolog}<rss version="2.0"><channel><title>x</title><link>{outlet.site.url}</link>{write(outlet)}'
        body = (text + options.get("end", "</channel></rss>")).encode(options.get("encoding", "utf-8"))
        outlet.put_feed(body, options.get("content_type", "application/rss+xml"))

    return write_sources


def each(write: Callable[[Published], str], **options: Any) -> Callable[[FaultyOutlet], None]:
    return items(lambda outlet: "".join(write(story) for story in outlet.newest_first), **options)


def first_with(mark: str) -> Callable[[FaultyOutlet], None]:
    """Returns a writer of a feed whose newest item has this markup."""
    return items(
        lambda outlet: "".join(
            item(story, extra="" if number else mark) for number, story in enumerate(outlet.newest_first)
        )
    )


def sitemap(outlet: FaultyOutlet, *, end: str = "</url>") -> None:
    urls = "".join(
        f"<url><loc>{story.url}</loc><lastmod>{story.published_at.isoformat()}</lastmod>{end}"
        for story in outlet.newest_first
    )
    body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
    outlet.put_feed(body.encode(), "application/xml", SITEMAP)


def monthly_sitemaps(outlet: FaultyOutlet) -> None:
    """An index of twelve sitemaps, the oldest first and without dates; the stories are in the last one."""
    months = [f"/sm-2026-{month:02}.xml" for month in range(1, 13)]
    outlet.put_feed(sitemap_index([outlet.site.url + path[1:] for path in months]), "application/xml", SITEMAP)
    for path in months[:-1]:
        outlet.put_feed(news_sitemap(outlet.name, "en", []), "application/xml", path)
    body = news_sitemap(outlet.name, "en", [story.entry for story in outlet.newest_first])
    outlet.put_feed(body, "application/xml", months[-1])


def cut_once(outlet: FaultyOutlet) -> None:
    """The feed is cut in the middle of its second item until the outlet has published twice."""
    body = rss_feed(outlet.name, "en", [story.entry for story in outlet.newest_first])
    outlet.put_feed(body[: len(body) // 2] if len(outlet.stories) <= 3 else body)


def section(outlet: FaultyOutlet) -> None:
    links = "".join(f'<h2><a href="{story.url}">{story.title}</a></h2>' for story in outlet.newest_first)
    outlet.site.put("/", f"<html><body>{links}</body></html>".encode())


def window_of_three(outlet: FaultyOutlet) -> None:
    outlet.put_feed(rss_feed(outlet.name, "en", [story.entry for story in outlet.newest_first[:3]]))


def renamed(outlet: FaultyOutlet) -> None:
    """Each story moves to a new address when the next ones appear; the old address redirects there."""
    old_ones = outlet.stories[:-3]
    for story in old_ones:
        path = story.url.removeprefix(outlet.site.url.rstrip("/"))
        new_path = path.replace("/news/", "/moved/")
        outlet.site.put(path, status=301, headers=(("Location", new_path),))
        outlet.site.put(new_path, page(story))
    each(lambda story: item(story, extra=f"<guid isPermaLink='false'>{story.title}</guid>"))(outlet)


def with_tracking_parameters(outlet: FaultyOutlet) -> None:
    """Each poll sees the stories under other addresses, which differ in the parameters that track readers."""
    query = f"?utm_source=rss&xtor=RSS-{len(outlet.stories)}"
    for story in outlet.stories:
        outlet.site.put(story.url.removeprefix(outlet.site.url.rstrip("/")) + query, page(story))
    each(lambda story: item(story, escape(story.url + query)))(outlet)


def gzipped_sitemap(outlet: FaultyOutlet) -> None:
    body = news_sitemap(outlet.name, "en", [story.entry for story in outlet.newest_first])
    outlet.put_feed(gzip.compress(body), "application/gzip", "/sitemap.xml.gz")


def status(code: int, **headers: str) -> dict[str, Any]:
    return {"fault": Fault(status=code, headers=tuple(headers.items()))}


def feed_fault(fault: Fault) -> Callable[[FaultyOutlet], None]:
    def write_sources(outlet: FaultyOutlet) -> None:
        rss(outlet)
        outlet.site.fault(FEED, fault)

    return write_sources


def html(text: str) -> Callable[[Published], bytes]:
    return lambda story: f"<html><title>{story.title}</title><body>{text}</body></html>".encode()


def head(write: Callable[[Published], str]) -> Callable[[Published], bytes]:
    return lambda story: page(story, head=write(story))


WALL = "<div class=consent><h1>We value your privacy</h1><p>Accept all cookies to continue.</p></div>"
NESTED = "<description>" + "<b>" * 300 + "deep" + "</b>" * 300 + "</description>"
SITEMAP_ONLY = {"feeds": [], "sitemaps": [SITEMAP]}
LATIN = "<description>caf\u00e9</description>"

#: The ways by name: the arguments of `FaultyOutlet` other than name and site.
WAYS: dict[str, dict[str, Any]] = {
    "plain": {"write_sources": rss},
    "atom": {"write_sources": lambda o: o.put_feed(atom_feed(o.name, "en", [s.entry for s in o.newest_first]))},
    "json feed": {
        "write_sources": lambda o: o.put_feed(
            json_feed(o.name, "en", [s.entry for s in o.newest_first]), "application/json"
        )
    },
    "sitemap": {"write_sources": sitemap, "config": SITEMAP_ONLY},
    "news sitemap": {
        "write_sources": lambda o: o.put_feed(
            news_sitemap(o.name, "en", [s.entry for s in o.newest_first]), "application/xml", SITEMAP
        ),
        "config": SITEMAP_ONLY,
    },
    "section": {"write_sources": section, "config": {"feeds": [], "sections": ["/"]}},
    "gzip sitemap": {"write_sources": gzipped_sitemap, "config": {"feeds": [], "sitemaps": ["/sitemap.xml.gz"]}},
    "sitemap index": {"write_sources": monthly_sitemaps, "config": SITEMAP_ONLY},
    "rss as sitemap": {"write_sources": rss, "config": {"feeds": [], "sitemaps": [FEED]}},
    "text sitemap": {
        "write_sources": lambda o: o.put_feed(
            "\n".join(s.url for s in o.newest_first).encode(), "text/plain", "/sitemap.txt"
        ),
        "config": {"feeds": [], "sitemaps": ["/sitemap.txt"]},
    },
    "bare ampersand": {"write_sources": each(item), "path": lambda n: f"/view.php?cat=5&id={100 + n}"},
    "unclosed br": {"write_sources": first_with("<description>one<br>two</description>")},
    "unclosed image": {"write_sources": items(lambda o: "<image><url>x</url>" + "".join(map(item, o.newest_first)))},
    "missing item end": {"write_sources": each(lambda s: item(s).removesuffix("</item>"))},
    "missing url end": {"write_sources": lambda o: sitemap(o, end=""), "config": SITEMAP_ONLY},
    "items element": {"write_sources": items(lambda o: f"<items>{''.join(map(item, o.newest_first))}</items>")},
    "capital tags": {"write_sources": each(lambda s: item(s).replace("item>", "ITEM>"))},
    "cut feed": {"write_sources": cut_once},
    "entity in a text": {"write_sources": first_with("<description><![CDATA[<!ENTITY x>]]></description>")},
    "doctype": {"write_sources": each(item, prolog='<!DOCTYPE rss [<!ENTITY nbsp "&#160;">]>')},
    "nested": {"write_sources": first_with(NESTED)},
    "latin 1": {"write_sources": each(lambda s: item(s, extra=LATIN), encoding="latin-1", prolog="")},
    "wrong charset": {
        "write_sources": each(
            lambda s: item(s, extra="<description>банк</description>"), encoding="windows-1251", prolog=""
        )
    },
    "relative links": {"write_sources": each(lambda s: item(s, "/2026/" + s.url.partition("/2026/")[2]))},
    "one word": {"write_sources": each(item), "path": lambda n: f"/{('jobs', 'weather', 'people')[n % 3]}?story={n}"},
    "tracking": {"write_sources": with_tracking_parameters},
    "guid only": {"write_sources": each(lambda s: item(s, "", f"<guid>{s.url}</guid>"))},
    "no link": {"write_sources": each(lambda s: item(s, "N/A" if s.url.endswith(("1", "4")) else None))},
    "long url": {"write_sources": each(item), "path": lambda n: f"/a-story-{n}-{'long' * 600}"},
    "pdf": {"write_sources": each(item), "path": lambda n: f"/reports/paper-{n}.pdf"},
    "excluded": {"write_sources": rss, "config": {"exclude": ["headline-of-story-[14]"]}},
    "foreign": {"write_sources": rss, "host": "127.0.0.77"},
    "old date": {"write_sources": each(lambda s: item(s).replace("2026", "2021").replace("/2021/", "/2026/"))},
    "future date": {"write_sources": each(lambda s: item(s).replace(" 2026 ", " 2031 "))},
    "no date": {"write_sources": rss, "page": lambda s: page(s, dated=False)},
    "401": {"write_sources": rss, **status(401)},
    "403": {"write_sources": rss, **status(403)},
    "404 once": {"write_sources": rss, "fault": Fault(status=404, times=1)},
    "404": {"write_sources": rss, **status(404)},
    "410": {"write_sources": rss, **status(410)},
    "429": {"write_sources": rss, **status(429, **{"Retry-After": "30"})},
    "500": {"write_sources": rss, **status(500)},
    "503": {"write_sources": rss, **status(503)},
    "hangs": {"write_sources": rss, "fault": Fault(hang=True)},
    "drops": {"write_sources": rss, "fault": Fault(drop=True)},
    "consent": {"write_sources": rss, "page": html(WALL)},
    "script": {"write_sources": rss, "page": html("<div id=root></div><script src=/app.js></script>")},
    "empty": {"write_sources": rss, "page": html("")},
    "video": {"write_sources": rss, "page": html("<h1>Watch</h1><video src=/a.mp4></video>")},
    "login": {"write_sources": rss, "page": html("<h1>Log in</h1><form><input type=password></form>")},
    "moved": {"write_sources": renamed},
    "foreign redirect": {
        "write_sources": rss,
        "fault": Fault(status=302, headers=(("Location", "http://127.0.0.77/"),)),
    },
    "redirect loop": {"write_sources": rss, "fault": Fault(status=302, headers=(("Location", "?again"),))},
    "shared canonical": {"write_sources": rss, "page": head(lambda _: '<link rel=canonical href="/2026/news/first">')},
    "hidden prompt": {"write_sources": rss, "page": head(lambda _: "<template><div class=paywall></div></template>")},
    "feed 500": {"write_sources": feed_fault(Fault(status=500))},
    "feed 404": {"write_sources": feed_fault(Fault(status=404))},
    "feed is html": {"write_sources": lambda o: o.put_feed(b"<html><body>Sorry</body></html>", "text/html")},
    "feed of three": {"write_sources": window_of_three},
    "robots": {"write_sources": lambda o: (rss(o), o.site.put("/robots.txt", b"User-agent: *\nDisallow: /2026/"))[0]},
}


def faulty_outlets() -> list[FaultyOutlet]:
    """Returns an outlet for each of `WAYS`, whose server is not started."""
    return [FaultyOutlet(name=name, site=Site(), **way) for name, way in WAYS.items()]
