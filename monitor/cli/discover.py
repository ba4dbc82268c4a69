"""``discover``: finds the feeds, sitemaps and sections of a site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from monitor.cli.context import CommandContext, with_context
from monitor.errors import FetchError, MonitorError
from monitor.failures import FailureKind
from monitor.plural import plural

if TYPE_CHECKING:
    from monitor.config import Config, Outlet
    from monitor.crawl.discover import DiscoveredSources
    from monitor.crawl.fetch import Fetcher

MAX_SHOWN_SECTIONS = 10  # in the output, polled or not
_NO_HTTPS_KINDS = frozenset(
    {FailureKind.TLS, FailureKind.CONNECTION, FailureKind.TIMEOUT, FailureKind.ROBOTS_UNREACHABLE}
)


@click.command("discover")
@click.argument("url")
@click.option("--name", help="The outlet's name in the output (default: the title of its feed, else the host).")
@with_context
def discover_command(context: CommandContext, *, url: str, name: str | None) -> int:
    """Find the feeds, sitemaps and sections of a site, as YAML to paste under outlets:.

    It prints the sources that the monitor would poll by default; other sources it found are comments, after #.

    \b
    Examples:
      media-monitor discover https://www.nationaltechnology.co.uk/
      media-monitor discover tass.com |
        sed -i '/^outlets:/r /dev/stdin' monitor.yaml
    """
    from pydantic import ValidationError

    from monitor.config import Outlet

    address = url if "://" in url else f"https://{url}/"
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    try:
        outlet = Outlet(name=name or host or "outlet", url=address, **_configured_access(context, address))
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0].get("ctx", {}).get("error", "not an address"))) from None
    try:
        with context.spinner(f"looking through {host}"):
            found, discovered, script_reason = _discover_sources(outlet, _config(context), name=name)
    except FetchError as error:
        if "://" in url or error.kind not in _NO_HTTPS_KINDS:
            raise
        raise MonitorError(f"{address}: {error.message}", hint=f"https:// was assumed; or write http://{url}") from None
    click.echo(_outlet_yaml(found, discovered, script_reason), nl=False)
    if not (discovered.feeds or discovered.sitemaps):
        context.err.print("No feed and no sitemap found; the monitor will read the home page and its sections.")
    return 0


def _configured_access(context: CommandContext, address: str) -> dict[str, Any]:
    """Returns the headers, credentials and proxy of the configured outlet that has this address; else empty."""
    if not (context.config_option or context.config_path.exists()):
        return {}
    from monitor.config.access import ACCESS_KEYS
    from monitor.discovery.publishers import Publishers
    from monitor.egress.own_sites import OwnSites

    publishers = Publishers(context.config.outlets)
    for outlet in context.config.outlets:
        if address in OwnSites.of(outlet, publishers.neighbour_hosts(outlet)):
            return {key: getattr(outlet, key) for key in (*ACCESS_KEYS, "hosts", "verify")}
    return {}


def _config(context: CommandContext) -> Config:
    """Returns the configuration; the defaults if no configuration is named and none exists."""
    if context.config_option or context.config_path.exists():
        return context.config
    from monitor.config import Config

    return Config()


def _discover_sources(
    outlet: Outlet, config: Config, *, name: str | None
) -> tuple[Outlet, DiscoveredSources, str | None]:
    """Returns the outlet, its sources, and why its story pages need rendering, None if they do not.

    The outlet's name is ``name``, else the title of its feed.  Raises FetchError if the site cannot be fetched.
    """
    from monitor.crawl import discover
    from monitor.crawl.process import run_one_off
    from monitor.models import now

    async def discover_with_fetcher(fetcher: Fetcher) -> tuple[Outlet, DiscoveredSources, str | None]:
        since = now() - config.crawl.max_age
        found, feeds = await discover.resolve_feed_address(outlet, fetcher)
        discovered = await discover.with_section_story_counts(
            await discover.discover_sources(found, fetcher, since=since, known_feeds=feeds),
            found,
            fetcher,
            since=since,
        )
        reason = await discover.rendering_reason(found, discovered, fetcher, since=since)
        title = name or await discover.feed_title(found, discovered, fetcher)
        return found.model_copy(update={"name": title or outlet.name}), discovered, reason

    return run_one_off(config.crawl, discover_with_fetcher, config.outlets)


def _outlet_yaml(outlet: Outlet, discovered: DiscoveredSources, script_reason: str | None) -> str:
    """Returns a YAML entry for ``outlets:``: sources to poll, with their story counts; other sources as comments."""
    lines = [f"  - name: {yaml_scalar(outlet.name)}", f"    url: {yaml_scalar(outlet.url)}"]
    polled = discovered.sources_to_poll(outlet)
    for kind, urls in (
        ("feed", discovered.feeds),
        ("sitemap", discovered.sitemaps),
        ("section", discovered.sections[:MAX_SHOWN_SECTIONS]),
    ):
        polled_urls = [source.url for source in polled if source.kind == kind]
        unpolled = [url for url in urls if url not in polled_urls]
        if polled_urls:
            lines.append(f"    {kind}s:")
            lines += [f"      - {_yaml_url_with_story_count(url, discovered)}" for url in polled_urls]
        elif unpolled:
            lines.append(f"    # {kind}s:")
        lines += [f"    #   - {_yaml_url_with_story_count(url, discovered)}" for url in unpolled]
    if script_reason:
        lines.append(f"    render: auto  # a story's page waits for a script: {script_reason}")
    return "\n".join(lines) + "\n"


def _yaml_url_with_story_count(url: str, discovered: DiscoveredSources) -> str:
    number = discovered.story_counts.get(url)
    return yaml_scalar(url) + ("" if number is None else f"  # {plural(number, 'recent story', 'recent stories')}")


def yaml_scalar(text: str) -> str:
    """Returns the text as a YAML scalar: in double quotes, unless it certainly needs none."""
    import json

    is_plain = all(c.isalnum() or c in " ._-/:?=&%+~" for c in text) and ": " not in text and not text.endswith(":")
    return text if is_plain and text[:1].isalnum() else json.dumps(text, ensure_ascii=False)
