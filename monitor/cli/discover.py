"""``discover``: finds the feeds, sitemaps and sections of a site."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from monitor.cli.context import CommandContext, with_context
from monitor.errors import FetchError, MonitorError
from monitor.failures import FailureKind
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.config import Config, Outlet
    from monitor.crawl.discover import DiscoveredSources
    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.outlet_preview import OutletPreview

MAX_SHOWN_SECTIONS = 10  # in the output, polled or not
_NO_HTTPS_KINDS = frozenset(
    {FailureKind.TLS, FailureKind.CONNECTION, FailureKind.TIMEOUT, FailureKind.ROBOTS_UNREACHABLE}
)


@click.command("discover")
@click.argument("url")
@click.option("--name", help="The outlet's name in the output (default: the title of its feed, else the host).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the newest stories and the text of two.")
@click.option("--public-only", is_flag=True, help="Connect to no private address, also if URL names it.")
@with_context
def discover_command(context: CommandContext, *, url: str, name: str | None, as_json: bool, public_only: bool) -> int:
    """Find the feeds, sitemaps and sections of a site, as YAML to paste under outlets:.

    It prints the sources that the monitor would poll by default; other sources it found are comments, after #.

    \b
    Examples:
      media-monitor discover https://www.nationaltechnology.co.uk/
      media-monitor discover tass.com |
        sed -i '/^outlets:/r /dev/stdin' monitor.yaml
      media-monitor discover tass.com --json | jq '.sources[].url'
    """
    from pydantic import ValidationError

    from monitor.config import Outlet

    address = url if "://" in url else f"https://{url}/"
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    try:
        access = _configured_access(context, address)
        outlet = Outlet(name=name or host or "outlet", url=address, public_only=public_only, **access)
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0].get("ctx", {}).get("error", "not an address"))) from None
    try:
        with context.spinner(f"looking through {host}"):
            preview = _preview_outlet(
                outlet,
                _config(context),
                name=name,
                reads_stories=as_json,
                on_progress=partial(context.err.print, markup=False) if as_json else lambda _: None,
            )
    except FetchError as error:
        if "://" in url or error.kind not in _NO_HTTPS_KINDS:
            raise
        raise MonitorError(f"{address}: {error.message}", hint=f"https:// was assumed; or write http://{url}") from None
    if as_json:
        import orjson

        click.echo(orjson.dumps(preview.to_json()))
        return 0
    click.echo(_outlet_yaml(preview.outlet, preview.discovered, preview.script_reason), nl=False)
    if not (preview.discovered.feeds or preview.discovered.sitemaps):
        context.err.print("No feed and no sitemap found; the monitor will read the home page and its sections.")
    return 0


def _configured_access(context: CommandContext, address: str) -> dict[str, Any]:
    """Returns the headers, credentials and proxy of the configured outlet that has this address; else empty."""
    if not (context.config_option or context.config_path.exists()):
        return {}
    from monitor.config.access import SITE_RIGHTS
    from monitor.discovery.publishers import Publishers
    from monitor.egress.own_sites import OwnSites

    publishers = Publishers(context.config.outlets)
    for outlet in context.config.outlets:
        if address in OwnSites.of(outlet, publishers.neighbour_hosts(outlet)):
            return {key: getattr(outlet, key) for key in SITE_RIGHTS}
    return {}


def _config(context: CommandContext) -> Config:
    """Returns the configuration; the defaults if no configuration is named and none exists."""
    if context.config_option or context.config_path.exists():
        return context.config
    from monitor.config import Config

    return Config()


def _preview_outlet(
    outlet: Outlet, config: Config, *, name: str | None, reads_stories: bool, on_progress: Callable[[str], None]
) -> OutletPreview:
    """Raises FetchError if the site cannot be fetched; see `outlet_preview.preview_outlet`."""
    from monitor.crawl.outlet_preview import preview_outlet
    from monitor.crawl.process import run_one_off

    async def preview(fetcher: Fetcher) -> OutletPreview:
        return await preview_outlet(
            outlet, fetcher, config.crawl, name=name, reads_stories=reads_stories, on_progress=on_progress
        )

    return run_one_off(config.crawl, preview, config.outlets)


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
