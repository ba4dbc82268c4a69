"""The part of the API that changes something: saved searches, and the marks of stories.

A form of another site can send neither JSON nor the methods PUT and DELETE, so these requests need no form token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from monitor import marks
from monitor.errors import BadRequest
from monitor.models import now
from monitor.saved_searches import change_search, require_savable, save_search, search_json, search_with_id
from monitor.story_search import PARAMETERS, StorySearch
from monitor.web.forms import read_body, require_editor
from monitor.web.json_response import JsonResponse
from monitor.web.services import services_of, user_of
from monitor.web.story import find_story

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from monitor.models import Json, Story
    from monitor.store.records import SavedSearch

NO_CONTENT = 204


# ---- saved searches


def searches(request: Request) -> Response:
    return JsonResponse([search_json(saved) for saved in services_of(request).store.saved_searches()])


def search(request: Request) -> Response:
    return JsonResponse(search_json(_find_search(request)))


async def create_search(request: Request) -> Response:
    """Saves a search: ``name``, ``query`` and ``filters``."""
    require_editor(request)
    body = await _json_body(request)
    return await run_in_threadpool(_create_search, request, body)


def _create_search(request: Request, body: Json) -> Response:
    services = services_of(request)
    saved = save_search(
        services.store, _text(body, "name"), _search_of(body, StorySearch()),
        fragments=services.config.fragments, user=user_of(request).name, at=now(),
    )  # fmt: skip
    headers = {"Location": f"/api/v1/searches/{saved.id}"}
    return JsonResponse(search_json(saved), 201, headers)


async def update_search(request: Request) -> Response:
    """Changes those of ``name``, ``query`` and ``filters`` that the body has."""
    require_editor(request)
    body = await _json_body(request)
    return await run_in_threadpool(_update_search, request, body)


def _update_search(request: Request, body: Json) -> Response:
    services, saved = services_of(request), _find_search(request)
    changed = change_search(
        services.store, saved,
        name=_text(body, "name") if "name" in body else None,
        search=_search_of(body, StorySearch.from_saved(saved)) if {"query", "filters"} & body.keys() else None,
        fragments=services.config.fragments, at=now(),
    )  # fmt: skip
    return JsonResponse(search_json(changed))


def delete_search(request: Request) -> Response:
    require_editor(request)
    services_of(request).store.delete_search(_find_search(request).id)
    return Response(status_code=NO_CONTENT)


def _find_search(request: Request) -> SavedSearch:
    saved = search_with_id(services_of(request).store.saved_searches(), request.path_params["id"])
    if saved is None:
        raise HTTPException(404, "There is no saved search with this id.")
    return saved


def _search_of(body: Json, before: StorySearch) -> StorySearch:
    """Returns the search of a body; parts that it does not have are those of the search before.  Raises BadRequest."""
    values = dict(before.values())
    if "query" in body:
        values["q"] = (_text(body, "query"),)
    if "filters" in body:
        filters = body["filters"]
        is_valid = isinstance(filters, dict) and all(
            isinstance(chosen, list) and all(isinstance(value, str) for value in chosen) for chosen in filters.values()
        )
        if not is_valid:
            raise BadRequest("filters", 'write an object with lists of texts, such as {"outlet": ["A"]}')
        values = {"q": values.get("q", ()), **{name: tuple(chosen) for name, chosen in filters.items()}}
        known = {*PARAMETERS} - {"q"}
        if unknown := sorted(filters.keys() - known):
            raise BadRequest("filters", f"{unknown[0][:40]!r} is none of {', '.join(sorted(known))}")
    require_savable(values)
    return StorySearch.from_values(values)


# ---- marks


def story_marks(request: Request) -> Response:
    return _marks_response(request, find_story(request))


def tags(request: Request) -> Response:
    """Returns the tags that the most stories have."""
    counts = services_of(request).store.tag_counts(limit=1000)
    return JsonResponse([{"tag": tag.name, "count": tag.count} for tag in counts])


def _marks_response(request: Request, story: Story) -> Response:
    found = marks.marks_of_stories(services_of(request).store, [story.id], user=user_of(request).name)
    return JsonResponse(marks.marks_json(found[story.id]))


def _changes_marks(change: Callable[[Request, Story], None], *, needs_editor: bool) -> Callable[[Request], Response]:
    """Returns a handler that makes a change and returns the marks of the story."""

    def handler(request: Request) -> Response:
        if needs_editor:
            require_editor(request)
        story = find_story(request)
        change(request, story)
        return _marks_response(request, story)

    return handler


def _star(request: Request, story: Story) -> None:
    marks.star(services_of(request).store, story.id, user=user_of(request).name, at=now())


def _unstar(request: Request, story: Story) -> None:
    marks.unstar(services_of(request).store, story.id, user=user_of(request).name)


def _mark_read(request: Request, story: Story) -> None:
    versions = {story.id: story.version}
    marks.mark_read(services_of(request).store, versions, user=user_of(request).name, at=now())


def _mark_unread(request: Request, story: Story) -> None:
    marks.mark_unread(services_of(request).store, story.id, user=user_of(request).name)


def _add_tag(request: Request, story: Story) -> None:
    tag, user = request.path_params["tag"], user_of(request).name
    marks.add_tag(services_of(request).store, story.id, tag, user=user, at=now())


def _remove_tag(request: Request, story: Story) -> None:
    marks.remove_tag(services_of(request).store, story.id, request.path_params["tag"])


def _delete_note(request: Request, story: Story) -> None:
    marks.delete_note(services_of(request).store, story.id, request.path_params["note"])


async def add_note(request: Request) -> Response:
    """Adds a note: ``text``, and optionally an ``id`` of 32 hexadecimal digits, with which a repeat adds no other."""
    require_editor(request)
    body = await _json_body(request)
    return await run_in_threadpool(_add_note, request, body)


def _add_note(request: Request, body: Json) -> Response:
    story = find_story(request)
    text, identifier = _text(body, "text"), _text(body, "id") if "id" in body else ""
    marks.add_note(
        services_of(request).store, story.id, text, user=user_of(request).name, at=now(), identifier=identifier
    )
    return _marks_response(request, story)


# ---- bodies


async def _json_body(request: Request) -> Json:
    """Returns the JSON object of a body.  Raises HTTPException 415 for another type, BadRequest for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send the body as JSON, with the header Content-Type: application/json.")
    try:
        body = orjson.loads(await read_body(request))
    except orjson.JSONDecodeError as error:
        raise BadRequest("body", f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadRequest("body", "not a JSON object")
    return body


def _text(body: Json, name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise BadRequest(name, "not a text")
    return value


ROUTES = [
    Route("/searches", searches),
    Route("/searches", create_search, methods=["POST"]),
    Route("/searches/{id:str}", search),
    Route("/searches/{id:str}", update_search, methods=["PUT"]),
    Route("/searches/{id:str}", delete_search, methods=["DELETE"]),
    Route("/tags", tags),
    Route("/stories/{id:str}/marks", story_marks),
    Route("/stories/{id:str}/star", _changes_marks(_star, needs_editor=False), methods=["PUT"]),
    Route("/stories/{id:str}/star", _changes_marks(_unstar, needs_editor=False), methods=["DELETE"]),
    Route("/stories/{id:str}/read", _changes_marks(_mark_read, needs_editor=False), methods=["PUT"]),
    Route("/stories/{id:str}/read", _changes_marks(_mark_unread, needs_editor=False), methods=["DELETE"]),
    Route("/stories/{id:str}/tags/{tag:path}", _changes_marks(_add_tag, needs_editor=True), methods=["PUT"]),
    Route("/stories/{id:str}/tags/{tag:path}", _changes_marks(_remove_tag, needs_editor=True), methods=["DELETE"]),
    Route("/stories/{id:str}/notes", add_note, methods=["POST"]),
    Route("/stories/{id:str}/notes/{note:str}", _changes_marks(_delete_note, needs_editor=True), methods=["DELETE"]),
]
