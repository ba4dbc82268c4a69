"""The headers, credentials, cookies and login of each outlet, kept for the life of one crawler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.crawl.login import LoginSession, SendRequest
from monitor.egress.outlet_access import OutletAccess
from monitor.egress.outlet_cookies import OutletCookies
from monitor.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy.crawler import Crawler

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import FetchResult
    from monitor.discovery.publishers import Publishers


class OutletSessions:
    """Gives each request of an outlet what identifies the reader; ``send`` sends the requests of logins.

    ``publishers`` says which other outlets are on an outlet's domain.
    """

    def __init__(self, crawler: Crawler, send: SendRequest, publishers: Publishers) -> None:
        self._send = send
        self._publishers = publishers
        self._cookies = OutletCookies(crawler)
        self._access_by_name: dict[str, tuple[Outlet, OutletAccess]] = {}
        self._login_by_name: dict[str, LoginSession] = {}

    def start_poll(self, outlet: Outlet) -> None:
        """Forgets the cookies of the last poll, except those of the reader's session; permits the login a renewal."""
        self._cookies.start_poll(outlet, self.access(outlet).own_sites)
        if session := self._login_by_name.get(outlet.name):
            session.start_poll()

    def access(self, outlet: Outlet) -> OutletAccess:
        """Returns the headers and credentials of the outlet's requests; adds its configured cookies to its jar."""
        known = self._access_by_name.get(outlet.name)
        if known is None or known[0] is not outlet:  # `extract --render` changes a copy of the outlet
            known = self._access_by_name[outlet.name] = outlet, self._new_access(outlet)
        if known[1].keeps_cookies:
            self._cookies.jar(outlet, known[1])
        return known[1]

    def _new_access(self, outlet: Outlet) -> OutletAccess:
        return OutletAccess.of(outlet, self._publishers.neighbour_hosts(outlet))

    async def fetch_logged_in(
        self, outlet: Outlet, url: str, fetch: Callable[[], Awaitable[FetchResult]]
    ) -> FetchResult:
        """Returns the result of ``fetch``, a request to ``url``; an outlet with ``login`` is logged in before.

        If the response shows that the session has ended, renews it and calls ``fetch`` again.  Raises FetchError, of
        kind LOGIN if the login failed.
        """
        session = self._login_session(outlet, url)
        if session is None:
            return await fetch()
        number = await session.ensure()
        try:
            result = await fetch()
        except FetchError as error:
            if not session.ends_with(error) or not await session.renew(number):
                raise
        else:
            if result.page is None or not session.is_sent_to_login(url, result.page.url):
                return result
            if not await session.renew(number):
                raise session.refused_error()
        result = await fetch()
        if result.page is not None and session.is_sent_to_login(url, result.page.url):
            raise session.refused_error()
        return result

    def _login_session(self, outlet: Outlet, url: str) -> LoginSession | None:
        """Returns the session that a request to ``url`` needs; None without a login, and for other sites."""
        if outlet.login is None or url not in self.access(outlet).own_sites:
            return None
        if outlet.name not in self._login_by_name:
            self._login_by_name[outlet.name] = LoginSession(
                outlet, outlet.login, self.access(outlet), self._cookies, self._send
            )
        return self._login_by_name[outlet.name]
