"""The editor of alerts: shows what a query would have caught before it is saved to monitor.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from monitor import config_edit
from monitor.alert_preview import AlertPreview, preview_alert
from monitor.config.load import load_bytes
from monitor.config.targets import target_name
from monitor.errors import ConfigError, MonitorError, StoreError
from monitor.models import now
from monitor.query import parse
from monitor.query.lint import lint_query
from monitor.query.lint_notes import configured_values
from monitor.query.syntax import And, Node, Or, children, is_positive
from monitor.web import charts
from monitor.web.alerts import alert_url, find_alert, shown_values
from monitor.web.config_file import faults_of_entry, file_text
from monitor.web.forms import read_form, text_field
from monitor.web.pages import render
from monitor.web.services import services_of
from monitor.web.stories import StoryEntry, entries_of

if TYPE_CHECKING:
    from datetime import datetime

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.models import Json
    from monitor.query.lint_notes import LintNote
    from monitor.web.services import Services

PREVIEW_DAYS = 30
PREVIEW_SAMPLES = 5
MAX_COUNTED_CLAUSES = 20
LIST_KEYS = ("to", "outlets", "languages", "countries", "topics")
#: Keys that the form has, in its order; other keys of an alert stay as they are in the file.
EDITED_KEYS = (
    *("name", "query", "to", "deliver", "timezone", "quiet_hours", "max_per_hour"),
    *("outlets", "languages", "countries", "topics"),
)
DEFAULT_VALUES = {"deliver": "instant", "timezone": "UTC"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ClauseCount:
    """How many stories of the preview's time one clause of the query matches by itself."""

    clause: str
    count: int | None  # None if counting takes too long
    depth: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EditorPreview:
    """What the page shows before an alert is saved."""

    preview: AlertPreview
    chart: Markup
    clauses: list[ClauseCount]
    notes: list[LintNote]
    samples: list[StoryEntry]
    changed_lines: list[str]


def edit_page(request: Request) -> Response:
    """Shows the form of an alert; without a name, an empty one, or one with the query of a search."""
    services = services_of(request)
    name = request.query_params.get("name", "")
    if name:
        alert = find_alert(services, name)
        shown = alert.model_dump(mode="json", include=set(EDITED_KEYS))
        fields = shown_values({**shown, "to": [target_name(address) for address in alert.to]})
    else:
        fields = {**dict.fromkeys(EDITED_KEYS, ""), **DEFAULT_VALUES, "query": request.query_params.get("q", "")}
    return _form_page(request, name, fields, digest=config_edit.digest_of(file_text(services.config_file)))


async def save_alert(request: Request) -> Response:
    """Shows the preview of a form, or saves it."""
    form = await read_form(request)
    fields = {key: text_field(form, key) for key in EDITED_KEYS}
    fields["query"] = " ".join(fields["query"].split())
    original, digest = text_field(form, "original"), text_field(form, "digest")
    is_saved = text_field(form, "action") == "save"
    return await run_in_threadpool(_save, request, original, fields, digest=digest, is_saved=is_saved)


def _save(request: Request, original: str, fields: dict[str, str], *, digest: str, is_saved: bool) -> Response:
    services = services_of(request)
    path, environ = services.config_file.path, services.config_file.environ
    try:
        text = file_text(services.config_file)
        values = _file_values(fields)
        if "to" in values:
            written = _targets_of_file(services, text, original, values["to"])
            _refuse_new_addresses(typed=values["to"], written=written)
            values["to"] = written
        changed = config_edit.text_with_alert(text, original or None, values)
        load_bytes(changed.encode(), path, environ)
        if is_saved:
            config_edit.write_config(path, changed, environ=environ, expected_digest=digest)
            return RedirectResponse(alert_url(fields["name"]), 303)
        lines = [_without_addresses(services, line) for line in config_edit.changed_lines(text, changed)]
        preview = _preview(services, original, fields["query"], changed_lines=lines)
    except ConfigError as error:
        return _form_page(request, original, fields, digest=digest, faults=faults_of_entry(error), status=400)
    except MonitorError as error:
        return _form_page(request, original, fields, digest=digest, faults=[str(error)], status=400)
    return _form_page(request, original, fields, digest=digest, preview=preview)


def _form_page(
    request: Request,
    original: str,
    fields: dict[str, str],
    *,
    digest: str,
    faults: list[str] | None = None,
    preview: EditorPreview | None = None,
    status: int = 200,
) -> Response:
    services = services_of(request)
    values: dict[str, Any] = {
        "section": "Alerts",
        "original": original,
        "fields": fields,
        "digest": digest,
        "faults": faults or [],
        "preview": preview,
        "preview_days": PREVIEW_DAYS,
        "config_path": services.config_file.path.name,
    }
    return render(request, "alert_editor.html", values, status=status)


def _preview(services: Services, name: str, query: str, *, changed_lines: list[str]) -> EditorPreview:
    """Reads what the query would have caught.  Raises QueryError or StoreError."""
    at = now()
    since = at - timedelta(days=PREVIEW_DAYS)
    node = parse(query, positive=True, fragments=services.config.fragments)
    preview = preview_alert(services.store, node, name=name or None, since=since, now=at, samples=PREVIEW_SAMPLES)
    bars = [charts.Bar(f"{day}: {number:,}", number) for day, number in preview.daily_counts]
    title = f"Stories a day: {', '.join(str(number) for _, number in preview.daily_counts)}"
    return EditorPreview(
        preview=preview,
        chart=charts.bars(bars, title=title),
        clauses=list(_clause_counts(services, node, since=since, at=at)),
        notes=lint_query(query, configured=configured_values(services.config), kind="alert", now=at),
        samples=entries_of(services.store, node, preview.samples),
        changed_lines=changed_lines,
    )


def _clause_counts(services: Services, node: Node, *, since: datetime, at: datetime) -> list[ClauseCount]:
    """Returns the counts of the clauses that AND and OR join, down to the second level."""
    counts: list[ClauseCount] = []
    for clause in children(node) if isinstance(node, And | Or) else ():
        inner = children(clause) if isinstance(clause, And | Or) else ()
        for depth, part in [(0, clause), *((1, each) for each in inner)]:
            if len(counts) < MAX_COUNTED_CLAUSES and is_positive(part):
                count = _count(services, part, since=since, at=at)
                counts.append(ClauseCount(clause=str(part), count=count, depth=depth))
    return counts


def _count(services: Services, node: Node, *, since: datetime, at: datetime) -> int | None:
    try:
        return sum(day.count for day in services.store.daily_counts(node, now=at, since=since))
    except StoreError:
        return None


def _file_values(fields: dict[str, str]) -> Json:
    """Returns the values for the file: lists split at commas, keys with their default left out."""
    values: Json = {}
    for key, text in fields.items():
        if not text or DEFAULT_VALUES.get(key) == text:
            values[key] = None
        elif key in LIST_KEYS:
            values[key] = [part.strip() for part in text.split(",") if part.strip()]
        else:
            values[key] = int(text) if key == "max_per_hour" and text.isdecimal() else text
    return {key: value for key, value in values.items() if value is not None or key not in {"name", "query", "to"}}


def _targets_of_file(services: Services, text: str, name: str, shown: list[str]) -> list[str | Json]:
    """Returns targets as the file spells them: the form shows names in place of addresses, which may be secret."""
    written = config_edit.targets_of_alert(text, name)
    config = load_bytes(text.encode(), services.config_file.path, services.config_file.environ)
    alert = next((each for each in config.alerts if each.name.casefold() == name.casefold()), None)
    if alert is None or len(alert.to) != len(written):
        return list(shown)
    by_name = dict(zip(map(target_name, alert.to), written, strict=True))
    return [by_name.get(each, each) for each in shown]


def _refuse_new_addresses(*, typed: list[str], written: list[str | Json]) -> None:
    """Raises MonitorError for a web address that was typed: an editor of the page must not make it contact a host."""
    for text, target in zip(typed, written, strict=True):
        if text == target and "://" in text:
            raise MonitorError(
                f"to: {text[:60]}: webhooks and chat services are added in monitor.yaml, not on the page"
            )


def _without_addresses(services: Services, line: str) -> str:
    """Returns a line of the file with the names of configured addresses in their place."""
    for address in sorted({each for alert in services.config.alerts for each in alert.to}, key=len, reverse=True):
        line = line.replace(address, target_name(address))
    return line
