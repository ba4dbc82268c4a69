"""``check``: validates the configuration and connects to the store and the server of each channel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from monitor.cli.check_delivery import has_feeds_problem, has_mail_problem, has_problem_of_other_channel
from monitor.cli.context import CommandContext, with_context
from monitor.delivery_text import has_only_mail
from monitor.errors import ConfigError, StoreError
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config import Config
    from monitor.errors import RenderingUnavailable
    from monitor.store import Store


@click.command("check")
@click.option("--offline", is_flag=True, help="Leave the store, the mail server and the browser alone.")
@with_context
def check_command(context: CommandContext, *, offline: bool) -> int:
    """Validate the file, its queries, the store, the mail server and the browser.  Sends and fetches nothing.

    All faults of the file are reported at once, each with its line and key (exit status 2).  A query that is valid but
    probably a mistake gets a note with a better way to write it.

    \b
    Examples:
      media-monitor check
      media-monitor check --offline
      media-monitor check --config other.yaml
    """
    config, out = context.config, context.out
    if not (config.outlets or config.topics or config.alerts):
        raise ConfigError(
            [f"{context.config_path}: has no outlets, topics and alerts; `init` writes a starter with some"]
        )
    counts = [(len(config.outlets), "outlet"), (len(config.topics), "topic"), (len(config.alerts), "alert")]
    summary = ", ".join(plural(number, name) for number, name in counts)
    out.print(f"ok    {context.config_path}: {summary}", markup=False)
    failed = not config.outlets
    if failed:
        out.print("FAIL  outlets: none are configured; `init` writes a starter with some")
    for line in _config_warnings(context):
        out.print(f"note  {line}", markup=False)
    for line in _access_summaries(config):
        out.print(f"ok    {line}", markup=False)
    failed |= _has_engine_problem(context, start=not offline)
    failed |= _has_spider_problem(context)
    if not offline:
        failed |= _has_store_problem(context)
        failed |= has_mail_problem(context)
        failed |= has_problem_of_other_channel(context)
        failed |= has_feeds_problem(context)
    return 1 if failed else 0


def _config_warnings(context: CommandContext) -> list[str]:
    from monitor.config.load import secret_files
    from monitor.config.warnings import (
        access_warnings,
        alert_warnings,
        callback_warnings,
        nothing_to_store_warnings,
        placeholder_warnings,
        readable_secret_warnings,
        slow_pattern_warnings,
        store_warnings,
        too_frequent_poll_warnings,
        webhook_warnings,
    )
    from monitor.query.lint import lint_config

    config, files = context.config, secret_files(context.config_path, os.environ)
    return [
        *nothing_to_store_warnings(config),
        *too_frequent_poll_warnings(config),
        *store_warnings(config),
        *callback_warnings(config),
        *access_warnings(config),
        *slow_pattern_warnings(config),
        *alert_warnings(config),
        *placeholder_warnings(config),
        *webhook_warnings(config),
        *readable_secret_warnings(files),
        *lint_config(config),
    ]


def _access_summaries(config: Config) -> Iterator[str]:
    """Yields a line for each outlet with headers, cookies and the like: their number and kind, never a value."""
    for outlet in config.outlets:
        parts = [
            *([plural(len(outlet.headers), "header")] if outlet.headers else ()),
            *([plural(len(outlet.cookies), "cookie")] if outlet.cookies else ()),
            *(["a user agent"] if outlet.user_agent else ()),
            *(["basic auth" if outlet.auth.basic else "a bearer token"] if outlet.auth else ()),
            *([f"the login at {outlet.login.url}"] if outlet.login else ()),
            *(["a proxy"] if outlet.proxy else ()),
        ]
        if parts:
            yield f"{outlet.name}: has {', '.join(parts)}; the first poll shows whether the site accepts them"


def _has_engine_problem(context: CommandContext, *, start: bool) -> bool:
    """Prints a line for each rendering engine that an outlet names; returns True if one of them is unavailable.

    With ``start``, also launches the browser and returns True if that fails.
    """
    engines = {outlet.render for outlet in context.config.outlets} - {"none", "auto"}
    if not engines:
        return False
    from monitor.rendering.engines import configured_splash_url, unavailable_reason

    crawl, failed = context.config.crawl, False
    for engine in sorted(engines):
        problem = unavailable_reason(engine, splash_url=configured_splash_url(crawl), chromium_path=crawl.chromium)
        if problem is None and start and engine == "playwright":
            problem = _browser_launch_problem(crawl.chromium)
        names = [outlet.name for outlet in context.config.outlets if outlet.render == engine]
        if problem is None:
            context.out.print(f"ok    {engine}: renders {', '.join(names)}", markup=False)
        else:
            context.out.print(f"FAIL  {engine}: {problem}; needed by {', '.join(names)}", markup=False)
            failed = True
    return failed


def _browser_launch_problem(configured: str | None) -> RenderingUnavailable | None:
    """Launches the browser; returns why that failed, or None.  ``configured`` is its path or None."""
    from monitor.rendering import browser
    from monitor.rendering.chromium import try_launch

    path = browser.find_chromium(configured)
    assert path is not None, "unavailable_reason() found the browser just before"
    return try_launch(path)


def _has_spider_problem(context: CommandContext) -> bool:
    """Returns True if an outlet names a spider that does not exist; prints a line for each such outlet."""
    custom = [outlet for outlet in context.config.outlets if outlet.spider != "outlets"]
    if not custom:
        return False
    from scrapy.settings import Settings
    from scrapy.spiderloader import SpiderLoader

    from monitor.crawl.spider_package import spider_package

    spider_names = SpiderLoader.from_settings(Settings({"SPIDER_MODULES": [spider_package()]})).list()
    failed = False
    for outlet in custom:
        if outlet.spider not in spider_names:
            context.out.print(
                f"FAIL  {outlet.name}: no spider {outlet.spider}; known are {', '.join(spider_names)}", markup=False
            )
            failed = True
    return failed


def _has_store_problem(context: CommandContext) -> bool:
    """Opens the store and prints its faults; returns True if it has some.  Also prints how many deliveries failed."""
    try:
        with context.open_store() as store:
            faults = store.write_faults()
            for fault in faults:
                context.out.print(f"FAIL  store: {fault}", markup=False)
            if faults:
                return True
            context.out.print(f"ok    store: {store.ping()}", markup=False)
            waiting = store.outbox(limit=100_000)
            for line in _stored_word_notes(context, store):
                context.out.print(f"note  {line}", markup=False)
    except StoreError as error:
        context.out.print(f"FAIL  store: {error}", markup=False)
        return True
    failed = [notification for notification in waiting if notification.error]
    if failed:
        notifications = plural(len(failed), "notification")
        sent = "mailed" if has_only_mail(notification.channel for notification in failed) else "delivered"
        context.out.print(f"note  outbox: {notifications} could not be {sent} yet; `alerts list` shows why")
    return False


def _stored_word_notes(context: CommandContext, store: Store) -> list[str]:
    """Returns notes on the words of topics and alerts that the stored stories do not have, or have as other words."""
    from monitor.cli.stored_words import stored_word_notes
    from monitor.query import parse
    from monitor.query.parse import query_tokens
    from monitor.query.syntax_errors import column_of

    config = context.config
    queries = {f"topics.{name}": query for name, query in config.topics.items()}
    queries |= {f"alerts.{alert.name}": alert.query for alert in config.alerts}
    rules = {name: parse(query, fragments=config.fragments) for name, query in queries.items()}
    fragment_columns = {
        name: {column_of(token) for token in query_tokens(query) if token.type == "FRAGMENT"}
        for name, query in queries.items()
    }
    return stored_word_notes(store, rules, fragment_columns)
