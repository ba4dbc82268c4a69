"""The part of ``check`` that tries the mail server, webhooks, chat services and the directory of the feeds."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.delivery_text import unconfigured_channel_text
from monitor.errors import DeliveryError
from monitor.mail import CHANNEL_NAME
from monitor.notify.channel import ChecksTargets
from monitor.plural import plural

if TYPE_CHECKING:
    from monitor.cli.context import CommandContext

MAX_TRIED_RECIPIENTS = 50  # each is a question to the mail server; many servers take no more of them


def has_mail_problem(context: CommandContext) -> bool:
    """Logs in to the mail server and names the sender and all recipients to it, but sends no mail.

    Prints the result; returns True if the server refuses one of them, False without a mail.url.
    """
    config, out = context.config, context.out
    settings = config.mail
    if settings.url is None:
        out.print("note  mail: no mail.url, so notifications wait in the outbox")
        return False
    from monitor.mail import mail_url
    from monitor.mail.channel import token_source
    from monitor.mail.mime import bare_address
    from monitor.mail.smtp import SmtpConnection

    server, tokens = mail_url.parse_mail_url(settings.url.get_secret_value()), token_source(config)
    recipients = dict.fromkeys(address for alert in config.alerts for address in alert.mail_addresses)
    tried = [*dict.fromkeys((*recipients, *settings.ops))][:MAX_TRIED_RECIPIENTS]
    try:
        with SmtpConnection(server, timeout=settings.timeout.total_seconds(), tokens=tokens) as connection:
            connection.open()
            refusals = connection.try_envelope(sender=bare_address(settings.sender), to=tried)
    except DeliveryError as error:
        out.print(f"FAIL  mail: {error}", markup=False)
        return True
    hint = "" if server.user else " (does it require a login? smtp://user:password@host:587)"
    for address, reason in refusals.permanently.items():
        out.print(f"FAIL  mail: {server} refuses mail to {address}: {reason}{hint}", markup=False)
    if refusals.permanently:
        return True
    login = f", as {server.user}" if server.user else ""
    out.print(f"ok    mail: {server} accepts mail{login}", markup=False)
    return False


def has_problem_of_other_channel(context: CommandContext) -> bool:
    """Connects each configured channel but email, tries its targets and prints the result; returns True if one fails.

    Prints a note for each channel that alerts use and that is not configured.
    """
    from monitor.delivery import configured_channels, unconfigured_channels

    for name in unconfigured_channels(context.config):
        if name != CHANNEL_NAME:
            context.out.print(f"note  {unconfigured_channel_text(name)}", markup=False)
    failed = False
    for name, channel in configured_channels(context.config).items():
        if name == CHANNEL_NAME:
            continue
        try:
            with closing(channel):
                channel.open()
                if isinstance(channel, ChecksTargets):
                    failed |= _has_target_problem(context, name, channel)
                else:
                    context.out.print(f"ok    channel {name}: connected", markup=False)
        except DeliveryError as error:
            context.out.print(f"FAIL  channel {name}: {error}", markup=False)
            failed = True
    return failed


def _has_target_problem(context: CommandContext, name: str, channel: ChecksTargets) -> bool:
    """Tries each target of a channel and prints the result; returns True if one fails."""
    targets = dict.fromkeys(
        target for alert in context.config.alerts for target in alert.targets_by_channel.get(name, ())
    )
    failed = 0
    for target in targets:
        try:
            channel.try_target(target)
        except DeliveryError as error:
            context.out.print(f"FAIL  {name} {target}: {error}", markup=False)
            failed += 1
    if not failed:
        context.out.print(f"ok    {name}: {plural(len(targets), 'address', 'addresses')}, nothing sent", markup=False)
    return failed > 0


def has_feeds_problem(context: CommandContext) -> bool:
    """Returns True, and prints why, if the directory of the feeds cannot be written."""
    if context.config.feeds is None:
        return False
    directory = Path(context.config.feeds)
    existing = next(folder for folder in (directory, *directory.parents) if folder.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        context.out.print(f"ok    feeds: written to {directory}", markup=False)
        return False
    context.out.print(f"FAIL  feeds: {existing} is no directory that this user can write", markup=False)
    return True
