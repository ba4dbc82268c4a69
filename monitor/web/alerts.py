"""The pages of alerts: their hits and delivery, snooze and backfill, and the editor with its preview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor.alert_status import AlertStatus, detail_lines, read_statuses, targets_text
from monitor.backfill import find_backfill, queue_backfill
from monitor.feed_files import FeedSource
from monitor.models import now
from monitor.notify.delivery_times import local_time_text
from monitor.notify.planned_snoozes import PlannedSnoozes
from monitor.plural import plural
from monitor.time_arguments import parse_span, parse_time
from monitor.web import charts
from monitor.web.forms import read_form, text_field
from monitor.web.pages import render
from monitor.web.services import Services, services_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.config import Alert

CHART_DAYS = 14
RECENT_HITS = 50
DEFAULT_BACKFILL = "7d"
SNOOZE_SPANS = ("1h", "1d", "2d", "7d")


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
    }
    return render(request, "alerts.html", values)


def alert_page(request: Request) -> Response:
    return _alert_page(request, request.query_params.get("name", ""))


def _alert_page(request: Request, name: str, message: Message | None = None, **values: Any) -> Response:
    """Shows one alert: its state, hits and delivery, and the forms to snooze and backfill it."""
    services, at = services_of(request), now()
    alert = find_alert(services, name)
    (status,) = read_statuses(services.store, [alert], at=at)
    shown: dict[str, Any] = {
        "section": "Alerts",
        "alert": alert,
        "status": status,
        "details": detail_lines(status),
        "chart": _daily_chart(status),
        "hits": services.store.hits(alert.name, limit=RECENT_HITS),
        "snooze_spans": SNOOZE_SPANS,
        "feed": FeedSource.of_alert(alert),
        "since": DEFAULT_BACKFILL,
        "backfill": None,
        "message": message,
        **values,
    }
    return render(request, "alert.html", shown, status=400 if message and message.is_error else 200)


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
    try:
        since = parse_time(since_text, at)
    except (ValueError, OverflowError) as error:
        return _alert_page(request, name, Message(text=str(error), is_error=True), since=since_text)
    backfill = find_backfill(services.store, alert, fragments=services.config.fragments, since=since, now=at)
    if not backfill.stories:
        message = Message(text=f"The alert has reported all stored stories since {since:%Y-%m-%d}.")
        return _alert_page(request, name, message, since=since_text)
    stories = f"{plural(len(backfill.stories), 'story', 'stories')} of {plural(backfill.event_count, 'event')}"
    due = local_time_text(backfill.due_at, alert.timezone)
    if is_queued:
        queue_backfill(services.store, backfill, now=at)
        message = Message(text=f"{stories} queued for the digest of {due}.")
        return _alert_page(request, name, message, since=since_text)
    message = Message(text=f"{stories} would be queued for the digest of {due}.")
    return _alert_page(request, name, message, since=since_text, backfill=backfill)


def find_alert(services: Services, name: str) -> Alert:
    """Returns the configured alert with this name, ignoring case.  Raises HTTPException 404."""
    for alert in services.config.alerts:
        if alert.name.casefold() == name.casefold():
            return alert
    raise HTTPException(404, f"There is no alert {name[:80]!r} in the configuration.")


def alert_url(name: str) -> str:
    return f"/alert?name={quote(name, safe='')}"


def _daily_chart(status: AlertStatus) -> Markup:
    counts = status.daily_counts[-CHART_DAYS:]
    title = f"Hits a day since {counts[0][0]}: {', '.join(str(number) for _, number in counts)}"
    return charts.bars([charts.Bar(f"{day}: {number:,}", number) for day, number in counts], title=title, height=26)


def shown_values(values: Mapping[str, Any]) -> dict[str, str]:
    """Returns values of the configuration as a form shows them: lists with commas."""
    return {
        key: ", ".join(value) if isinstance(value, tuple | list) else "" if value is None else str(value)
        for key, value in values.items()
    }
