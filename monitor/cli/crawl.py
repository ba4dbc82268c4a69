"""``crawl`` makes one pass over the outlets; ``run`` crawls continuously."""

from __future__ import annotations

import logging
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from monitor.cli.context import CommandContext, with_context
from monitor.cli.logs import LogFormat, log_as
from monitor.crawl.observer import CrawlObserver, CrawlObservers
from monitor.heartbeat import Heartbeat
from monitor.models import Disposition, rfc3339
from monitor.plural import plural
from monitor.suggestions import unknown_name_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.crawl.report import CrawlReport, PollReport
    from monitor.models import Outcome

DEFAULT_METRICS_ADDRESS = "127.0.0.1:9108"
MAX_SHOWN_FAILURES_PER_OUTLET = 5  # in the summary; `outlets NAME` and --verbose show more


@click.command("crawl")
@click.option("--outlet", "-o", "names", multiple=True, metavar="NAME", help="Only this outlet; may be repeated.")
@click.option("--all", "ignore_schedule", is_flag=True, help="Poll outlets that are not due too.")
@click.option("--no-mail", is_flag=True, help="Leave the notifications in the outbox.")
@click.option("--quiet", "-q", is_flag=True, help="Print only faults of the monitor and of deliveries, for cron.")
@with_context
def crawl_command(
    context: CommandContext,
    *,
    names: tuple[str, ...],
    ignore_schedule: bool,
    no_mail: bool,
    quiet: bool,
) -> int:
    """Poll the outlets that are due once, then deliver the notifications that are due.

    For cron; `run` crawls continuously.  With --quiet, outlets that fail are not printed: `outlets` shows them, and
    `mail.ops` reports those that keep failing.

    \b
    Examples:
      media-monitor crawl
      media-monitor crawl --all
      media-monitor crawl --quiet                    in a crontab
      media-monitor crawl --outlet "National Technology News" --all
    """
    context.is_quiet = quiet
    outlet_names = _configured_outlet_names(context, names)
    _set_log_level(context)
    from monitor.crawl import process
    from monitor.notify.report import DeliveryReport

    delivery = DeliveryReport()
    with _CrawlProgress(context, len(outlet_names)) as progress:
        report = process.crawl(
            context.config,
            context.config_directory,
            names=outlet_names,
            ignore_schedule=ignore_schedule,
            observer=progress,
            delivery=None if no_mail else delivery,
        )
    status = _print_summary(context, report)
    if no_mail or report.stop_signal:  # after a signal, the next crawl sends the mail
        return status
    from monitor.cli.deliver import print_delivery
    from monitor.delivery import STORE_RETRY_TIMEOUT, configured_dispatcher

    with context.open_store() as store:
        last = configured_dispatcher(store, context.config).deliver(store_retry_timeout=STORE_RETRY_TIMEOUT)
        delivery.add(last)
        waiting = store.outbox(limit=100_000)
    for channel, part in delivery.by_channel.items():  # without those that were postponed in the pass and then sent
        waiting_again = sum(1 for each in waiting if each.channel == channel and each.attempts)
        part.postponed = min(part.postponed, waiting_again)
    return max(status, print_delivery(context, delivery, waiting))


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
    from monitor.crawl.restart import collect_former_children, hangup_means_restart, restart_program

    if hangup_means_restart():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the crawl handles it: the files are about to be read

    fingerprint = file_fingerprint(context.config_path)  # before the file is loaded, so that no change is missed
    _configured_outlet_names(context, ())
    log_as(log_format, log_file)
    _set_log_level(context, level=logging.INFO)
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
    for error in report.errors:
        log.error("%s", error)
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
            _log_poll(poll)
        self._has_outage = bool(poll.own_outage)


def _log_poll(poll: PollReport) -> None:
    """Logs a line with the result of one poll, as a warning if the poll failed."""
    log, line = logging.getLogger("monitor.run"), f"{poll.outlet}: {_page_counts(poll)}"
    fields = _poll_fields(poll)
    if poll.has_failed:
        log.warning("%s; %s", line, "; ".join(poll.failures[:1] or poll.notes[:1]) or "failed", extra=fields)
    else:
        log.info("%s", line, extra=fields)


def _poll_fields(poll: PollReport) -> dict[str, object]:
    """Returns the values that a poll's line has as JSON, besides its text."""
    return {
        "outlet": poll.outlet,
        "failed": poll.has_failed,
        "listed": poll.listed_entry_count,
        "new": poll.new_candidate_count,
        "pages": {each.value: number for each, number in poll.counts_by_disposition.items()},
        "seconds": round(poll.seconds, 1),
        "next_poll_at": poll.next_poll_at and rfc3339(poll.next_poll_at),
    }


def _configured_outlet_names(context: CommandContext, names: tuple[str, ...]) -> list[str]:
    """Returns these outlets' names as configured, ignoring case; all outlets' names if ``names`` is empty.

    Raises click.UsageError for an unknown name, or if no outlets are configured.
    """
    names_by_casefold = {outlet.name.casefold(): outlet.name for outlet in context.config.outlets}
    if not names_by_casefold:
        raise click.UsageError(f"no outlets in {context.config_path}; add some under outlets:, or see `init`")
    for name in names:
        if name.casefold() not in names_by_casefold:
            raise click.UsageError(unknown_name_message("outlet", name, list(names_by_casefold.values())))
    return [names_by_casefold[name.casefold()] for name in names] or list(names_by_casefold.values())


def _set_log_level(context: CommandContext, *, level: int = logging.WARNING) -> None:
    """Logs what is at least as severe as ``level``; with ``--verbose`` everything, such as each stored story."""
    logging.getLogger("monitor").setLevel(logging.DEBUG if context.is_verbose else level)


class _CrawlProgress(CrawlObserver):
    """Shows a progress bar of polled outlets on a terminal, with the pages so far.  Logs polls with ``--verbose``."""

    def __init__(self, context: CommandContext, outlets: int) -> None:
        self._bar = context.progress_bar()
        self._task = self._bar.add_task("outlets", total=outlets)
        self._pages = self._stories = 0
        self._verbose = context.is_verbose

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def page_ended(self, outlet: str, outcome: Outcome) -> None:  # noqa: ARG002  as CrawlObserver has it
        self._pages += 1
        self._stories += outcome.disposition is Disposition.STORED
        self._bar.update(
            self._task, description=f"{plural(self._pages, 'page')}, {plural(self._stories, 'story', 'stories')}"
        )

    def poll_ended(self, report: PollReport) -> None:
        if self._verbose:
            _log_poll(report)
        self._bar.advance(self._task)


def _print_summary(context: CommandContext, report: CrawlReport) -> int:
    """Prints a table of the polls, totals and errors of one crawl.  Returns the exit status."""
    from rich.table import Table

    from monitor.cli.formatting import plain_line

    out, err = context.out, context.err
    if report.polls:
        table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
        table.add_column("OUTLET", overflow="fold")
        for header in ("LISTED", "NEW", "PAGES", "STORED"):
            table.add_column(header, justify="right")
        table.add_column("THE REST", overflow="fold")
        for poll in report.polls:
            listed = (
                "unchanged"
                if poll.source_count and poll.unchanged_source_count == poll.source_count
                else f"{poll.listed_entry_count:,}"
            )
            numbers = (poll.new_candidate_count, poll.page_count, poll.count_pages(Disposition.STORED))
            table.add_row(
                plain_line(poll.outlet),
                listed,
                *(f"{number:,}" for number in numbers),
                plain_line(", ".join(_other_counts(poll))),
            )
        context.print_table(table)
    totals = report.counts_by_disposition
    disposition_counts = ", ".join(f"{totals[each]:,} {each.value}" for each in Disposition if totals[each])
    polled, pages = plural(len(report.polls), "outlet"), plural(sum(totals.values()), "page")
    out.print(
        f"{polled} polled, {pages} in {report.seconds:.1f} s{': ' * bool(disposition_counts)}{disposition_counts}"
    )
    if report.outlets_not_due:
        not_due = plural(len(report.outlets_not_due), "outlet is", "outlets are")
        out.print(f"{not_due} not due yet; --all polls {'it' if len(report.outlets_not_due) == 1 else 'them'} now.")
    if report.outlets_leased_elsewhere:
        held = plural(len(report.outlets_leased_elsewhere), "outlet is", "outlets are")
        out.print(f"{held} polled by another process: {', '.join(report.outlets_leased_elsewhere)}", markup=False)
    for poll in () if context.is_quiet else report.polls:
        for line in () if poll.own_outage else _problem_lines(poll):
            err.print(line, markup=False)
    if outages := [poll.own_outage_line for poll in report.polls if poll.own_outage]:
        waiting = plural(len(outages), "outlet waits", "outlets wait")
        err.print(f"{outages[0]}; {waiting}, and it counts against none", markup=False)
    for error in report.errors:
        err.print(f"error: {error}", markup=False)
    if report.stop_signal:
        unpolled = plural(len(report.outlets_not_finished), "outlet was", "outlets were")
        unpolled_note = (
            f": {unpolled} not polled; the next crawl takes {'it' if len(report.outlets_not_finished) == 1 else 'them'}"
        )
        err.print(f"interrupted{unpolled_note if report.outlets_not_finished else '; the next crawl continues'}")
        return 128 + report.stop_signal
    return 1 if report.errors or report.failed_polls else 0


def _other_counts(poll: PollReport) -> Iterator[str]:
    """Yields a poll's counts besides stored pages: pages by disposition, dropped candidates, pages left for later."""
    for (disposition, kind), number in sorted(poll.outcomes.items(), key=lambda item: -item[1]):
        if disposition is not Disposition.STORED:
            yield f"{number:,} {disposition.value}{f' ({kind})' * bool(kind)}"
    if poll.dropped_candidates and not poll.candidate_count:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in poll.dropped_candidates.most_common())
        yield f"{poll.dropped_candidates.total():,} not wanted: {reasons}"
    if poll.deferred_page_count:
        yield f"{poll.deferred_page_count:,} left for the next poll"
    if poll.has_failed and not poll.page_count:
        yield poll.failure_word


def _problem_lines(poll: PollReport) -> Iterator[str]:
    """Yields a line for each note and failure of a poll, up to MAX_SHOWN_FAILURES_PER_OUTLET failures."""
    shown = poll.failures[:MAX_SHOWN_FAILURES_PER_OUTLET]
    for line in (*poll.notes, *shown):
        yield f"{poll.outlet}: {line}"
    if len(poll.failures) > len(shown):
        yield f"{poll.outlet}: and {len(poll.failures) - len(shown)} more failures"
    if poll.has_failed and not (poll.notes or shown):
        yield f"{poll.outlet}: failed; `media-monitor outlets` shows why"


def _page_counts(poll: PollReport) -> str:
    """Formats a poll's numbers of new and listed URLs, pages by disposition, and seconds on one line."""
    text = ", ".join(f"{number} {each.value}" for each, number in poll.counts_by_disposition.most_common())
    pushed = ", after a push" * poll.is_pushed
    new, listed = poll.new_candidate_count, poll.listed_entry_count
    return f"{new} new of {listed} listed{': ' * bool(text)}{text}, {poll.seconds:.1f} s{pushed}"
