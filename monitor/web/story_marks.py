"""Changes the marks of stories: tags and notes, stars and read states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from monitor import marks
from monitor.errors import BadRequest
from monitor.models import now
from monitor.web.forms import read_form, require_editor, text_field
from monitor.web.login import own_path
from monitor.web.services import services_of, user_of
from monitor.web.story import find_story, story_response

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request

EDITOR_ACTIONS = frozenset({"tag", "untag", "note", "delete-note"})  # tags and notes are for all users
MAX_STORIES = 1000  # of a page with the other stories of its events
PERSONAL_ACTIONS = frozenset({"star", "unstar", "read", "unread"})


async def change_marks(request: Request) -> Response:
    """Does the form's action on the marks of a story, and leads back to the page that the form names."""
    form = await read_form(request, needs_editor=False)
    action = text_field(form, "action")
    if action in EDITOR_ACTIONS:
        require_editor(request)
    elif action not in PERSONAL_ACTIONS:
        raise HTTPException(400, "There is no such action on a story.")
    return await run_in_threadpool(_change, request, action, form)


def _change(request: Request, action: str, form: FormData) -> Response:
    store, user, at = services_of(request).store, user_of(request).name, now()
    story = find_story(request)
    try:
        match action:
            case "star":
                marks.star(store, story.id, user=user, at=at)
            case "unstar":
                marks.unstar(store, story.id, user=user)
            case "read":
                version = _version_number(text_field(form, "version")) if form.get("version") else story.version
                marks.mark_read(store, {story.id: version}, user=user, at=at)
            case "unread":
                marks.mark_unread(store, story.id, user=user)
            case "tag":
                marks.add_tag(store, story.id, text_field(form, "tag"), user=user, at=at)
            case "untag":
                marks.remove_tag(store, story.id, text_field(form, "tag"))
            case "note":
                note, identifier = text_field(form, "note"), text_field(form, "note_id")
                marks.add_note(store, story.id, note, user=user, at=at, identifier=identifier)
            case "delete-note":
                marks.delete_note(store, story.id, text_field(form, "note_id"))
    except BadRequest as error:
        return story_response(request, story, fault=error, typed=text_field(form, error.parameter))
    if text_field(form, "quiet"):  # sent by the script, which does not load the page again
        return Response(status_code=204)
    return RedirectResponse(own_path(text_field(form, "next")), 303)


async def mark_page_read(request: Request) -> Response:
    """Marks the stories of a page of results as read, in the versions that it showed."""
    form = await read_form(request, needs_editor=False)
    versions = {}
    for shown in text_field(form, "stories").split()[:MAX_STORIES]:
        story, _, version = shown.partition(":")
        if story:
            versions[story] = _version_number(version)
    await run_in_threadpool(marks.mark_read, services_of(request).store, versions, user=user_of(request).name, at=now())
    return RedirectResponse(own_path(text_field(form, "next")), 303)


def _version_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise HTTPException(400, "The form names no version of a story.")
    return int(text)
