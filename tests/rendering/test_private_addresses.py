"""No page can connect to a private address, except to hosts in its outlet's configuration."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.rendering.rendering import Rendering
from rendering import pages
from rendering.test_engines import ENGINES, crawl_settings, outlet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crawl.engine import Engine
    from monitor.demo.web import Site


class Listener:
    """Records connections and packets to one port of this machine, over TCP and UDP; answers none."""

    def __init__(self) -> None:
        self.contacts: list[str] = []
        self._tcp = socket.create_server(("0.0.0.0", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("0.0.0.0", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._receive, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
                self.contacts.append(f"tcp {connection.recv(200)!r}")
                connection.close()
            except OSError:
                return

    def _receive(self) -> None:
        while True:
            try:
                data, _ = self._udp.recvfrom(2000)
                self.contacts.append(f"udp {data[:20]!r}")
            except OSError:
                return

    def close(self) -> None:
        self._tcp.close()
        self._udp.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def attempt_pages(port: int) -> dict[str, bytes]:
    """Returns pages that try to connect to the port on this machine, each in a different way, then show a story."""
    hosts = ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"]
    own_address = socket.gethostbyname(socket.gethostname())
    target = f"http://127.0.0.1:{port}"
    attempts = {
        f"host-{number}": pages.app(
            f"var s = document.createElement('script'); s.src = 'http://{host}:{port}/x';"
            "document.body.appendChild(s);" + pages.WRITE_STORY
        )
        for number, host in enumerate([*hosts, own_address, socket.gethostname()])
    }
    scripts = {
        "request": f"var r = new XMLHttpRequest(); r.open('POST', '{target}/xhr'); r.send('x');",
        "fetch": f"if (window.fetch) fetch('{target}/fetch', {{mode: 'no-cors'}});",
        "beacon": f"if (navigator.sendBeacon) navigator.sendBeacon('{target}/beacon', 'x');",
        "image": f"new Image().src = '{target}/image';",
        "socket": f"new WebSocket('ws://127.0.0.1:{port}/socket');",
        "socket-of-frame": (
            f"var i = document.createElement('iframe'); document.body.appendChild(i);"
            f"new i.contentWindow.WebSocket('ws://127.0.0.1:{port}/frame-socket');"
        ),
        "socket-of-document": (
            f"var i = document.createElement('iframe'); document.body.appendChild(i); i.contentDocument.write("
            f'"<script>new WebSocket(\'ws://127.0.0.1:{port}/document-socket\')</" + "script>");'
            "i.contentDocument.close();"
        ),
        "socket-of-worker": (
            f"var b = new Blob([\"new WebSocket('ws://127.0.0.1:{port}/worker-socket')\"]);"
            "new Worker(URL.createObjectURL(b));"
        ),
        "socket-later": f"setTimeout(function () {{ new WebSocket('ws://127.0.0.1:{port}/later'); }}, 200);",
        "events": f"if (window.EventSource) new EventSource('{target}/events');",
        "worker": f"var b = new Blob([\"importScripts('{target}/worker')\"]); new Worker(URL.createObjectURL(b));",
        "popup": f"window.open('{target}/popup');",
        "rtc": (
            "if (window.RTCPeerConnection) { var p = new RTCPeerConnection({iceServers: [{urls:"
            f" ['stun:127.0.0.1:{port}', 'turn:127.0.0.1:{port}?transport=tcp'], username: 'u', credential: 'c'}}]}});"
            "p.createDataChannel('x'); p.createOffer().then(function (o) { p.setLocalDescription(o); }); }"
        ),
        "transport": (
            f"if (window.WebTransport) new WebTransport('https://127.0.0.1:{port}/').ready.catch(function () {{}});"
        ),
        "form": f"var f = document.createElement('form'); f.action = '{target}/form'; f.target = 'hidden';"
        "var i = document.createElement('iframe'); i.name = 'hidden'; document.body.appendChild(i);"
        "document.body.appendChild(f); f.submit();",
    }
    attempts |= {
        name: pages.app(f"try {{ {script} }} catch (e) {{}}" + pages.WRITE_STORY) for name, script in scripts.items()
    }
    attempts["parts"] = pages.app(
        pages.WRITE_STORY,
        extra=(
            f"<iframe src='{target}/frame'></iframe><object data='{target}/object'></object>"
            f"<embed src='{target}/embed'>"
            f"<link rel='stylesheet' href='{target}/style'><link rel='preconnect' href='{target}'>"
            f"<link rel='dns-prefetch' href='//127.0.0.1:{port}'><link rel='prefetch' href='{target}/prefetch'>"
            f"<video src='{target}/video'></video><iframe srcdoc=\"<script src='{target}/srcdoc'></script>\"></iframe>"
            f"<iframe src='/hop'></iframe><script src='/hop'></script>"
        ),
    )
    return attempts


def navigation_pages(port: int) -> dict[str, bytes]:
    """Returns pages that navigate to a private address."""
    target = f"http://127.0.0.1:{port}"
    return {
        "go-script": pages.app(f"location.href = '{target}/go';"),
        "go-meta": f"<html><head><meta http-equiv='refresh' content='0; url={target}/meta'></head></html>".encode(),
        "go-link-local": pages.app("location.href = 'http://169.254.169.254/latest/meta-data/';"),
        "go-private": pages.app("location.href = 'http://10.0.0.1/';"),
        "go-file": pages.app("location.href = 'file:///etc/passwd';" + pages.WRITE_STORY),
    }


@pytest.mark.parametrize("name", ENGINES)
def test_no_connection_of_a_page_reaches_this_machine(
    name: str, engine: Engine, site: Site, listener: Listener, request: pytest.FixtureRequest
) -> None:
    if name == "splash":
        settings = crawl_settings(splash=request.getfixturevalue("splash_url"))
    else:
        settings = crawl_settings(chromium=request.getfixturevalue("chromium_path"))
    attempts, navigations = attempt_pages(listener.port), navigation_pages(listener.port)
    for path, body in (attempts | navigations).items():
        site.put(f"/{path}", body)
    for path in ("/hop", "/go-http"):
        site.put(path, b"", status=302, headers=(("Location", f"http://127.0.0.1:{listener.port}{path}"),))
    paths = [*attempts, *navigations, "go-http"]

    async def fetch_all(fetcher: Any) -> tuple[dict[str, Any], Counter[FailureKind]]:
        fetches = [fetcher.fetch_page(outlet(site, name, path), f"{site.url}{path}") for path in paths]
        results = dict(zip(paths, await asyncio.gather(*fetches, return_exceptions=True), strict=True))
        refusals: Counter[FailureKind] = Counter()
        for proxy in Rendering.for_crawler(fetcher._crawler)._proxies.values():
            refusals.update(proxy.connection_errors)
        return results, refusals

    results, refusals = engine.with_fetcher(fetch_all, settings, timeout=200)
    assert listener.contacts == []
    # At least half of the attempts happened: an engine may lack the API, or finish the page before the request.
    assert refusals[FailureKind.PRIVATE_ADDRESS] > len(attempts) / 2
    for path in attempts:
        assert not isinstance(results[path], Exception), (path, results[path])
        assert pages.PARAGRAPHS[0] in results[path].body.decode()
    for path in (*navigations, "go-http"):
        if path != "go-file":
            assert isinstance(results[path], FetchError), (path, results[path])
            assert results[path].label in {"private-address", "foreign"}, (path, results[path])
    assert "root:" not in getattr(results["go-file"], "body", b"").decode()
