"""``outlets import FILE`` and ``outlets --opml``: outlets from and to the OPML of feed readers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import click

from monitor.cli.discover import yaml_scalar
from monitor.discovery.opml import ListedFeed, read_opml, write_opml
from monitor.errors import FetchError, MonitorError
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.cli.context import CommandContext
    from monitor.config import Config
    from monitor.crawl.fetch import Fetcher

MAX_CONCURRENT_CHECKS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class _CheckedFeed:
    """A feed of the file: the site that it names, and the number of its recent stories or why it cannot be read."""

    listed: ListedFeed
    title: str
    site: str
    story_count: int = 0
    fault: str = ""


def import_opml(context: CommandContext, path: Path) -> int:
    """Prints the feeds of an OPML file as YAML for ``outlets:``, each checked; unreadable ones as comments.

    Leaves out feeds that the configuration has.  Returns 1 if a feed cannot be read, else 0.
    """
    try:
        listed = read_opml(path.read_bytes(), name=str(path))
    except OSError as error:
        raise MonitorError(f"{path} cannot be read: {error.strerror}") from None
    except FetchError as error:
        raise MonitorError(f"{path}: {error.message}") from None
    config = _config(context)
    known_feeds = {feed for outlet in config.outlets for feed in outlet.feeds}
    new = [feed for feed in listed if feed.feed not in known_feeds]
    checked = _check_feeds(context, new, config)
    taken = {outlet.name.casefold() for outlet in config.outlets}
    for feed in checked:
        click.echo(_entry(feed, taken))
    unreadable = sum(bool(feed.fault) for feed in checked)
    summary = [f"{len(checked) - unreadable} of {plural(len(listed), 'feed')} can be read"]
    if len(new) < len(listed):
        summary.append(f"{len(listed) - len(new)} configured already")
    if unreadable:
        summary.append(f"{unreadable} cannot be read (comments)")
    context.err.print(f"{', '.join(summary)}; paste them under outlets:.", markup=False)
    return 1 if unreadable else 0


def print_opml(context: CommandContext, names: Sequence[str]) -> None:
    """Prints the configured feeds of these outlets as OPML, and a note about outlets without any."""
    outlets = [outlet for outlet in context.config.outlets if outlet.name in set(names)]
    feeds = [ListedFeed(feed=feed, title=outlet.name, site=outlet.url) for outlet in outlets for feed in outlet.feeds]
    click.echo(write_opml(feeds, title="Outlets of media-monitor").decode(), nl=False)
    if left_out := [outlet.name for outlet in outlets if not outlet.feeds]:
        number = plural(len(left_out), "outlet without feeds is", "outlets without feeds are")
        context.err.print(f"{number} left out: {', '.join(left_out[:5])}", markup=False)


def _config(context: CommandContext) -> Config:
    if context.has_config:
        return context.config
    from monitor.config import Config

    return Config()


def _check_feeds(context: CommandContext, feeds: Sequence[ListedFeed], config: Config) -> list[_CheckedFeed]:
    """Reads each feed with robots.txt, the address guard and all limits of a crawl."""
    from monitor.crawl.process import run_one_off

    if not feeds:
        return []

    async def check_all(fetcher: Fetcher) -> list[_CheckedFeed]:
        slots = asyncio.Semaphore(MAX_CONCURRENT_CHECKS)

        async def check(feed: ListedFeed) -> _CheckedFeed:
            async with slots:
                checked = await _check_feed(feed, fetcher, config)
            bar.advance(task)
            return checked

        return list(await asyncio.gather(*map(check, feeds)))

    with context.progress_bar() as bar:
        task = bar.add_task("feeds", total=len(feeds))
        return run_one_off(config.crawl, check_all, config.outlets)


async def _check_feed(listed: ListedFeed, fetcher: Fetcher, config: Config) -> _CheckedFeed:
    from pydantic import ValidationError

    from monitor.config import Outlet
    from monitor.crawl import discover
    from monitor.models import now

    host = (urlsplit(listed.feed).hostname or "").removeprefix("www.")
    title, site = listed.title or host, listed.site
    try:
        outlet = Outlet(name=title or "outlet", url=listed.feed)
        found, feeds = await discover.resolve_feed_address(outlet, fetcher)
        if not feeds:
            return _CheckedFeed(listed=listed, title=title, site=site, fault="it is no feed, or cannot be fetched")
        stated_site = site or (found.url if found.url != outlet.url else "")
        checked = Outlet(name=outlet.name, url=stated_site or urljoin(listed.feed, "/"))
        counts = await discover.recent_story_counts(
            "feed", feeds, outlet=checked, fetcher=fetcher, since=now() - config.crawl.max_age
        )
    except ValidationError as error:
        fault = str(error.errors()[0].get("ctx", {}).get("error", "not an address"))
        return _CheckedFeed(listed=listed, title=title, site=site, fault=fault)
    except FetchError as error:
        return _CheckedFeed(listed=listed, title=title, site=site, fault=error.message)
    return _CheckedFeed(listed=listed, title=outlet.name, site=checked.url, story_count=counts.get(listed.feed, 0))


def _entry(feed: _CheckedFeed, taken: set[str]) -> str:
    """Returns the YAML entry of an outlet whose name is not in ``taken``, and adds the name to it."""
    name, number = feed.title, 2
    while name.casefold() in taken:
        name, number = f"{feed.title} {number}", number + 1
    if not feed.fault:
        taken.add(name.casefold())
    lines = [f"- name: {yaml_scalar(name)}", f"  url: {yaml_scalar(feed.site or feed.listed.feed)}"]
    stories = plural(feed.story_count, "recent story", "recent stories")
    lines.append(f"  feeds: [{yaml_scalar(feed.listed.feed)}]  # {feed.fault or stories}")
    if feed.listed.language:
        lines.insert(2, f"  language: {yaml_scalar(feed.listed.language.lower()[:2])}")
    return "\n".join(f"  # {line}" if feed.fault else f"  {line}" for line in lines)
