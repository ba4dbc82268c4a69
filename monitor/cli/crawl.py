"""``crawl`` and ``run``."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Self

import click

from monitor.cli.context import Context, unknown, with_context
from monitor.models import Disposition
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.crawl.report import CrawlReport, PollReport

FAILURES_SHOWN = 5  # of one outlet; `outlets NAME` and --verbose show more


@click.command("crawl")
@click.option("--outlet", "-o", "names", multiple=True, metavar="NAME", help="Only this outlet; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Due or not.")
@click.option("--no-mail", is_flag=True, help="Leave the mail in the outbox.")
@with_context
def crawl_command(
    context: Context,
    *,
    names: tuple[str, ...],
    everything: bool,
    no_mail: bool,
) -> int:
    """Make one pass over the outlets that are due, then send what mail is due.  For cron; `run` does it for ever.

    \b
    Examples:
      media-monitor crawl
      media-monitor crawl --all
      media-monitor crawl --outlet "National Technology News" --all
    """
    chosen = _outlets(context, names)
    _log(context)
    from monitor.crawl import process

    with _Progress(context, len(chosen)) as told:
        report = process.crawl(context.config, context.base, names=chosen, ignore_schedule=everything, on_poll=told)
    status = _summary(context, report)
    if no_mail:
        return status
    from monitor.cli.deliver import tell
    from monitor.delivery import open_dispatcher

    with context.store() as store:
        with open_dispatcher(store, context.config) as dispatcher:
            mail = dispatcher.deliver()
        waiting = store.outbox(limit=100_000)
    return max(status, tell(context, mail, waiting))


@click.command("run")
@with_context
def run_command(context: Context) -> int:
    """Crawl and send mail for ever, each outlet at its own pace.

    Several processes may run on one store: they share the outlets, and each mail is sent by one of them.  SIGTERM or
    Ctrl-C ends it cleanly; a second one at once.

    \b
    Examples:
      media-monitor run
      media-monitor run --verbose 2>> run.log
    """
    _outlets(context, ())
    _log(context, level=logging.INFO)
    from monitor.crawl import process

    log = logging.getLogger("monitor.run")
    if context.config.mail.url is None:
        log.warning("no mail.url: what matches waits in the outbox")
    outlets, alerts = plural(len(context.config.outlets), "outlet"), plural(len(context.config.alerts), "alert")
    log.info("watching %s with %s", outlets, alerts)
    report = process.run(context.config, context.base, on_poll=_logged)
    for error in report.errors:
        log.error("%s", error)
    log.info("ended; %s, %s", plural(report.poll_count, "poll"), plural(sum(report.outcomes.values()), "page"))
    return 1 if report.errors else 0


def _logged(poll: PollReport) -> None:
    log, line = logging.getLogger("monitor.run"), f"{poll.outlet}: {_pages(poll)}"
    if poll.failed:
        log.warning("%s; %s", line, "; ".join(poll.failures[:1] or poll.notes[:1]) or "failed")
    else:
        log.info("%s", line)


def _outlets(context: Context, names: tuple[str, ...]) -> list[str]:
    """The configured names of the outlets asked for; all where none is named.  Raises click.UsageError."""
    configured = {outlet.name.casefold(): outlet.name for outlet in context.config.outlets}
    if not configured:
        raise click.UsageError(f"no outlets in {context.config_path}; add some under outlets:, or see `init`")
    for name in names:
        if name.casefold() not in configured:
            raise click.UsageError(unknown("outlet", name, list(configured.values())))
    return [configured[name.casefold()] for name in names] or list(configured.values())


def _log(context: Context, *, level: int = logging.WARNING) -> None:
    logging.getLogger("monitor").setLevel(logging.INFO if context.verbose else level)


class _Progress:
    """A bar on a terminal; nothing elsewhere but what failed."""

    def __init__(self, context: Context, outlets: int) -> None:
        self._bar = context.progress()
        self._task = self._bar.add_task("outlets", total=outlets)
        self._stories = 0
        self._verbose = context.verbose

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, poll: PollReport) -> None:
        if self._verbose:
            _logged(poll)
        self._stories += poll.count(Disposition.STORED)
        self._bar.update(self._task, advance=1, description=plural(self._stories, "story", "stories"))


def _summary(context: Context, report: CrawlReport) -> int:
    """Tells what the pass did; the exit status."""
    from rich.table import Table

    from monitor.cli.formatting import plain

    out, err = context.out, context.err
    if report.polls:
        table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
        table.add_column("OUTLET", overflow="fold")
        for head in ("LISTED", "NEW", "PAGES", "STORED"):
            table.add_column(head, justify="right")
        table.add_column("THE REST", overflow="fold")
        for poll in report.polls:
            listed = "unchanged" if poll.sources and poll.unchanged_sources == poll.sources else f"{poll.listed:,}"
            row = (poll.new, poll.pages, poll.count(Disposition.STORED))
            table.add_row(plain(poll.outlet), listed, *(f"{number:,}" for number in row), plain(", ".join(_rest(poll))))
        context.show(table)
    total: Counter[Disposition] = Counter()
    for (disposition, _), number in report.outcomes.items():
        total[disposition] += number
    ends = ", ".join(f"{total[each]:,} {each.value}" for each in Disposition if total[each])
    polled, pages = plural(len(report.polls), "outlet"), plural(sum(total.values()), "page")
    out.print(f"{polled} polled, {pages} in {report.seconds:.1f} s{': ' * bool(ends)}{ends}")
    if report.not_due:
        waiting = plural(len(report.not_due), "outlet is", "outlets are")
        out.print(f"{waiting} not due yet; --all polls {'it' if len(report.not_due) == 1 else 'them'} now.")
    if report.leased_elsewhere:
        held = plural(len(report.leased_elsewhere), "outlet is", "outlets are")
        out.print(f"{held} polled by another process: {', '.join(report.leased_elsewhere)}", markup=False)
    for poll in report.polls:
        for line in _complaints(poll):
            err.print(line, markup=False)
    for error in report.errors:
        err.print(f"error: {error}", markup=False)
    if report.stop_signal:
        left = plural(len(report.unpolled), "outlet was", "outlets were")
        which = f": {left} not polled; the next crawl takes {'it' if len(report.unpolled) == 1 else 'them'}"
        err.print(f"interrupted{which if report.unpolled else '; the next crawl takes what is left'}")
        return 128 + report.stop_signal
    return 1 if report.errors or report.failed else 0


def _rest(poll: PollReport) -> Iterator[str]:
    """Every page that was not stored, by what became of it; then why candidates were left out."""
    for (disposition, kind), number in sorted(poll.outcomes.items(), key=lambda item: -item[1]):
        if disposition is not Disposition.STORED:
            yield f"{number:,} {disposition.value}{f' ({kind})' * bool(kind)}"
    if poll.dropped and not poll.candidates:
        why = ", ".join(f"{number:,} {reason}" for reason, number in poll.dropped.most_common())
        yield f"{poll.dropped.total():,} not wanted: {why}"
    if poll.deferred_pages:
        yield f"{poll.deferred_pages:,} left for the next poll"
    if poll.failed and not poll.pages:
        yield "failed"


def _complaints(poll: PollReport) -> Iterator[str]:
    shown = poll.failures[:FAILURES_SHOWN]
    for line in (*poll.notes, *shown):
        yield f"{poll.outlet}: {line}"
    if len(poll.failures) > len(shown):
        yield f"{poll.outlet}: and {len(poll.failures) - len(shown)} more failures"
    if poll.failed and not (poll.notes or shown):
        yield f"{poll.outlet}: failed; `media-monitor outlets` shows why"


def _pages(poll: PollReport) -> str:
    counted: Counter[str] = Counter()
    for (disposition, _), number in poll.outcomes.items():
        counted[disposition.value] += number
    what = ", ".join(f"{number} {name}" for name, number in counted.most_common())
    return f"{poll.new} new of {poll.listed} listed{': ' * bool(what)}{what}, {poll.seconds:.1f} s"
