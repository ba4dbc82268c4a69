"""``extract``: extracts stories from pages, with the same code as a crawl."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

import click

from monitor.cli.context import CommandContext, with_context
from monitor.errors import ExtractionError, FetchError
from monitor.models import Article, NotArticle, Page, now
from monitor.suggestions import unknown_name_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from rich.progress import Progress

    from monitor.config import Config, Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.models import Json, Story

_CANONICAL_URL_PATTERN = re.compile(
    rb"""<link[^>]+rel=["']?canonical["']?[^>]+href=["']?(https?://[^"'\s>]+)"""
    rb"""|<meta[^>]+property=["']og:url["'][^>]+content=["'](https?://[^"'\s>]+)""",
    re.IGNORECASE,
)
_HTML_TAG_START_PATTERN = re.compile(rb"<[a-z!?]", re.IGNORECASE)
_CONTROL_BYTE_PATTERN = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # except \x1b, which occurs in ISO 2022 text
SNIFFED_PAGE_BYTES = 4096  # read from a file's start to decide if it is HTML


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that is no page; ``label`` is the reason in one word."""

    message: str
    label: str


if TYPE_CHECKING:
    FetchResult: TypeAlias = Page | FetchError | UnreadableFile | OSError | None
    ExtractResult: TypeAlias = Article | NotArticle | ExtractionError | FetchError | UnreadableFile | OSError


@click.command("extract")
@click.argument("pages", nargs=-1, required=True, metavar="FILE_OR_URL...")
@click.option("--url", "urls", multiple=True, help="The address of the FILE's page; once for all, or once for each.")
@click.option("--outlet", "outlet_name", metavar="NAME", help="Use this outlet's selectors, language and rendering.")
@click.option(
    "--render", type=click.Choice(["none", "splash", "playwright", "auto"]), help="Engine that renders a URL."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per page, one per line.")
@with_context
def extract_command(
    context: CommandContext,
    *,
    pages: tuple[str, ...],
    urls: tuple[str, ...],
    outlet_name: str | None,
    render: str | None,
    as_json: bool,
) -> int:
    """Extract stories from pages, in the order given.  - is standard input.

    A page that is not a story, or cannot be read, is reported on stderr with the reason; with --json it also has a
    line, with "error" in it.

    \b
    Examples:
      media-monitor extract https://www.nationaltechnology.co.uk/story
      media-monitor extract saved.html --url https://example.org/story --json
      media-monitor extract pages/*.html --json | jq -r .title
    """
    if len(urls) not in (0, 1, len(pages)):
        raise click.UsageError(f"{len(pages)} pages but {len(urls)} --url; give one for all, or one for each")
    for url in urls:
        _check_url_option(url)
    page_urls = urls * len(pages) if len(urls) == 1 else urls or ("",) * len(pages)
    if all(_is_missing_file(name) for name in pages) and not as_json:
        for name in pages:
            context.err.print(f"{name}: {_missing_file_message(name)}", markup=False)
        return 1
    config = _load_config(context, outlet_name)
    with context.spinner("fetching"):
        fetched = _fetch_pages(config, [name for name in pages if _is_url(name)], outlet_name, render)
    from monitor.ingest.story_of_article import story_of_page

    status = 0

    async def extract_and_print(bar: Progress) -> None:
        nonlocal status
        _cancel_on_interrupt()
        task = bar.add_task("pages", total=len(pages))
        async for name, outlet, page, result in _extract_pages(config, pages, page_urls, fetched, outlet_name):
            bar.advance(task)
            problem = _problem_text(result)
            story = None if page is None or not isinstance(result, Article) else story_of_page(outlet, page, result)
            if as_json:
                _print_json(name, page, story, result, problem)
            elif story is not None:
                _print_story(context, story)
            if problem:
                context.err.print(f"{name}: {problem}", markup=False)
                status = 1

    # If stories are printed to a terminal, a progress bar between them would flicker.
    with context.progress_bar(shown=len(pages) > 1 and not context.out.is_terminal) as bar:
        try:
            asyncio.run(extract_and_print(bar))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    return status


def _cancel_on_interrupt() -> None:
    """Makes the first Ctrl-C cancel the current asyncio task, and the second one end the process.

    asyncio.run does the same, but its event loop can miss a signal that arrives just before the loop waits: only a
    signal with a handler in the loop wakes the loop.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def cancel_task() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        task.cancel()

    loop.add_signal_handler(signal.SIGINT, cancel_task)


def _is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def _is_missing_file(name: str) -> bool:
    return name != "-" and not _is_url(name) and not Path(name).exists()


def _missing_file_message(name: str) -> str:
    """Returns the error message for a missing file; with a hint if the name looks like a URL without https://."""
    looks_like_url = re.match(r"(www\.|[\w-]+(\.[\w-]+)+/)", name)
    return os.strerror(errno.ENOENT) + "; an address begins with https://" * bool(looks_like_url)


def _check_url_option(url: str) -> None:
    """Raises click.UsageError if the value of --url is not a web address."""
    from monitor.config.types import valid_web_url

    try:
        valid_web_url(url)
    except ValueError as error:
        raise click.UsageError(f"--url: {error}") from None


def _load_config(context: CommandContext, outlet_name: str | None) -> Config:
    """Returns the configuration; the defaults if no outlet is named and no configuration is named or exists."""
    from monitor.config import Config

    if outlet_name is None and not context.config_option and not context.config_path.exists():
        return Config()
    return context.config


def _outlet_of(config: Config, outlet_name: str | None, url: str, render: str | None = None) -> Outlet:
    """Returns the outlet with this name; without a name, the configured outlet to which the URL belongs.

    Returns a new outlet named after the URL's host if the URL belongs to none.  ``render`` replaces the outlet's
    engine.  Raises click.UsageError if no outlet has the name.
    """
    from monitor.config import Outlet
    from monitor.discovery.publishers import Publishers

    if outlet_name is not None:
        named = [outlet for outlet in config.outlets if outlet.name.casefold() == outlet_name.casefold()]
        if not named:
            raise click.UsageError(
                unknown_name_message("outlet", outlet_name, [outlet.name for outlet in config.outlets])
            )
        outlet = named[0]
    else:
        outlet = Publishers(config.outlets).outlet_of(url) or Outlet.unconfigured(url)
    return outlet.model_copy(update={"render": render}) if render else outlet


def _fetch_pages(
    config: Config, urls: Sequence[str], outlet_name: str | None, render: str | None
) -> dict[str, FetchResult]:
    """Fetches pages with a crawl's rules (robots.txt, no private addresses, limits).

    Returns for each URL the page or the error; None if no page arrived.
    """
    if not urls:
        return {}
    from monitor.crawl.process import run_one_off

    async def fetch_page(fetcher: Fetcher, url: str) -> FetchResult:
        try:
            return await fetcher.fetch_page(_outlet_of(config, outlet_name, url, render), url)
        except FetchError as error:
            return error

    async def fetch_distinct_pages(fetcher: Fetcher) -> dict[str, FetchResult]:
        distinct = list(dict.fromkeys(urls))
        return dict(zip(distinct, await asyncio.gather(*(fetch_page(fetcher, url) for url in distinct)), strict=True))

    return run_one_off(config.crawl, fetch_distinct_pages, config.outlets)


async def _extract_pages(
    config: Config,
    names: Sequence[str],
    page_urls: Sequence[str],
    fetched: dict[str, FetchResult],
    outlet_name: str | None,
) -> AsyncIterator[tuple[str, Outlet, Page | None, ExtractResult]]:
    """Extracts pages in parallel; yields (name, outlet, page, result) for each name, in the order of ``names``.

    ``page`` is None if the file or URL could not be read.  At most four pages per worker process are in progress.
    """
    from monitor.extract import ExtractionOptions, Extractor

    async with Extractor(config.crawl.workers if len(names) > 1 else 1) as extractor:

        async def extract_one(name: str, page_url: str) -> tuple[str, Outlet, Page | None, ExtractResult]:
            page = fetched[name] if name in fetched else _page_from_file(name, page_url, config.crawl.max_size)
            url = page.url if isinstance(page, Page) else page_url
            outlet = _outlet_of(config, outlet_name, url)
            if not isinstance(page, Page):
                return name, outlet, None, page or UnreadableFile("no page received", "empty")
            try:
                return name, outlet, page, await extractor.extract_article(page, ExtractionOptions.for_outlet(outlet))
            except ExtractionError as error:
                return name, outlet, page, error

        pending: deque[asyncio.Task[tuple[str, Outlet, Page | None, ExtractResult]]] = deque()
        for name, page_url in zip(names, page_urls, strict=True):
            pending.append(asyncio.create_task(extract_one(name, page_url)))
            if len(pending) >= 4 * extractor.workers:
                yield await pending.popleft()
        while pending:
            yield await pending.popleft()


def _page_from_file(name: str, url: str, max_bytes: int) -> Page | UnreadableFile | OSError:
    """Reads a page from a file, or from stdin for "-"; returns the error if that fails or the file is not HTML.

    Without ``url``, uses the canonical URL in the page, else a made-up one with the file's name.
    """
    try:
        if name == "-":
            body = sys.stdin.buffer.read(max_bytes + 1)
        else:
            with Path(name).open("rb") as file:
                body = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        return FileNotFoundError(error.errno, _missing_file_message(name))
    except OSError as error:
        return error
    if len(body) > max_bytes:
        return UnreadableFile(f"larger than crawl.max_size ({max_bytes:,} bytes)", "too-large")
    if not body.strip():
        return UnreadableFile("no content", "empty")
    if body.startswith(b"\x1f\x8b"):
        return UnreadableFile("gzip-compressed; unpack it first: zcat FILE | media-monitor extract -", "not-html")
    if not _looks_like_html(body):
        return UnreadableFile("not a web page", "not-html")
    if not url:
        match = _CANONICAL_URL_PATTERN.search(body)
        canonical = next((group for group in match.groups() if group), b"") if match else b""
        url = canonical.decode("ascii", "ignore") or f"https://file.invalid/{quote(Path(name).name)}"
    return Page(url=url, body=body, fetched_at=now())


def _looks_like_html(body: bytes) -> bool:
    """Returns True if the start of a file contains an HTML tag and at most 2% control bytes, or is UTF-16."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True  # UTF-16
    head = body[:SNIFFED_PAGE_BYTES]
    controls = len(_CONTROL_BYTE_PATTERN.findall(head))
    return _HTML_TAG_START_PATTERN.search(head) is not None and controls <= len(head) // 50


def _problem_text(result: ExtractResult) -> str:
    """Returns why a page gave no article; "" if it gave one."""
    if isinstance(result, Article):
        return ""
    if isinstance(result, (FetchError, UnreadableFile)):
        return f"{result.message} ({result.label})"
    if isinstance(result, OSError):
        return result.strerror or str(result)
    if isinstance(result, ExtractionError):
        return str(result)
    return f"not an article: {result.kind}{f', {result.detail}' * bool(result.detail)}"


def _reason(result: ExtractResult) -> str:
    """Returns the reason for which there is no story, in one word."""
    match result:
        case FetchError() | ExtractionError() | UnreadableFile():
            return result.label
        case NotArticle():
            return result.kind
        case _:
            return "file"


def _print_json(name: str, page: Page | None, story: Story | None, result: ExtractResult, problem: str) -> None:
    import orjson

    data: Json
    if story is not None:
        data = story.to_json()
    else:
        data = {"url": page.url if page else name, "title": "", "text": "", "error": problem, "kind": _reason(result)}
    click.echo(orjson.dumps({"source": name, **data}))


def _print_story(context: CommandContext, story: Story) -> None:
    from monitor.cli.formatting import print_headline

    print_headline(context.out, story)
    details = {
        "language": story.language,
        "section": story.section,
        "tags": ", ".join(story.tags),
        "method": story.method,
        "words": f"{story.word_count:,}",
    }
    context.out.print(
        " · ".join(f"{name} {value}" for name, value in details.items() if value), style="dim", markup=False
    )
    context.out.print()
    context.out.print(story.text, markup=False)
    context.out.print()
