"""Serves the feeds of alerts, topics and saved searches, and the page that lists them with the token for readers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from monitor.feed_files import FORMATS, FeedSource, feed_content, feed_sources, installation_id
from monitor.feed_tokens import make_token, revoke_token, token_made_at
from monitor.models import now
from monitor.syndication import atom, json_feed
from monitor.web.access import needs_login
from monitor.web.forms import read_form, text_field
from monitor.web.pages import render
from monitor.web.services import services_of, user_of

if TYPE_CHECKING:
    from starlette.requests import Request

CONTENT_TYPES = {"atom": atom.CONTENT_TYPE, "json": json_feed.CONTENT_TYPE}


def feed(request: Request) -> Response:
    """Sends a feed, or status 304 if the reader has it, by its ETag.

    It has no Last-Modified: a story that was fetched earlier may be stored later, which that time would hide.
    """
    services, ending = services_of(request), request.path_params["ending"]
    path = f"{request.path_params['folder']}/{request.path_params['label']}"
    sources = feed_sources(services.config, services.store.saved_searches())
    source = next((source for source in sources if source.path == path), None)
    if source is None or ending not in FORMATS:
        raise HTTPException(404, "There is no such feed: see /feeds for all of them.")
    store, user = services.store, user_of(request).name
    content = feed_content(store, services.config, source, installation=installation_id(store), user=user, now=now())
    base = base_url(request)
    url, home = f"{base}/feeds/{path}.{ending}", base + home_path(source)
    headers = {"ETag": f'"{content.version(ending, url, home)}"', "Cache-Control": "private, no-cache"}
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content.rendered(ending, url=url, home=home), media_type=CONTENT_TYPES[ending], headers=headers)


def _is_known(request: Request, tag: str) -> bool:
    """Returns True if If-None-Match names the feed's tag, strong or weak (RFC 9110)."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in known.split(",")]


def base_url(request: Request) -> str:
    """Returns the beginning of the page's addresses, as the reader has used it; access.py has checked the name."""
    scheme = "https" if request.state.client.is_secure else "http"
    return f"{scheme}://{request.headers.get('host', 'localhost')}"


def home_path(source: FeedSource) -> str:
    """Returns the address of the page that shows the stories of a feed."""
    if source.search is not None:
        return f"/searches/{source.search.id}"
    return f"/?{urlencode({source.kind: source.name})}"


def feeds_page(request: Request) -> Response:
    return _feeds_response(request)


def _feeds_response(request: Request, *, token: str = "") -> Response:
    """Lists all feeds; with ``token``, shows a new token, which is not shown again."""
    services, user = services_of(request), user_of(request)
    sources = feed_sources(services.config, services.store.saved_searches())
    has_login = needs_login(services.config.web)
    values = {
        "section": "Stories",
        "sources": [(source, home_path(source)) for source in sources],
        "has_login": has_login,
        "token": token,
        "token_made_at": token_made_at(services.store, user.name) if has_login else None,
        "example": f"{base_url(request)}/feeds/{sources[0].path}.atom" if sources else "",
    }
    return render(request, "feeds.html", values)


async def change_token(request: Request) -> Response:
    """Makes a new token for the user's feed readers, or ends it."""
    form = await read_form(request, needs_editor=False)
    if not needs_login(services_of(request).config.web):
        raise HTTPException(400, "Nobody logs in here, so the feeds need no token.")
    return await run_in_threadpool(_change_token, request, is_revoked=text_field(form, "action") == "revoke")


def _change_token(request: Request, *, is_revoked: bool) -> Response:
    store, user = services_of(request).store, user_of(request).name
    if is_revoked:
        revoke_token(store, user)
        return RedirectResponse("/feeds", 303)
    return _feeds_response(request, token=make_token(store, user, at=now()))
