"""Nobody makes the monitor reach into the network it runs in."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.address import IPv4Address

from monitor.config.schema import Outlet
from monitor.demo.web import Site
from monitor.egress.address_guard import is_public, trusted
from monitor.errors import FetchError

from .engine import FAST, Engine
from .test_fetch import fetch, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fec0::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "not an address", "",
    ],
)  # fmt: skip
def test_other_addresses_are_not(address: str) -> None:
    assert not is_public(address)


def test_an_outlets_own_hosts_are_those_its_configuration_names() -> None:
    outlet = Outlet(
        name="x", url="https://Intranet.example/news", feeds=("http://127.0.0.1:8080/rss",), hosts=("10.0.0.5",)
    )
    assert trusted(outlet) == {("intranet.example", 443), ("127.0.0.1", 8080), ("10.0.0.5", 80), ("10.0.0.5", 443)}


INSIDE = [
    "http://127.0.0.1:{port}/secret",
    "http://localhost:{port}/secret",
    "http://app.localhost:{port}/secret",
    "http://127.1:{port}/secret",
    "http://2130706433:{port}/secret",
    "http://0x7f000001:{port}/secret",
    "http://0177.0.0.1:{port}/secret",
    "http://0.0.0.0:{port}/secret",
    "http://[::1]:{port}/secret",
    "http://[::ffff:127.0.0.1]:{port}/secret",
    "http://169.254.169.254/latest/meta-data/",
    "http://user:password@127.0.0.1:{port}/secret",
]


@pytest.fixture
def inside() -> Iterator[Site]:
    """A server on loopback that is no outlet's."""
    with Site() as site:
        site.put("/secret", b"<p>secret")
        yield site


def port_of(site: Site) -> int:
    return int(site.url.rsplit(":", 1)[1].strip("/"))


@pytest.mark.parametrize("target", INSIDE)
def test_a_redirect_into_the_network_is_refused(engine: Engine, site: Site, inside: Site, target: str) -> None:
    url = site.put("/a", status=302, headers=(("Location", target.format(port=port_of(inside))),))
    error = refusal(engine, url)
    assert (error.kind, error.permanent) == ("private-address", True)
    assert inside.count() == 0


@pytest.mark.parametrize("target", INSIDE)
def test_a_link_into_the_network_is_refused(engine: Engine, inside: Site, target: str) -> None:
    error = refusal(engine, target.format(port=port_of(inside)), own="https://news.example/")
    assert (error.kind, error.permanent) == ("private-address", True)
    assert inside.count() == 0


class Names:
    """A name server for tests; a name may change its address with each look-up."""

    def __init__(self, system: Any, names: dict[str, list[str]]) -> None:
        self.system, self.names, self.asked = system, names, 0

    def resolveHostName(  # noqa: N802  Twisted's name
        self,
        receiver: Any,
        name: str,
        portNumber: int = 0,  # noqa: N803
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if name not in self.names:
            return self.system.resolveHostName(receiver, name, portNumber, *args, **kwargs)
        addresses = self.names[name]
        self.asked += 1
        receiver.resolutionBegan(self)
        receiver.addressResolved(IPv4Address("TCP", addresses[0], portNumber))
        if len(addresses) > 1:
            addresses.pop(0)
        receiver.resolutionComplete()
        return self


@pytest.fixture
def names(engine: Engine) -> Iterator[dict[str, list[str]]]:
    known: dict[str, list[str]] = {}
    before = engine.reactor.nameResolver
    engine.reactor.installNameResolver(Names(before, known))
    yield known
    engine.reactor.installNameResolver(before)


def test_a_name_that_leads_into_the_network_is_refused(engine: Engine, inside: Site, names: Any) -> None:
    names["evil.example"] = ["127.0.0.1"]
    error = refusal(engine, f"http://evil.example:{port_of(inside)}/secret", own="https://news.example/")
    assert error.kind in {"private-address", "robots-unreachable"}
    assert "not a public address" in error.message
    assert inside.count() == 0


def test_a_name_that_changes_its_address_wins_nothing(engine: Engine, inside: Site, names: Any) -> None:
    names["evil.example"] = ["93.184.216.34", "127.0.0.1"]
    settings = FAST.model_copy(update={"obey_robots": False})
    url = f"http://evil.example:{port_of(inside)}/secret"
    for _ in range(3):
        refusal(engine, url, own="https://news.example/", settings=settings)
    assert inside.count() == 0


def test_an_outlet_of_ones_own_network_is_reached_by_its_name(engine: Engine, inside: Site, names: Any) -> None:
    names["intranet.example"] = ["127.0.0.1"]
    assert fetch(engine, f"http://intranet.example:{port_of(inside)}/secret").body == b"<p>secret"


def test_a_kept_connection_of_an_outlet_that_may_serves_none_that_may_not(
    engine: Engine, inside: Site, names: Any
) -> None:
    names["intranet.example"] = ["127.0.0.1"]
    url = f"http://intranet.example:{port_of(inside)}/secret"
    mine, other = Outlet(name="mine", url=url), Outlet(name="other", url="https://news.example/", hosts=())

    async def work(fetcher: Any) -> str:
        await fetcher.page(mine, url)
        with pytest.raises(FetchError) as caught:
            await fetcher.page(other, url)
        return str(caught.value.kind)

    assert engine.do(work) == "private-address"
    assert inside.count("/secret") == 1


def test_another_port_of_an_outlets_own_machine_is_refused(engine: Engine, site: Site, inside: Site) -> None:
    url = site.put("/a", status=302, headers=(("Location", f"http://127.0.0.1:{port_of(inside)}/secret"),))
    assert refusal(engine, url).kind == "private-address"


def test_a_meta_refresh_into_the_network_is_refused(engine: Engine, site: Site, inside: Site) -> None:
    body = f'<html><head><meta http-equiv="refresh" content="0; url={inside.url}secret"></head></html>'
    assert refusal(engine, site.put("/a", body.encode())).kind == "private-address"
    assert inside.count() == 0


def test_a_robots_txt_that_redirects_into_the_network_is_refused(engine: Engine, site: Site, inside: Site) -> None:
    site.put("/robots.txt", status=302, headers=(("Location", f"{inside.url}secret"),))
    assert refusal(engine, site.put("/a", b"<p>a")).kind == "robots-unreachable"
    assert inside.count() == 0


def test_the_test_names_really_resolve_to_loopback() -> None:
    assert socket.inet_ntoa(socket.inet_aton("127.1")) == "127.0.0.1"
