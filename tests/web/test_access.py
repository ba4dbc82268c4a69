"""Who may open the page, and what a foreign site cannot do."""

from __future__ import annotations

import base64
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from monitor.config.schema import WebSettings
from monitor.config_edit import digest_of
from monitor.errors import ConfigError, MonitorError
from monitor.web.accounts import MAX_FAILED_LOGINS, Accounts, TooManyLogins, hash_password
from monitor.web.login import own_path
from monitor.web.serving import listening_socket, require_access_rules
from web.conftest import open_page
from web.examples import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store import Store
    from web.conftest import Page

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def users_page(tmp_path: Path, filled_store: Store, password_hash: str) -> Iterator[Page]:
    users = f"web: {{users: [{{name: ines, password: '{password_hash}', role: editor}}, " + (
        f"{{name: jan, password: '{password_hash}'}}]}}\n"
    )
    yield from open_page(tmp_path, filled_store, CONFIG + users)


@pytest.fixture
def proxied_page(tmp_path: Path, filled_store: Store) -> Iterator[Page]:
    web = "web: {user_header: X-Forwarded-User, users: [{name: ines, role: editor}]}\n"
    yield from open_page(tmp_path, filled_store, CONFIG + web)


def log_in(page: Page, name: str, password: str = PASSWORD) -> int:
    page.get("/login")
    status, _, _ = page.submit("/login", {"name": name, "password": password, "next": "/alerts"})
    return status


def test_a_host_name_of_another_site_is_refused_on_loopback(page: Page) -> None:
    assert page.get("/", Host="evil.example:8080")[0] == 421
    assert page.get("/", Host="localhost:8080")[0] == 200


def test_a_form_without_its_token_changes_nothing(page: Page) -> None:
    page.get("/alert?name=banks")
    page.token = "0" * 64
    assert page.submit("/alert/snooze", {"name": "banks", "span": "1d"})[0] == 403
    assert page.store.snoozes() == {}


@pytest.mark.parametrize("headers", [{"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_form_from_another_site_changes_nothing(page: Page, headers: dict[str, str]) -> None:
    page.get("/alert?name=banks")
    assert page.submit("/alert/snooze", {"name": "banks", "span": "1d"}, **headers)[0] == 403
    assert page.store.snoozes() == {}


def test_with_users_every_page_asks_for_a_login_first(users_page: Page) -> None:
    status, _, headers = users_page.get("/alerts")
    assert (status, headers["Location"]) == (303, "/login?next=%2Falerts")
    assert users_page.get("/api/v1/alerts")[0] == 401
    assert log_in(users_page, "ines") == 303
    status, text, _ = users_page.get("/alerts")
    assert status == 200
    assert "<bdi>ines</bdi>, editor" in text


def test_a_session_ends_with_the_logout(users_page: Page) -> None:
    log_in(users_page, "ines")
    stolen = dict(users_page.cookies)
    users_page.get("/")
    users_page.submit("/logout", {})
    users_page.cookies = stolen
    assert users_page.get("/")[0] == 303


def test_a_reader_may_change_nothing(users_page: Page) -> None:
    log_in(users_page, "jan")
    users_page.get("/alerts")
    assert users_page.submit("/alert/snooze", {"name": "banks", "span": "1d"})[0] == 403
    assert users_page.store.snoozes() == {}
    before = users_page.config_path.read_text()
    digest = digest_of(before)
    assert users_page.get("/alert/delete?name=banks")[0] == 403
    assert users_page.submit("/alert/delete", {"name": "banks", "digest": digest})[0] == 403
    assert users_page.config_path.read_text() == before
    assert "Delete" not in users_page.get("/alert?name=banks&saved=1")[1]
    assert users_page.submit("/outlet/add", {"url": "https://outlet.example/"})[0] == 403


def test_five_failed_logins_make_a_name_wait(users_page: Page) -> None:
    assert [log_in(users_page, "ines", "wrong") for _ in range(6)] == [403] * 5 + [429]
    assert log_in(users_page, "ines") == 429


def test_a_program_may_send_name_and_password_to_the_api(users_page: Page) -> None:
    credentials = base64.b64encode(f"jan:{PASSWORD}".encode()).decode()
    assert users_page.get("/api/v1/alerts", Authorization=f"Basic {credentials}")[0] == 200
    assert users_page.get("/alerts", Authorization=f"Basic {credentials}")[0] == 303


def test_a_reverse_proxy_names_the_user_and_unknown_ones_read_only(proxied_page: Page) -> None:
    assert proxied_page.get("/")[0] == 403
    assert "<bdi>ines</bdi>, editor" in proxied_page.get("/", X_Forwarded_User="ines")[1]
    assert "<bdi>guest</bdi>, reader" in proxied_page.get("/", X_Forwarded_User="guest")[1]


def test_an_open_page_listens_on_loopback_only() -> None:
    require_access_rules(WebSettings(), "127.0.0.1:8080")
    require_access_rules(WebSettings(), "[::1]:8080")
    with pytest.raises(ConfigError, match="user add"):
        require_access_rules(WebSettings(), "0.0.0.0:8080")


def test_a_taken_port_is_named_with_the_next_step() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(MonitorError, match="another program listens there"), listening_socket(listen):
            pass


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1", ""])
def test_a_login_leads_to_no_other_site(target: str) -> None:
    assert own_path(target) == "/"


def test_a_form_that_is_too_large_is_refused_before_the_login(users_page: Page) -> None:
    users_page.get("/login")
    assert users_page.submit("/login", {"name": "ines", "password": "x" * 600_000})[0] == 413


def test_the_form_of_an_alert_shows_no_secret_address_and_saving_keeps_it(
    tmp_path: Path, filled_store: Store, password_hash: str
) -> None:
    users = f"web: {{users: [{{name: ines, password: '{password_hash}', role: editor}}]}}\n"
    address = tmp_path / "address"
    address.write_text("https://hooks.example/services/T0PSECRET", encoding="utf-8")
    targets = f"[desk@example.org, 'https://in.example/0THERSECRET', {{file: '{address}'}}]"
    for page in open_page(tmp_path, filled_store, CONFIG.replace("[desk@example.org]", targets) + users):
        log_in(page, "ines")
        _, text, _ = page.get("/alert/edit?name=banks")
        assert "SECRET" not in text
        fields = dict(re.findall(r'name="(to|original|digest)" value="([^"]*)"', text))
        fields |= {"name": "banks", "query": "Sberbank", "to": f"{fields['to']}, new@example.org"}
        _, text, _ = page.submit("/alert/edit", {**fields, "action": "preview"})
        assert "+    to: [" in text
        assert "SECRET" not in text
        assert page.submit("/alert/edit", {**fields, "action": "save"})[0] == 303
        saved = page.config_path.read_text(encoding="utf-8")
        assert "T0PSECRET" not in saved
        assert "0THERSECRET" in saved
        assert "file:" in saved
        assert "new@example.org" in saved


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "slack://a/b/c", "HTTPS://hooks.example/x"])
@pytest.mark.parametrize("original", ["banks", ""])
def test_an_editor_cannot_make_the_page_contact_a_host(
    tmp_path: Path, filled_store: Store, target: str, original: str
) -> None:
    for page in open_page(tmp_path, filled_store, CONFIG):
        _, text, _ = page.get(f"/alert/edit?name={original}")
        fields = dict(re.findall(r'name="(original|digest)" value="([^"]*)"', text))
        fields |= {"name": "banks" if original else "fresh", "query": "Sberbank", "to": f"desk@example.org, {target}"}
        before = page.config_path.read_bytes()
        status, text, _ = page.submit("/alert/edit", {**fields, "action": "save"})
        assert status == 400
        assert "webhooks and chat services are added in monitor.yaml, not on the page" in text
        assert page.config_path.read_bytes() == before


def test_failed_logins_at_the_same_time_count_as_those_one_after_another() -> None:
    accounts = Accounts()

    def attempt(_: int) -> str:
        try:
            return str(accounts.verify("ines", None, "wrong", "192.0.2.1"))
        except TooManyLogins:
            return "must wait"

    with ThreadPoolExecutor(max_workers=20) as threads:
        results = list(threads.map(attempt, range(20)))
    assert results.count("False") <= MAX_FAILED_LOGINS + 1  # two are verified at a time
