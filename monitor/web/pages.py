"""Renders templates: the filters and functions that they use."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jinja2
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from monitor import __version__
from monitor.models import now, rfc3339
from monitor.plural import plural
from monitor.time_text import relative_time, short_duration
from monitor.web.forms import form_token
from monitor.web.query_place import query_place
from monitor.web.search_request import story_url
from monitor.web.services import services_of, user_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from starlette.requests import Request

    from monitor.query.lint_notes import LintNote
    from monitor.query.snippets import Snippet

MAX_TITLE_CHARACTERS = 400  # of a title in a list; longer ones are cut
SECTIONS = (("/", "Stories"), ("/alerts", "Alerts"), ("/outlets", "Outlets"), ("/trends", "Trends"))


def render(request: Request, template: str, values: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """Returns a page made from a template; ``values`` are its variables."""
    services = services_of(request)
    shared = {
        "request": request,
        "section": "",
        "sections": SECTIONS,
        "user": user_of(request),
        "config_faults": services.config_file.faults,
        "form_token": lambda: form_token(request),
        "at": now(),
        "version": __version__,
    }
    return HTMLResponse(environment().get_template(template).render({**shared, **values}), status)


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    loader = jinja2.PackageLoader("monitor.web")
    # All templates are HTML, so every value is escaped.
    made = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {
        "ago": relative_time,
        "duration": short_duration,
        "marked": marked,
        "note": note_text,
        "number": lambda number: f"{number:,}",
        "per_cent": lambda share: "-" if share is None else f"{share:.1f} %",
        "shortened": shortened,
        "time": time_element,
        "query": lambda values: urlencode(values, doseq=True),
    }
    made.globals |= {"plural": plural, "query_place": query_place, "story_url": story_url}
    return made


def marked(snippet: Snippet) -> Markup:
    """Returns a snippet as HTML with its matching words in ``mark`` elements."""
    pieces, copied = [], 0
    for start, end in snippet.marks:
        pieces += [escape(snippet.text[copied:start]), Markup("<mark>%s</mark>") % snippet.text[start:end]]
        copied = end
    return Markup("").join([*pieces, escape(snippet.text[copied:])])


def note_text(note: LintNote, query: str) -> str:
    """Returns a note about a query with the name of its place, which in a query of several lines has a line."""
    hint = f"; {note.suggestion}" if note.suggestion else ""
    return f"{query_place(query, note.column).name}: {note.message}{hint}"


def shortened(text: str, limit: int = MAX_TITLE_CHARACTERS) -> str:
    """Returns the text on one line, cut at ``limit`` characters with an ellipsis."""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else f"{line[:limit].rstrip()}…"


def time_element(time: datetime | None, *, form: str = "%Y-%m-%d %H:%M") -> Markup:
    """Returns a ``time`` element in UTC, whose tooltip is the exact time."""
    if time is None:
        return Markup("never")
    exact = rfc3339(time)
    return Markup('<time datetime="%s" title="%s">%s</time>') % (exact, exact, f"{time:{form}}")
