"""Looks through a site that might become an outlet: its sources, its newest stories, and what a crawl reads of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.crawl import discover
from monitor.errors import ExtractionError, FetchError
from monitor.extract import ExtractionOptions, Extractor
from monitor.ingest.story_of_article import story_of_page
from monitor.models import Article, NotArticle, Page, now, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.config.schema import CrawlSettings, Outlet
    from monitor.crawl.discover import DiscoveredSources
    from monitor.crawl.fetch import Fetcher
    from monitor.models import Candidate, Json, Story

_UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)
MAX_LISTED_STORIES = 10  # newest stories of a preview, of which `discover.MAX_SAMPLE_PAGES` are read


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleStory:
    """A story that a source lists.  Of one that was read, ``story`` is what would be stored, or ``problem`` why not."""

    listed: Candidate
    story: Story | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutletPreview:
    """An outlet that could be configured, with its sources and some of its newest stories.

    ``script_reason`` says why the pages of its stories need rendering; None if they do not.
    """

    outlet: Outlet
    discovered: DiscoveredSources
    script_reason: str | None
    stories: tuple[SampleStory, ...] = ()

    def to_json(self) -> Json:
        """Returns what `discover --json` prints."""
        polled = [(source.kind, source.url) for source in self.discovered.sources_to_poll(self.outlet)]
        named = [("feed", url) for url in self.discovered.feeds]
        named += [("sitemap", url) for url in self.discovered.sitemaps]
        named += [("section", url) for url in self.discovered.sections]
        sources = [
            {
                "kind": kind,
                "url": url,
                "recent_stories": self.discovered.story_counts.get(url),
                "is_polled": (kind, url) in polled,
            }
            for kind, url in dict.fromkeys((*polled, *named))
        ]
        return {
            "name": self.outlet.name,
            "url": self.outlet.url,
            "country": self.outlet.effective_country,
            "sources": sources,
            "script_reason": self.script_reason,
            "stories": [_sample_json(sample) for sample in self.stories],
        }


def _sample_json(sample: SampleStory) -> Json:
    listed = sample.listed
    return {
        "url": listed.url,
        "title": listed.title,
        "published_at": listed.published_at and rfc3339(listed.published_at),
        "story": sample.story and sample.story.to_json(),
        "problem": sample.problem,
    }


async def preview_outlet(
    outlet: Outlet,
    fetcher: Fetcher,
    settings: CrawlSettings,
    *,
    name: str | None,
    reads_stories: bool,
    on_progress: Callable[[str], None],
) -> OutletPreview:
    """Looks through the site of an outlet, and with ``reads_stories`` extracts some of its stories.

    The name is ``name``, else the title of its feed, else that of ``outlet``.  Raises FetchError if the site cannot be
    fetched.
    """
    since = now() - settings.max_age
    on_progress(f"reading {outlet.url}")
    found, feeds = await discover.resolve_feed_address(outlet, fetcher)
    on_progress("looking for feeds and sitemaps")
    announced = await discover.discover_sources(found, fetcher, since=since, known_feeds=feeds)
    discovered = await discover.with_section_story_counts(announced, found, fetcher, since=since)
    on_progress("reading the newest stories")
    listed = await discover.listed_stories(found, discovered, fetcher, since=since)
    samples = await discover.fetch_samples(found, listed, fetcher)
    title = name or await discover.feed_title(found, discovered, fetcher)
    named = found.model_copy(update={"name": title or outlet.name})
    return OutletPreview(
        outlet=named,
        discovered=discovered,
        script_reason=await discover.rendering_reason(samples.values()),
        stories=tuple(await _read_stories(named, listed, samples)) if reads_stories else (),
    )


async def _read_stories(
    outlet: Outlet, listed: Sequence[Candidate], samples: Mapping[str, Page | FetchError | None]
) -> list[SampleStory]:
    newest = sorted(listed, key=lambda each: each.published_at or _UNKNOWN_TIME, reverse=True)
    shown = {each.url: each for each in (*(each for each in listed if each.url in samples), *newest)}
    stories = []
    async with Extractor(1) as extractor:
        for candidate in list(shown.values())[:MAX_LISTED_STORIES]:
            if candidate.url not in samples:
                stories.append(SampleStory(listed=candidate))
                continue
            stories.append(await _read_story(outlet, candidate, samples[candidate.url], extractor))
    return stories


async def _read_story(
    outlet: Outlet, candidate: Candidate, page: Page | FetchError | None, extractor: Extractor
) -> SampleStory:
    if not isinstance(page, Page):
        return SampleStory(listed=candidate, problem=str(page or "the page is empty"))
    options = ExtractionOptions.for_outlet(outlet, listed_at=candidate.published_at)
    try:
        article = await extractor.extract_article(page, options)
    except ExtractionError as error:
        return SampleStory(listed=candidate, problem=str(error))
    if isinstance(article, NotArticle):
        return SampleStory(listed=candidate, problem=f"not an article: {article.kind} {article.detail}".strip())
    assert isinstance(article, Article)
    return SampleStory(listed=candidate, story=story_of_page(outlet, page, article))
