"""``deliver``: sends the mail that is due and prints a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, relative_time, with_context
from monitor.mail import CHANNEL_NAME
from monitor.models import now
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Notification
    from monitor.notify.dispatcher import DeliveryReport


@click.command("deliver")
@with_context
def deliver_command(context: CommandContext) -> int:
    """Send the mail that is due, without crawling.  For cron beside `crawl`, so that digests are sent on time.

    Mail that the server does not accept stays in the outbox and is tried again; `alerts list` shows it.

    \b
    Examples:
      media-monitor deliver
      media-monitor crawl --no-mail; media-monitor deliver
    """
    from monitor.delivery import configured_dispatcher

    with context.open_store() as store:
        report = configured_dispatcher(store, context.config).deliver()
        waiting = store.outbox(limit=100_000)
    return print_delivery(context, report, waiting)


def print_delivery(context: CommandContext, report: DeliveryReport, waiting: Sequence[Notification]) -> int:
    """Prints how many mails were sent, how many notifications wait, and errors.  Returns the exit status."""
    if report.mails:
        context.out.print(
            f"Mail: {plural(report.mails, 'mail')} sent, {plural(report.notifications, 'story', 'stories')} "
            f"in {'it' if report.mails == 1 else 'them'}."
        )
    elif not (report.queued or report.postponed or report.refused or report.errors):
        context.out.print(f"Mail: nothing is due{_waiting_notifications_note(waiting)}.")
    for channel, count in report.queued.items():
        queued = f"{plural(count, 'notification')} in the outbox"
        if channel == CHANNEL_NAME:
            context.err.print(f"Mail: {queued}; set mail.url (or MONITOR_MAIL__URL) to have them sent.")
        else:
            context.err.print(f"{queued} for the channel {channel}, which is not configured.", markup=False)
    if report.held:
        context.out.print(f"Mail: {plural(report.held, 'notification')} held, their alerts are snoozed.")
    if report.postponed:
        context.err.print(f"Mail: {plural(report.postponed, 'notification')} kept in the outbox to be sent later.")
    if report.refused:
        refused = plural(report.refused, "notification")
        context.err.print(f"Mail: {refused} refused; kept in the outbox and tried again in a day.")
    for error in dict.fromkeys(report.errors):
        context.err.print(f"Mail: {error}", markup=False)
    return 1 if report.errors else 0


def _waiting_notifications_note(waiting: Sequence[Notification]) -> str:
    """Returns the part of the summary that says how many notifications wait and when the next is due; "" if none wait.

    Counts only those with a failed attempt, if there are any.
    """
    current_time = now()
    later = [notification for notification in waiting if notification.due_at > current_time]
    failed = [notification for notification in later if notification.error]
    shown = failed or later
    if not shown:
        return ""
    event, hint = ("try", "why") if failed else ("mail", "them")
    number = plural(len(shown), "notification waits", "notifications wait")
    next_time = relative_time(min(notification.due_at for notification in shown), current_time)
    return f"; {number}, the next {event} {next_time}; `alerts list` shows {hint}"
