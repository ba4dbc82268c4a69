"""``crawl``: makes one pass over the outlets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

import click

from monitor.cli.context import CommandContext, with_context
from monitor.cli.polls import configured_outlet_names, log_poll, set_log_level
from monitor.crawl.observer import CrawlObserver
from monitor.failures import FailureKind
from monitor.models import Disposition
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.crawl.report import CrawlReport, PollReport
    from monitor.models import Outcome

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
    outlet_names = configured_outlet_names(context, names)
    set_log_level(context)
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
    if report.errors and not report.polls:  # the log has the errors
        return 1
    status = _print_summary(context, report)
    if no_mail or report.stop_signal or report.errors:  # after a signal or an error, the next crawl sends the mail
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
            log_poll(report)
        self._bar.advance(self._task)


def _print_summary(context: CommandContext, report: CrawlReport) -> int:
    """Prints a table of the polls, totals and errors of one crawl.  Returns the exit status."""
    from rich.table import Table

    from monitor.cli.formatting import plain_line

    out = context.out
    reached = [poll for poll in report.polls if poll.has_reached_outlet]
    if reached:
        table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
        table.add_column("OUTLET", overflow="fold")
        for header in ("LISTED", "NEW", "PAGES", "STORED"):
            table.add_column(header, justify="right")
        table.add_column("THE REST", overflow="fold")
        for poll in reached:
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
    polled, pages = plural(len(reached), "outlet"), plural(sum(totals.values()), "page")
    if report.polls and not reached:
        is_proxy = all(poll.own_outage_kind is FailureKind.PROXY for poll in report.polls)
        out.print(f"no outlet could be reached: the {'proxy' if is_proxy else 'network'} is away")
    else:
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
            context.print_fault(line)
    if outages := [poll.own_outage_line for poll in report.polls if poll.own_outage]:
        waiting = plural(len(outages), "outlet waits", "outlets wait")
        context.print_fault(f"{outages[0]}; {waiting}, and it counts against none", level=logging.WARNING)
    if report.stop_signal:
        unpolled = plural(len(report.outlets_not_finished), "outlet was", "outlets were")
        unpolled_note = (
            f": {unpolled} not polled; the next crawl takes {'it' if len(report.outlets_not_finished) == 1 else 'them'}"
        )
        rest = unpolled_note if report.outlets_not_finished else "; the next crawl continues"
        context.print_fault(f"interrupted{rest}", level=logging.WARNING)
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
