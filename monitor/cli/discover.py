"""``discover``: where a site announces its stories."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from monitor.cli.context import Context, with_context
from monitor.errors import FetchError, MonitorError
from monitor.plural import plural

if TYPE_CHECKING:
    from monitor.config import CrawlSettings, Outlet
    from monitor.crawl.discover import DiscoveredSources
    from monitor.crawl.fetch import Fetcher

MAX_OTHER_SOURCES = 10  # sections told beside those that would be polled


@click.command("discover")
@click.argument("url")
@click.option("--name", help="The outlet's name in what is printed (default: the host's).")
@with_context
def discover_command(context: Context, *, url: str, name: str | None) -> int:
    """Find the feeds, sitemaps and sections of a site, as YAML to paste under outlets:.

    It names what the monitor would poll of itself; what else was found stands behind #.

    \b
    Examples:
      media-monitor discover https://www.nationaltechnology.co.uk/
      media-monitor discover tass.com | sed -i '/^outlets:/r /dev/stdin' monitor.yaml
    """
    from pydantic import ValidationError

    from monitor.config import Outlet

    address = url if "://" in url else f"https://{url}/"
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    try:
        outlet = Outlet(name=name or host or "outlet", url=address)
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0].get("ctx", {}).get("error", "not an address"))) from None
    try:
        with context.waiting(f"looking through {host}"):
            found, scripted = _ask(outlet, _settings(context))
    except FetchError as error:
        if "://" in url or error.kind not in {"tls", "connection", "timeout", "robots-unreachable"}:
            raise
        raise MonitorError(f"{address}: {error.message}", hint=f"https:// was assumed; or write http://{url}") from None
    click.echo(_yaml(outlet, found, scripted), nl=False)
    if not (found.feeds or found.sitemaps):
        context.err.print("No feed and no sitemap answered; the monitor will read the home page and its sections.")
    return 0


def _settings(context: Context) -> CrawlSettings:
    """Those of the configuration, if there is one: a newcomer discovers before there is."""
    if context.path or context.config_path.exists():
        return context.config.crawl
    from monitor.config import CrawlSettings

    return CrawlSettings()


def _ask(outlet: Outlet, settings: CrawlSettings) -> tuple[DiscoveredSources, str | None]:
    """What was found, and why the stories have to be rendered, if they do."""
    from monitor.crawl.discover import discover, rendering_reason, with_section_counts
    from monitor.crawl.process import run_one_off
    from monitor.models import now

    async def do(fetcher: Fetcher) -> tuple[DiscoveredSources, str | None]:
        since = now() - settings.max_age
        found = await with_section_counts(await discover(outlet, fetcher, since=since), outlet, fetcher, since=since)
        return found, await rendering_reason(outlet, found, fetcher, since=since)

    return run_one_off(settings, do)


def _yaml(outlet: Outlet, found: DiscoveredSources, scripted: str | None) -> str:
    """An entry for outlets: with what would be polled, each address with what it lists; the others as comments."""
    lines = [f"  - name: {_scalar(outlet.name)}", f"    url: {_scalar(outlet.url)}"]
    polled = found.sources_to_poll(outlet)
    for kind, addresses in (
        ("feed", found.feeds),
        ("sitemap", found.sitemaps),
        ("section", found.sections[:MAX_OTHER_SOURCES]),
    ):
        chosen = [source.url for source in polled if source.kind == kind]
        left = [url for url in addresses if url not in chosen]
        if chosen:
            lines.append(f"    {kind}s:")
            lines += [f"      - {_counted(url, found)}" for url in chosen]
        elif left:
            lines.append(f"    # {kind}s:")
        lines += [f"    #   - {_counted(url, found)}" for url in left]
    if scripted:
        lines.append(f"    render: auto  # a story's page waits for a script: {scripted}")
    return "\n".join(lines) + "\n"


def _counted(address: str, found: DiscoveredSources) -> str:
    number = found.story_counts.get(address)
    return _scalar(address) + ("" if number is None else f"  # {plural(number, 'recent story', 'recent stories')}")


def _scalar(text: str) -> str:
    """Quoted: an address or name may hold what YAML reads as its own."""
    import json

    plain = all(c.isalnum() or c in " ._-/:?=&%+~" for c in text) and ": " not in text and not text.endswith(":")
    return text if plain and text[:1].isalnum() else json.dumps(text, ensure_ascii=False)
