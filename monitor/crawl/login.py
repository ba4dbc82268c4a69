"""Logs in to an outlet: sends its form once, and again when the session has ended.

The session's cookies are in the outlet's cookie jar, in this process only.  In one poll there are at most the first
login and one renewal, so that an account is not locked and a page outside the subscription causes one login.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urljoin, urlsplit

from monitor.crawl.document_parsers import parse_document
from monitor.crawl.login_form import LoginForm, find_login_form, has_element
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import Page, now
from monitor.retry_policy import OWN_OUTAGE_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.http import Response

    from monitor.config.access import Login
    from monitor.config.schema import Outlet
    from monitor.egress.outlet_access import OutletAccess
    from monitor.egress.outlet_cookies import OutletCookies

log = logging.getLogger(__name__)

_SESSION_ENDED_STATUSES = frozenset({401, 403})


class SendRequest(Protocol):
    """Sends one request of the outlet and returns its response, of any status.  Raises FetchError."""

    async def __call__(
        self, outlet: Outlet, url: str, *, method: str, body: bytes, headers: Mapping[str, str]
    ) -> Response: ...


class LoginSession:
    """The session of one outlet with ``login``.

    ``number`` counts the logins of this process; a request that was sent with the session of an earlier number may be
    repeated.
    """

    def __init__(
        self, outlet: Outlet, login: Login, access: OutletAccess, cookies: OutletCookies, send: SendRequest
    ) -> None:
        self.number = 0
        self._outlet, self._login, self._access, self._cookies, self._send = outlet, login, access, cookies, send
        self._login_pages = {login.url}
        self._failure = ""  # why the last login failed
        self._may_renew = True
        self._lock = asyncio.Lock()

    def start_poll(self) -> None:
        """Permits one renewal and, after a failed login, another attempt."""
        self._may_renew, self._failure = True, ""

    async def ensure(self) -> int:
        """Logs in unless there is a session; returns its number.

        Raises FetchError of kind LOGIN, or of an outage on the monitor's side.
        """
        async with self._lock:
            if self._failure:
                raise self._error(self._failure)
            if not self.number:
                await self._log_in()
            return self.number

    async def renew(self, number: int) -> bool:
        """Logs in again after the session with this number has ended.

        Returns True if there is a newer session now, False if this poll has renewed the session before.  Raises
        FetchError of kind LOGIN.
        """
        async with self._lock:
            if self._failure:
                raise self._error(self._failure)
            if number < self.number:
                return True
            if not self._may_renew:
                return False
            self._may_renew = False
            log.info("%s: the session has ended; logging in again", self._outlet.name)
            await self._log_in()
            return True

    def ends_with(self, error: FetchError) -> bool:
        """Returns True if the error of a page means that there is no session."""
        return error.status in _SESSION_ENDED_STATUSES

    def is_sent_to_login(self, requested_url: str, url: str) -> bool:
        """Returns True if a request to another page was redirected to the login page."""
        return self._is_login_page(url) and not self._is_login_page(requested_url)

    def _is_login_page(self, url: str) -> bool:
        return any(_is_same_page(url, login_page) for login_page in self._login_pages)

    def refused_error(self) -> FetchError:
        """Returns the error of a page that is refused although the login succeeded."""
        return self._error("it succeeded, but pages still ask for it")

    # ---- one login

    async def _log_in(self) -> None:
        self._cookies.restart_session(self._outlet)
        try:
            await self._send_form()
        except FetchError as error:
            if error.kind in OWN_OUTAGE_KINDS:  # says nothing about the login
                raise
            self._failure = error.message
            raise self._error(error.message) from error
        self.number += 1

    async def _send_form(self) -> None:
        """Requests the login page, sends its form and checks the answer.  Raises FetchError if the login failed."""
        filled = {name: value.get_secret_value() for name, value in self._login.form.items()}
        login_page = await self._get(self._login.url)
        form = await self._find_form(login_page) if login_page.status == 200 else None
        if form is None:
            form = LoginForm(self._login.url, ())  # a form that a script writes, or an address without a page
        else:
            self._login_pages.add(login_page.url)
        if form.action not in self._access.own_sites:
            raise _failure(f"its form is sent to {form.action[:200]}, which is not an address of this outlet")
        origin = urlsplit(login_page.url)
        response = await self._send(
            self._outlet,
            form.action,
            method="POST",
            body=form.body(filled),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Referer": login_page.url,  # checked by some servers together with the CSRF token
                "Origin": f"{origin.scheme}://{origin.netloc}",
            },
        )
        answer = await self._final_page(response)
        if answer is not None:
            await self._check_answer(answer)
        elif self._login.success:
            raise _failure("it leads to another site, so `success` cannot be checked")
        if not self._cookies.jar(self._outlet, self._access):
            raise _failure("the server set no cookie")

    async def _get(self, url: str) -> Page:
        return _page(await self._send(self._outlet, url, method="GET", body=b"", headers={}))

    async def _final_page(self, response: Response) -> Page | None:
        """Follows the redirect of the form's response with GET; returns None if it leads to another site."""
        if response.status in {307, 308}:
            raise _failure(f"the server answered {response.status}, which asks to send the form elsewhere")
        location = response.headers.get("Location")
        if response.status not in {301, 302, 303} or location is None:
            return _page(response)
        target = urljoin(response.url, location.decode("latin-1"))
        return await self._get(target) if target in self._access.own_sites else None

    async def _find_form(self, page: Page) -> LoginForm | None:
        """Returns the page's form with the configured fields, whose secret values stay in this process."""
        return await parse_document(self._outlet.name, find_login_form, page, tuple(self._login.form))

    async def _check_answer(self, answer: Page) -> None:
        """Raises FetchError if the page after the form shows that the login failed."""
        if answer.status >= 400:
            raise _failure(f"the server answered {answer.status}")
        if self._login.success:
            if not await parse_document(self._outlet.name, has_element, answer, self._login.success):
                raise _failure(f"the page after it has no element {self._login.success}")
        elif await self._find_form(answer) is not None:
            raise _failure("the page after it shows the form again")

    def _error(self, reason: str) -> FetchError:
        return FetchError(f"login at {self._login.url} failed: {reason}", kind=FailureKind.LOGIN)


def _failure(reason: str) -> FetchError:
    return FetchError(reason, kind=FailureKind.LOGIN)


def _page(response: Response) -> Page:
    charset = (response.headers.get("Content-Type") or b"").decode("latin-1").lower().partition("charset=")[2]
    return Page(
        url=response.url,
        body=response.body,
        fetched_at=now(),
        status=response.status,
        encoding=charset.split(";")[0].strip("\"' ") or None,
    )


def _is_same_page(url: str, login_page: str) -> bool:
    """Returns True if host, port and path are the same and ``url`` has at least the parameters of the login page."""
    parts, login_parts = urlsplit(url), urlsplit(login_page)
    return (
        parts.netloc.lower() == login_parts.netloc.lower()
        and parts.path.rstrip("/") == login_parts.path.rstrip("/")
        and set(parse_qsl(login_parts.query)) <= set(parse_qsl(parts.query))
    )
