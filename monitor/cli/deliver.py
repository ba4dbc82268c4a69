"""``deliver``: the mail that is due, and how its end is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import Context, with_context

if TYPE_CHECKING:
    from monitor.mail.deliver import Report


@click.command("deliver")
@with_context
def deliver_command(context: Context) -> int:
    """Send the mail that is due, and nothing else.  For cron beside `crawl`, so that digests keep their time.

    What the mail server does not take now stays in the outbox and is tried again; `alerts list` shows it.
    """
    from monitor.mail.deliver import deliver_due  # noqa: PLC0415  not for --help

    with context.store() as store:
        report = deliver_due(store, context.config)
    return tell(context, report)


def tell(context: Context, report: Report) -> int:
    """Says what was delivered; the exit status."""
    if report.mails:
        context.out.print(
            f"Mail: {_count(report.mails, 'mail')} sent, {_count(report.notices, 'story', 'stories')} in them."
        )
    elif not (report.queued or report.postponed or report.refused or report.errors):
        context.out.print("Mail: nothing is due.")
    if report.queued:
        waiting = _count(report.queued, "notice")
        context.err.print(f"Mail: {waiting} in the outbox; set mail.url (or MONITOR_MAIL__URL) to have them sent.")
    if report.held:
        context.out.print(f"Mail: {_count(report.held, 'notice')} held, their alerts are snoozed.")
    if report.postponed:
        context.err.print(f"Mail: {_count(report.postponed, 'notice')} kept in the outbox to be sent later.")
    if report.refused:
        context.err.print(
            f"Mail: {_count(report.refused, 'notice')} refused; kept in the outbox and tried again in a day."
        )
    for error in dict.fromkeys(report.errors):
        context.err.print(f"Mail: {error}", markup=False)
    return 1 if report.errors else 0


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
