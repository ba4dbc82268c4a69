"""The page of stories: a search with its results folded into events, facets and a time line; and its export."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from monitor import transfer
from monitor.errors import QueryError, StoreError
from monitor.models import now
from monitor.query.lint import lint_query
from monitor.query.lint_notes import configured_values
from monitor.query.matcher import AnalysedStory
from monitor.query.snippets import Snippet, highlighted_field, snippets
from monitor.web import charts
from monitor.web.pages import render
from monitor.web.search_request import PAGE_STORIES, BadRequest, SearchRequest
from monitor.web.services import services_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.models import Story
    from monitor.query import Node
    from monitor.store import SearchResult, Store
    from monitor.store.records import DayCount

MAX_EXPORTED_STORIES = 10_000
EXPORT_PAGE_STORIES = 200
FACET_VALUES = 8  # of each field
TIME_LINE_DAYS = 60  # without a ``since``
MAX_TIME_LINE_BARS = 120  # more days are drawn as weeks or months of 30 days
FACET_LABELS = {
    "outlet": "Outlet", "language": "Language", "country": "Country",
    "topic": "Topic", "alert": "Alert", "author": "Author",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryEntry:
    """A story of the results with what the page shows of it; ``others`` are further stories of its event."""

    story: Story
    title: Snippet
    contexts: tuple[Snippet, ...]
    others: tuple[Story, ...]

    @property
    def time(self) -> datetime:
        return self.story.time


def stories_page(request: Request) -> Response:
    """Shows the stories that a search finds; without a query, the newest."""
    services, asked, at = services_of(request), SearchRequest.from_parameters(request.query_params), now()
    values: dict[str, Any] = {
        "section": "Stories", "asked": asked, "error": None, "notes": (), "result": None,
        "entries": (), "facets": None, "time_line": None, "facet_labels": FACET_LABELS,
    }  # fmt: skip
    try:
        node, query_node = asked.node(services.config.fragments), asked.query_node(services.config.fragments)
        since, before = asked.since_time(at), asked.before_time(at)
    except (QueryError, BadRequest) as error:
        return render(request, "stories.html", values | {"error": error}, status=400)
    if asked.query:
        values["notes"] = lint_query(asked.query, configured=configured_values(services.config), now=at)
    try:
        result = services.store.search(
            node, now=at, since=since, before=before, limit=PAGE_STORIES,
            offset=(asked.page - 1) * PAGE_STORIES, relevance=asked.sort == "relevance",
        )  # fmt: skip
        values["entries"] = entries_of(services.store, query_node, result.stories)
    except StoreError as error:
        return render(request, "stories.html", values | {"error": error}, status=503)
    values["result"], values["last"] = result, (asked.page - 1) * PAGE_STORIES + len(result.stories)
    values["has_more"] = _has_more(result, asked.page)
    try:
        values["facets"] = services.store.facets(node, now=at, since=since, before=before, limit=FACET_VALUES)
        line_since = since or (before or at) - timedelta(days=TIME_LINE_DAYS)
        days = services.store.daily_counts(node, now=at, since=line_since, before=before)
        values["time_line"] = time_line(asked, days, first=line_since.date(), last=_last_day(before, at))
    except StoreError as error:
        values["facet_error"] = error
    return render(request, "stories.html", values)


def entries_of(store: Store, node: Node | None, stories: Sequence[Story]) -> list[StoryEntry]:
    """Returns the stories with their contexts; those of one event are one entry, of the first one on the page."""
    clusters = [story.cluster for story in stories if story.cluster]
    members = store.cluster_members(clusters) if clusters else {}
    entries: dict[str, StoryEntry] = {}
    for story in stories:
        event = story.cluster or story.id
        if event not in entries:
            others = tuple(other for other in members.get(event, ()) if other.id != story.id)
            entries[event] = _entry(node, story, others)
    return list(entries.values())


def _entry(node: Node | None, story: Story, others: tuple[Story, ...]) -> StoryEntry:
    if node is None:
        beginning = " ".join(story.text[:1000].split())
        cut = beginning if len(beginning) <= 220 else f"{beginning[:220].rsplit(' ', 1)[0]}…"
        title = Snippet("title", story.title, ())
        return StoryEntry(story=story, title=title, contexts=(Snippet("text", cut, ()),), others=others)
    analysed = AnalysedStory(story)
    contexts = tuple(snippet for snippet in snippets(node, analysed) if snippet.field != "title")
    return StoryEntry(story=story, title=highlighted_field(node, analysed, "title"), contexts=contexts, others=others)


def _has_more(result: SearchResult, page: int) -> bool:
    if result.total is not None:
        return result.total > page * PAGE_STORIES
    return len(result.stories) == PAGE_STORIES


# ---- the time line


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeLine:
    """The matching stories over time; each bar stands for ``days_per_bar`` days."""

    chart: Markup
    first: date
    last: date
    total: int
    days_per_bar: int


def time_line(asked: SearchRequest, counts: Sequence[DayCount], *, first: date, last: date) -> TimeLine:
    """Returns a chart from the first day to the last one whose bars narrow the search to their days."""
    days = max((last - first).days + 1, 1)
    per_bar = 1 if days <= MAX_TIME_LINE_BARS else 7 if days <= 7 * MAX_TIME_LINE_BARS else 30
    first -= timedelta(days=-days % per_bar)  # the last bar ends with the last day
    numbers = [0] * (((last - first).days + per_bar) // per_bar)
    for each in counts:
        index = (each.day - first).days // per_bar
        if 0 <= index < len(numbers):
            numbers[index] += each.count
    columns = []
    for index, number in enumerate(numbers):
        start = first + timedelta(days=index * per_bar)
        end = start + timedelta(days=per_bar - 1)
        label = f"{start}" if per_bar == 1 else f"{start} to {end}"
        columns.append(charts.Bar(f"{label}: {number:,}", number, asked.url(since=f"{start}", until=f"{end}")))
    title = f"{sum(numbers):,} stories from {first} to {last}, the most {max(numbers, default=0):,} in one bar"
    chart = charts.bars(columns, title=title)
    return TimeLine(chart=chart, first=first, last=last, total=sum(numbers), days_per_bar=per_bar)


def _last_day(before: datetime | None, at: datetime) -> date:
    return min(before - timedelta(microseconds=1), at).date() if before else at.date()


# ---- export


def export_stories(request: Request) -> Response:
    """Sends the stories of a search as a file, up to MAX_EXPORTED_STORIES; CSV cells cannot begin a formula."""
    services, asked, at = services_of(request), SearchRequest.from_parameters(request.query_params), now()
    format_name = "csv" if request.path_params["format"] == "csv" else "jsonl"
    node = asked.node(services.config.fragments)
    since, before = asked.since_time(at), asked.before_time(at)
    media_type = "text/csv; charset=utf-8" if format_name == "csv" else "application/x-ndjson"

    def parts() -> Iterator[bytes]:
        for offset in range(0, MAX_EXPORTED_STORIES, EXPORT_PAGE_STORIES):
            page = services.store.search(
                node, now=at, since=since, before=before, limit=EXPORT_PAGE_STORIES, offset=offset,
                relevance=asked.sort == "relevance",
            )  # fmt: skip
            out = io.BytesIO()
            transfer.export_stories(page.stories, out, format_name)
            header_bytes = out.getvalue().index(b"\n") + 1 if format_name == "csv" and offset else 0
            yield out.getvalue()[header_bytes:]
            if len(page.stories) < EXPORT_PAGE_STORIES:
                return

    filename = f"stories-{at:%Y%m%d-%H%M}.{format_name}"
    return StreamingResponse(
        parts(), media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{filename}"'}
    )
