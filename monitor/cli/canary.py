"""``canary``: sends a made-up story through all steps and prints how long each took."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, DurationType, with_context
from monitor.delivery_text import channel_label
from monitor.models import now

if TYPE_CHECKING:
    from datetime import timedelta

POLL_SECONDS = 0.5


@click.command("canary")
@click.option("--timeout", type=DurationType(), default="1m", show_default=True, help="How long to wait for receipts.")
@with_context
def canary_command(context: CommandContext, *, timeout: timedelta) -> int:
    """Send a made-up story through extraction, matching, store, outbox and every channel; print each step's time.

    Mail goes to mail.ops, or else to the first alert's addresses; a webhook and a chat to each of their addresses.
    Waits until mail server, webhooks and chat services have accepted it.  Exit status 1 if a step fails.  Also delivers
    what else is due.  `canary: daily 06:00` in the configuration does the same each day and logs the result.

    \b
    Examples:
      media-monitor canary
      media-monitor canary --timeout 5m
    """
    from monitor.canary import CanaryFailed, notifications_of, send_canary, with_canary_alert
    from monitor.delivery import STORE_RETRY_TIMEOUT, configured_channels, configured_dispatcher

    config = with_canary_alert(context.config)
    with context.open_store() as store:
        try:
            run = send_canary(store, context.config)
        except CanaryFailed as error:
            context.out.print(f"FAIL  {error}", markup=False)
            return 1
        for step, seconds in run.seconds.items():
            _print_step(context, "ok", step, seconds)
        began, end = now(), time.monotonic() + timeout.total_seconds()
        while True:
            configured_dispatcher(store, config).deliver(store_retry_timeout=STORE_RETRY_TIMEOUT)
            records = notifications_of(store, run.version)
            is_settled = all(record.sent_at or record.notification.error for record in records)
            if is_settled or time.monotonic() > end:
                break
            time.sleep(POLL_SECONDS)
        channels = configured_channels(config)
    failed = False
    for record in records:
        label = channel_label(record.notification.channel)
        if record.sent_at is not None:
            _print_step(context, "ok", f"accepted by {label}", max((record.sent_at - began).total_seconds(), 0.0))
            continue
        failed = True
        is_known = record.notification.channel in channels
        reason = record.notification.error or ("no receipt in time" if is_known else "it is not configured")
        context.out.print(f"FAIL  {label}: {reason}", markup=False)
    return 1 if failed else 0


def _print_step(context: CommandContext, verdict: str, step: str, seconds: float) -> None:
    context.out.print(f"{verdict:<4}  {step:<28} {seconds:6.2f} s", markup=False)
