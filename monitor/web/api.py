"""The API for programs: the page's data as JSON, under /api/v1."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.routing import Route

from monitor import coverage
from monitor.alert_preview import preview_alert
from monitor.alert_status import read_statuses
from monitor.errors import BadRequest, MonitorError, QueryError
from monitor.marks import marks_json, marks_of_stories
from monitor.models import now
from monitor.outlet_status import read_outlets
from monitor.query import parse
from monitor.query.explain import explain
from monitor.query.lint import lint_query
from monitor.query.lint_notes import configured_values
from monitor.query.snippets import snippets
from monitor.store.records import FACET_FIELDS
from monitor.time_arguments import parse_time
from monitor.web import api_changes
from monitor.web.json_response import JsonResponse
from monitor.web.openapi import openapi_document
from monitor.web.search_request import SearchRequest
from monitor.web.services import services_of, user_of
from monitor.web.trends import read_trend, trend_request

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.marks import StoryMarks
    from monitor.models import Json, Story
    from monitor.query import Node
    from monitor.story_search import PreparedSearch

MAX_LIMIT = 1000
DEFAULT_LIMIT = 20
MAX_OFFSET = 10_000


def error_json(error: MonitorError) -> Json:
    """Returns an error for a program: the message, a hint, and for a query the column of the fault."""
    data: Json = {"error": error.message, "hint": error.hint}
    if isinstance(error, QueryError):
        data["column"] = error.column
    if isinstance(error, BadRequest):
        data["parameter"] = error.parameter
    return data


def search(request: Request) -> Response:
    """Returns the stories of a search with the matching words in context."""
    limit = _number(request, "limit", default=DEFAULT_LIMIT, highest=MAX_LIMIT)
    offset = _number(request, "offset", default=0, highest=MAX_OFFSET)
    search = _prepared_search(request)
    result = search.stories(limit=limit, offset=offset)
    marks = marks_of_stories(
        services_of(request).store, [story.id for story in result.stories], user=user_of(request).name
    )
    stories = [_story_json(story, search.query_node, marks[story.id]) for story in result.stories]
    return JsonResponse({"total": result.total, "offset": offset, "cuts": search.cuts, "stories": stories})


def _prepared_search(request: Request) -> PreparedSearch:
    services, asked = services_of(request), SearchRequest.from_parameters(request.query_params)
    return asked.prepare(services.store, services.config.fragments, now=now(), user=user_of(request).name)


def _story_json(story: Story, node: Node | None, marks: StoryMarks) -> Json:
    contexts = [snippet.to_json() for snippet in snippets(node, story)] if node is not None else []
    return {**story.to_json(), "contexts": contexts, "marks": marks_json(marks)}


def counts(request: Request) -> Response:
    """Returns the number of stories of a search by day, and its most frequent values."""
    search = _prepared_search(request)
    facets = search.facets(limit=_number(request, "limit", default=10, highest=MAX_LIMIT))
    days = search.daily_counts()
    return JsonResponse(
        {
            "total": sum(day.count for day in days),
            "days": [{"day": day.day.isoformat(), "count": day.count} for day in days],
            "values": {
                name: [{"value": value, "count": count} for value, count in values]
                for name, values in facets.values.items()
            },
            "counted": facets.counted,
            "is_complete": facets.is_complete,
            "cuts": search.cuts,
        }
    )


def story(request: Request) -> Response:
    return JsonResponse(_find_story(request).to_json())


def story_versions(request: Request) -> Response:
    """Returns all versions of a story, the oldest first."""
    found = _find_story(request)
    return JsonResponse([version.to_json() for version in services_of(request).store.history(found.id)])


def story_explanation(request: Request) -> Response:
    """Returns why a query matches a story, or which clause fails."""
    query = request.query_params.get("q", "").strip()
    node = parse(query, fragments=services_of(request).config.fragments)
    return JsonResponse(explain(node, _find_story(request), now=now()).to_json())


def check_query(request: Request) -> Response:
    """Returns the error of a query with its column, or notes about probable mistakes; for input fields."""
    services, query = services_of(request), request.query_params.get("q", "").strip()
    kind = "alert" if request.query_params.get("kind") == "alert" else "search"
    if not query:
        return JsonResponse({"error": None, "notes": []})
    try:
        parse(query, positive=kind == "alert", fragments=services.config.fragments)
        notes = lint_query(query, configured=configured_values(services.config), kind=kind)
    except QueryError as error:
        return JsonResponse({**error_json(error), "notes": []})
    return JsonResponse({"error": None, "notes": [str(note) for note in notes]})


def alerts(request: Request) -> Response:
    services = services_of(request)
    return JsonResponse(
        [status.to_json() for status in read_statuses(services.store, services.config.alerts, at=now())]
    )


def alert_preview(request: Request) -> Response:
    """Returns what a query would have caught as an alert, by day."""
    services, at = services_of(request), now()
    node = parse(request.query_params.get("q", ""), positive=True, fragments=services.config.fragments)
    try:
        since = parse_time(request.query_params.get("since", "30d"), at)
    except (ValueError, OverflowError) as error:
        raise BadRequest("since", str(error)) from None
    preview = preview_alert(services.store.scan(node, now=at, since=since), since=since, now=at, samples=0)
    return JsonResponse(
        {
            "total": preview.total,
            "events": preview.event_count,
            "stories_per_day": preview.stories_per_day,
            "days": [{"day": day.isoformat(), "count": count} for day, count in preview.daily_counts],
            "other_alerts": dict(preview.other_alerts),
        }
    )


def outlets(request: Request) -> Response:
    services = services_of(request)
    return JsonResponse([status.to_json() for status in read_outlets(services.store, services.config, at=now())])


def outlet_coverage(request: Request) -> Response:
    """Returns what became of the URLs that an outlet listed, by day."""
    services, at = services_of(request), now()
    name = request.query_params.get("name", "")
    try:
        since = parse_time(request.query_params.get("since", "7d"), at)
    except (ValueError, OverflowError) as error:
        raise BadRequest("since", str(error)) from None
    counted = services.store.coverage(name, since=since)
    return JsonResponse(coverage.coverage_json(name, counted, services.store.source_coverage(name, since=since)))


def trends(request: Request) -> Response:
    """Returns the numbers of the page of trends."""
    trend = read_trend(services_of(request), trend_request(request.query_params), now())
    return JsonResponse(
        {
            "labels": trend.labels,
            "is_weekly": trend.is_weekly,
            "unit": trend.unit or "stories",
            "series": [{"name": each.name, "values": each.values} for each in trend.series],
            "shares": [asdict(voice) for voice in trend.voices],
            "all_stories": trend.all_stories,
            "spikes": [asdict(spike) for spike in trend.spikes],
            "collected_since": trend.collected_since and trend.collected_since.isoformat(),
        }
    )


def openapi(_: Request) -> Response:
    return JsonResponse(openapi_document(list(FACET_FIELDS)))


def _find_story(request: Request) -> Story:
    key = request.path_params["id"]
    found = services_of(request).store.stories([key]).get(key)
    if found is None:
        raise HTTPException(404, "There is no stored story with this id.")
    return found


def _number(request: Request, name: str, *, default: int, highest: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRequest(name, f"{text[:40]!r} is not a number")
    if int(text) > highest:
        raise BadRequest(name, f"{name} is at most {highest:,}")
    return int(text)


ROUTES = [
    Route("/openapi.json", openapi),
    Route("/search", search),
    Route("/counts", counts),
    Route("/check", check_query),
    Route("/stories/{id:str}", story),
    Route("/stories/{id:str}/versions", story_versions),
    Route("/stories/{id:str}/explanation", story_explanation),
    Route("/alerts", alerts),
    Route("/alerts/preview", alert_preview),
    Route("/outlets", outlets),
    Route("/outlets/coverage", outlet_coverage),
    Route("/trends", trends),
    *api_changes.ROUTES,
]
