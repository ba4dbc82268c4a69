"""The pages of alerts: their hits and delivery, snooze and backfill, and the editor with its preview."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor import config_edit
from monitor.alert_preview import newest_stories
from monitor.alert_status import (
    AlertStatus,
    deletion_lines,
    delivery_lines,
    detail_lines,
    read_statuses,
    restriction_lines,
    targets_text,
)
from monitor.backfill import find_backfill, queue_backfill
from monitor.config.warnings import messages_of_alert
from monitor.errors import ConfigError, MonitorError, StoreError
from monitor.feed_files import FeedSource
from monitor.models import now
from monitor.notify.delivery_times import local_time_text
from monitor.notify.planned_snoozes import PlannedSnoozes
from monitor.plural import plural
from monitor.query import parse
from monitor.query.snippets import Snippet, highlighted_field, snippet_of_line
from monitor.time_arguments import parse_span, parse_time
from monitor.web import charts
from monitor.web.config_file import faults_of_entry, file_text
from monitor.web.forms import list_text, read_form, require_editor, text_field
from monitor.web.pages import MAX_TITLE_CHARACTERS, render
from monitor.web.services import Services, services_of, user_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.config import Alert
    from monitor.models import Hit

CHART_DAYS = 14
RECENT_HITS = 50
DEFAULT_BACKFILL = "7d"
SAVED_BACKFILL = "30d"  # offered after an alert was saved; as long as the preview's time
LISTED_STORIES = 10  # of a backfill
SNOOZE_SPANS = ("1h", "1d", "2d", "7d")


@dataclass(frozen=True, kw_only=True, slots=True)
class HitEntry:
    """A hit with the words of its title and context that match."""

    hit: Hit
    title: Snippet
    context: Snippet


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedAlert:
    """That an alert was just saved, and how many stories before it has not reported; None if these are not counted."""

    earlier_stories: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What an action has done, or why it could not; shown on the page after it."""

    text: str
    is_error: bool = False


def alerts_page(request: Request) -> Response:
    """Lists the alerts with their hits a day, their habit, and what waits."""
    services, at = services_of(request), now()
    statuses = read_statuses(services.store, services.config.alerts, at=at)
    waiting = services.store.outbox(limit=100_000)
    values: dict[str, Any] = {
        "section": "Alerts",
        "statuses": statuses,
        "charts": {status.alert.name: _daily_chart(status) for status in statuses},
        "targets_text": targets_text,
        "removed": sorted({each.alert for each in waiting} - {alert.name for alert in services.config.alerts}),
        "deleted": _deleted_name(services, request.query_params.get("deleted", "")),
    }
    return render(request, "alerts.html", values)


def _deleted_name(services: Services, name: str) -> str:
    """Returns the name that an address says to be deleted; "" if an alert has it."""
    return "" if any(alert.name.casefold() == name.casefold() for alert in services.config.alerts) else name


def alert_page(request: Request) -> Response:
    """Shows one alert; after it was saved, also how many earlier stories match."""
    name = request.query_params.get("name", "")
    if request.query_params.get("saved") and user_of(request).is_editor:
        return _alert_page(request, name, saved=_saved_alert(services_of(request), name))
    return _alert_page(request, name)


def _saved_alert(services: Services, name: str) -> SavedAlert:
    alert, at = find_alert(services, name), now()
    if alert.type != "match":
        return SavedAlert()
    try:
        since = parse_time(SAVED_BACKFILL, at)
        backfill = find_backfill(services.store, alert, fragments=services.config.fragments, since=since, now=at)
    except StoreError:
        return SavedAlert()
    return SavedAlert(earlier_stories=len(backfill.stories))


def _alert_page(request: Request, name: str, message: Message | None = None, **values: Any) -> Response:
    """Shows one alert: its state, hits and delivery, and the forms to snooze and backfill it."""
    services, at = services_of(request), now()
    alert = find_alert(services, name)
    (status,) = read_statuses(services.store, [alert], at=at)
    shown: dict[str, Any] = {
        "section": "Alerts",
        "alert": alert,
        "status": status,
        "details": [(label, text) for label, text in detail_lines(status) if label not in {"query", "to", "deliver"}],
        "restrictions": restriction_lines(alert),
        "delivery": delivery_lines(alert),
        "warnings": messages_of_alert(services.config, alert),
        "next_digest": local_time_text(status.next_digest_at, alert.timezone),
        "chart": _daily_chart(status),
        "hits": _hit_entries(services, alert),
        "snooze_spans": SNOOZE_SPANS,
        "feed": FeedSource.of_alert(alert),
        "since": DEFAULT_BACKFILL,
        "since_saved": SAVED_BACKFILL,
        "backfill": None,
        "message": message,
        "saved": None,
        **values,
    }
    return render(request, "alert.html", shown, status=400 if message and message.is_error else 200)


def _hit_entries(services: Services, alert: Alert) -> list[HitEntry]:
    """Returns the last hits; a title that its story still has with the words that match."""
    hits = services.store.hits(alert.name, limit=RECENT_HITS)
    stories = services.store.stories([hit.story for hit in hits])
    node = parse(alert.query, fragments=services.config.fragments)
    entries = []
    for hit in hits:
        story = stories.get(hit.story)
        is_shown = story is not None and story.title == hit.title and len(hit.title) <= MAX_TITLE_CHARACTERS
        title = highlighted_field(node, story, "title") if story and is_shown else Snippet("title", hit.title, ())
        entries.append(HitEntry(hit=hit, title=title, context=snippet_of_line(hit.context)))
    return entries


def delete_page(request: Request) -> Response:
    """Asks before an alert is deleted: shows what becomes of its notifications."""
    require_editor(request)
    return _delete_page(request, request.query_params.get("name", ""))


def _delete_page(request: Request, name: str, fault: str = "") -> Response:
    services = services_of(request)
    alert = find_alert(services, name)
    (status,) = read_statuses(services.store, [alert], at=now())
    values = {
        "section": "Alerts",
        "alert": alert,
        "waiting": deletion_lines(status, [each for each in services.config.alerts if each.name != alert.name]),
        "digest": config_edit.digest_of(file_text(services.config_file)),
        "fault": fault,
        "config_path": services.config_file.path.name,
    }
    return render(request, "alert_delete.html", values, status=400 if fault else 200)


async def delete_alert(request: Request) -> Response:
    """Deletes an alert from the configuration; what it reported stays in the store."""
    form = await read_form(request)
    return await run_in_threadpool(_delete, request, text_field(form, "name"), text_field(form, "digest"))


def _delete(request: Request, name: str, digest: str) -> Response:
    services = services_of(request)
    alert = find_alert(services, name)
    path, environ = services.config_file.path, services.config_file.environ
    try:
        changed = config_edit.text_without_alert(file_text(services.config_file), alert.name)
        config_edit.write_config(path, changed, environ=environ, expected_digest=digest)
    except ConfigError as error:
        return _delete_page(request, name, "; ".join(faults_of_entry(error)))
    except MonitorError as error:
        return _delete_page(request, name, str(error))
    return RedirectResponse(f"/alerts?deleted={quote(alert.name, safe='')}", 303)


async def snooze_alert(request: Request) -> Response:
    """Holds an alert's notifications back for a time, or ends this."""
    form = await read_form(request)
    return await run_in_threadpool(_snooze, request, text_field(form, "name"), text_field(form, "span"))


def _snooze(request: Request, name: str, span: str) -> Response:
    services = services_of(request)
    alert = find_alert(services, name)
    try:
        until = None if span == "off" else now() + _positive_span(span)
    except ValueError as error:
        return _alert_page(request, name, Message(text=str(error), is_error=True))
    services.store.snooze(alert.name, until)
    if until is None:
        PlannedSnoozes(services.store).put(alert.name, None)
    return RedirectResponse(alert_url(alert.name), 303)


def _positive_span(text: str) -> timedelta:
    span = parse_span(text)
    if not span:
        raise ValueError("give a time greater than zero")
    return span


async def backfill_alert(request: Request) -> Response:
    """Counts the stories that an alert has not reported, and with ``queue`` puts them into its next digest."""
    form = await read_form(request)
    is_queued = text_field(form, "action") == "queue"
    return await run_in_threadpool(
        _backfill, request, text_field(form, "name"), text_field(form, "since"), is_queued=is_queued
    )


def _backfill(request: Request, name: str, since_text: str, *, is_queued: bool) -> Response:
    services, at = services_of(request), now()
    alert = find_alert(services, name)
    if alert.type != "match":
        message = Message(text=f"An alert with type: {alert.type} reports no single stories.", is_error=True)
        return _alert_page(request, name, message)
    try:
        since = parse_time(since_text, at)
    except (ValueError, OverflowError) as error:
        return _alert_page(request, name, Message(text=str(error), is_error=True), since=since_text)
    backfill = find_backfill(services.store, alert, fragments=services.config.fragments, since=since, now=at)
    if not backfill.stories:
        message = Message(text=f"The alert has reported all stored stories since {since:%Y-%m-%d}.")
        return _alert_page(request, name, message, since=since_text)
    stories = f"{plural(len(backfill.stories), 'story', 'stories')} of {plural(backfill.event_count, 'event')}"
    snoozed_until = services.store.snoozes().get(alert.name, backfill.due_at)
    kind = "end of the snooze at" if snoozed_until > backfill.due_at else "digest of"
    due = f"{kind} {local_time_text(max(snoozed_until, backfill.due_at), alert.timezone)}"
    if is_queued:
        queue_backfill(services.store, backfill, now=at)
        message = Message(text=f"{stories} queued for the {due}.")
        return _alert_page(request, name, message, since=since_text)
    message = Message(text=f"{stories} would be queued for the {due}.")
    listed = newest_stories(backfill.stories, LISTED_STORIES)
    return _alert_page(request, name, message, since=since_text, backfill=backfill, listed=listed)


def find_alert(services: Services, name: str) -> Alert:
    """Returns the configured alert with this name, ignoring case.  Raises HTTPException 404."""
    for alert in services.config.alerts:
        if alert.name.casefold() == name.casefold():
            return alert
    raise HTTPException(404, f"There is no alert {name[:80]!r} in the configuration.")


def alert_url(name: str) -> str:
    return f"/alert?name={quote(name, safe='')}"


def _daily_chart(status: AlertStatus) -> Markup:
    counts = [(date.fromisoformat(day), number) for day, number in status.daily_counts[-CHART_DAYS:]]
    return charts.daily_bars(counts, title=f"Hits a day since {counts[0][0]}", height=26)


def shown_values(values: Mapping[str, Any]) -> dict[str, str]:
    """Returns values of the configuration as a form shows them: lists as `list_text` writes them."""
    return {
        key: list_text(value) if isinstance(value, tuple | list) else "" if value is None else str(value)
        for key, value in values.items()
    }
