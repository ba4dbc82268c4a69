"""The outlets that `crawl` and `run` poll, and the log of their polls."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from monitor.models import rfc3339
from monitor.suggestions import unknown_name_message

if TYPE_CHECKING:
    from monitor.cli.context import CommandContext
    from monitor.crawl.report import PollReport


def configured_outlet_names(context: CommandContext, names: tuple[str, ...]) -> list[str]:
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


def set_log_level(context: CommandContext, *, level: int = logging.WARNING) -> None:
    """Logs what is at least as severe as ``level``; with ``--verbose`` everything, such as each stored story."""
    logging.getLogger("monitor").setLevel(logging.DEBUG if context.is_verbose else level)


def log_poll(poll: PollReport) -> None:
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


def _page_counts(poll: PollReport) -> str:
    """Formats a poll's numbers of new and listed URLs, pages by disposition, and seconds on one line."""
    text = ", ".join(f"{number} {each.value}" for each, number in poll.counts_by_disposition.most_common())
    pushed = ", after a push" * poll.is_pushed
    new, listed = poll.new_candidate_count, poll.listed_entry_count
    return f"{new} new of {listed} listed{': ' * bool(text)}{text}, {poll.seconds:.1f} s{pushed}"
