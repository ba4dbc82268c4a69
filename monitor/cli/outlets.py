"""``outlets``: the health of each, or all that is known of one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.context import Context, ago, brief, unknown, with_context
from monitor.models import OutletState, now, rfc3339
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.config import Outlet

WIDE = 80  # columns of a terminal that has room for all the numbers
WIDER = 110  # and for the notes beside them
MAX_NAME_WIDTH = 40  # columns


@click.command("outlets")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per outlet, one per line.")
@click.option("--failing", is_flag=True, help="Only those whose last poll failed.")
@click.option(
    "--furniture", is_flag=True, help="The blocks that recur on an outlet's pages and are left out of its stories."
)
@with_context
def outlets_command(
    context: Context,
    *,
    names: tuple[str, ...],
    as_json: bool,
    failing: bool,
    furniture: bool,
) -> None:
    """Show the health of each outlet: when it was polled, what came of it, and who polls it now.

    \b
    Examples:
      media-monitor outlets
      media-monitor outlets --failing
      media-monitor outlets "National Technology News"
      media-monitor outlets "National Technology News" --furniture
      media-monitor outlets --json | jq -r 'select(.failures > 3) | .name'
    """
    configured = {outlet.name: outlet for outlet in context.config.outlets}
    with context.stored() as store:
        states = {state.name: state for state in store.outlets()}
    asked = wanted = _wanted(names, [*configured, *(name for name in states if name not in configured)])
    if failing:
        wanted = [name for name in asked if name in states and states[name].failures]
    if asked and not wanted and not as_json:
        context.err.print(f"No outlet is failing ({plural(len(asked), 'outlet')}).")
        return
    if furniture:
        _furniture(context, wanted, states, as_json=as_json)
    elif as_json:
        import orjson

        for name in wanted:
            click.echo(orjson.dumps(_json(name, configured.get(name), states.get(name))))
    elif names:
        for name in wanted:
            _whole(context, name, configured.get(name), states.get(name))
    else:
        _table(context, wanted, configured, states, asked=len(asked))


def _wanted(names: Sequence[str], known: list[str]) -> list[str]:
    if not names:
        return known
    by_fold = {name.casefold(): name for name in known}
    for name in names:
        if name.casefold() not in by_fold:
            raise click.UsageError(unknown("outlet", name, known))
    return [by_fold[name.casefold()] for name in names]


def _json(name: str, outlet: Outlet | None, state: OutletState | None) -> dict[str, Any]:
    never = state is None
    state = state or OutletState(name=name, next_poll_at=now(), interval=timedelta(0))
    held = bool(state.holder and state.lease_until and state.lease_until > now())
    return {
        "name": name,
        "url": outlet.url if outlet else None,
        "configured": outlet is not None,
        "render": outlet.render if outlet else None,
        "language": outlet.language if outlet else None,
        "country": outlet.country if outlet else None,
        "status": _status(outlet, None if never else state),
        "last_poll_at": _when(state.last_poll_at),
        "last_ok_at": _when(state.last_ok_at),
        "last_story_at": _when(state.last_story_at),
        "next_poll_at": None if never else _when(state.next_poll_at),
        "interval_seconds": None if never else state.interval.total_seconds(),
        "failures": state.failures,
        "error": state.error,
        "holder": state.holder if held else None,
        "lease_until": _when(state.lease_until) if held else None,
        "counts": state.dispositions,
        "sources": {
            url: {
                "kind": source.kind,
                "fetched_at": _when(source.fetched_at),
                "failures": source.failures,
                "error": source.error,
            }
            for url, source in state.sources.items()
        },
        "engine": _engine(state),
    }


def _engine(state: OutletState) -> str | None:
    """What its pages are rendered with; None where none of them is."""
    kinds = state.memory.get("rendering") or {}
    return next((each["engine"] for each in kinds.values() if each["engine"] != "hopeless"), None)


def _status(outlet: Outlet | None, state: OutletState | None) -> str:
    """One word for the eye."""
    if outlet is None:
        return "removed"
    if state is None or state.last_poll_at is None:
        return "new"
    if state.failures:  # an error alone is of one source or some pages: the others were read
        return "failing"
    return "ok"


_COLOURS = {"ok": "green", "failing": "red", "new": "cyan", "removed": "dim"}


def _table(
    context: Context,
    names: Sequence[str],
    configured: dict[str, Outlet],
    states: dict[str, OutletState],
    *,
    asked: int,
) -> None:
    """``asked`` is of how many the names are what was asked for."""
    if not names:
        context.err.print("No outlets: add some under outlets: in the configuration, or write a starter with `init`.")
        return
    from rich.table import Table

    from monitor.cli.formatting import plain

    at = now()
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    wide = context.out.width >= WIDE
    table.add_column("OUTLET", overflow="fold", min_width=min(max(map(len, names)), MAX_NAME_WIDTH))
    for head in ("STATUS", "POLLED", "NEXT", *(["EVERY"] if wide else [])):
        table.add_column(head, no_wrap=True)
    table.add_column("STORIES", justify="right", no_wrap=True)
    if wide:
        table.add_column("LAST STORY", no_wrap=True)
    beside = context.out.width >= WIDER
    if beside:
        table.add_column("NOTE", overflow="fold", min_width=8)
    notes = []
    for name in names:
        state = states.get(name)
        status = _status(configured.get(name), state)
        shown = f"[{_COLOURS[status]}]{status}[/]"
        polled, following, every, stories, last, note = _cells(state, at) if state else ("-", "now", "-", "0", "-", "")
        table.add_row(
            plain(name),
            shown,
            polled,
            following,
            *([every] if wide else []),
            stories,
            *([last] if wide else []),
            *([plain(note)] if beside else []),
        )
        if note and not beside:
            notes.append(f"{name}: {note}")
    context.show(table)
    for line in notes:
        context.out.print(plain(line))
    failing = [name for name in names if _status(configured.get(name), states.get(name)) == "failing"]
    if failing:
        context.err.print(f"{len(failing)} of {asked} failing; `outlets NAME` shows why.", markup=False)


def _cells(state: OutletState, at: datetime) -> tuple[str, str, str, str, str, str]:
    held = state.holder if state.holder and state.lease_until and state.lease_until > at else None
    return (
        ago(state.last_poll_at, at),
        "now" if state.next_poll_at <= at else ago(state.next_poll_at, at),
        brief(state.interval),
        f"{state.dispositions.get('stored', 0):,}",
        ago(state.last_story_at, at),
        "; ".join(filter(None, (state.error, f"polled by {held}" if held else ""))),
    )


def _whole(context: Context, name: str, outlet: Outlet | None, state: OutletState | None) -> None:
    from monitor.cli.formatting import plain

    out = context.out
    out.print(plain(name), style="bold")
    rows: list[tuple[str, str]] = [("status", _status(outlet, state))]
    if outlet is not None:
        rows += [("url", outlet.url), ("rendering", outlet.render)]
    if state is not None:
        at = now()
        rows += [
            ("last poll", _moment(state.last_poll_at, at)),
            ("last success", _moment(state.last_ok_at, at)),
            ("last story", _moment(state.last_story_at, at)),
            ("next poll", _moment(state.next_poll_at, at)),
            ("interval", brief(state.interval)),
            ("failures", f"{state.failures:g}"),
            ("error", state.error or "-"),
        ]
        if state.holder and state.lease_until and state.lease_until > at:
            rows.append(("polled by", f"{state.holder}, until {_moment(state.lease_until, at)}"))
        rows += [(f"pages {disposition}", f"{count:,}") for disposition, count in sorted(state.dispositions.items())]
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        out.print(plain(value, before=f"  {label:<{width}}  "))
    for url, source in (state.sources if state else {}).items():
        problem = f", {plural(source.failures, 'failure')}: {source.error}" if source.failures or source.error else ""
        out.print(f"  {source.kind:<{width}}  {url} (whole {ago(source.fetched_at)}{problem})", markup=False)
    out.print()


def _furniture(context: Context, names: Sequence[str], states: dict[str, OutletState], *, as_json: bool) -> None:
    from monitor.extract import boilerplate

    for name in names:
        state = states.get(name)
        blocks = boilerplate.shown(state.memory.get("boilerplate", {})) if state else []
        if as_json:
            import orjson

            told = [{"text": text, "stories": pages} for text, pages in blocks]
            click.echo(orjson.dumps({"name": name, "furniture": told}))
            continue
        context.out.print(f"{name}: {plural(len(blocks), 'block')} left out of its stories", style="bold", markup=False)
        for text, pages in blocks:
            context.out.print(f"  left out of {plural(pages, 'story', 'stories')}  {text}", markup=False)


def _moment(moment: datetime | None, at: datetime) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC ({ago(moment, at)})"


def _when(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
