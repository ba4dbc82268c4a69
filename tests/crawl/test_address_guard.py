"""The monitor never connects to the network it runs in, except to configured hosts."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.address import IPv4Address

from monitor.config.access import Login
from monitor.config.schema import Outlet
from monitor.demo.web import Site
from monitor.egress.address_guard import is_public_address, trusted_hosts
from monitor.errors import FetchError

from .engine import FAST_SETTINGS, Engine
from .test_fetch import fetch, fetch_error

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fec0::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "not an address", "",
    ],
)  # fmt: skip
def test_other_addresses_are_not_public(address: str) -> None:
    assert not is_public_address(address)


def test_the_configured_hosts_are_trusted() -> None:
    outlet = Outlet(
        name="x",
        url="https://Intranet.example/news",
        feeds=("http://127.0.0.1:8080/rss",),
        hosts=("10.0.0.5",),
        login=Login.model_validate({"url": "https://intranet.example:8443/login", "form": {"user": "a"}}),
    )
    assert trusted_hosts(outlet.model_copy(update={"public_only": True})) == frozenset()
    assert trusted_hosts(outlet) == {
        ("intranet.example", 443),
        ("intranet.example", 8443),
        ("127.0.0.1", 8080),
        ("10.0.0.5", 80),
        ("10.0.0.5", 443),
    }


@pytest.mark.parametrize(("url", "trusts"), [("http://127.0.0.1:8000/", True), ("https://links.example/", False)])
def test_only_an_aggregator_on_a_private_address_may_lead_to_others(url: str, trusts: bool) -> None:
    aggregator = Outlet(name="links", url=url, hosts=("any",))
    intranet = Outlet(name="intranet", url="http://10.1.2.3:8080/")
    assert (("10.1.2.3", 8080) in trusted_hosts(aggregator, [aggregator, intranet])) is trusts
    assert ("10.1.2.3", 8080) not in trusted_hosts(Outlet(name="x", url="http://127.0.0.1:1/"), [intranet])


PRIVATE_URLS = [
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
def private_site() -> Iterator[Site]:
    """Yields a server on loopback that belongs to no outlet."""
    with Site() as private_site:
        private_site.put("/secret", b"<p>secret")
        yield private_site


def port_of(site: Site) -> int:
    return int(site.url.rsplit(":", 1)[1].strip("/"))


@pytest.mark.parametrize("target", PRIVATE_URLS)
def test_a_redirect_to_a_private_address_is_refused(
    engine: Engine, site: Site, private_site: Site, target: str
) -> None:
    url = site.put("/a", status=302, headers=(("Location", target.format(port=port_of(private_site))),))
    error = fetch_error(engine, url)
    assert (error.label, error.kind.permanent) == ("private-address", True)
    assert private_site.count() == 0


@pytest.mark.parametrize("target", PRIVATE_URLS)
def test_a_link_to_a_private_address_is_refused(engine: Engine, private_site: Site, target: str) -> None:
    error = fetch_error(engine, target.format(port=port_of(private_site)), outlet_url="https://news.example/")
    assert (error.label, error.kind.permanent) == ("private-address", True)
    assert private_site.count() == 0


class FakeResolver:
    """Resolves ``addresses_by_name``; a name with several addresses has the next one at each look-up."""

    def __init__(self, system: Any, addresses_by_name: dict[str, list[str]]) -> None:
        self.system, self.addresses_by_name = system, addresses_by_name

    def resolveHostName(  # noqa: N802  Twisted's name
        self,
        receiver: Any,
        name: str,
        portNumber: int = 0,  # noqa: N803  Twisted's name
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if name not in self.addresses_by_name:
            return self.system.resolveHostName(receiver, name, portNumber, *args, **kwargs)
        addresses = self.addresses_by_name[name]
        receiver.resolutionBegan(self)
        receiver.addressResolved(IPv4Address("TCP", addresses[0], portNumber))
        if len(addresses) > 1:
            addresses.pop(0)
        receiver.resolutionComplete()
        return self


@pytest.fixture
def dns(engine: Engine) -> Iterator[dict[str, list[str]]]:
    """Yields the addresses by name that the engine's resolver returns."""
    addresses_by_name: dict[str, list[str]] = {}
    system = engine.reactor.nameResolver
    engine.reactor.installNameResolver(FakeResolver(system, addresses_by_name))
    yield addresses_by_name
    engine.reactor.installNameResolver(system)


def test_a_name_with_a_private_address_is_refused(engine: Engine, private_site: Site, dns: Any) -> None:
    dns["evil.example"] = ["127.0.0.1"]
    error = fetch_error(
        engine, f"http://evil.example:{port_of(private_site)}/secret", outlet_url="https://news.example/"
    )
    assert error.label in {"private-address", "robots-unreachable"}
    assert "not a public address" in error.message
    assert private_site.count() == 0


def test_dns_rebinding_is_refused(engine: Engine, private_site: Site, dns: Any) -> None:
    dns["evil.example"] = ["93.184.216.34", "127.0.0.1"]
    settings = FAST_SETTINGS.model_copy(update={"obey_robots": False})
    url = f"http://evil.example:{port_of(private_site)}/secret"
    for _ in range(3):
        fetch_error(engine, url, outlet_url="https://news.example/", settings=settings)
    assert private_site.count() == 0


def test_a_configured_host_may_have_a_private_address(engine: Engine, private_site: Site, dns: Any) -> None:
    dns["intranet.example"] = ["127.0.0.1"]
    assert fetch(engine, f"http://intranet.example:{port_of(private_site)}/secret").body == b"<p>secret"


def test_outlets_do_not_share_connections_to_private_addresses(engine: Engine, private_site: Site, dns: Any) -> None:
    dns["intranet.example"] = ["127.0.0.1"]
    url = f"http://intranet.example:{port_of(private_site)}/secret"
    trusting, public = Outlet(name="trusting", url=url), Outlet(name="public", url="https://news.example/", hosts=())

    async def work(fetcher: Any) -> str:
        await fetcher.fetch_page(trusting, url)
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch_page(public, url)
        return caught.value.label

    assert engine.with_fetcher(work) == "private-address"
    assert private_site.count("/secret") == 1


def test_another_port_of_a_configured_host_is_refused(engine: Engine, site: Site, private_site: Site) -> None:
    url = site.put("/a", status=302, headers=(("Location", f"http://127.0.0.1:{port_of(private_site)}/secret"),))
    assert fetch_error(engine, url).label == "private-address"


def test_a_meta_refresh_to_a_private_address_is_refused(engine: Engine, site: Site, private_site: Site) -> None:
    body = f'<html><head><meta http-equiv="refresh" content="0; url={private_site.url}secret"></head></html>'
    assert fetch_error(engine, site.put("/a", body.encode())).label == "private-address"
    assert private_site.count() == 0


def test_a_robots_txt_redirect_to_a_private_address_is_refused(engine: Engine, site: Site, private_site: Site) -> None:
    site.put("/robots.txt", status=302, headers=(("Location", f"{private_site.url}secret"),))
    assert fetch_error(engine, site.put("/a", b"<p>a")).label == "robots-unreachable"
    assert private_site.count() == 0


def test_short_forms_of_loopback_resolve_on_this_machine() -> None:
    assert socket.inet_ntoa(socket.inet_aton("127.1")) == "127.0.0.1"
