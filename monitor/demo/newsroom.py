"""The demo's outlets: web servers on this machine, each with its own port, language, sources and page style."""

from __future__ import annotations

import textwrap
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from monitor.demo import feeds, pages
from monitor.demo.feeds import FeedEntry
from monitor.demo.pages import PageLabels, PageLayout, Teaser
from monitor.demo.stories import DemoStory, bundled_stories
from monitor.demo.web import Fault, Site
from monitor.models import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

MAX_SOURCE_ENTRIES = 60  # stories that a feed, sitemap or front page lists, the newest
TEASERS_PER_STORY = 6  # teasers of other stories below each story


@dataclass(frozen=True, kw_only=True, slots=True)
class OutletProfile:
    """The fixed properties of a demo outlet."""

    key: str
    name: str
    language: str
    country: str
    source_kind: str  # rss, atom, json, sitemap or front
    page_style: str  # a key of pages.PAGE_STYLES, or script
    labels: PageLabels = field(default_factory=PageLabels)
    sections: tuple[str, ...] = ("World", "Technology", "Business")
    path_template: str = "news/{slug}"
    utc_offset: timedelta = timedelta(0)
    charset: str = "utf-8"
    has_configured_sources: bool = True  # True if monitor.yaml names the feed or sitemap; else it must be discovered
    delay_seconds: float = 0.0  # of every response
    is_failing: bool = False
    description: str = ""  # one line, shown when the demo starts


FRENCH_LABELS = PageLabels(
    home="Accueil",
    by="Par",
    share="Partager :",
    recent="À lire aussi",
    cookies="Nous utilisons des cookies pour mesurer notre audience. Vous pouvez changer d'avis à tout moment.",
    accept="Tout accepter",
    newsletter="Recevez chaque vendredi l'essentiel de la semaine. Saisissez votre adresse pour vous inscrire.",
    rights="Tous droits réservés.",
)
RUSSIAN_LABELS = PageLabels(
    home="Главная",
    by="Автор:",
    share="Поделиться:",
    recent="Читайте также",
    cookies="Мы используем файлы cookie, чтобы измерять посещаемость. Выбор можно изменить в любое время.",
    accept="Принять",
    newsletter="Главное за неделю в вашей почте по пятницам. Введите адрес, чтобы подписаться.",
    rights="Все права защищены.",
)
CHINESE_LABELS = PageLabels(
    home="首页",
    by="记者",
    share="分享到：",
    recent="相关新闻",
    cookies="本站使用cookie统计访问量，您可以随时更改选择。",
    accept="同意",
    newsletter="每周五将本周要闻发送到您的邮箱，请填写地址订阅。",
    rights="版权所有。",
)

OUTLET_PROFILES = (
    OutletProfile(
        key="meridian",
        name="Meridian Technology News",
        language="en",
        country="GB",
        source_kind="rss",
        page_style="plain",
        description="RSS feed",
    ),
    OutletProfile(
        key="harbour",
        name="Harbour Wire",
        language="en",
        country="SG",
        source_kind="sitemap",
        page_style="json-ld",
        utc_offset=timedelta(hours=8),
        description="news sitemap only, gzipped",
    ),
    OutletProfile(
        key="ledger",
        name="The Foundry Ledger",
        language="en",
        country="US",
        source_kind="front",
        page_style="divs",
        sections=("policy", "industry"),
        path_template="{section}/{date:%Y/%m/%d}/{slug}",
        utc_offset=timedelta(hours=-5),
        has_configured_sources=False,
        description="no feed: read from its front page",
    ),
    OutletProfile(
        key="nevskaya",
        name="Невская хроника",
        language="ru",
        country="RU",
        source_kind="rss",
        page_style="microdata",
        labels=RUSSIAN_LABELS,
        utc_offset=timedelta(hours=3),
        charset="windows-1251",
        description="Russian, in windows-1251",
    ),
    OutletProfile(
        key="morning",
        name="晨港科技报",
        language="zh",
        country="CN",
        source_kind="atom",
        page_style="json-ld",
        labels=CHINESE_LABELS,
        utc_offset=timedelta(hours=8),
        charset="gb18030",
        description="Chinese, Atom feed, in gb18030",
    ),
    OutletProfile(
        key="observateur",
        name="L'Observateur continental",
        language="fr",
        country="BE",
        source_kind="rss",
        page_style="plain",
        labels=FRENCH_LABELS,
        utc_offset=timedelta(hours=1),
        delay_seconds=1.5,
        description="French, and slow",
    ),
    OutletProfile(
        key="review",
        name="Chip & Policy Review",
        language="en",
        country="TH",
        source_kind="json",
        page_style="microdata",
        utc_offset=timedelta(hours=7),
        has_configured_sources=False,
        description="JSON feed, must be discovered",
    ),
    OutletProfile(
        key="ministry",
        name="Ministry of Digital Trade",
        language="en",
        country="CH",
        source_kind="rss",
        page_style="script",
        description="pages written by JavaScript",
    ),
    OutletProfile(
        key="gazette",
        name="The Unreliable Gazette",
        language="en",
        country="GB",
        source_kind="rss",
        page_style="plain",
        is_failing=True,
        description="responds with errors",
    ),
)


class DemoOutlet:
    """A demo outlet: its stories and the web site that serves them."""

    def __init__(self, profile: OutletProfile, site: Site | None = None) -> None:
        self.profile = profile
        self.site = site or Site(delay=profile.delay_seconds)
        self.layout = PageLayout(
            name=profile.name,
            language=profile.language,
            base=self.site.url,
            sections=profile.sections,
            labels=profile.labels,
            utc_offset=profile.utc_offset,
            charset=profile.charset,
        )
        self._lock = threading.Lock()
        self._stories: dict[str, DemoStory] = {}
        self._set_up_site()

    # ---- stories

    def publish(self, story: DemoStory) -> str:
        """Adds a story to the site and to the outlet's feed, sitemap or front page.  Returns the story's URL."""
        with self._lock:
            self._stories[story.slug] = story
        path = self.story_path(story)
        self._serve_html(path, lambda: self._story_page(story.slug))
        if self.profile.page_style == "script":
            self.site.put(f"{path}.json", lambda: pages.script_page_data(self._stories[story.slug]), "application/json")
        return self.story_url(story)

    def correct_story(self, slug: str, **changes: Any) -> None:
        """Replaces fields of a published `DemoStory`, such as ``title``; do not change those that form the URL."""
        with self._lock:
            self._stories[slug] = replace(self._stories[slug], **changes)

    def story_path(self, story: DemoStory) -> str:
        local_time = story.published_at + self.profile.utc_offset
        return "/" + self.profile.path_template.format(slug=story.slug, date=local_time, section=story.section.lower())

    def story_url(self, story: DemoStory) -> str:
        return self.site.url + self.story_path(story).removeprefix("/")

    @property
    def stories(self) -> list[DemoStory]:
        """The published stories, newest first; of stories with equal time, the last published first."""
        with self._lock:
            # The stable sort below keeps this order for equal times.
            last_published_first = reversed(list(self._stories.values()))
            return sorted(last_published_first, key=lambda story: story.published_at, reverse=True)

    def count_page_requests(self, story: DemoStory) -> int:
        """Returns the number of requests for the story's page that the site has answered."""
        return self.site.count(self.story_path(story))

    def config_entry(self) -> dict[str, Any]:
        """Returns the outlet's entry in the ``outlets`` section of monitor.yaml."""
        profile = self.profile
        entry = {"name": profile.name, "url": self.site.url, "language": profile.language, "country": profile.country}
        if profile.page_style == "script":
            entry["render"] = "auto"
        if not profile.has_configured_sources or profile.source_kind == "front":
            return entry
        if profile.is_failing:
            return entry | {"feeds": [self.site.url + "feed.xml", self.site.url + "news.rss"]}
        key = "sitemaps" if profile.source_kind == "sitemap" else "feeds"
        return entry | {key: [self.site.url + PATH_BY_SOURCE_KIND[profile.source_kind].removeprefix("/")]}

    # ---- the site

    def _set_up_site(self) -> None:
        profile, site = self.profile, self.site
        if profile.is_failing:
            site.put("/feed.xml", b"", "application/rss+xml", status=500)
            site.put("/news.rss", b"<rss><channel><item><title>Under maint", "application/rss+xml")
            site.put("/", b"<h1>Service unavailable</h1>", status=503)
            return
        self._serve_html("/", self._front_page)
        for section in profile.sections:
            self._serve_html(f"/{section}", self._front_page)
        robots = "User-agent: *\nDisallow: /members/\n"
        if profile.source_kind == "sitemap":
            robots += f"Sitemap: {site.url}sitemap.xml.gz\n"
        site.put("/robots.txt", robots.encode(), "text/plain")
        if profile.source_kind in PATH_BY_SOURCE_KIND:
            subtype = {"json": "feed+json", "sitemap": "gzip"}.get(profile.source_kind, f"{profile.source_kind}+xml")
            site.put(
                PATH_BY_SOURCE_KIND[profile.source_kind],
                self._source_document,
                f"application/{subtype}",
                conditional=True,
            )
        else:
            self._serve_html("/video/recycling-line-tour", lambda: pages.video_page(self.layout))

    def _source_document(self) -> bytes:
        name, language, entries = self.profile.name, self.profile.language, self._feed_entries()
        match self.profile.source_kind:
            case "rss":
                return feeds.rss_feed(name, language, entries, charset=self.profile.charset)
            case "atom":
                return feeds.atom_feed(name, language, entries)
            case "json":
                return feeds.json_feed(name, language, entries)
            case _:
                return feeds.gzipped(feeds.news_sitemap(name, language, entries))

    def _serve_html(self, path: str, render: Callable[[], str]) -> None:
        charset = self.profile.charset
        # As on some real sites, windows-1251 is declared in the page only, not in the Content-Type header.
        content_type = "text/html" if charset == "windows-1251" else f"text/html; charset={charset}"
        self.site.put(path, lambda: render().encode(charset, "xmlcharrefreplace"), content_type, conditional=True)

    def _story_page(self, slug: str) -> str:
        story = self._stories[slug]
        style = pages.script_page if self.profile.page_style == "script" else pages.PAGE_STYLES[self.profile.page_style]
        teasers = [self._teaser(teased) for teased in self.stories if teased.slug != slug][:TEASERS_PER_STORY]
        return style(story, self.story_url(story), self.layout, teasers)

    def _front_page(self) -> str:
        teasers = [self._teaser(story) for story in self.stories[:MAX_SOURCE_ENTRIES]]
        head = ""
        if self.profile.source_kind == "json":
            head = '<link rel="alternate" type="application/feed+json" href="/feed.json">'
        if self.profile.source_kind == "front":
            base = self.site.url
            teasers.append(Teaser(url=base + "video/recycling-line-tour", title="Watch: a recycling line", text=""))
            teasers.append(
                Teaser(
                    url=f"{base}policy/{now():%Y/%m/%d}/a-story-that-was-taken-down-and-is-still-linked",
                    title="A story that was taken down and is still linked",
                    text="",
                )
            )
        return pages.front_page(self.layout, teasers, head=head)

    def _teaser(self, story: DemoStory) -> Teaser:
        # Teasers contain the story's first words, so that alerts would match them if extraction kept teasers.
        return Teaser(url=self.story_url(story), title=story.title, text=f"{story.standfirst} {_first_words(story)}")

    def _feed_entries(self) -> list[FeedEntry]:
        return [
            FeedEntry(
                url=self.story_url(story),
                title=story.title,
                summary=story.standfirst,
                published_at=story.published_at,
            )
            for story in self.stories[:MAX_SOURCE_ENTRIES]
        ]


def _first_words(story: DemoStory) -> str:
    """Returns the start of the story's first paragraph: up to 140 characters, or 50 if it has no spaces."""
    return (
        textwrap.shorten(story.paragraphs[0], 140, placeholder=" …")
        if " " in story.paragraphs[0]
        else (story.paragraphs[0][:50] + "…")
    )


PATH_BY_SOURCE_KIND = {"rss": "/rss.xml", "atom": "/atom.xml", "json": "/feed.json", "sitemap": "/sitemap.xml.gz"}


class Newsroom:
    """All demo outlets, each on its own port.  A context manager that starts and stops their web servers.

    ``newsroom["meridian"]`` returns the outlet with this key.  Stories may be published, corrected and made to fail
    while the servers run.
    """

    def __init__(
        self,
        profiles: Iterable[OutletProfile] = OUTLET_PROFILES,
        stories: Sequence[DemoStory] | None = None,
    ) -> None:
        self.outlets = {profile.key: DemoOutlet(profile) for profile in profiles}
        for story in bundled_stories() if stories is None else stories:
            if story.outlet in self.outlets:
                self.outlets[story.outlet].publish(story)

    def __getitem__(self, key: str) -> DemoOutlet:
        return self.outlets[key]

    def config_entries(self) -> list[dict[str, Any]]:
        """Returns the ``outlets`` section of monitor.yaml."""
        return [outlet.config_entry() for outlet in self.outlets.values()]

    @property
    def request_count(self) -> int:
        """The number of requests that all sites together have answered."""
        return sum(len(outlet.site.recorded_requests) for outlet in self.outlets.values())

    def count_story_requests(self) -> int:
        """Returns the number of answered requests for story pages, over all outlets."""
        return sum(outlet.count_page_requests(story) for outlet in self.outlets.values() for story in outlet.stories)

    def forget_requests(self) -> None:
        """Deletes the recorded requests of all sites, so that counts start at 0."""
        for outlet in self.outlets.values():
            outlet.site.forget_requests()

    def __enter__(self) -> Self:
        self._sites = ExitStack()
        for outlet in self.outlets.values():
            self._sites.enter_context(outlet.site)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sites.close()


__all__ = ["OUTLET_PROFILES", "DemoOutlet", "Fault", "Newsroom", "OutletProfile", "Site"]
