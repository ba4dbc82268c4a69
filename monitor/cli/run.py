"""``run``: crawls and delivers continuously."""

from __future__ import annotations

import logging
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context
from monitor.cli.logs import LogFormat, log_as
from monitor.cli.polls import configured_outlet_names, log_poll, set_log_level
from monitor.crawl.observer import CrawlObserver, CrawlObservers
from monitor.heartbeat import Heartbeat
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.crawl.report import PollReport

DEFAULT_METRICS_ADDRESS = "127.0.0.1:9108"


@click.command("run")
@click.option(
    "--heartbeat",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Touch this file every 5 s, for `alive`.",
)
@click.option(
    "--metrics",
    "metrics_address",
    is_flag=False,
    flag_value=DEFAULT_METRICS_ADDRESS,
    metavar="[HOST:PORT]",
    help=f"Answer /metrics (Prometheus), /healthz and /readyz; without an address at {DEFAULT_METRICS_ADDRESS}.",
)
@click.option(
    "--log-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Log to this file instead of stderr; it is renamed at 10 MB, and five old ones are kept.",
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    show_default=True,
    help="auto: text on a terminal, else one JSON object per line.",
)
@click.option("--serve", "is_serving", is_flag=True, help="Show the page too, at web.listen.")
@with_context
def run_command(
    context: CommandContext,
    *,
    heartbeat: Path | None,
    metrics_address: str | None,
    log_file: Path | None,
    log_format: LogFormat,
    is_serving: bool,
) -> int:
    """Crawl and deliver notifications continuously, each outlet at its own pace.

    Several processes may run on one store: they share the outlets, and one of them delivers each notification.  If the
    store does not answer, the process waits for it.  SIGTERM or Ctrl-C ends the process after the pages under way; a
    second one ends it at once.

    A changed monitor.yaml is used within some ten seconds, or at once after SIGHUP: the process finishes the pages
    under way and starts anew, with the same PID.  A file with faults is refused and logged.

    \b
    Examples:
      media-monitor run
      media-monitor run --log-file run.log
      media-monitor run --log-format text 2>&1 | grep WARNING
      media-monitor run --heartbeat /tmp/heartbeat
      media-monitor run --metrics --serve
      kill -HUP "$(pidof -s media-monitor)"          use the changed file now
    """
    from monitor.crawl.config_watch import ConfigWatch, file_fingerprint
    from monitor.crawl.restart import collect_former_children, ignore_hangups_at_start, restart_program

    ignore_hangups_at_start()
    fingerprint = file_fingerprint(context.config_path)  # before the file is loaded, so that no change is missed
    configured_outlet_names(context, ())
    log_as(log_format, log_file)
    set_log_level(context, level=logging.INFO)
    from monitor.crawl import process
    from monitor.delivery import unconfigured_channels
    from monitor.delivery_text import unconfigured_channel_text

    log = logging.getLogger("monitor.run")
    for channel in unconfigured_channels(context.config):
        log.warning("%s", unconfigured_channel_text(channel))
    outlets, alerts = plural(len(context.config.outlets), "outlet"), plural(len(context.config.alerts), "alert")
    log.info("watching %s with %s", outlets, alerts)
    collect_former_children()
    beat, observers = Heartbeat(heartbeat), list[CrawlObserver]([_PollLog()])
    with ExitStack() as resources:
        if metrics_address:
            observers.append(resources.enter_context(_served_metrics(metrics_address, beat)))
        if is_serving:
            resources.enter_context(_page(context))
        report = process.run(
            context.config,
            context.config_directory,
            observer=CrawlObservers(observers),
            heartbeat=beat,
            watch=ConfigWatch(context.config_path, context.config, fingerprint),
        )
    log.info("ended; %s, %s", plural(report.poll_count, "poll"), plural(sum(report.outcomes.values()), "page"))
    if report.errors:
        return 1
    if report.stop_signal == signal.SIGHUP:
        restart_program()
    return 128 + signal.SIGINT if report.stop_signal == signal.SIGINT else 0


@contextmanager
def _page(context: CommandContext) -> Iterator[None]:
    """Shows the page while the block runs, on a store connection of its own."""
    from monitor.cli.serve import open_page

    with open_page(context, None) as (services, listening):
        from monitor.web.serving import serving_beside

        with serving_beside(services, listening):
            yield


@contextmanager
def _served_metrics(address: str, heartbeat: Heartbeat) -> Iterator[CrawlObserver]:
    """Yields the observer that counts metrics, and answers requests for them within the block."""
    from monitor.config.types import valid_listen_address
    from monitor.metrics.crawl_metrics import CrawlMetrics
    from monitor.metrics.server import serve_metrics

    try:
        valid_listen_address(address)
    except ValueError as error:
        raise click.UsageError(f"--metrics: {error}") from None
    metrics = CrawlMetrics()
    with serve_metrics(address, metrics.registry, heartbeat):
        yield metrics


class _PollLog(CrawlObserver):
    """Logs each poll of `run`; of an outage on the monitor's side only the beginning and the end."""

    def __init__(self) -> None:
        self._has_outage = False

    def poll_ended(self, poll: PollReport) -> None:
        log = logging.getLogger("monitor.run")
        if poll.own_outage:
            if not self._has_outage:
                log.warning("%s; the outlets wait, and it counts against none", poll.own_outage_line)
        else:
            if self._has_outage:
                log.info("the outage has ended")
            log_poll(poll)
        self._has_outage = bool(poll.own_outage)
