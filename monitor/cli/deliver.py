"""``deliver``: sends the notifications that are due and prints a summary."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context
from monitor.delivery_text import channel_label, has_only_mail, message_count
from monitor.mail import CHANNEL_NAME
from monitor.models import now
from monitor.plural import plural
from monitor.time_text import relative_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Notification
    from monitor.notify.report import ChannelReport, DeliveryReport


@click.command("deliver")
@click.option("--now", "retry_now", is_flag=True, help="Also deliver what failed before and is to be tried later.")
@click.option("--quiet", "-q", is_flag=True, help="Print only faults, for cron.")
@with_context
def deliver_command(context: CommandContext, *, retry_now: bool, quiet: bool) -> int:
    """Deliver the notifications that are due, without crawling.  For cron beside `crawl`, for digests on time.

    A notification that its server does not accept stays in the outbox and is tried again: later, or at once with --now,
    and at once after the server's settings (mail.url, mail.sender) have changed.  `alerts list` shows it.

    \b
    Examples:
      media-monitor deliver
      media-monitor deliver --now
      media-monitor deliver --quiet                  in a crontab
      media-monitor crawl --no-mail; media-monitor deliver
    """
    context.is_quiet = quiet
    from monitor.delivery import STORE_RETRY_TIMEOUT, configured_dispatcher

    with context.open_store() as store:
        dispatcher = configured_dispatcher(store, context.config)
        if retry_now:
            dispatcher.retry_failed_now()
        report = dispatcher.deliver(store_retry_timeout=STORE_RETRY_TIMEOUT)
        waiting = store.outbox(limit=100_000)
    return print_delivery(context, report, waiting)


def print_delivery(context: CommandContext, report: DeliveryReport, waiting: Sequence[Notification]) -> int:
    """Prints how much each channel sent, how many notifications wait, and errors.  Returns the exit status."""
    if not (report.queued or any(_has_attempts(part) for part in report.by_channel.values())):
        label = "Mail" if has_only_mail(notification.channel for notification in waiting) else "Delivery"
        context.out.print(f"{label}: nothing is due{_waiting_notifications_note(waiting)}.")
    for channel, count in report.queued.items():
        queued = f"{plural(count, 'notification')} in the outbox"
        if channel == CHANNEL_NAME:
            context.print_fault(
                f"Mail: {queued}; set mail.url (or MONITOR_MAIL__URL) to have them sent.", level=logging.WARNING
            )
        else:
            context.print_fault(f"{queued} for the channel {channel}, which is not configured.", level=logging.WARNING)
    for channel, part in report.by_channel.items():
        _print_channel_report(context, channel, part)
    return 1 if report.has_errors else 0


def _has_attempts(part: ChannelReport) -> bool:
    """Returns True if the channel sent a message or tried to."""
    return bool(part.messages or part.postponed or part.refused or part.errors)


def _print_channel_report(context: CommandContext, channel: str, part: ChannelReport) -> None:
    label = channel_label(channel)
    label = label[0].upper() + label[1:]
    if part.messages:
        sent, stories = message_count(channel, part.messages), plural(part.notifications, "story", "stories")
        them = "it" if part.messages == 1 else "them"
        context.out.print(f"{label}: {sent} sent, {stories} in {them}.", markup=False)
    if part.held:
        held = plural(part.held, "notification")
        context.out.print(f"{label}: {held} held, their alerts are snoozed.", markup=False)
    if part.postponed:
        postponed = plural(part.postponed, "notification")
        context.print_fault(f"{label}: {postponed} kept in the outbox to be sent later.", level=logging.WARNING)
    if part.refused:
        refused = plural(part.refused, "notification")
        context.print_fault(
            f"{label}: {refused} refused; kept in the outbox and tried again in a day.", level=logging.WARNING
        )
    for error in dict.fromkeys(part.errors):
        context.print_fault(f"{label}: {error}")


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
    is_mail = has_only_mail(notification.channel for notification in shown)
    event, hint = ("try", "why") if failed else ("mail" if is_mail else "delivery", "them")
    number = plural(len(shown), "notification waits", "notifications wait")
    next_time = relative_time(min(notification.due_at for notification in shown), current_time)
    return f"; {number}, the next {event} {next_time}; `alerts list` shows {hint}"
