"""What the handlers of the page work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.web.accounts import User

if TYPE_CHECKING:
    from starlette.requests import Request

    from monitor.config import Config
    from monitor.store import Store
    from monitor.web.accounts import Accounts
    from monitor.web.config_file import ConfigFile
    from monitor.web.site_search import SiteSearches


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """The store and the configuration, shared by all requests."""

    store: Store
    config_file: ConfigFile
    accounts: Accounts
    site_searches: SiteSearches

    @property
    def config(self) -> Config:
        return self.config_file.current()


def services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def user_of(request: Request) -> User:
    user = request.state.user
    assert isinstance(user, User)
    return user
