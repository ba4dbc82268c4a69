"""The saved searches: saves the search that is shown, lists, changes, deletes and opens them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor.errors import BadRequest, MonitorError, QueryError
from monitor.feed_files import FeedSource
from monitor.models import now
from monitor.saved_searches import (
    MAX_NAME_CHARACTERS,
    change_search,
    find_saved_search,
    require_savable,
    save_search,
    search_with_id,
)
from monitor.web.forms import read_form, require_editor, text_field
from monitor.web.pages import render
from monitor.web.search_request import SearchRequest
from monitor.web.services import services_of, user_of
from monitor.web.stories import stories_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.store.records import SavedSearch


def searches_page(request: Request) -> Response:
    """Lists the saved searches; the address may say which one was just renamed or deleted."""
    return _searches_response(request)


def _searches_response(
    request: Request, *, fault: MonitorError | None = None, changed: str = "", typed: str = ""
) -> Response:
    """Lists the saved searches; with ``fault``, why the search with the id ``changed`` could not get a name."""
    searches = services_of(request).store.saved_searches()
    renamed = search_with_id(searches, request.query_params.get("renamed", ""))
    deleted = request.query_params.get("deleted", "")
    values = {
        "section": "Stories",
        "searches": [(saved, FeedSource.of_search(saved)) for saved in searches],
        "fault": fault,
        "changed": changed,
        "typed": typed,
        "renamed": renamed.name if renamed and not fault else "",
        "deleted": "" if fault or find_saved_search(searches, deleted) else deleted,
        "max_name": MAX_NAME_CHARACTERS,
    }
    return render(request, "searches.html", values, status=400 if fault else 200)


def open_search(request: Request) -> Response:
    """Leads to the stories of a saved search; the address stays the same when the search is changed or renamed."""
    return RedirectResponse(SearchRequest.from_saved(_find(request)).url(), 303)


async def save(request: Request) -> Response:
    """Saves the search that the form states under a name, or with ``action`` replace in the search of that name."""
    form = await read_form(request)
    try:
        values = parse_qs(text_field(form, "search"), max_num_fields=500)
    except ValueError:
        raise HTTPException(400, "The search has more than 500 values.") from None
    require_savable(values)
    asked = SearchRequest.from_values(values)
    name, is_replaced = text_field(form, "name"), text_field(form, "action") == "replace"
    return await run_in_threadpool(_save, request, asked, name, is_replaced=is_replaced)


def _save(request: Request, asked: SearchRequest, name: str, *, is_replaced: bool) -> Response:
    services, at = services_of(request), now()
    existing = find_saved_search(services.store.saved_searches(), name) if is_replaced else None
    try:
        if existing is not None:
            change_search(services.store, existing, search=asked, fragments=services.config.fragments, at=at)
        else:
            save_search(
                services.store, name, asked,
                fragments=services.config.fragments, user=user_of(request).name, at=at,
            )  # fmt: skip
    except (BadRequest, QueryError) as error:
        return stories_response(request, asked, save_fault=error, save_name=name)
    return RedirectResponse(asked.url(), 303)


def delete_page(request: Request) -> Response:
    """Asks before a saved search is deleted."""
    require_editor(request)
    values = {"section": "Stories", "saved": _find(request)}
    return render(request, "search_delete.html", values)


async def change(request: Request) -> Response:
    """Gives a saved search another name, or deletes it."""
    form = await read_form(request)
    return await run_in_threadpool(_change, request, text_field(form, "action"), text_field(form, "name"))


def _change(request: Request, action: str, name: str) -> Response:
    services, saved = services_of(request), _find(request)
    if action == "delete":
        services.store.delete_search(saved.id)
        return RedirectResponse(f"/searches?deleted={quote(saved.name, safe='')}", 303)
    if action == "rename":
        try:
            change_search(services.store, saved, name=name, fragments=services.config.fragments, at=now())
        except BadRequest as error:
            return _searches_response(request, fault=error, changed=saved.id, typed=name)
        return RedirectResponse(f"/searches?renamed={saved.id}", 303)
    raise HTTPException(400, "There is no such action on a saved search.")


def _find(request: Request) -> SavedSearch:
    """Returns the search whose id the address has.  Raises HTTPException 404."""
    saved = search_with_id(services_of(request).store.saved_searches(), request.path_params["id"])
    if saved is None:
        raise HTTPException(404, "There is no saved search at this address; it may have been deleted.")
    return saved
