"""Fixtures: a page on a real port, on a store with a few stories."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from monitor.config import load
from monitor.demo.newsroom import Newsroom
from monitor.web.accounts import Accounts
from monitor.web.config_file import ConfigFile
from monitor.web.services import Services
from monitor.web.serving import listening_socket, serving_beside
from monitor.web.site_search import PUBLIC_ONLY, SiteSearches
from store.examples import page_commit
from web.examples import CONFIG, CONFIG_WITHOUT_DELAY, stories

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store import Store


@dataclass
class Page:
    """A browser without a window: keeps cookies, and sends the token of the last form that it has read."""

    port: int
    config_path: Path
    store: Store
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def get(self, path: str, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        return self._request("GET", path, None, headers)

    def submit(self, path: str, fields: dict[str, str], **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        body = urlencode({"form_token": self.token, **fields})
        headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._request("POST", path, body, headers)

    def send(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, str, http.client.HTTPMessage]:
        return self._request(method, path, body, headers)

    def _request(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        text = response.read().decode()
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if match := re.search(r'name="form_token" value="(\w+)"', text):
            self.token = match[1]
        connection.close()
        return response.status, text, response.headers


def open_page(
    tmp_path: Path, store: Store, config_text: str, *, search_options: tuple[str, ...] = PUBLIC_ONLY
) -> Iterator[Page]:
    path = tmp_path / "monitor.yaml"
    path.write_text(config_text, encoding="utf-8")
    config = load(path, {})
    config_file = ConfigFile(path, config, {})
    with listening_socket("127.0.0.1:0") as listening, SiteSearches(path, options=search_options) as searches:
        services = Services(store=store, config_file=config_file, accounts=Accounts(), site_searches=searches)
        with serving_beside(services, listening):
            yield Page(port=listening.getsockname()[1], config_path=path, store=store)


@pytest.fixture
def store(each_store: Store) -> Store:
    """Every test of the page runs on each store."""
    return each_store


@pytest.fixture
def filled_store(store: Store) -> Store:
    store.commit([page_commit(each, alerts=each.alerts) for each in stories()])
    return store


@pytest.fixture
def page(tmp_path: Path, filled_store: Store) -> Iterator[Page]:
    yield from open_page(tmp_path, filled_store, CONFIG)


@pytest.fixture
def empty_page(tmp_path: Path, store: Store) -> Iterator[Page]:
    yield from open_page(tmp_path, store, CONFIG)


@pytest.fixture(scope="session")
def newsroom() -> Iterator[Newsroom]:
    with Newsroom() as room:
        yield room


@pytest.fixture
def intranet_page(tmp_path: Path, filled_store: Store) -> Iterator[Page]:
    """A page whose searches of sites may connect to this machine, where the newsroom is."""
    yield from open_page(tmp_path, filled_store, CONFIG_WITHOUT_DELAY, search_options=())
