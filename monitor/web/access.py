"""Decides for each request which user makes it, and sets the security headers of each response.

`AccessControl` is the outermost layer of the application: no handler runs for a request that it refuses.
"""

from __future__ import annotations

import secrets
from base64 import b64decode
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse

from monitor.errors import MonitorError
from monitor.web.accounts import LOCAL_USER, User, find_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from monitor.config.schema import WebSettings
    from monitor.web.accounts import Accounts, FeedAccess

SESSION_COOKIE = "monitor_session"
FORM_COOKIE = "monitor_form"  # of browsers without a session; ties the forms of a page to the browser
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
FEED_PATH = "/feeds/"
API_PATHS = ("/api/", FEED_PATH)  # for programs, which may send name and password with each request
SAFE_METHODS = frozenset({"GET", "HEAD"})

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends forms with the origin null
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """The origin of a request: the address of the browser, and whether it came through https."""

    address: str
    is_secure: bool


class AccessControl:
    """ASGI layer that puts ``user``, ``client`` and ``form_cookie`` into the state of each request that it lets in."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Callable[[], WebSettings],
        accounts: Accounts,
        feed_access: FeedAccess,
        error_page: Callable[[Scope, int, str, str], Response],
        error_response: Callable[[Scope, MonitorError], Response],
    ) -> None:
        self._app = app
        self._settings = settings
        self._accounts = accounts
        self._feed_access = feed_access
        self._error_page = error_page
        self._error_response = error_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_headers, state = Headers(scope=scope), scope.setdefault("state", {})
        settings = self._settings()
        state["client"] = client = _client(scope, request_headers, settings)
        cookies = read_cookies(request_headers)
        form_cookie = cookies.get(SESSION_COOKIE) or cookies.get(FORM_COOKIE) or ""
        state["new_form_cookie"] = "" if form_cookie else secrets.token_urlsafe(24)
        state["form_cookie"] = form_cookie or state["new_form_cookie"]
        state["user"] = LOCAL_USER

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if state.get("uses_form") and state["new_form_cookie"]:
                    headers.append("Set-Cookie", cookie_header(FORM_COOKIE, state["new_form_cookie"], client))
            await send(message)

        response = await self._refusal(scope, request_headers, cookies, settings)
        await (response or self._app)(scope, receive, send_with_headers)

    async def _refusal(
        self, scope: Scope, headers: Headers, cookies: dict[str, str], settings: WebSettings
    ) -> Response | None:
        """Returns the response to a request that may not pass; sets ``user`` of one that may."""
        state, path = scope["state"], scope["path"]
        host = host_name(headers.get("host", ""))
        if not is_allowed_host(host, settings):
            return self._error_page(
                scope, 421, f"This page is not served as {host[:80] or 'a host without a name'}.",
                "Open it by its address, or add the name to web.hosts in monitor.yaml.",
            )  # fmt: skip
        if scope["method"] not in SAFE_METHODS and not is_same_origin(headers):
            return self._error_page(scope, 403, "The request came from another site.", "Send the form again from here.")
        if not needs_login(settings):
            return None
        user = self._logged_in_user(scope, headers, cookies, settings)
        if user is None and path.startswith(API_PATHS):
            try:
                user = await self._user_of_credentials(state["client"], path, headers, settings)
            except MonitorError as error:  # too many failed logins, or the store is away
                return self._error_response(scope, error)
        if user is not None:
            state["user"] = user
            return None
        if path == "/login" or path.startswith("/static/"):
            return None
        if path.startswith(API_PATHS):
            return JSONResponse({"error": "log in first"}, 401, {"WWW-Authenticate": 'Basic realm="media-monitor"'})
        if not any(each.password for each in settings.users):
            hint = f"The reverse proxy must send the name in {settings.user_header}."
            return self._error_page(scope, 403, "Nobody is logged in.", hint)
        target = path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        return RedirectResponse(f"/login?next={quote(target, safe='')}", 303)

    def _logged_in_user(
        self, scope: Scope, headers: Headers, cookies: dict[str, str], settings: WebSettings
    ) -> User | None:
        is_from_proxy = settings.user_header is not None and _peer(scope) in settings.proxies
        if is_from_proxy and (name_of_proxy := headers.get(settings.user_header or "", "").strip()):
            entry = find_user(settings, name_of_proxy)
            return User(name_of_proxy, is_editor=entry is not None and entry.role == "editor")
        name = self._accounts.sessions.user(cookies.get(SESSION_COOKIE, ""))
        entry = find_user(settings, name) if name is not None else None
        return User(entry.name, is_editor=entry.role == "editor") if entry is not None else None

    async def _user_of_credentials(
        self, client: Client, path: str, headers: Headers, settings: WebSettings
    ) -> User | None:
        """Returns the user whose name and password, or for feeds feed token, a program sends with its request."""
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        try:
            name, colon, password = b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return None
        if scheme.lower() != "basic" or not colon:
            return None
        entry = find_user(settings, name)
        if path.startswith(FEED_PATH):
            may_read = entry is not None or settings.user_header is not None
            is_right = await run_in_threadpool(self._feed_access.verify, name, password, client.address)
            return User(name, is_editor=False) if is_right and may_read else None
        is_right = await run_in_threadpool(self._accounts.verify, name, entry, password, client.address)
        return User(name, is_editor=entry.role == "editor") if is_right and entry is not None else None


def needs_login(settings: WebSettings) -> bool:
    """Returns True if the configuration has users or names the header of a reverse proxy."""
    return bool(settings.users or settings.user_header)


def is_loopback(host: str) -> bool:
    """Returns True for the name or an address of this machine, to which no other one can connect."""
    if host.casefold() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Returns the name in a Host header in lower case, without the port; "" if it cannot be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_allowed_host(host: str, settings: WebSettings) -> bool:
    """Returns False for a name that is not the page's own: another site's name may lead to a loopback address."""
    if host in LOOPBACK_NAMES or host in settings.hosts:
        return True
    return needs_login(settings) and not settings.hosts


def is_same_origin(headers: Headers) -> bool:
    """Returns False if a browser says that another site has sent the request."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def read_cookies(headers: Headers) -> dict[str, str]:
    """Returns the cookies of a request; none if they cannot be read."""
    cookie: SimpleCookie = SimpleCookie()
    try:
        cookie.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in cookie.items()}


def cookie_header(name: str, value: str, client: Client, *, max_age: int | None = None) -> str:
    """Returns a Set-Cookie header: for this site only, and not for scripts."""
    age = "" if max_age is None else f"; Max-Age={max_age}"
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{'; Secure' if client.is_secure else ''}"


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _client(scope: Scope, headers: Headers, settings: WebSettings) -> Client:
    """Returns the client of a request; believes the headers of a configured reverse proxy."""
    address, scheme = _peer(scope), scope["scheme"]
    if address in settings.proxies:
        forwarded = headers.get("x-forwarded-for", "").split(",")[-1].strip()
        address, scheme = forwarded or address, headers.get("x-forwarded-proto", scheme)
    return Client(address=address, is_secure=scheme == "https")
