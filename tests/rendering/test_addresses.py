"""No page reaches an address that is not public, whatever it tries, unless it is its outlet's own configured host."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from monitor.errors import FetchError
from monitor.rendering.rendering import Rendering
from rendering import pages
from rendering.test_engines import ENGINES, crawl_settings, outlet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crawl.engine import Engine
    from monitor.demo.web import Site


class Listener:
    """Counts who knocks, over TCP and UDP, on every address of this machine; says nothing to them."""

    def __init__(self) -> None:
        self.knocks: list[str] = []
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
                self.knocks.append(f"tcp {connection.recv(200)!r}")
                connection.close()
            except OSError:
                return

    def _receive(self) -> None:
        while True:
            try:
                data, _ = self._udp.recvfrom(2000)
                self.knocks.append(f"udp {data[:20]!r}")
            except OSError:
                return

    def close(self) -> None:
        self._tcp.close()
        self._udp.close()


@pytest.fixture
def inside() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def attempts(port: int) -> dict[str, bytes]:
    """Pages that try to reach the port on this machine, each in its own way, and then show their story."""
    places = ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"]
    home = socket.gethostbyname(socket.gethostname())
    here = f"http://127.0.0.1:{port}"
    made = {
        f"place-{number}": pages.app(
            f"var s = document.createElement('script'); s.src = 'http://{place}:{port}/x';"
            "document.body.appendChild(s);" + pages.WRITE
        )
        for number, place in enumerate([*places, home, socket.gethostname()])
    }
    scripts = {
        "request": f"var r = new XMLHttpRequest(); r.open('POST', '{here}/xhr'); r.send('x');",
        "fetch": f"if (window.fetch) fetch('{here}/fetch', {{mode: 'no-cors'}});",
        "beacon": f"if (navigator.sendBeacon) navigator.sendBeacon('{here}/beacon', 'x');",
        "image": f"new Image().src = '{here}/image';",
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
        "events": f"if (window.EventSource) new EventSource('{here}/events');",
        "worker": f"var b = new Blob([\"importScripts('{here}/worker')\"]); new Worker(URL.createObjectURL(b));",
        "popup": f"window.open('{here}/popup');",
        "rtc": (
            "if (window.RTCPeerConnection) { var p = new RTCPeerConnection({iceServers: [{urls:"
            f" ['stun:127.0.0.1:{port}', 'turn:127.0.0.1:{port}?transport=tcp'], username: 'u', credential: 'c'}}]}});"
            "p.createDataChannel('x'); p.createOffer().then(function (o) { p.setLocalDescription(o); }); }"
        ),
        "transport": (
            f"if (window.WebTransport) new WebTransport('https://127.0.0.1:{port}/').ready.catch(function () {{}});"
        ),
        "form": f"var f = document.createElement('form'); f.action = '{here}/form'; f.target = 'hidden';"
        "var i = document.createElement('iframe'); i.name = 'hidden'; document.body.appendChild(i);"
        "document.body.appendChild(f); f.submit();",
    }
    made |= {name: pages.app(f"try {{ {script} }} catch (e) {{}}" + pages.WRITE) for name, script in scripts.items()}
    made["parts"] = pages.app(
        pages.WRITE,
        extra=(
            f"<iframe src='{here}/frame'></iframe><object data='{here}/object'></object><embed src='{here}/embed'>"
            f"<link rel='stylesheet' href='{here}/style'><link rel='preconnect' href='{here}'>"
            f"<link rel='dns-prefetch' href='//127.0.0.1:{port}'><link rel='prefetch' href='{here}/prefetch'>"
            f"<video src='{here}/video'></video><iframe srcdoc=\"<script src='{here}/srcdoc'></script>\"></iframe>"
            f"<iframe src='/hop'></iframe><script src='/hop'></script>"
        ),
    )
    return made


def leads(port: int) -> dict[str, bytes]:
    """Pages that go there themselves."""
    here = f"http://127.0.0.1:{port}"
    return {
        "go-script": pages.app(f"location.href = '{here}/go';"),
        "go-meta": f"<html><head><meta http-equiv='refresh' content='0; url={here}/meta'></head></html>".encode(),
        "go-link-local": pages.app("location.href = 'http://169.254.169.254/latest/meta-data/';"),
        "go-private": pages.app("location.href = 'http://10.0.0.1/';"),
        "go-file": pages.app("location.href = 'file:///etc/passwd';" + pages.WRITE),
    }


@pytest.mark.parametrize("name", ENGINES)
def test_nothing_a_page_asks_for_reaches_this_machine(
    name: str, engine: Engine, site: Site, inside: Listener, request: pytest.FixtureRequest
) -> None:
    if name == "splash":
        settings = crawl_settings(splash=request.getfixturevalue("splash_url"))
    else:
        settings = crawl_settings(chromium=request.getfixturevalue("chromium_path"))
    tried, led = attempts(inside.port), leads(inside.port)
    for path, body in (tried | led).items():
        site.put(f"/{path}", body)
    for path in ("/hop", "/go-http"):
        site.put(path, b"", status=302, headers=(("Location", f"http://127.0.0.1:{inside.port}{path}"),))
    wanted = [*tried, *led, "go-http"]

    async def fetch_all(fetcher: Any) -> tuple[dict[str, Any], Counter[str]]:
        asked = [fetcher.page(outlet(site, name, path), f"{site.url}{path}") for path in wanted]
        results = dict(zip(wanted, await asyncio.gather(*asked, return_exceptions=True), strict=True))
        refused: Counter[str] = Counter()
        for guard in Rendering.of(fetcher._crawler)._guards.values():
            refused.update(guard.refused)
        return results, refused

    results, refused = engine.with_fetcher(fetch_all, settings, timeout=200)
    assert inside.knocks == []
    # They did try.  Not all get so far: an engine may lack the way, a page may be taken before its request.
    assert refused["private-address"] > len(tried) / 2
    for path in tried:
        assert not isinstance(results[path], Exception), (path, results[path])
        assert pages.PARAGRAPHS[0] in results[path].body.decode()
    for path in (*led, "go-http"):
        if path != "go-file":
            assert isinstance(results[path], FetchError), (path, results[path])
            assert results[path].kind in {"private-address", "foreign"}, (path, results[path])
    assert "root:" not in getattr(results["go-file"], "body", b"").decode()
