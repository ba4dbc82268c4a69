"""A newsroom of several outlets on loopback, each with its own address, language and page style."""

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

MAX_SOURCE_ENTRIES = 60  # stories in a feed, sitemap or front page, newest first
TEASERS_PER_STORY = 6  # below each story


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """An outlet's properties."""

    key: str
    name: str
    language: str
    country: str
    source_kind: str  # rss, atom, json, sitemap or front
    style: str  # one of pages.STYLES, or script
    labels: PageLabels = field(default_factory=PageLabels)
    sections: tuple[str, ...] = ("World", "Technology", "Business")
    path: str = "news/{slug}"
    utc_offset: timedelta = timedelta(0)
    charset: str = "utf-8"
    sources_configured: bool = True  # monitor.yaml names its feed or sitemap; otherwise it must be discovered
    delay_seconds: float = 0.0  # before every response
    failing: bool = False
    description: str = ""  # shown by the demo


FRENCH = PageLabels(
    home="Accueil",
    by="Par",
    share="Partager :",
    recent="À lire aussi",
    cookies="Nous utilisons des cookies pour mesurer notre audience. Vous pouvez changer d'avis à tout moment.",
    accept="Tout accepter",
    newsletter="Recevez chaque vendredi l'essentiel de la semaine. Saisissez votre adresse pour vous inscrire.",
    rights="Tous droits réservés.",
)
RUSSIAN = PageLabels(
    home="Главная",
    by="Автор:",
    share="Поделиться:",
    recent="Читайте также",
    cookies="Мы используем файлы cookie, чтобы измерять посещаемость. Выбор можно изменить в любое время.",
    accept="Принять",
    newsletter="Главное за неделю в вашей почте по пятницам. Введите адрес, чтобы подписаться.",
    rights="Все права защищены.",
)
CHINESE = PageLabels(
    home="首页",
    by="记者",
    share="分享到：",
    recent="相关新闻",
    cookies="本站使用cookie统计访问量，您可以随时更改选择。",
    accept="同意",
    newsletter="每周五将本周要闻发送到您的邮箱，请填写地址订阅。",
    rights="版权所有。",
)

PROFILES = (
    Profile(
        key="meridian",
        name="Meridian Technology News",
        language="en",
        country="GB",
        source_kind="rss",
        style="plain",
        description="RSS feed",
    ),
    Profile(
        key="harbour",
        name="Harbour Wire",
        language="en",
        country="SG",
        source_kind="sitemap",
        style="json-ld",
        utc_offset=timedelta(hours=8),
        description="news sitemap only, gzipped",
    ),
    Profile(
        key="ledger",
        name="The Foundry Ledger",
        language="en",
        country="US",
        source_kind="front",
        style="divs",
        sections=("policy", "industry"),
        path="{section}/{date:%Y/%m/%d}/{slug}",
        utc_offset=timedelta(hours=-5),
        sources_configured=False,
        description="no feed: read from its front page",
    ),
    Profile(
        key="nevskaya",
        name="Невская хроника",
        language="ru",
        country="RU",
        source_kind="rss",
        style="microdata",
        labels=RUSSIAN,
        utc_offset=timedelta(hours=3),
        charset="windows-1251",
        description="Russian, in windows-1251",
    ),
    Profile(
        key="morning",
        name="晨港科技报",
        language="zh",
        country="CN",
        source_kind="atom",
        style="json-ld",
        labels=CHINESE,
        utc_offset=timedelta(hours=8),
        charset="gb18030",
        description="Chinese, Atom feed, in gb18030",
    ),
    Profile(
        key="observateur",
        name="L'Observateur continental",
        language="fr",
        country="BE",
        source_kind="rss",
        style="plain",
        labels=FRENCH,
        utc_offset=timedelta(hours=1),
        delay_seconds=1.5,
        description="French, and slow",
    ),
    Profile(
        key="review",
        name="Chip & Policy Review",
        language="en",
        country="TH",
        source_kind="json",
        style="microdata",
        utc_offset=timedelta(hours=7),
        sources_configured=False,
        description="JSON feed, must be discovered",
    ),
    Profile(
        key="ministry",
        name="Ministry of Digital Trade",
        language="en",
        country="CH",
        source_kind="rss",
        style="script",
        description="pages written by JavaScript",
    ),
    Profile(
        key="gazette",
        name="The Unreliable Gazette",
        language="en",
        country="GB",
        source_kind="rss",
        style="plain",
        failing=True,
        description="responds with errors",
    ),
)


class DemoOutlet:
    """An outlet of the newsroom: its stories and the site that serves them."""

    def __init__(self, profile: Profile, site: Site | None = None) -> None:
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
        """Puts a story on the site and into its feed, sitemap or front page.  Returns its URL."""
        with self._lock:
            self._stories[story.slug] = story
        path = self.path(story)
        self._put_html(path, lambda: self._page(story.slug))
        if self.profile.style == "script":
            self.site.put(f"{path}.json", lambda: pages.script_data(self._stories[story.slug]), "application/json")
        return self.url(story)

    def correct(self, slug: str, **changes: Any) -> None:
        """Changes fields of a published story; its URL stays the same."""
        with self._lock:
            self._stories[slug] = replace(self._stories[slug], **changes)

    def path(self, story: DemoStory) -> str:
        local_time = story.published_at + self.profile.utc_offset
        return "/" + self.profile.path.format(slug=story.slug, date=local_time, section=story.section.lower())

    def url(self, story: DemoStory) -> str:
        return self.site.url + self.path(story).removeprefix("/")

    @property
    def stories(self) -> list[DemoStory]:
        """The published stories, newest first."""
        with self._lock:
            last_published_first = reversed(list(self._stories.values()))  # the order within one minute
            return sorted(last_published_first, key=lambda story: story.published_at, reverse=True)

    def page_requests(self, story: DemoStory) -> int:
        """Returns the number of requests for the story's page."""
        return self.site.count(self.path(story))

    def config_entry(self) -> dict[str, Any]:
        """Returns this outlet's entry in monitor.yaml."""
        profile = self.profile
        entry = {"name": profile.name, "url": self.site.url, "language": profile.language, "country": profile.country}
        if profile.style == "script":
            entry["render"] = "auto"
        if not profile.sources_configured or profile.source_kind == "front":
            return entry
        if profile.failing:
            return entry | {"feeds": [self.site.url + "feed.xml", self.site.url + "news.rss"]}
        key = "sitemaps" if profile.source_kind == "sitemap" else "feeds"
        return entry | {key: [self.site.url + SOURCE_PATHS[profile.source_kind].removeprefix("/")]}

    # ---- the site

    def _set_up_site(self) -> None:
        profile, site = self.profile, self.site
        if profile.failing:
            site.put("/feed.xml", b"", "application/rss+xml", status=500)
            site.put("/news.rss", b"<rss><channel><item><title>Under maint", "application/rss+xml")
            site.put("/", b"<h1>Service unavailable</h1>", status=503)
            return
        self._put_html("/", self._front_page)
        for section in profile.sections:
            self._put_html(f"/{section}", self._front_page)
        robots = "User-agent: *\nDisallow: /members/\n"
        if profile.source_kind == "sitemap":
            robots += f"Sitemap: {site.url}sitemap.xml.gz\n"
        site.put("/robots.txt", robots.encode(), "text/plain")
        if profile.source_kind in SOURCE_PATHS:
            subtype = {"json": "feed+json", "sitemap": "gzip"}.get(profile.source_kind, f"{profile.source_kind}+xml")
            site.put(SOURCE_PATHS[profile.source_kind], self._source, f"application/{subtype}", conditional=True)
        else:
            self._put_html("/video/recycling-line-tour", lambda: pages.video_page(self.layout))

    def _source(self) -> bytes:
        name, language, entries = self.profile.name, self.profile.language, self._entries()
        match self.profile.source_kind:
            case "rss":
                return feeds.rss(name, language, entries, charset=self.profile.charset)
            case "atom":
                return feeds.atom(name, language, entries)
            case "json":
                return feeds.json_feed(name, language, entries)
            case _:
                return feeds.gzipped(feeds.news_sitemap(name, language, entries))

    def _put_html(self, path: str, render: Callable[[], str]) -> None:
        charset = self.profile.charset
        # Some sites declare their charset in the header, others in the page only.
        content_type = "text/html" if charset == "windows-1251" else f"text/html; charset={charset}"
        self.site.put(path, lambda: render().encode(charset, "xmlcharrefreplace"), content_type, conditional=True)

    def _page(self, slug: str) -> str:
        story = self._stories[slug]
        style = pages.script if self.profile.style == "script" else pages.STYLES[self.profile.style]
        teasers = [self._teaser(teased) for teased in self.stories if teased.slug != slug][:TEASERS_PER_STORY]
        return style(story, self.url(story), self.layout, teasers)

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
        return Teaser(url=self.url(story), title=story.title, text=f"{story.standfirst} {_opening(story)}")

    def _entries(self) -> list[FeedEntry]:
        return [
            FeedEntry(
                url=self.url(story),
                title=story.title,
                summary=story.standfirst,
                published_at=story.published_at,
            )
            for story in self.stories[:MAX_SOURCE_ENTRIES]
        ]


def _opening(story: DemoStory) -> str:
    """Returns the first words of the story, as many as fit on two lines."""
    return (
        textwrap.shorten(story.paragraphs[0], 140, placeholder=" …")
        if " " in story.paragraphs[0]
        else (story.paragraphs[0][:50] + "…")
    )


SOURCE_PATHS = {"rss": "/rss.xml", "atom": "/atom.xml", "json": "/feed.json", "sitemap": "/sitemap.xml.gz"}


class Newsroom:
    """All demo outlets, each on its own port, as a context manager.

    ``newsroom["meridian"]`` returns one outlet.  Stories may be published, corrected and made to fail while it serves.
    """

    def __init__(
        self,
        profiles: Iterable[Profile] = PROFILES,
        stories: Sequence[DemoStory] | None = None,
    ) -> None:
        self.outlets = {profile.key: DemoOutlet(profile) for profile in profiles}
        for story in bundled_stories() if stories is None else stories:
            if story.outlet in self.outlets:
                self.outlets[story.outlet].publish(story)

    def __getitem__(self, key: str) -> DemoOutlet:
        return self.outlets[key]

    def config_entries(self) -> list[dict[str, Any]]:
        """Returns the outlets' entries in monitor.yaml."""
        return [outlet.config_entry() for outlet in self.outlets.values()]

    @property
    def requests(self) -> int:
        """The number of requests that all sites have answered."""
        return sum(len(outlet.site.asked) for outlet in self.outlets.values())

    def story_requests(self) -> int:
        """Returns the number of requests for pages of stories."""
        return sum(outlet.page_requests(story) for outlet in self.outlets.values() for story in outlet.stories)

    def clear_requests(self) -> None:
        """Resets the request counts of all sites."""
        for outlet in self.outlets.values():
            outlet.site.forget()

    def __enter__(self) -> Self:
        self._sites = ExitStack()
        for outlet in self.outlets.values():
            self._sites.enter_context(outlet.site)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sites.close()


__all__ = ["PROFILES", "DemoOutlet", "Fault", "Newsroom", "Profile", "Site"]
