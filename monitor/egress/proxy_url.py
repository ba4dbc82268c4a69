"""The URL of an outlet's proxy: ``http://user:password@host:port``."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_EXAMPLE = "write http://user:password@proxy.example.org:3128"


@dataclass(frozen=True, slots=True)
class ProxyUrl:
    """Host and port of an HTTP proxy, and the value of its Proxy-Authorization header (empty: no login)."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The proxy's URL without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def parse_proxy_url(text: str) -> ProxyUrl:
    """Parses the URL of a proxy.

    Raises ValueError if it is not an HTTP proxy's; the message contains no part of the URL, because it may be secret.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"its port or brackets cannot be read; {_EXAMPLE}") from None
    if parts.scheme.startswith("socks"):
        raise ValueError("SOCKS proxies are not supported; put an HTTP proxy that forwards to it in front")
    if parts.scheme == "https":
        raise ValueError("TLS to the proxy itself is not supported; write http:// (https pages stay encrypted)")
    if parts.scheme != "http" or not host:
        raise ValueError(f"it is not the URL of a proxy; {_EXAMPLE}")
    if not port:
        raise ValueError(f"its port is missing; {_EXAMPLE}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"it has a path; {_EXAMPLE}, and percent-encode special characters of the password")
    if any(character.isspace() or not character.isprintable() for character in text.strip()):
        raise ValueError("it contains a space or a control character; percent-encode it")
    if parts.username is None:
        return ProxyUrl(host, port)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return ProxyUrl(host, port, f"Basic {base64.b64encode(login).decode('ascii')}")
