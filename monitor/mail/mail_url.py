"""Parses the URL of a mail server: ``smtp://user:password@host:587?starttls=required``."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

StartTlsMode: TypeAlias = Literal["required", "optional", "never"]

_DEFAULT_PORT_BY_SCHEME = {"smtp": 25, "smtps": 465}
_OPTION_NAMES = ("starttls", "ca")


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """A mail server with its login and encryption settings."""

    host: str
    port: int
    tls: bool = False  # TLS from the start of the connection (smtps)
    starttls: StartTlsMode = "optional"  # whether smtp connections are upgraded to TLS
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None  # PEM file of a CA that is trusted besides the system's

    def __str__(self) -> str:
        """Returns the server's URL without user, password and options, for log and error messages."""
        return f"{'smtps' if self.tls else 'smtp'}://{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """True if the host is localhost or a loopback address: an unencrypted password stays on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def has_at_sign_after_host(parts: SplitResult) -> bool:
    """Returns True if the URL has an @ after the host, usually because its password is not percent-encoded.

    For example, smtp://user:12/ss@h is parsed as the host "user", the port 12 and the path /ss@h.
    """
    return "@" in parts.path + parts.query + parts.fragment


def parse_mail_url(url: str) -> MailServer:
    """Parses a URL with the scheme smtp or smtps.  Raises ValueError; its message never contains the password.

    The option ``starttls`` defaults to ``required`` if the URL has a password, else to ``optional``: encrypted if the
    server offers STARTTLS.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(
            "its port or brackets cannot be read; write smtp://user:password@host:587, the password percent-encoded"
        ) from None
    if parts.scheme not in _DEFAULT_PORT_BY_SCHEME:
        raise ValueError("it must begin with smtp:// or smtps://; write smtp://user:password@host:587")
    if not parts.hostname or any(c.isspace() for c in parts.netloc):
        raise ValueError("it names no host; percent-encode special characters of the password: / as %2F, @ as %40")
    if parts.path not in ("", "/") or parts.fragment:
        raise ValueError("nothing may follow the port; percent-encode # of the password as %23, / as %2F, ? as %3F")
    if has_at_sign_after_host(parts):
        raise ValueError("there is an @ after the ?; percent-encode ? of the password as %3F, @ of a file as %40")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for key in options:
        if key not in _OPTION_NAMES:
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
        port=port or _DEFAULT_PORT_BY_SCHEME[parts.scheme],
        tls=tls,
        starttls=starttls,  # type: ignore[arg-type]  # is one of StartTlsMode's values, checked above
        user=unquote(parts.username or ""),
        password=password,
        ca_file=options.get("ca"),
    )
