"""Logs users in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from monitor.web.access import SESSION_COOKIE, cookie_header, needs_login, read_cookies
from monitor.web.accounts import SESSION_MAX_AGE, TooManyLogins, find_user
from monitor.web.forms import read_form, text_field
from monitor.web.pages import render
from monitor.web.services import services_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def login_page(request: Request) -> Response:
    if not needs_login(services_of(request).config.web):
        return RedirectResponse("/", 303)
    return render(request, "login.html", {"error": None, "name": "", "next": request.query_params.get("next", "/")})


async def log_in(request: Request) -> Response:
    """Begins a session if name and password are right."""
    form = await read_form(request, needs_editor=False)
    services = services_of(request)
    name, target, password = text_field(form, "name"), text_field(form, "next"), form.get("password", "")
    entry = find_user(services.config.web, name)
    values = {"name": name, "next": target}
    response: Response
    try:
        is_right = await run_in_threadpool(
            services.accounts.verify, name, entry, str(password), request.state.client.address
        )
    except TooManyLogins as error:
        response = await run_in_threadpool(render, request, "login.html", {**values, "error": str(error)}, status=429)
        response.headers["Retry-After"] = error.retry_after
        return response
    if not is_right:
        error_text = "The name or the password is wrong."
        return await run_in_threadpool(render, request, "login.html", {**values, "error": error_text}, status=403)
    token = services.accounts.sessions.begin(name)
    response = RedirectResponse(own_path(target), 303)
    age = int(SESSION_MAX_AGE.total_seconds())
    response.headers.append("Set-Cookie", cookie_header(SESSION_COOKIE, token, request.state.client, max_age=age))
    return response


async def log_out(request: Request) -> Response:
    """Ends the session."""
    await read_form(request, needs_editor=False)
    services_of(request).accounts.sessions.end(read_cookies(request.headers).get(SESSION_COOKIE, ""))
    response = RedirectResponse("/login", 303)
    response.headers.append("Set-Cookie", cookie_header(SESSION_COOKIE, "", request.state.client, max_age=0))
    return response


def own_path(target: str) -> str:
    """Returns the path if it is one of this page, else ``/``: a link must not lead to another site after a login."""
    is_own = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_own else "/"
