"""A newsroom of several outlets on loopback, each with its own address, language, page style and habits."""

from __future__ import annotations

import textwrap
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from monitor.demo import feeds, pages
from monitor.demo.feeds import Entry
from monitor.demo.pages import PageLayout, Teaser, Words
from monitor.demo.stories import DemoStory, bundled
from monitor.demo.web import Fault, Site
from monitor.models import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

MAX_SOURCE_ENTRIES = 60  # stories a feed, sitemap or front page shows, newest first
TEASERS_PER_STORY = 6  # teasers


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """An outlet's habits."""

    key: str
    name: str
    language: str
    country: str
    source_kind: str  # rss, atom, json, sitemap or front
    style: str  # one of pages.STYLES, or script
    words: Words = field(default_factory=Words)
    sections: tuple[str, ...] = ("World", "Technology", "Business")
    path: str = "news/{slug}"
    zone: timedelta = timedelta(0)
    charset: str = "utf-8"
    declared: bool = True  # monitor.yaml names its feed or sitemap; otherwise it has to be found
    delay: float = 0.0  # seconds that every answer takes
    failing: bool = False
    habit: str = ""  # for people: what is special about it


FRENCH = Words(
    home="Accueil",
    by="Par",
    share="Partager :",
    recent="À lire aussi",
    cookies="Nous utilisons des cookies pour mesurer notre audience. Vous pouvez changer d'avis à tout moment.",
    accept="Tout accepter",
    newsletter="Recevez chaque vendredi l'essentiel de la semaine. Saisissez votre adresse pour vous inscrire.",
    rights="Tous droits réservés.",
)
RUSSIAN = Words(
    home="Главная",
    by="Автор:",
    share="Поделиться:",
    recent="Читайте также",
    cookies="Мы используем файлы cookie, чтобы измерять посещаемость. Выбор можно изменить в любое время.",
    accept="Принять",
    newsletter="Главное за неделю в вашей почте по пятницам. Введите адрес, чтобы подписаться.",
    rights="Все права защищены.",
)
CHINESE = Words(
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
        habit="RSS feed",
    ),
    Profile(
        key="harbour",
        name="Harbour Wire",
        language="en",
        country="SG",
        source_kind="sitemap",
        style="json-ld",
        zone=timedelta(hours=8),
        habit="news sitemap only, gzipped",
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
        zone=timedelta(hours=-5),
        declared=False,
        habit="no feed at all: read from its front page",
    ),
    Profile(
        key="nevskaya",
        name="Невская хроника",
        language="ru",
        country="RU",
        source_kind="rss",
        style="microdata",
        words=RUSSIAN,
        zone=timedelta(hours=3),
        charset="windows-1251",
        habit="Russian, in windows-1251",
    ),
    Profile(
        key="morning",
        name="晨港科技报",
        language="zh",
        country="CN",
        source_kind="atom",
        style="json-ld",
        words=CHINESE,
        zone=timedelta(hours=8),
        charset="gb18030",
        habit="Chinese, Atom feed, in gb18030",
    ),
    Profile(
        key="observateur",
        name="L'Observateur continental",
        language="fr",
        country="BE",
        source_kind="rss",
        style="plain",
        words=FRENCH,
        zone=timedelta(hours=1),
        delay=1.5,
        habit="French, and slow",
    ),
    Profile(
        key="review",
        name="Chip & Policy Review",
        language="en",
        country="TH",
        source_kind="json",
        style="microdata",
        zone=timedelta(hours=7),
        declared=False,
        habit="JSON feed, to be found by itself",
    ),
    Profile(
        key="ministry",
        name="Ministry of Digital Trade",
        language="en",
        country="CH",
        source_kind="rss",
        style="script",
        habit="its pages are written by JavaScript",
    ),
    Profile(
        key="gazette",
        name="The Unreliable Gazette",
        language="en",
        country="GB",
        source_kind="rss",
        style="plain",
        failing=True,
        habit="answers with errors",
    ),
)


class DemoOutlet:
    """An outlet of the newsroom: its stories, and the site that serves them."""

    def __init__(self, profile: Profile, site: Site | None = None) -> None:
        self.profile = profile
        self.site = site or Site(delay=profile.delay)
        self.look = PageLayout(
            name=profile.name,
            language=profile.language,
            base=self.site.url,
            sections=profile.sections,
            words=profile.words,
            zone=profile.zone,
            charset=profile.charset,
        )
        self._lock = threading.Lock()
        self._stories: dict[str, DemoStory] = {}
        self._open()

    # ---- the desk

    def publish(self, story: DemoStory) -> str:
        """Puts a story on the site and into its listing; returns its address."""
        with self._lock:
            self._stories[story.slug] = story
        path = self.path(story)
        self._put(path, lambda: self._page(story.slug))
        if self.profile.style == "script":
            self.site.put(f"{path}.json", lambda: pages.data(self._stories[story.slug]), "application/json")
        return self.address(story)

    def correct(self, slug: str, **changes: Any) -> None:
        """Changes fields of a published story in place; its address stays."""
        with self._lock:
            self._stories[slug] = replace(self._stories[slug], **changes)

    def path(self, story: DemoStory) -> str:
        local = story.published_at + self.profile.zone
        return "/" + self.profile.path.format(slug=story.slug, date=local, section=story.section.lower())

    def address(self, story: DemoStory) -> str:
        return self.site.url + self.path(story).removeprefix("/")

    @property
    def stories(self) -> list[DemoStory]:
        """What is published, newest first."""
        with self._lock:
            latest_first = reversed(list(self._stories.values()))  # of one minute, too
            return sorted(latest_first, key=lambda story: story.published_at, reverse=True)

    def asked(self, story: DemoStory) -> int:
        """How often the story's page was asked for."""
        return self.site.count(self.path(story))

    def outlet(self) -> dict[str, Any]:
        """This outlet as it stands in monitor.yaml."""
        profile = self.profile
        outlet = {"name": profile.name, "url": self.site.url, "language": profile.language, "country": profile.country}
        if profile.style == "script":
            outlet["render"] = "auto"
        if not profile.declared or profile.source_kind == "front":
            return outlet
        if profile.failing:
            return outlet | {"feeds": [self.site.url + "feed.xml", self.site.url + "news.rss"]}
        key = "sitemaps" if profile.source_kind == "sitemap" else "feeds"
        return outlet | {key: [self.site.url + SOURCE_PATHS[profile.source_kind].removeprefix("/")]}

    # ---- the site

    def _open(self) -> None:
        profile, site = self.profile, self.site
        if profile.failing:
            site.put("/feed.xml", b"", "application/rss+xml", status=500)
            site.put("/news.rss", b"<rss><channel><item><title>Under maint", "application/rss+xml")
            site.put("/", b"<h1>Service unavailable</h1>", status=503)
            return
        self._put("/", self._front)
        for section in profile.sections:
            self._put(f"/{section}", self._front)
        robots = "User-agent: *\nDisallow: /members/\n"
        if profile.source_kind == "sitemap":
            robots += f"Sitemap: {site.url}sitemap.xml.gz\n"
        site.put("/robots.txt", robots.encode(), "text/plain")
        if profile.source_kind in SOURCE_PATHS:
            kind = {"json": "feed+json", "sitemap": "gzip"}.get(profile.source_kind, f"{profile.source_kind}+xml")
            site.put(SOURCE_PATHS[profile.source_kind], self._listing, f"application/{kind}", conditional=True)
        else:
            self._put("/video/recycling-line-tour", lambda: pages.video(self.look))

    def _listing(self) -> bytes:
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

    def _put(self, path: str, make: Callable[[], str]) -> None:
        charset = self.profile.charset
        # Half of the web declares its charset in the header, half in the page.
        kind = "text/html" if charset == "windows-1251" else f"text/html; charset={charset}"
        self.site.put(path, lambda: make().encode(charset, "xmlcharrefreplace"), kind, conditional=True)

    def _page(self, slug: str) -> str:
        story = self._stories[slug]
        style = pages.script if self.profile.style == "script" else pages.STYLES[self.profile.style]
        others = [self._teaser(other) for other in self.stories if other.slug != slug][:TEASERS_PER_STORY]
        return style(story, self.address(story), self.look, others)

    def _front(self) -> str:
        teasers = [self._teaser(story) for story in self.stories[:MAX_SOURCE_ENTRIES]]
        extra = ""
        if self.profile.source_kind == "json":
            extra = '<link rel="alternate" type="application/feed+json" href="/feed.json">'
        if self.profile.source_kind == "front":
            base = self.site.url
            teasers.append(Teaser(url=base + "video/recycling-line-tour", title="Watch: a recycling line", words=""))
            teasers.append(
                Teaser(
                    url=f"{base}policy/{now():%Y/%m/%d}/a-story-that-was-taken-down-and-is-still-linked",
                    title="A story that was taken down and is still linked",
                    words="",
                )
            )
        return pages.front(self.look, teasers, extra=extra)

    def _teaser(self, story: DemoStory) -> Teaser:
        # The opening words of the story, as teasers have them: the very traps an alert must not fall into.
        return Teaser(url=self.address(story), title=story.title, words=f"{story.standfirst} {_opening(story)}")

    def _entries(self) -> list[Entry]:
        return [
            Entry(
                url=self.address(story),
                title=story.title,
                summary=story.standfirst,
                published_at=story.published_at,
            )
            for story in self.stories[:MAX_SOURCE_ENTRIES]
        ]


def _opening(story: DemoStory) -> str:
    """The first words, as many as fit on two lines."""
    return (
        textwrap.shorten(story.paragraphs[0], 140, placeholder=" …")
        if " " in story.paragraphs[0]
        else (story.paragraphs[0][:50] + "…")
    )


SOURCE_PATHS = {"rss": "/rss.xml", "atom": "/atom.xml", "json": "/feed.json", "sitemap": "/sitemap.xml.gz"}


class Newsroom:
    """All outlets, each on a port of its own; open it with ``with``.

    ``newsroom["meridian"]`` is one of them.  Stories may be published, corrected and broken while it serves.
    """

    def __init__(
        self,
        profiles: Iterable[Profile] = PROFILES,
        stories: Sequence[DemoStory] | None = None,
    ) -> None:
        self.houses = {profile.key: DemoOutlet(profile) for profile in profiles}
        for story in bundled() if stories is None else stories:
            if story.outlet in self.houses:
                self.houses[story.outlet].publish(story)

    def __getitem__(self, key: str) -> DemoOutlet:
        return self.houses[key]

    def outlets(self) -> list[dict[str, Any]]:
        """The outlets as they stand in monitor.yaml."""
        return [house.outlet() for house in self.houses.values()]

    @property
    def requests(self) -> int:
        """How many requests all sites have answered."""
        return sum(len(house.site.asked) for house in self.houses.values())

    def story_requests(self) -> int:
        """How many of them were for pages of stories."""
        return sum(house.asked(story) for house in self.houses.values() for story in house.stories)

    def forget(self) -> None:
        """Begins to count requests anew."""
        for house in self.houses.values():
            house.site.forget()

    def __enter__(self) -> Self:
        self._sites = ExitStack()
        for house in self.houses.values():
            self._sites.enter_context(house.site)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._sites.close()


__all__ = ["PROFILES", "DemoOutlet", "Fault", "Newsroom", "Profile", "Site"]
