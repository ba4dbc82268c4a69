"""``deliver``: the mail that is due, and how its end is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import Context, ago, with_context
from monitor.models import now
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Notification
    from monitor.notify.dispatcher import DeliveryReport


@click.command("deliver")
@with_context
def deliver_command(context: Context) -> int:
    """Send the mail that is due, and nothing else.  For cron beside `crawl`, so that digests keep their time.

    What the mail server does not take now stays in the outbox and is tried again; `alerts list` shows it.

    \b
    Examples:
      media-monitor deliver
      media-monitor crawl --no-mail; media-monitor deliver
    """
    from monitor.delivery import open_dispatcher

    with context.store() as store:
        with open_dispatcher(store, context.config) as dispatcher:
            report = dispatcher.deliver()
        waiting = store.outbox(limit=100_000)
    return tell(context, report, waiting)


def tell(context: Context, report: DeliveryReport, waiting: Sequence[Notification]) -> int:
    """Says what was delivered and what is ``due_entries`` for its time; the exit status."""
    if report.mails:
        context.out.print(
            f"Mail: {plural(report.mails, 'mail')} sent, {plural(report.notifications, 'story', 'stories')} "
            f"in {'it' if report.mails == 1 else 'them'}."
        )
    elif not (report.queued or report.postponed or report.refused or report.errors):
        context.out.print(f"Mail: nothing is due{_later(waiting)}.")
    if report.queued:
        queued = plural(report.queued, "notice")
        context.err.print(f"Mail: {queued} in the outbox; set mail.url (or MONITOR_MAIL__URL) to have them sent.")
    if report.held:
        context.out.print(f"Mail: {plural(report.held, 'notice')} held, their alerts are snoozed.")
    if report.postponed:
        context.err.print(f"Mail: {plural(report.postponed, 'notice')} kept in the outbox to be sent later.")
    if report.refused:
        context.err.print(
            f"Mail: {plural(report.refused, 'notice')} refused; kept in the outbox and tried again in a day."
        )
    for error in dict.fromkeys(report.errors):
        context.err.print(f"Mail: {error}", markup=False)
    return 1 if report.errors else 0


def _later(waiting: Sequence[Notification]) -> str:
    """How much waits for its time, and until when; tries that failed before what has only to wait for its digest."""
    at = now()
    later = [notice for notice in waiting if notice.due_at > at]
    failed = [notice for notice in later if notice.error]
    told = failed or later
    if not told:
        return ""
    what, hint = ("try", "why") if failed else ("mail", "them")
    number = plural(len(told), "notice waits", "notices wait")
    following = ago(min(notice.due_at for notice in told), at)
    return f"; {number}, the next {what} {following}; `alerts list` shows {hint}"
