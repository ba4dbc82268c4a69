"""``extract``: pages to stories, through the same readers as a crawl."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, urlsplit

import click

from monitor.cli.context import Context, unknown, with_context
from monitor.errors import ExtractionError, FetchError
from monitor.models import Article, Candidate, FrontierEntry, Page, Story, now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from rich.progress import Progress

    from monitor.config import Config, Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.models import Json, NotArticle

    Brought: TypeAlias = Page | FetchError | OSError | None
    Result: TypeAlias = Article | NotArticle | ExtractionError | FetchError | OSError

_OWN_ADDRESS = re.compile(
    rb"""<link[^>]+rel=["']?canonical["']?[^>]+href=["']?(https?://[^"'\s>]+)"""
    rb"""|<meta[^>]+property=["']og:url["'][^>]+content=["'](https?://[^"'\s>]+)""",
    re.IGNORECASE,
)
_TAG = re.compile(rb"<[a-z!?]", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # 1b shifts ISO 2022
SNIFFED_BYTES = 4096  # bytes of a file that show whether it is a page


@click.command("extract")
@click.argument("pages", nargs=-1, required=True, metavar="FILE_OR_URL...")
@click.option("--url", "urls", multiple=True, help="The address of the FILE's page; once for all, or once for each.")
@click.option(
    "--outlet", "outlet_name", metavar="NAME", help="Read as this outlet's: its selectors, language, rendering."
)
@click.option("--render", type=click.Choice(["none", "splash", "playwright", "auto"]), help="Have a URL rendered.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per page, one per line.")
@with_context
def extract_command(
    context: Context,
    *,
    pages: tuple[str, ...],
    urls: tuple[str, ...],
    outlet_name: str | None,
    render: str | None,
    as_json: bool,
) -> int:
    """Read stories out of pages, in the order given.  - is standard input.

    A page that is no story, or cannot be read, is named on stderr with the reason; with --json it still has its line,
    with "error" in it.

    \b
    Examples:
      media-monitor extract https://www.nationaltechnology.co.uk/story
      media-monitor extract saved.html --url https://example.org/story --json
      media-monitor extract pages/*.html --json | jq -r .title
    """
    if len(urls) not in (0, 1, len(pages)):
        raise click.UsageError(f"{len(pages)} pages but {len(urls)} --url; give one for all, or one for each")
    for url in urls:
        _check(url)
    addresses = urls * len(pages) if len(urls) == 1 else urls or ("",) * len(pages)
    if all(_is_missing(name) for name in pages) and not as_json:
        for name in pages:
            context.err.print(f"{name}: {_missing(name)}", markup=False)
        return 1
    config = _config(context, outlet_name)
    with context.waiting("fetching"):
        fetched = _fetch(config, [name for name in pages if _is_url(name)], outlet_name, render)
    status = 0

    async def read(bar: Progress) -> None:
        nonlocal status
        _end_when_told()
        task = bar.add_task("pages", total=len(pages))
        async for name, outlet, page, result in _read(config, pages, addresses, fetched, outlet_name):
            bar.advance(task)
            problem = _problem(result)
            story = None if page is None or not isinstance(result, Article) else _story(outlet, page, result)
            if as_json:
                _print_json(name, page, story, result, problem)
            elif story is not None:
                _show(context, story)
            if problem:
                context.err.print(f"{name}: {problem}", markup=False)
                status = 1

    # between stories on the same terminal a bar would only flicker
    with context.progress(shown=len(pages) > 1 and not context.out.is_terminal) as bar:
        try:
            asyncio.run(read(bar))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    return status


def _end_when_told() -> None:
    """Cancels this task at the first Ctrl-C; the second ends the process.

    asyncio does the same, but sleeps over a signal that comes just before it waits: it wakes for those it is to watch.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        task.cancel()

    loop.add_signal_handler(signal.SIGINT, stop)


def _is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def _is_missing(name: str) -> bool:
    return name != "-" and not _is_url(name) and not Path(name).exists()


def _missing(name: str) -> str:
    """That there is no such file, and how to write what looks like an address."""
    address = re.match(r"(www\.|[\w-]+(\.[\w-]+)+/)", name)
    return os.strerror(errno.ENOENT) + "; an address begins with https://" * bool(address)


def _check(url: str) -> None:
    """Raises click.UsageError where it is no address."""
    from monitor.config.types import web_address

    try:
        web_address(url)
    except ValueError as error:
        raise click.UsageError(f"--url: {error}") from None


def _config(context: Context, outlet_name: str | None) -> Config:
    """The configuration, if there is one: a newcomer extracts before there is."""
    from monitor.config import Config

    if outlet_name is None and not context.path and not context.config_path.exists():
        return Config()
    return context.config


def _outlet(config: Config, outlet_name: str | None, url: str, render: str | None = None) -> Outlet:
    """The outlet whose page it is: the one named, else the configured one whose site it is on, else one of its own."""
    from monitor.config import Outlet
    from monitor.discovery.url_rules import OutletScope

    if outlet_name is not None:
        named = [outlet for outlet in config.outlets if outlet.name.casefold() == outlet_name.casefold()]
        if not named:
            raise click.UsageError(unknown("outlet", outlet_name, [outlet.name for outlet in config.outlets]))
        outlet = named[0]
    else:
        stranger = Outlet.model_construct(name=urlsplit(url).hostname or "", url=url)
        outlet = next((known for known in config.outlets if url in OutletScope(known)), stranger)
    return outlet.model_copy(update={"render": render}) if render else outlet


def _fetch(config: Config, urls: Sequence[str], outlet_name: str | None, render: str | None) -> dict[str, Brought]:
    """Each address's page, or why it could not be had; with robots.txt, guard and limits as in a crawl."""
    if not urls:
        return {}
    from monitor.crawl.process import run_one_off

    async def fetch(fetcher: Fetcher, url: str) -> Brought:
        try:
            return await fetcher.page(_outlet(config, outlet_name, url, render), url)
        except FetchError as error:
            return error

    async def do(fetcher: Fetcher) -> dict[str, Brought]:
        distinct = list(dict.fromkeys(urls))
        return dict(zip(distinct, await asyncio.gather(*(fetch(fetcher, url) for url in distinct)), strict=True))

    return run_one_off(config.crawl, do)


async def _read(
    config: Config,
    names: Sequence[str],
    addresses: Sequence[str],
    fetched: dict[str, Brought],
    outlet_name: str | None,
) -> AsyncIterator[tuple[str, Outlet, Page | None, Result]]:
    """Each page with what it is, in order; a few are read at once, and no more are held than that."""
    from monitor.extract import ExtractionOptions, Extractor

    async with Extractor(config.crawl.workers if len(names) > 1 else 1) as extractor:

        async def one(name: str, address: str) -> tuple[str, Outlet, Page | None, Result]:
            page = fetched[name] if name in fetched else _file(name, address, config.crawl.max_size)
            url = page.url if isinstance(page, Page) else address
            outlet = _outlet(config, outlet_name, url)
            if not isinstance(page, Page):
                return name, outlet, None, page or FetchError("no page came", kind="empty")
            try:
                return name, outlet, page, await extractor.read(page, ExtractionOptions.for_outlet(outlet))
            except ExtractionError as error:
                return name, outlet, page, error

        under_way: deque[asyncio.Task[tuple[str, Outlet, Page | None, Result]]] = deque()
        for name, address in zip(names, addresses, strict=True):
            under_way.append(asyncio.create_task(one(name, address)))
            if len(under_way) >= 4 * extractor.workers:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()


def _file(name: str, address: str, largest: int) -> Page | FetchError | OSError:
    try:
        if name == "-":
            body = sys.stdin.buffer.read(largest + 1)
        else:
            with Path(name).open("rb") as file:
                body = file.read(largest + 1)
    except FileNotFoundError as error:
        return FileNotFoundError(error.errno, _missing(name))
    except OSError as error:
        return error
    if len(body) > largest:
        return FetchError(f"larger than crawl.max_size ({largest:,} bytes)", kind="too-large", permanent=True)
    if not body.strip():
        return FetchError("nothing in it", kind="empty", permanent=True)
    if body.startswith(b"\x1f\x8b"):
        return FetchError("packed by gzip; unpack it first: zcat FILE | media-monitor extract -", kind="not-html")
    if not _is_page(body):
        return FetchError("not a web page", kind="not-html", permanent=True)
    if not address:
        found = _OWN_ADDRESS.search(body)
        own = next((group for group in found.groups() if group), b"") if found else b""
        address = own.decode("ascii", "ignore") or f"https://file.invalid/{quote(Path(name).name)}"
    return Page(url=address, body=body, fetched_at=now())


def _is_page(body: bytes) -> bool:
    """Whether a file begins like HTML: a tag, and hardly any byte that no encoding of text has."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True  # UTF-16
    head = body[:SNIFFED_BYTES]
    controls = len(_CONTROL.findall(head))
    return _TAG.search(head) is not None and controls <= len(head) // 50


def _story(outlet: Outlet, page: Page, article: Article) -> Story:
    from monitor.ingest.decision import story_from
    from monitor.urls import story_id

    candidate = Candidate(url=page.url, outlet=outlet.name)
    visit = FrontierEntry(id=story_id(page.url), candidate=candidate, first_seen_at=page.fetched_at, next_at=None)
    return story_from(outlet, visit, page, article)


def _problem(result: Result) -> str:
    if isinstance(result, Article):
        return ""
    if isinstance(result, FetchError):
        return f"{result.message} ({result.kind})"
    if isinstance(result, OSError):
        return result.strerror or str(result)
    if isinstance(result, ExtractionError):
        return str(result)
    return f"not an article: {result.kind}{f', {result.detail}' * bool(result.detail)}"


def _print_json(name: str, page: Page | None, story: Story | None, result: Result, problem: str) -> None:
    import orjson

    data: Json
    if story is not None:
        data = story.to_json()
    else:
        kind = result.kind if not isinstance(result, (Article, OSError)) else "file"
        data = {"url": page.url if page else name, "title": "", "text": "", "error": problem, "kind": kind}
    click.echo(orjson.dumps({"source": name, **data}))


def _show(context: Context, story: Story) -> None:
    from monitor.cli.formatting import headline

    context.out.print(headline(story))
    facts = {
        "language": story.language,
        "section": story.section,
        "tags": ", ".join(story.tags),
        "method": story.method,
        "words": f"{story.word_count:,}",
    }
    context.out.print(
        " · ".join(f"{name} {value}" for name, value in facts.items() if value), style="dim", markup=False
    )
    context.out.print()
    context.out.print(story.text, markup=False)
    context.out.print()
