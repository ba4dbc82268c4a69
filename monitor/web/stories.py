"""The page of stories: a search with its results folded into events, facets and a time line; and its export."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from monitor import transfer
from monitor.errors import BadRequest, QueryError, StoreError
from monitor.feed_files import FeedSource, feed_sources
from monitor.marks import marks_of_stories
from monitor.models import now
from monitor.query.lint import lint_query
from monitor.query.lint_notes import configured_values
from monitor.query.matcher import AnalysedStory
from monitor.query.snippets import Snippet, highlighted_field, snippets
from monitor.saved_searches import MAX_NAME_CHARACTERS
from monitor.web import charts
from monitor.web.pages import render
from monitor.web.search_request import MAX_PAGE, PAGE_STORIES, SearchRequest
from monitor.web.services import services_of, user_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.models import Story
    from monitor.query import Node
    from monitor.store import SearchResult, Store
    from monitor.store.records import DayCount, SavedSearch
    from monitor.web.services import Services

MAX_EXPORTED_STORIES = 10_000
EXPORT_PAGE_STORIES = 200
FACET_VALUES = 8  # of each field
TAG_VALUES = 20
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
    return stories_response(request, SearchRequest.from_parameters(request.query_params))


def stories_response(request: Request, asked: SearchRequest, **values: Any) -> Response:
    """Shows the page of a search; ``values`` are variables of the template that replace those without a fault."""
    services, at, user = services_of(request), now(), user_of(request)
    shown: dict[str, Any] = {
        "section": "Stories", "asked": asked, "error": None, "notes": (), "result": None, "cuts": (),
        "entries": (), "facets": None, "time_line": None, "facet_labels": FACET_LABELS,
        "saved_searches": (), "saved": None, "feed": None, "tag_counts": (), "save_fault": None, "save_name": "",
        "max_name": MAX_NAME_CHARACTERS,
        **values,
    }  # fmt: skip
    try:
        searches = services.store.saved_searches()
        shown["saved_searches"] = [(search, SearchRequest.from_saved(search)) for search in searches]
        shown["saved"] = next((saved for saved, search in shown["saved_searches"] if search.is_same_as(asked)), None)
        shown["feed"] = _feed_of(services, asked, shown["saved"])
        search = asked.prepare(services.store, services.config.fragments, now=at, user=user.name)
        if asked.query:
            shown["notes"] = lint_query(asked.query, configured=configured_values(services.config), now=at)
        result = search.stories(limit=PAGE_STORIES, offset=(asked.page - 1) * PAGE_STORIES)
        shown["entries"] = entries = entries_of(services.store, search.query_node, result.stories)
        shown["shown_stories"] = shown_stories = [story for each in entries for story in (each.story, *each.others)]
        shown["marks"] = marks_of_stories(services.store, [story.id for story in shown_stories], user=user.name)
    except (QueryError, BadRequest) as error:
        return render(request, "stories.html", shown | {"error": error}, status=400)
    except StoreError as error:
        return render(request, "stories.html", shown | {"error": error}, status=503)
    shown["result"], shown["last"] = result, (asked.page - 1) * PAGE_STORIES + len(result.stories)
    shown["has_more"], shown["cuts"] = _has_more(result, asked.page), search.cuts
    shown["last_page"] = min(max(-(-(result.total or 0) // PAGE_STORIES), 1), MAX_PAGE)
    shown["is_kept_if_matching"] = services.config.keep == "matching"
    try:
        shown["tag_counts"] = services.store.tag_counts(limit=TAG_VALUES)
        shown["facets"] = search.facets(limit=FACET_VALUES)
        line_since = search.since or (search.before or at) - timedelta(days=TIME_LINE_DAYS)
        days = search.daily_counts(since=line_since)
        start, last_day = services.store.first_seen_at(), _last_day(search.before, at)
        shown["time_line"] = time_line(
            asked, days, first=line_since.date(), last=last_day, collected_since=start and start.date()
        )
    except StoreError as error:
        shown["facet_error"] = error
    return render(request, "stories.html", shown, status=400 if shown["save_fault"] else 200)


def _feed_of(services: Services, asked: SearchRequest, saved: SavedSearch | None) -> FeedSource | None:
    """Returns the feed that has the stories of this search: of the saved search, or of the only topic or alert."""
    if saved is not None:
        return FeedSource.of_search(saved)
    values, sources = asked.values(), feed_sources(services.config, ())
    return next((source for source in sources if values == {source.kind: (source.name,)}), None)


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
        contexts: tuple[Snippet, ...] = (Snippet("text", cut, ()),)
    else:
        analysed = AnalysedStory(story)
        title = highlighted_field(node, analysed, "title")
        contexts = tuple(snippet for snippet in snippets(node, analysed) if snippet.field != "title")
    return StoryEntry(story=story, title=title, contexts=contexts, others=others)


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
    most: int  # of a bar
    days_per_bar: int
    collected_since: date | None  # if some bars end before it, and so have only what outlets still listed then


def time_line(
    asked: SearchRequest, counts: Sequence[DayCount], *, first: date, last: date, collected_since: date | None
) -> TimeLine:
    """Returns a chart from the first day to the last one whose bars narrow the search to their days."""
    days = max((last - first).days + 1, 1)
    per_bar = 1 if days <= MAX_TIME_LINE_BARS else 7 if days <= 7 * MAX_TIME_LINE_BARS else 30
    first -= timedelta(days=-days % per_bar)  # the last bar ends with the last day
    numbers = [0] * (((last - first).days + per_bar) // per_bar)
    for each in counts:
        index = (each.day - first).days // per_bar
        if 0 <= index < len(numbers):
            numbers[index] += each.count
    columns, early = [], 0
    for index, number in enumerate(numbers):
        start = first + timedelta(days=index * per_bar)
        end = start + timedelta(days=per_bar - 1)
        early += collected_since is not None and end < collected_since
        label = f"{start}" if per_bar == 1 else f"{start} to {end}"
        columns.append(charts.Bar(f"{label}: {number:,}", number, asked.url(since=f"{start}", until=f"{end}")))
    return TimeLine(
        chart=charts.link_bars(columns, early=early),
        first=first,
        last=last,
        total=sum(numbers),
        most=max(numbers, default=0),
        days_per_bar=per_bar,
        collected_since=collected_since if early else None,
    )


def _last_day(before: datetime | None, at: datetime) -> date:
    return min(before - timedelta(microseconds=1), at).date() if before else at.date()


# ---- export


def export_stories(request: Request) -> Response:
    """Sends the stories of a search as a file, up to MAX_EXPORTED_STORIES; CSV cells cannot begin a formula."""
    services, asked, at = services_of(request), SearchRequest.from_parameters(request.query_params), now()
    format_name = "csv" if request.path_params["format"] == "csv" else "jsonl"
    search = asked.prepare(services.store, services.config.fragments, now=at, user=user_of(request).name)
    media_type = "text/csv; charset=utf-8" if format_name == "csv" else "application/x-ndjson"

    def parts() -> Iterator[bytes]:
        for offset in range(0, MAX_EXPORTED_STORIES, EXPORT_PAGE_STORIES):
            page = search.stories(limit=EXPORT_PAGE_STORIES, offset=offset)
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
