"""The application: its routes, its errors as pages, and its limits."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from monitor.errors import BadRequest, MonitorError, QueryError, StoreUnavailable
from monitor.web import (
    alert_editor,
    alerts,
    api,
    feeds,
    login,
    outlet_editor,
    outlets,
    searches,
    stories,
    story,
    story_marks,
    trends,
)
from monitor.web.access import API_PATHS, AccessControl
from monitor.web.accounts import FeedAccess, TooManyLogins
from monitor.web.pages import render
from monitor.web.request_shares import RequestShares
from monitor.web.site_search import TooManySearches

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from monitor.config.schema import WebSettings
    from monitor.web.services import Services

ROUTES = [
    Route("/", stories.stories_page),
    Route("/stories.{format:str}", stories.export_stories),
    Route("/stories/read", story_marks.mark_page_read, methods=["POST"]),
    Route("/story/{id:str}", story.story_page),
    Route("/story/{id:str}/marks", story_marks.change_marks, methods=["POST"]),
    Route("/searches", searches.searches_page),
    Route("/searches", searches.save, methods=["POST"]),
    Route("/searches/{id:str}", searches.open_search),
    Route("/searches/{id:str}", searches.change, methods=["POST"]),
    Route("/searches/{id:str}/delete", searches.delete_page),
    Route("/feeds", feeds.feeds_page),
    Route("/feed-token", feeds.change_token, methods=["POST"]),
    Route("/feeds/{folder:str}/{label:str}.{ending:str}", feeds.feed),
    Route("/alerts", alerts.alerts_page),
    Route("/alert", alerts.alert_page),
    Route("/alert/edit", alert_editor.edit_page),
    Route("/alert/edit", alert_editor.save_alert, methods=["POST"]),
    Route("/alert/delete", alerts.delete_page),
    Route("/alert/delete", alerts.delete_alert, methods=["POST"]),
    Route("/alert/snooze", alerts.snooze_alert, methods=["POST"]),
    Route("/alert/backfill", alerts.backfill_alert, methods=["POST"]),
    Route("/outlets", outlets.outlets_page),
    Route("/outlet", outlets.outlet_page),
    Route("/outlet/add", outlet_editor.add_page),
    Route("/outlet/add", outlet_editor.start_search, methods=["POST"]),
    Route("/outlet/add/save", outlet_editor.save_outlet, methods=["POST"]),
    Route("/trends", trends.trends_page),
    Route("/trends.svg", trends.trend_file),
    Route("/login", login.login_page),
    Route("/login", login.log_in, methods=["POST"]),
    Route("/logout", login.log_out, methods=["POST"]),
    Mount("/api/v1", routes=api.ROUTES),
]

STATUS_BY_ERROR: dict[type[MonitorError], int] = {
    QueryError: 400,
    BadRequest: 400,
    TooManyLogins: 429,
    TooManySearches: 429,
}


def create_app(services: Services) -> Starlette:
    """Returns the ASGI application that shows the services' store."""
    app = Starlette(
        routes=[*ROUTES, Mount("/static", StaticFiles(directory=str(files("monitor.web") / "static")))],
        exception_handlers={
            HTTPException: _http_error,
            MonitorError: _monitor_error,
            404: _http_error,
            500: _internal_error,
        },
        middleware=[
            Middleware(
                AccessControl,
                settings=_settings_of(services),
                accounts=services.accounts,
                feed_access=FeedAccess(services.store),
                error_page=_error_page,
                error_response=lambda scope, error: _monitor_error(Request(scope), error),
            ),
            Middleware(RequestShares, error_page=_error_page),
        ],
    )
    app.state.services = services
    return app


def _settings_of(services: Services) -> Callable[[], WebSettings]:
    def settings() -> WebSettings:
        return services.config.web

    return settings


def _error_page(scope: Scope, status: int, message: str, hint: str) -> Response:
    """Returns an error as a page, or for programs as JSON."""
    if scope["path"].startswith(API_PATHS):
        return JSONResponse({"error": message, "hint": hint}, status)
    return render(Request(scope), "error.html", {"status": status, "message": message, "hint": hint}, status=status)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    messages = {404: "There is no such page.", 405: "This page does not take such a request."}
    detail = error.detail if error.detail not in {"Not Found", "Method Not Allowed"} else messages[error.status_code]
    return _error_page(request.scope, error.status_code, detail, "")


def _monitor_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MonitorError)
    status = next((status for kind, status in STATUS_BY_ERROR.items() if isinstance(error, kind)), 503)
    message = str(error) if isinstance(error, QueryError) else error.message
    if request.url.path.startswith(API_PATHS):
        headers = {"Retry-After": error.retry_after} if isinstance(error, TooManyLogins) else None
        return JSONResponse(api.error_json(error), status, headers)
    hint = error.hint or ("The page works again when the store does." if isinstance(error, StoreUnavailable) else "")
    return _error_page(request.scope, status, message, "" if isinstance(error, QueryError) else hint)


def _internal_error(request: Request, error: Exception) -> Response:
    """Shows that the program failed; uvicorn logs the traceback, the page shows only the kind of the error."""
    message = f"This page failed: {type(error).__name__}."
    return _error_page(request.scope, 500, message, "The log of media-monitor serve says where; please report it.")
