"""The keys with which an outlet identifies a reader: their forms, their faults and the secrecy of their values."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import Config, Outlet, load
from monitor.config.load import secret_files
from monitor.config.warnings import access_warnings, readable_secret_warnings
from monitor.egress.own_sites import OwnSites
from monitor.errors import ConfigError
from monitor.models import now

if TYPE_CHECKING:
    from collections.abc import Callable
ROOT = Path(__file__).parents[2]
LOGIN = {"url": "https://daily.example/login", "form": {"email": "reader@example.org", "password": "s3cret"}}


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Path]:
    """Writes a monitor.yaml with one outlet that has these keys, from line 4 on."""

    def configure(**keys: Any) -> Path:
        path = tmp_path / "monitor.yaml"
        outlet = {"name": "Daily", "url": "https://daily.example/", **keys}
        path.write_text(yaml.safe_dump({"outlets": [outlet]}, sort_keys=False), encoding="utf-8")
        return path

    return configure


@pytest.fixture
def outlet_with(configure: Callable[..., Path]) -> Callable[..., Outlet]:
    def outlet_with(environ: dict[str, str] | None = None, **keys: Any) -> Outlet:
        return load(configure(**keys), environ or {}).outlets[0]

    return outlet_with


@pytest.fixture
def fault_of(configure: Callable[..., Path]) -> Callable[..., str]:
    """Loads an outlet with a faulty key; returns the one fault, without the directory."""

    def fault_of(environ: dict[str, str] | None = None, **keys: Any) -> str:
        path = configure(**keys)
        with pytest.raises(ConfigError) as caught:
            load(path, environ or {})
        (fault,) = caught.value.faults
        return fault.replace(f"{path.parent}/", "")

    return fault_of


def cookies_of(outlet: Outlet) -> dict[str, str]:
    return {cookie.name: cookie.value.get_secret_value() for cookie in outlet.cookies}


def netscape(*rows: str) -> str:
    return "# Netscape HTTP Cookie File\n\n" + "".join(row.replace(" ", "\t") + "\n" for row in rows)


# ---- cookies


@pytest.mark.parametrize(
    "cookies",
    [{"sid": "a=b", "region": "eu"}, "sid=a=b; region=eu", "Cookie: sid=a=b;region=eu;", {"env": "COOKIES"}],
)
def test_cookies_are_a_mapping_a_header_or_a_variable(outlet_with: Any, cookies: Any) -> None:
    assert cookies_of(outlet_with({"COOKIES": "sid=a=b; region=eu"}, cookies=cookies)) == {"sid": "a=b", "region": "eu"}


def test_a_cookie_may_have_its_value_in_a_variable(outlet_with: Any) -> None:
    outlet = outlet_with({"SID": "abc"}, cookies={"sid": {"env": "SID"}, "region": "eu"})
    assert cookies_of(outlet) == {"sid": "abc", "region": "eu"}


def test_a_netscape_file_is_read_with_all_its_fields(outlet_with: Any, tmp_path: Path) -> None:
    rows = ("#HttpOnly_.daily.example TRUE / TRUE 1893456000 sid abc", "www.daily.example FALSE /a FALSE 0 region eu")
    (tmp_path / "cookies.txt").write_text(netscape(*rows))
    sid, region = outlet_with(cookies={"file": "cookies.txt"}).cookies
    assert (sid.name, sid.value.get_secret_value(), sid.domain, sid.path) == ("sid", "abc", "daily.example", "/")
    assert (sid.with_subdomains, sid.secure, sid.http_only) == (True, True, True)
    assert sid.expires_at.isoformat() == "2030-01-01T00:00:00+00:00"
    assert (region.domain, region.path, region.expires_at) == ("www.daily.example", "/a", None)
    assert (region.with_subdomains, region.secure, region.http_only) == (False, False, False)


def test_variables_set_the_keys_of_an_outlet(outlet_with: Any, tmp_path: Path) -> None:
    """Names of headers and form fields keep their case, and _FILE names a file for them too."""
    (tmp_path / "cookies.txt").write_text(netscape(".daily.example TRUE / TRUE 0 sid abc"))
    (tmp_path / "password").write_text("s3cret\n")
    prefix = "MONITOR_OUTLETS__0__"
    outlet = outlet_with(
        {
            f"{prefix}COOKIES_FILE": str(tmp_path / "cookies.txt"),
            f"{prefix}AUTH__BASIC__USER": "reader",
            f"{prefix}AUTH__BASIC__PASSWORD_FILE": str(tmp_path / "password"),
            f"{prefix}HEADERS__X-Key": "k",
            f"{prefix}LOGIN__URL": "https://daily.example/login",
            f"{prefix}LOGIN__FORM__passWord_FILE": str(tmp_path / "password"),
        }
    )
    assert cookies_of(outlet) == {"sid": "abc"}
    assert outlet.auth.basic.password.get_secret_value() == "s3cret"
    assert outlet.headers["X-Key"].get_secret_value() == "k"
    assert outlet.login.form["passWord"].get_secret_value() == "s3cret"


@pytest.mark.parametrize(
    "secret",
    [
        {"auth": {"bearer": {"env": "SECRET"}}},
        {"headers": {"X-Key": {"file": "key"}}},
        {"proxy": {"env": "PROXY"}},
        {"login": {**LOGIN, "form": {"password": {"file": "key"}}}},
    ],
)
def test_each_secret_may_stand_in_a_variable_or_a_file(outlet_with: Any, tmp_path: Path, secret: Any) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    outlet = outlet_with({"SECRET": "s3cret", "PROXY": "http://u:s3cret@127.0.0.1:3128"}, **secret)
    assert "s3cret" not in repr(outlet) + str(outlet) + str(outlet.model_dump()) + outlet.model_dump_json()


def test_the_example_of_the_documentation_is_valid(tmp_path: Path) -> None:
    section = (ROOT / "docs/configuration.md").read_text("utf-8").partition("## Subscriptions")[2]
    (tmp_path / "monitor.yaml").write_text(section.partition("```yaml\n")[2].partition("```")[0])
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/daily").write_text("s3cret\n")
    (tmp_path / "secrets/weekly-cookies.txt").write_text(netscape(".weekly.example.org TRUE / TRUE 0 sid abc"))
    environ = {"WIRE_CLIENT": "1", "WIRE_TOKEN": "s3cret", "WIRE_PROXY": "http://u:p@proxy.example.org:3128"}
    daily, weekly, wire = load(tmp_path / "monitor.yaml", environ).outlets
    assert daily.login is not None
    assert daily.login.form["password"].get_secret_value() == "s3cret"
    assert cookies_of(weekly) == {"sid": "abc"}
    assert wire.auth is not None


# ---- faults


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"headers": "Accept-Language: ru"}, "4: outlets[0].headers: must be keys and values: {Accept-Language: ru}"),
        (
            {"headers": {"Host": "x"}},
            "4: outlets[0].headers: Host cannot be set here: it is the host of the address",
        ),
        (
            {"headers": {"cookie": "a=s3cret"}},
            "4: outlets[0].headers: cookie cannot be set here: write its text under `cookies`",
        ),
        ({"headers": {"User-Agent": "x"}}, "4: outlets[0].headers: User-Agent cannot be set here: write `user_agent`"),
        (
            {"headers": {"Content-Length": "5"}},
            "4: outlets[0].headers: Content-Length cannot be set here: it describes the connection, which the monitor "
            "makes itself",
        ),
        ({"headers": {"X": "s3\ncret"}}, "4: outlets[0].headers: the value of X must be one line of Latin-1 text"),
        (
            {"headers": {"a b": "x"}},
            "4: outlets[0].headers: the name of the header 'a' has a sign that no name has; write Accept-Language: ru",
        ),
        ({"headers": {"A": "x", "a": "y"}}, "4: outlets[0].headers: a appears twice, in another case"),
        ({"cookie": "a=s3cret"}, '4: outlets[0].cookie: unknown key "cookie"; did you mean "cookies"?'),
        (
            {"cookies": "s3cret"},
            "4: outlets[0].cookies: a cookie has no value; write session=abc; region=eu, or name a Netscape "
            "cookies.txt",
        ),
        (
            {"cookies": '[{"name": "s3cret"}]'},
            "4: outlets[0].cookies: JSON is not read; export the cookies as cookies.txt (Netscape format), or write "
            "session=abc",
        ),
        (
            {"cookies": "a\tb\ts3cret"},
            "4: outlets[0].cookies: line 1 of the cookies has 3 fields between tabs; a line of a cookies.txt has 7",
        ),
        ({"cookies": "# nothing\t"}, "4: outlets[0].cookies: contains no cookie"),
        (
            {"cookies": {"sid": "s3;cret"}},
            "4: outlets[0].cookies: the value of the cookie sid contains a character that a cookie cannot have",
        ),
        (
            {"cookies": {"file": "missing.txt"}},
            "4: outlets[0].cookies: missing.txt cannot be read: No such file or directory",
        ),
        (
            {"cookies": {"env": "MISSING"}},
            "4: outlets[0].cookies: the environment variable MISSING is not set, or empty",
        ),
        (
            {"auth": {"bearer": "s3 cret"}},
            "5: outlets[0].auth.bearer: must be one line of ASCII without spaces; `Bearer` is added to it",
        ),
        ({"auth": {}}, "4: outlets[0].auth: needs one of basic: {user: ..., password: ...} and bearer: TOKEN"),
        ({"auth": {"basic": {"user": "a"}}}, "5: outlets[0].auth.basic.password: is missing"),
        (
            {"auth": {"basic": {"user": "a:b", "password": "s3cret"}}},
            "6: outlets[0].auth.basic.user: must not contain a colon",
        ),
        (
            {"auth": {"bearer": "s3cret"}, "headers": {"authorization": "s3cret"}},
            "6: outlets[0].headers.Authorization: `auth` sets it already; keep one of them",
        ),
        (
            {"proxy": "socks5://u:s3cret@127.0.0.1:1080"},
            "4: outlets[0].proxy: SOCKS proxies are not supported; put an HTTP proxy that forwards to it in front",
        ),
        (
            {"proxy": "https://u:s3cret@127.0.0.1:1080"},
            "4: outlets[0].proxy: TLS to the proxy itself is not supported; write http:// (https pages stay encrypted)",
        ),
        (
            {"proxy": "s3cret:3128"},
            "4: outlets[0].proxy: it is not the URL of a proxy; write http://user:password@proxy.example.org:3128",
        ),
        (
            {"proxy": "http://u:s3cret@proxy.example"},
            "4: outlets[0].proxy: its port is missing; write http://user:password@proxy.example.org:3128",
        ),
        (
            {"login": {**LOGIN, "url": "https://elsewhere.example/"}},
            "5: outlets[0].login.url: is not an address of this outlet: it must be on the site of `url`, its sections "
            "or `hosts`, and with https if they are",
        ),
        (
            {"login": {**LOGIN, "url": "http://daily.example/login"}},
            "5: outlets[0].login.url: is not an address of this outlet: it must be on the site of `url`, its sections "
            "or `hosts`, and with https if they are",
        ),
        (
            {"login": {"url": LOGIN["url"]}},
            '4: outlets[0].login.form: is missing; write login: {url: "https://a.example/login", '
            "form: {email: reader@example.org, password: ...}}",
        ),
        (
            {"login": {**LOGIN, "success": "p["}},
            "9: outlets[0].login.success: not a CSS selector: Expected ident or '*', got <EOF at 2>",
        ),
        ({"user_agent": "Браузер"}, "4: outlets[0].user_agent: must be ASCII text"),
        (
            {"headers": {"Authorization: Bearer s3cret": ""}},
            "4: outlets[0].headers: the name of the header 'Authorization' has a sign that no name has; "
            "write Accept-Language: ru",
        ),
        (
            {"cookies": "region=eu; a/s3cret=="},
            "4: outlets[0].cookies: the name of cookie 2 has a sign that no name has; write session=abc",
        ),
        (
            {"cookies": "s3cret=é"},
            "4: outlets[0].cookies: the value of cookie 1 contains a character that a cookie cannot have",
        ),
        (
            {"feeds": "user:s3cret@daily.example/rss"},
            "4: outlets[0].feeds: it is not an address; it must begin with https:// or http://",
        ),
        (
            {"feeds": "https://user:s3[cret@daily.example/rss"},
            "4: outlets[0].feeds: it is not an address: its port or brackets cannot be read",
        ),
        (
            {"hosts": "user:s3cret@daily.example"},
            "4: outlets[0].hosts: it is not a host name; write it as in news.example.org",
        ),
    ],
    ids=str,
)
def test_a_fault_names_line_key_and_remedy_but_no_value(fault_of: Any, keys: dict[str, Any], fault: str) -> None:
    message = fault_of(**keys)
    assert message == f"monitor.yaml:{fault}"
    assert "s3" not in message


def test_a_proxy_with_a_splash_that_connects_directly_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "monitor.yaml"
    outlet = {"name": "A", "url": "https://a.example/", "render": "auto", "proxy": "http://127.0.0.1:3128"}
    path.write_text(yaml.safe_dump({"crawl": {"splash_proxy": "off"}, "outlets": [outlet]}, sort_keys=False))
    with pytest.raises(ConfigError, match=r"outlets.0..proxy: cannot be used with render: auto and crawl.splash_proxy"):
        load(path, {})


# ---- own sites


def sites_of(url: str, **keys: Any) -> OwnSites:
    return OwnSites.of(Outlet.model_validate({"name": "Daily", "url": url, **keys}))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/",
        "https://www.example.org/a?b=c",
        "https://EXAMPLE.org./a",
        "https://example.org:443/",
        "https://example.net/",
    ],
)
def test_the_own_sites_are_the_domain_with_its_subdomains_and_hosts(url: str) -> None:
    assert url in sites_of("https://example.org/", hosts=["example.net"])


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://example.org:8443/",
        "https://example.org.example.com/",
        "https://evilexample.org/",
        "https://example.org@example.com/",
        "https://example.com/https://example.org/",
        "https://example.com\\@example.org/",
        "https://example.com/",
        "https://[",
        "ftp://example.org/",
        "",
    ],
)
def test_no_other_address_belongs_to_the_own_sites(url: str) -> None:
    assert url not in sites_of("https://example.org/", feeds=["https://example.com/daily"])


def test_the_own_sites_of_an_aggregator_are_those_that_it_names() -> None:
    sites = sites_of("https://example.org/", hosts=["any", "example.net"])
    addresses = ("https://example.org/", "https://example.net/", "https://example.com/", "https://any/")
    assert [address in sites for address in addresses] == [True, True, False, False]


def test_neighbours_on_a_shared_domain_are_other_sites() -> None:
    sites = sites_of("https://daily.github.io/")
    assert ("https://daily.github.io/a" in sites, "https://other.github.io/a" in sites) == (True, False)


def test_http_belongs_to_a_site_that_is_never_named_with_https() -> None:
    assert "http://example.org/" in sites_of("http://example.org/")
    assert "https://example.org/" in sites_of("http://example.org/")
    assert "http://example.org/" not in sites_of("http://example.org/", feeds=["https://example.org/rss"])


def test_another_port_of_an_address_is_another_site() -> None:
    sites = sites_of("http://127.0.0.1:8080/", feeds=["http://127.0.0.1:8081/feed"])
    assert [f"http://127.0.0.1:{port}/" in sites for port in (8080, 8081, 80)] == [True, False, False]


@given(st.from_regex(r"https?://([a-z.:@/\\?#0-9-]{0,8}(example\.org)?){1,3}", fullmatch=True))
def test_an_own_address_has_the_outlets_domain_and_https(url: str) -> None:
    if url in sites_of("https://example.org/"):
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        assert parts.scheme == "https"
        assert host == "example.org" or host.endswith(".example.org")


# ---- warnings


def outlet_config(outlet: Outlet) -> Config:
    return Config(outlets=(outlet,))


def test_expired_cookies_are_named(outlet_with: Any) -> None:
    ago = int((now() - timedelta(days=3)).timestamp())
    rows = (f".daily.example TRUE / TRUE {ago} sid s3cret", f".daily.example TRUE / TRUE {ago + 5} other s3cret")
    (warning,) = access_warnings(outlet_config(outlet_with(cookies=netscape(*rows))))
    day = f"{now() - timedelta(days=3):%Y-%m-%d}"
    assert warning == (
        f"outlets.Daily: cookies: sid expired on {day}, and 1 more have; export them again after a login"
    )


def test_cookies_for_other_sites_only_are_named(outlet_with: Any) -> None:
    cookies = netscape(".weekly.example TRUE / TRUE 0 sid s3cret")
    (warning,) = access_warnings(outlet_config(outlet_with(cookies=cookies)))
    assert warning == "outlets.Daily: cookies: none is for this outlet; the first is for weekly.example"


def test_credentials_over_http_are_warned_about(outlet_with: Any) -> None:
    outlet = outlet_with(url="http://daily.example/", auth={"bearer": "s3cret"})
    (warning,) = access_warnings(outlet_config(outlet))
    assert warning.startswith("outlets.Daily: url: http sends cookies and passwords unencrypted")
    assert access_warnings(outlet_config(outlet_with(auth={"bearer": "s3cret"}, headers={"Accept": "x"}))) == []


def test_a_secret_file_that_everybody_can_read_is_named(configure: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "password").write_text("s3cret")
    (tmp_path / "token").chmod(0o644)
    (tmp_path / "password").chmod(0o640)
    path = configure(auth={"bearer": {"file": "token"}})
    files = secret_files(path, {"MONITOR_STORE__PASSWORD_FILE": str(tmp_path / "password")})
    assert files == {
        "outlets[0].auth.bearer": tmp_path / "token",
        "MONITOR_STORE__PASSWORD_FILE": tmp_path / "password",
    }
    (warning,) = readable_secret_warnings(files)
    token = tmp_path / "token"
    assert warning == (f"outlets[0].auth.bearer: {token} can be read by every user of this machine; chmod o-r {token}")
