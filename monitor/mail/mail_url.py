"""Parses the URL of a mail server: ``smtp://user:password@host:587?starttls=required``."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

StartTls: TypeAlias = Literal["required", "optional", "never"]

_PORTS = {"smtp": 25, "smtps": 465}
_KEYS = ("starttls", "ca")


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """A mail server with its login and encryption settings."""

    host: str
    port: int
    tls: bool = False  # TLS from the first byte (smtps)
    starttls: StartTls = "optional"
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str | None = None  # PEM file of a CA that is trusted besides the system's

    def __str__(self) -> str:
        """Returns the URL without user and password, for messages."""
        return f"{'smtps' if self.tls else 'smtp'}://{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """True if the server is on this machine, so that an unencrypted password does not leave it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def has_at_after_host(parts: SplitResult) -> bool:
    """Returns True if an @ follows the host, as with an unquoted password: user:12/ss@h parses as the host "user"."""
    return "@" in parts.path + parts.query + parts.fragment


def parse(url: str) -> MailServer:
    """Parses ``smtp://`` and ``smtps://`` URLs.  Raises ValueError, whose message never contains the password.

    ``starttls`` defaults to ``required`` with a password, else to ``optional`` (used if the server offers it).
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(
            "its port or brackets cannot be read; write smtp://user:password@host:587, the password percent-encoded"
        ) from None
    if parts.scheme not in _PORTS:
        raise ValueError("it must begin with smtp:// or smtps://; write smtp://user:password@host:587")
    if not parts.hostname or any(c.isspace() for c in parts.netloc):
        raise ValueError("it names no host; percent-encode special characters of the password: / as %2F, @ as %40")
    if parts.path not in ("", "/") or parts.fragment:
        raise ValueError("nothing may follow the port; percent-encode # of the password as %23, / as %2F, ? as %3F")
    if has_at_after_host(parts):
        raise ValueError("there is an @ after the ?; percent-encode ? of the password as %3F, @ of a file as %40")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for key in options:
        if key not in _KEYS:
            raise ValueError(f"unknown option {key!r}; there are starttls=required|optional|never and ca=FILE")
    password = unquote(parts.password or "")
    tls = parts.scheme == "smtps"
    starttls = options.get("starttls", "required" if password else "optional")
    if starttls not in ("required", "optional", "never"):
        raise ValueError(f"starttls={starttls} must be required, optional or never")
    if tls and "starttls" in options:
        raise ValueError("smtps:// is encrypted from the start; starttls is for smtp://")
    return MailServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=tls,
        starttls=starttls,  # type: ignore[arg-type]  # checked above
        user=unquote(parts.username or ""),
        password=password,
        ca=options.get("ca"),
    )
