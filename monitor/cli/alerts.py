"""``alerts``: lists, shows, tests, backfills and snoozes alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from monitor.alert_status import AlertStatus, detail_lines, read_statuses, restriction_lines, targets_text
from monitor.cli.alert_tests import test_command
from monitor.cli.context import (
    CommandContext,
    DurationType,
    TimeType,
    with_context,
)
from monitor.cli.terms import terms_command
from monitor.delivery_text import has_only_mail
from monitor.models import now
from monitor.plural import plural
from monitor.time_text import relative_time, short_duration

MIN_COLUMNS_FOR_QUERIES = (
    110  # width of the terminal for the columns TO and QUERY; in a narrower one, they follow below each row
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config import Alert
    from monitor.store import Store


@click.group("alerts")
@with_context
def alerts_command(context: CommandContext) -> None:
    """List, show, test, backfill and snooze alerts.

    \b
    Examples:
      media-monitor alerts list
      media-monitor alerts show sberbank
      media-monitor alerts test sberbank --since 30d
      media-monitor alerts test --query 'Rosatom NEAR/10 reactor' --since 7d
      media-monitor alerts test sberbank --against labelled.jsonl
      media-monitor alerts terms pack.china
      media-monitor alerts backfill sberbank --since 7d
      media-monitor alerts snooze sberbank 2d
    """


alerts_command.add_command(terms_command)
alerts_command.add_command(test_command)


@alerts_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per alert, one per line.")
@with_context
def list_command(context: CommandContext, *, as_json: bool) -> None:
    """Show each alert: its hits of seven days and in a usual week, and the notifications that wait or were refused.

    \b
    Examples:
      media-monitor alerts list
      media-monitor alerts list --json | jq -r 'select(.waiting > 0) | .name'
    """
    current_time = now()
    with context.open_existing_store() as store:
        statuses = read_statuses(store, context.config.alerts, at=current_time)
        waiting = store.outbox(limit=100_000)
    if as_json:
        _print_json(statuses)
        return
    if not statuses:
        context.err.print("No alerts: add some under alerts: in the configuration.")
    else:
        _print_table(context, statuses)
    removed_alerts = {notification.alert for notification in waiting} - {alert.name for alert in context.config.alerts}
    if removed_alerts:
        names = ", ".join(sorted(removed_alerts))
        is_mail = has_only_mail(each.channel for each in waiting if each.alert in removed_alerts)
        start, end = ("Mail is", "it will") if is_mail else ("Notifications are", "they will")
        message = f"{start} waiting for alerts that are no longer configured: {names}; {end} still be sent."
        context.err.print(message, markup=False)
    for notification in [notification for notification in waiting if notification.error][:10]:
        next_attempt = relative_time(notification.due_at, current_time)
        attempts = f"tried {plural(notification.attempts, 'time')}, again {next_attempt}"
        targets = targets_text({notification.channel: notification.targets})
        context.err.print(f"{notification.alert} to {targets}: {notification.error} ({attempts})", markup=False)


@alerts_command.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_context
def show_command(context: CommandContext, *, name: str, as_json: bool) -> None:
    """Show one alert: its schedule, its hits day by day against its habit, its cost and noise, and what waits and why.

    The usual number of hits is the mean of the four weeks before the last seven days.  Times are in the alert's zone.
    Reprints are stories of an event that another hit of the last seven days tells, weak matches have one plain word.

    \b
    Examples:
      media-monitor alerts show sberbank
      media-monitor alerts show sberbank --json | jq .waiting_reasons
    """
    alert = context.find_alert(name)
    from monitor.cli.alert_quality import measure_quality
    from monitor.notify.findings import is_finding

    with context.open_existing_store() as store:
        current_time = now()
        (status,) = read_statuses(store, [alert], at=current_time)
        recent = [hit for hit in status.recent_hits if not is_finding(hit)]
        quality = measure_quality(store, alert, recent, fragments=context.config.fragments, at=current_time)
        habit = _habit_line(store, alert, current_time) if alert.type != "match" else []
    if as_json:
        import orjson

        click.echo(orjson.dumps({**status.to_json(), **quality.to_json()}))
        return
    from monitor.cli.formatting import daily_bar_chart, plain_line

    context.out.print(plain_line(alert.name), style="bold")
    measured = (("cost", quality.cost_text), ("noise", quality.noise_text))
    for label, text in (*detail_lines(status), *restriction_lines(alert), *habit, *measured):
        context.out.print(plain_line(text, prefix=f"  {label:<12}"))
    if status.hits:
        for line in daily_bar_chart(status.daily_counts):
            context.out.print(f"  {line}", markup=False)


def _habit_line(store: Store, alert: Alert, at: datetime) -> list[tuple[str, str]]:
    """Returns the line about the habit of a volume alert; none before its first look."""
    from monitor.volume.state import VolumeState, habit_text

    state = VolumeState.of(store, alert.name)
    return [("habit", habit_text(state, alert.timezone, at=at))] if state else []


def _print_json(statuses: Sequence[AlertStatus]) -> None:
    import orjson

    for status in statuses:
        click.echo(orjson.dumps(status.to_json()))


def _print_table(context: CommandContext, statuses: Sequence[AlertStatus]) -> None:
    from rich.table import Table

    from monitor.cli.formatting import plain_line

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("ALERT", no_wrap=True)
    table.add_column("DELIVER", no_wrap=True)
    table.add_column("7 DAYS", justify="right", no_wrap=True)
    table.add_column("USUAL", justify="right", no_wrap=True)
    table.add_column("LAST", no_wrap=True)
    table.add_column("WAITING", justify="right", no_wrap=True)
    table.add_column("DELAY", justify="right", no_wrap=True)
    wide = context.out.width >= MIN_COLUMNS_FOR_QUERIES
    if wide:
        table.add_column("TO", overflow="fold")
        table.add_column("QUERY", overflow="fold")
    for status in statuses:
        alert, usual, delay, last = status.alert, status.usual_hits, status.median_delay, status.last_hit
        table.add_row(
            plain_line(alert.name),
            status.deliver_text,
            f"{len(status.recent_hits):,}",
            "-" if usual is None else f"{usual:,.1f}",
            relative_time(last.matched_at if last else None, status.at),
            f"{len(status.waiting):,}",
            "-" if delay is None else short_duration(delay),
            *([plain_line(targets_text(alert.targets_by_channel)), plain_line(alert.rule_query)] if wide else []),
        )
    if wide:
        context.print_table(table)
        return
    from rich.padding import Padding
    from rich.segment import Segment, Segments

    header, *rows = context.out.render_lines(table, pad=False)  # one line per row, because no column folds
    context.print_table(Segments([*header, Segment.line()]))
    for row, status in zip(rows, statuses, strict=True):
        context.print_table(Segments([*row, Segment.line()]))
        for line in (status.alert.rule_query, f"to {targets_text(status.alert.targets_by_channel)}"):
            context.print_table(Padding(plain_line(line), (0, 0, 0, 4)))


@alerts_command.command("backfill")
@click.argument("name")
@click.option("--since", type=TimeType(), default="7d", show_default=True, help="How far back: 7d, 2026-11-01 ...")
@click.option("--dry-run", is_flag=True, help="Only say what would be queued.")
@with_context
def backfill_command(context: CommandContext, *, name: str, since: datetime, dry_run: bool) -> None:
    """Queue the stored stories that match an alert and that it has not reported, for one digest.

    A new alert reports only stories that come after it.  This queues those before it for the alert's next digest; of an
    instant alert that is the digest at `rest`.  Repeating the command queues nothing twice.

    \b
    Examples:
      media-monitor alerts backfill sberbank
      media-monitor alerts backfill sberbank --since 2026-11-01 --dry-run
    """
    from monitor.backfill import find_backfill, queue_backfill
    from monitor.notify.delivery_times import local_time_text

    alert, current_time = context.find_alert(name), now()
    if alert.type != "match":
        raise click.UsageError(f"{alert.name} has type: {alert.type}, which reports no single stories")
    with context.open_existing_store() as store:
        backfill = find_backfill(store, alert, fragments=context.config.fragments, since=since, now=current_time)
        if backfill.stories and not dry_run:
            queue_backfill(store, backfill, now=current_time)
    if not backfill.stories:
        context.out.print(f"{alert.name}: it has reported all stored stories since {since:%Y-%m-%d}.", markup=False)
        return
    stories = plural(len(backfill.stories), "story", "stories")
    queued = "would be queued" if dry_run else "queued"
    context.out.print(
        f"{alert.name}: {stories} of {plural(backfill.event_count, 'event')} {queued} for the digest of "
        f"{local_time_text(backfill.due_at, alert.timezone)}.",
        markup=False,
    )


@alerts_command.command("snooze")
@click.argument("name")
@click.argument("duration", type=DurationType(), required=False, metavar="SPAN")
@click.option("--from", "begin", metavar="TIME", help="When to begin, as 2026-12-24T18:00; default: now.")
@click.option("--to", "end", metavar="TIME", help="When to end, as 2027-01-02 or 2027-01-02T07:00.")
@click.option("--off", is_flag=True, help="Send its notifications again, from now on, and plan no snooze.")
@with_context
def snooze_command(
    context: CommandContext, *, name: str, duration: timedelta | None, begin: str | None, end: str | None, off: bool
) -> None:
    """Hold an alert's notifications back for SPAN (2d, 12h), or from one time to another.

    The alert still catches stories; their notifications follow when the time is over.  Times without a zone are in the
    alert's `timezone`.

    \b
    Examples:
      media-monitor alerts snooze sberbank 2d
      media-monitor alerts snooze sberbank --from 2026-12-24 --to 2027-01-02
      media-monitor alerts snooze sberbank --off
    """
    if [off, duration is not None, end is not None].count(True) != 1 or (begin and end is None and duration is None):
        raise click.UsageError("give a SPAN such as 2d, --to TIME, or --off")
    alert, current_time = context.find_alert(name), now()
    if duration is not None and not duration:
        raise click.UsageError("give a SPAN greater than zero, or --off")
    from monitor.notify.delivery_times import local_time_text
    from monitor.notify.planned_snoozes import PlannedSnooze, PlannedSnoozes

    subject = "mail is" if has_only_mail(alert.targets_by_channel) else "notifications are"
    if off:
        with context.open_store() as store:
            store.snooze(alert.name, None)
            PlannedSnoozes(store).put(alert.name, None)
        context.out.print(f"{alert.name}: {subject} sent again.", markup=False)
        return
    from_time = _local_time("--from", begin, alert.timezone) if begin else current_time
    to_time = from_time + duration if duration is not None else _local_time("--to", end or "", alert.timezone)
    if to_time <= max(from_time, current_time):
        raise click.UsageError("it would end before it begins, or in the past")
    with context.open_store() as store:
        if from_time > current_time:
            PlannedSnoozes(store).put(alert.name, PlannedSnooze(from_time, to_time))
        else:
            store.snooze(alert.name, to_time)
    since = f"from {local_time_text(from_time, alert.timezone)} " if from_time > current_time else ""
    until = local_time_text(to_time, alert.timezone)
    context.out.print(f"{alert.name}: {subject} held {since}until {until}.", markup=False)


def _local_time(option: str, text: str, timezone: str) -> datetime:
    """Returns the time of an option in UTC.  Raises click.UsageError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{option} {text!r} is not a time; write 2026-12-24 or 2026-12-24T18:00") from None
    return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
