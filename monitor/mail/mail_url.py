"""The address of a mail server: ``smtp://user:password@host:587?starttls=required``, read."""

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
    """Where mail is handed over, and how far the way there is trusted."""

    host: str
    port: int
    tls: bool = False  # from the first byte on (smtps)
    starttls: StartTls = "optional"
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str | None = None  # a PEM file trusted beside the system's own

    def __str__(self) -> str:
        """Its name for messages: without user or password."""
        return f"{'smtps' if self.tls else 'smtp'}://{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether it is on this machine, so that a password cannot be overheard on the way."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def has_stray_at(parts: SplitResult) -> bool:
    """Whether an @ stands behind the host, so that a password may have ended it: user:12/ss@h is the host "user"."""
    return "@" in parts.path + parts.query + parts.fragment


def parse(url: str) -> MailServer:
    """Reads ``smtp://`` or ``smtps://``.  Raises ValueError, whose message never holds the password.

    ``starttls`` is ``required`` where a password is given, else ``optional``: taken where the server offers it.
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
    if has_stray_at(parts):
        raise ValueError("there is an @ after the ?; percent-encode ? of the password as %3F, @ of a file as %40")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for key in options:
        if key not in _KEYS:
            raise ValueError(f"unknown option {key!r}; there are starttls=required|optional|never and ca=FILE")
    password = unquote(parts.password or "")
    tls = parts.scheme == "smtps"
    starttls = options.get("starttls", "required" if password else "optional")
    if starttls not in ("required", "optional", "never"):
        raise ValueError(f"starttls={starttls} is none of required, optional, never")
    if tls and "starttls" in options:
        raise ValueError("smtps:// is encrypted from the start; starttls is for smtp://")
    return MailServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=tls,
        starttls=starttls,  # type: ignore[arg-type]  # one of three, checked above
        user=unquote(parts.username or ""),
        password=password,
        ca=options.get("ca"),
    )
