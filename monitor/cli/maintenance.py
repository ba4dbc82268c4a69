"""``backup`` and ``restore`` copy the store's file; ``doctor`` finds and repairs inconsistencies."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context
from monitor.errors import MonitorError
from monitor.models import now
from monitor.plural import plural
from monitor.process_identity import is_dead_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.store import Store
    from monitor.store.protocol import BackUps
    from monitor.store.records import Finding

LONG_OVERDUE = timedelta(hours=1)  # of a notification


@click.command("backup")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@with_context
def backup_command(context: CommandContext, *, target: Path) -> None:
    """Write a complete copy of the SQLite store to FILE, while everything runs.

    The copy has the state of one moment, and FILE appears only when it is complete; an existing file is not replaced.
    For Elasticsearch use snapshots (docs/elasticsearch.md).

    \b
    Examples:
      media-monitor backup backups/monitor-$(date +%F).db
    """
    with context.open_existing_store() as store, context.spinner(f"Copying to {target}"):
        _backups(store).back_up(target)
    context.out.print(f"Wrote {target}, {target.stat().st_size / 1e6:,.1f} MB.", markup=False)


@click.command("restore")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Replace a store that has stories; its content is lost.")
@with_context
def restore_command(context: CommandContext, *, source: Path, replace: bool) -> None:
    """Put the copy of `backup` back as the store.  Stop all processes of the store first.

    A killed restore leaves the store as it was.  Mail that was sent after the backup is sent again if its stories are
    fetched again, so prefer the newest backup.

    \b
    Examples:
      media-monitor restore backups/monitor-2026-11-30.db
    """
    from monitor.store import open_store

    store = open_store(context.config.store, context.config_directory)
    try:
        backups = _backups(store)
        if _can_be_read(store):
            if not replace and store.search(None, now=now(), limit=1).stories:
                raise MonitorError("the store has stories, which would be lost", hint="add --replace, after a `backup`")
            if holders := _holders(store):
                raise MonitorError(f"processes use the store: {', '.join(holders)}", hint="stop them first")
        with context.spinner("Restoring"):
            backups.restore(source)
        store.setup()
        context.out.print(f"Restored {source}: {store.ping()}", markup=False)
    finally:
        store.close()


@click.command("doctor")
@click.option("--repair", is_flag=True, help="Repair what can be repaired without loss.")
@with_context
def doctor_command(context: CommandContext, *, repair: bool) -> int:
    """Check the store: damage, stories missing in the index, hits without story, stuck mail, leases of the dead.

    Exit status 1 if a fault is left.  Works while everything runs; repairs make other writers wait for a moment.

    \b
    Examples:
      media-monitor doctor
      media-monitor doctor --repair
    """
    has_fault = False
    with context.open_existing_store() as store:
        context.out.print(f"ok    {store.ping()}", markup=False)
        for finding in _findings(store, repair=repair):
            is_repaired = repair and finding.is_repairable
            has_fault |= finding.is_fault and not is_repaired
            hint = "; repaired" if is_repaired else "; `doctor --repair` mends it" if finding.is_repairable else ""
            remedy = f"; {finding.remedy}" if finding.remedy else hint
            label = "ok   " if not finding.is_fault else "mend " if is_repaired else "FAIL "
            context.out.print(f"{label} {finding.text}{remedy}", markup=False)
    return 1 if has_fault else 0


def _findings(store: Store, *, repair: bool) -> Iterator[Finding]:
    if store.capabilities.diagnosis:
        yield from store.capabilities.diagnosis.diagnose(repair=repair)
    yield _dead_leases(store, repair=repair)
    yield from _overdue_notifications(store)
    if store.capabilities.dead_letters:
        yield _dead_letters(store.capabilities.dead_letters.count_dead_letters())


def _dead_leases(store: Store, *, repair: bool) -> Finding:
    from monitor.crawl.lease import dead_leases, release_dead_leases
    from monitor.store.records import Finding

    time = now()
    dead = release_dead_leases(store, now=time) if repair else [state.name for state in dead_leases(store, now=time)]
    if not dead:
        return Finding(text="no outlet is leased by a process that died")
    names = ", ".join(dead[:3]) + ("" if len(dead) <= 3 else f" and {len(dead) - 3} more")
    return Finding(text=f"{plural(len(dead), 'outlet')} leased by a process that died: {names}", is_repairable=True)


def _overdue_notifications(store: Store) -> Iterator[Finding]:
    from monitor.store.records import Finding

    overdue = [each for each in store.outbox(limit=100_000) if each.due_at < now() - LONG_OVERDUE]
    if not overdue:
        yield Finding(text="no notification is overdue")
    for channel in sorted({each.channel for each in overdue}):
        own = [each for each in overdue if each.channel == channel]
        error = next((each.error for each in own if each.error), "none was tried yet")
        yield Finding(
            text=f"{plural(len(own), 'notification')} of {channel} overdue for more than an hour: {error}",
            remedy="`deliver` tries again, `alerts list` shows them",
        )


def _dead_letters(count: int) -> Finding:
    from monitor.store.records import Finding

    if not count:
        return Finding(text="no rejected document")
    return Finding(text=f"{plural(count, 'document')} rejected by Elasticsearch", remedy="`replay` stores them again")


def _backups(store: Store) -> BackUps:
    """Returns the role.  Raises MonitorError if the store is no file."""
    if store.capabilities.backups is None:
        raise MonitorError(
            "the store is no file", hint="use snapshots of Elasticsearch, or `copy sqlite:FILE` for a portable copy"
        )
    return store.capabilities.backups


def _can_be_read(store: Store) -> bool:
    """Returns False if the store is missing, damaged or of another version: then it shows no story and no lease."""
    from monitor.errors import StoreRefused

    try:
        store.require_exists()
        store.search(None, now=now(), limit=1)
    except StoreRefused:
        return False
    return True


def _holders(store: Store) -> list[str]:
    """Returns the live processes that hold a lease, as host and PID."""
    holders = {
        holder for state in store.outlets() if (holder := state.holder_at(now())) and not is_dead_process(holder)
    }
    return sorted({":".join(holder.split(":")[:2]) for holder in holders})
