"""The editor of alerts: shows what a query would have caught before it is saved to monitor.yaml."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from monitor import config_edit
from monitor.alert_preview import AlertPreview, preview_alert
from monitor.alert_stories import alert_stories
from monitor.config.load import load_bytes
from monitor.config.targets import target_name
from monitor.config.warnings import unknown_filter_values
from monitor.errors import BadRequest, ConfigError, MonitorError, QueryError, StoreError
from monitor.models import now
from monitor.query import parse
from monitor.query.lint import lint_query
from monitor.query.lint_notes import configured_values
from monitor.query.syntax import And, Node, Not, Or, children, is_positive
from monitor.web import charts
from monitor.web.alerts import alert_url, find_alert, shown_values
from monitor.web.config_file import faults_by_key, file_text
from monitor.web.forms import list_text, list_values, read_form, text_field
from monitor.web.pages import render
from monitor.web.services import services_of
from monitor.web.stories import StoryEntry, entries_of

if TYPE_CHECKING:
    from datetime import datetime

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.config import Alert, Config
    from monitor.models import Json
    from monitor.query.lint_notes import LintNote
    from monitor.web.services import Services

PREVIEW_DAYS = 30
PREVIEW_SAMPLES = 5
MAX_COUNTED_CLAUSES = 20
LIST_KEYS = ("to", "outlets", "languages", "countries", "topics")
#: Labels of the keys that the form has, in its order; other keys of an alert stay as they are in the file.
FIELD_LABELS = {
    "name": "Name", "query": "Query", "to": "To", "deliver": "Deliver", "timezone": "Time zone",
    "quiet_hours": "Quiet hours", "max_per_hour": "Mails an hour",
    "outlets": "Outlets", "languages": "Languages", "countries": "Countries", "topics": "Topics",
}  # fmt: skip
EDITED_KEYS = tuple(FIELD_LABELS)
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

    alert: Alert
    preview: AlertPreview
    chart: Markup
    clauses: list[ClauseCount]
    notes: list[LintNote]
    warnings: dict[str, list[str]]  # by the key of the field
    samples: list[StoryEntry]
    changed_lines: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertForm:
    """The form as it was sent: ``original`` names the alert that it changes, ``copied`` the one that it duplicates."""

    fields: dict[str, str]
    digest: str  # of the file's text when the form was opened
    original: str = ""
    copied: str = ""


def edit_page(request: Request) -> Response:
    """Shows the form of an alert; without a name, an empty one, that of a copy, or one with the query of a search."""
    services, parameters = services_of(request), request.query_params
    name, copied = parameters.get("name", ""), parameters.get("copy", "")
    if name or copied:
        alert = find_alert(services, name or copied)
        shown = alert.model_dump(mode="json", include=set(EDITED_KEYS))
        fields = shown_values({**shown, "to": [target_name(address) for address in alert.to]})
    else:
        fields = {**dict.fromkeys(EDITED_KEYS, ""), **DEFAULT_VALUES, "query": parameters.get("q", "")}
    if copied and not name:
        fields["name"] = _free_name(services, fields["name"])
    digest = config_edit.digest_of(file_text(services.config_file))
    return _form_page(request, AlertForm(fields=fields, digest=digest, original=name, copied="" if name else copied))


def _free_name(services: Services, name: str) -> str:
    """Returns the name for a copy of an alert that no alert has."""
    taken = {alert.name.casefold() for alert in services.config.alerts}
    names = (f"{name} copy{f' {number}' if number > 1 else ''}" for number in itertools.count(1))
    return next(each for each in names if each.casefold() not in taken)


async def save_alert(request: Request) -> Response:
    """Shows the preview of a form, or saves it."""
    form = await read_form(request)
    sent = AlertForm(
        fields={key: text_field(form, key).replace("\r\n", "\n") for key in EDITED_KEYS},
        digest=text_field(form, "digest"),
        original=text_field(form, "original"),
        copied=text_field(form, "copied"),
    )
    return await run_in_threadpool(_save, request, sent, is_saved=text_field(form, "action") == "save")


def _save(request: Request, form: AlertForm, *, is_saved: bool) -> Response:
    services, name = services_of(request), form.fields["name"]
    path, environ = services.config_file.path, services.config_file.environ
    faults = _name_faults(services, form)
    try:
        text = file_text(services.config_file)
        changed = _changed_text(services, text, form)
        if is_saved:
            config_edit.write_config(path, changed, environ=environ, expected_digest=form.digest)
            return RedirectResponse(f"{alert_url(name)}&saved=1", 303)
        config = load_bytes(changed.encode(), path, environ)
        lines = [_without_addresses(services, line) for line in config_edit.changed_lines(text, changed)]
        preview = _preview(services, config, form, changed_lines=lines)
    except BadRequest as error:
        faults = {error.parameter: [error.message]} | faults
    except ConfigError as error:
        entry = f"alerts[{config_edit.alert_position(text, form.original)}]"
        found = faults_by_key(error, entry)
        faults = (found if not faults else {key: each for key, each in found.items() if key}) | faults
    except MonitorError as error:
        faults = {"": [str(error)]} | faults
    else:
        return _form_page(request, form, preview=preview)
    return _form_page(request, form, faults=faults)


def _name_faults(services: Services, form: AlertForm) -> dict[str, list[str]]:
    """Returns the fault of a name that another alert has, which the configuration reports by its position."""
    name = form.fields["name"].casefold()
    others = {alert.name.casefold() for alert in services.config.alerts} - {form.original.casefold()}
    return {"name": ["another alert has this name"]} if name in others else {}


def _changed_text(services: Services, text: str, form: AlertForm) -> str:
    """Returns the text of the file with the form's alert.  Raises BadRequest, ConfigError or MonitorError."""
    values = _file_values({**form.fields, "query": " ".join(form.fields["query"].split())})
    if "to" in values:
        written = _targets_of_file(services, text, form.original or form.copied, values["to"])
        _refuse_new_addresses(typed=values["to"], written=written)
        values["to"] = written
    if form.copied and not form.original:
        return config_edit.text_with_copied_alert(text, form.copied, values)
    return config_edit.text_with_alert(text, form.original or None, values)


def _form_page(
    request: Request,
    form: AlertForm,
    *,
    faults: dict[str, list[str]] | None = None,
    preview: EditorPreview | None = None,
) -> Response:
    services = services_of(request)
    values: dict[str, Any] = {
        "section": "Alerts",
        "form": form,
        "original": form.original,
        "fields": form.fields,
        "labels": FIELD_LABELS,
        "faults": faults or {},
        "query_error": _query_error(services, form.fields["query"]) if faults and "query" in faults else None,
        "preview": preview,
        "preview_days": PREVIEW_DAYS,
        "config_path": services.config_file.path.name,
        "known": _known_values(services.config),
    }
    return render(request, "alert_editor.html", values, status=400 if faults else 200)


def _query_error(services: Services, query: str) -> QueryError | None:
    """Returns the fault of a query with its place in the text that was typed; None if it is no fault of the syntax."""
    try:
        parse(query, positive=True, fragments=services.config.fragments)
    except QueryError as error:
        return error
    return None


def _known_values(config: Config) -> dict[str, list[str]]:
    """Returns what the fields offer: the values that the configuration has, and the spellings of a delivery time."""
    outlets = config.outlets
    return {
        "outlets": [list_text([outlet.name]) for outlet in outlets],
        "topics": [list_text([topic]) for topic in config.topics],
        "languages": sorted({outlet.language for outlet in outlets if outlet.language}),
        "countries": sorted({outlet.effective_country for outlet in outlets if outlet.effective_country}),
        "deliver": ["instant", "hourly", "daily 07:00", "weekly mon 07:00"],
    }


def _preview(services: Services, config: Config, form: AlertForm, *, changed_lines: list[str]) -> EditorPreview:
    """Reads what the alert would have caught, of the configuration with it.  Raises QueryError or StoreError."""
    at, store, fragments = now(), services.store, config.fragments
    since = at - timedelta(days=PREVIEW_DAYS)
    alert = next(each for each in config.alerts if each.name.casefold() == form.fields["name"].casefold())
    stories = alert_stories(store, alert, fragments=fragments, since=since, now=at)
    preview = preview_alert(stories, name=form.original or None, since=since, now=at, samples=PREVIEW_SAMPLES)
    warnings: dict[str, list[str]] = {}
    for key, message in unknown_filter_values(config, alert):
        warnings.setdefault(key, []).append(message)
    return EditorPreview(
        alert=alert,
        preview=preview,
        chart=charts.daily_bars(preview.daily_counts, title="Stories a day"),
        clauses=list(_clause_counts(services, parse(alert.rule_query, fragments=fragments), since=since, at=at)),
        notes=lint_query(form.fields["query"], configured=configured_values(config), kind="alert", now=at),
        warnings=warnings,
        samples=entries_of(store, parse(alert.query, fragments=fragments), preview.samples),
        changed_lines=changed_lines,
    )


def _clause_counts(services: Services, node: Node, *, since: datetime, at: datetime) -> list[ClauseCount]:
    """Returns the counts of the clauses that AND and OR join, and of their operands."""
    counts: list[ClauseCount] = []
    for clause in children(node) if isinstance(node, And | Or) else (node,):
        inner = () if isinstance(clause, Not) else children(clause)
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
            values[key] = list_values(text)
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
    """Raises BadRequest for a web address that was typed: an editor of the page must not make it contact a host."""
    for text, target in zip(typed, written, strict=True):
        if text == target and "://" in text:
            message = f"{text[:60]}: webhooks and chat services are added in monitor.yaml, not on the page"
            raise BadRequest("to", message)


def _without_addresses(services: Services, line: str) -> str:
    """Returns a line of the file with the names of configured addresses in their place."""
    for address in sorted({each for alert in services.config.alerts for each in alert.to}, key=len, reverse=True):
        line = line.replace(address, target_name(address))
    return line
