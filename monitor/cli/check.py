"""``check``: is everything in order, before anything starts?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import Context, with_context
from monitor.errors import DeliveryError, StoreError
from monitor.plural import plural

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.errors import RenderingUnavailable


@click.command("check")
@click.option("--offline", is_flag=True, help="Leave the store, the mail server and the browser alone.")
@with_context
def check_command(context: Context, *, offline: bool) -> int:
    """Validate the file, its queries, the store, the mail server and the browser; sends nothing, fetches nothing.

    Faults of the file come all at once, each with its line and key (exit status 2).  Queries that parse but can hardly
    mean what they say are named with a better way to write them.

    \b
    Examples:
      media-monitor check
      media-monitor check --offline
      media-monitor check --config other.yaml
    """
    config, out = context.config, context.out
    parts = [(len(config.outlets), "outlet"), (len(config.topics), "topic"), (len(config.alerts), "alert")]
    summary = ", ".join(plural(number, name) for number, name in parts)
    out.print(f"ok    {context.config_path}: {summary}", markup=False)
    failed = not config.outlets
    if failed:
        out.print("FAIL  outlets: none are configured; `init` writes a starter with some")
    for line in _lint(config):
        out.print(f"note  {line}", markup=False)
    failed |= _engines(context, start=not offline)
    failed |= _spiders(context)
    if not offline:
        failed |= _store(context)
        failed |= _mail(context)
    return 1 if failed else 0


def _lint(config: Config) -> list[str]:
    from monitor.config.warnings import asked_too_often
    from monitor.query.lint import lint_config

    return [*asked_too_often(config), *lint_config(config)]


def _engines(context: Context, *, start: bool) -> bool:
    """Whether an outlet asks for a rendering engine that is not there or, if it may, does not start."""
    asking = {outlet.render for outlet in context.config.outlets} - {"none", "auto"}
    if not asking:
        return False
    from monitor.rendering.engines import configured_splash, unavailable_reason

    crawl, failed = context.config.crawl, False
    for engine in sorted(asking):
        problem = unavailable_reason(engine, splash_url=configured_splash(crawl), chromium_path=crawl.chromium)
        if problem is None and start and engine == "playwright":
            problem = _browser(crawl.chromium)
        names = [outlet.name for outlet in context.config.outlets if outlet.render == engine]
        if problem is None:
            context.out.print(f"ok    {engine}: renders {', '.join(names)}", markup=False)
        else:
            context.out.print(f"FAIL  {engine}: {problem}; needed by {', '.join(names)}", markup=False)
            failed = True
    return failed


def _browser(configured: str | None) -> RenderingUnavailable | None:
    from monitor.rendering import browser
    from monitor.rendering.chromium import try_launch

    path = browser.find_chromium(configured)
    assert path is not None, "it was there a moment ago"
    return try_launch(path)


def _spiders(context: Context) -> bool:
    """Whether an outlet names a spider that does not exist."""
    named = [outlet for outlet in context.config.outlets if outlet.spider != "outlets"]
    if not named:
        return False
    from scrapy.settings import Settings
    from scrapy.spiderloader import SpiderLoader

    from monitor.crawl.spider_package import spider_package

    known = SpiderLoader.from_settings(Settings({"SPIDER_MODULES": [spider_package()]})).list()
    failed = False
    for outlet in named:
        if outlet.spider not in known:
            context.out.print(
                f"FAIL  {outlet.name}: no spider {outlet.spider}; known are {', '.join(known)}", markup=False
            )
            failed = True
    return failed


def _store(context: Context) -> bool:
    try:
        with context.store() as store:
            context.out.print(f"ok    store: {store.ping()}", markup=False)
            waiting = store.outbox(limit=100_000)
    except StoreError as error:
        context.out.print(f"FAIL  store: {error}", markup=False)
        return True
    refused = [notice for notice in waiting if notice.error]
    if refused:
        context.out.print(
            f"note  outbox: {plural(len(refused), 'notice')} could not be mailed yet; `alerts list` shows why"
        )
    return False


def _mail(context: Context) -> bool:
    settings = context.config.mail
    if settings.url is None:
        context.out.print("note  mail: no mail.url, so what matches waits in the outbox")
        return False
    from monitor.mail import mail_url
    from monitor.mail.smtp import Connection

    address = mail_url.parse(settings.url.get_secret_value())
    try:
        with Connection(address, timeout=settings.timeout.total_seconds()) as connection:
            connection.open()
    except DeliveryError as error:
        context.out.print(f"FAIL  mail: {error}", markup=False)
        return True
    login = f", as {address.user}" if address.user else ""
    context.out.print(f"ok    mail: {address} takes mail{login}", markup=False)
    return False
