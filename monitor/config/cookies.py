"""The cookies of an outlet: a mapping, the text of a Cookie header, or a Netscape cookies.txt.

`http.cookiejar.MozillaCookieJar` is not used: it reads only files, not the text of an environment variable, and its
error messages contain the faulty line, which may be secret.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from monitor.config.model import FrozenModel

MAX_COOKIES = 3000  # of one outlet; a browser keeps as many in all
_NETSCAPE_FIELD_COUNT = 7
_HTTP_ONLY_PREFIX = "#HttpOnly_"
_NAME_PATTERN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE_PATTERN = re.compile(r"[^\x00-\x1f\x7f;]*")
_LAST_TIMESTAMP = 253402300799  # 9999-12-31; some exports contain a later one for "never"


class OutletCookie(FrozenModel):
    """A cookie to send.  Without ``domain`` it belongs to all of the outlet's own sites."""

    name: str
    value: SecretStr
    domain: str | None = None  # lower case, without a leading dot
    with_subdomains: bool = True
    path: str = "/"
    secure: bool = False
    http_only: bool = True  # hidden from the scripts of rendered pages
    expires_at: datetime | None = None


def parse_cookies(value: Any) -> Any:
    """Converts a mapping, the text of a Cookie header or of a cookies.txt to cookies; returns others unchanged.

    Raises ValueError with a message that contains no value of a cookie.
    """
    if isinstance(value, str):
        value = SecretStr(value)
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        cookies = _cookies_of_netscape_text(text) if "\t" in text else _cookies_of_header(text)
    elif isinstance(value, dict):
        cookies = [_cookie(str(name), text, f"the cookie {str(name)[:40]}") for name, text in value.items()]
    else:
        return value
    if not cookies:
        raise ValueError("contains no cookie")
    if len(cookies) > MAX_COOKIES:
        raise ValueError(f"contains more than {MAX_COOKIES} cookies; export those of this site only")
    return tuple(cookies)


def _cookies_of_header(text: str) -> list[OutletCookie]:
    """Returns the cookies of ``session=abc; region=eu``, with or without ``Cookie:`` before them."""
    text = re.sub(r"(?i)^\s*cookie\s*:", "", text).strip()
    if text.startswith(("[", "{")):
        raise ValueError("JSON is not read; export the cookies as cookies.txt (Netscape format), or write session=abc")
    cookies = []
    for number, pair in enumerate(text.split(";"), start=1):
        if pair.strip():
            name, sign, value = pair.strip().partition("=")
            if not sign:
                raise ValueError("a cookie has no value; write session=abc; region=eu, or name a Netscape cookies.txt")
            # Its name is not shown: it may be a part of a value whose name is missing.
            cookies.append(_cookie(name.strip(), value.strip(), f"cookie {number}"))
    return cookies


def _cookies_of_netscape_text(text: str) -> list[OutletCookie]:
    cookies = []
    for number, raw_line in enumerate(text.splitlines(), start=1):
        line = raw_line.removeprefix(_HTTP_ONLY_PREFIX)
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != _NETSCAPE_FIELD_COUNT:
            raise ValueError(
                f"line {number} of the cookies has {len(fields)} fields between tabs; "
                f"a line of a cookies.txt has {_NETSCAPE_FIELD_COUNT}"
            )
        domain, with_subdomains, path, secure, expires, name, value = fields
        if not re.fullmatch(r"-?\d{1,20}(\.\d+)?", expires):
            raise ValueError(f"line {number} of the cookies has no expiry time in its fifth field; 0 is none")
        expiry = float(expires)
        expires_at = datetime.fromtimestamp(min(expiry, _LAST_TIMESTAMP), UTC) if expiry > 0 else None
        cookie = _cookie(name, value, f"the cookie of line {number}")
        cookies.append(
            cookie.model_copy(
                update={
                    "domain": domain.strip().lower().lstrip("."),
                    "with_subdomains": with_subdomains.upper() == "TRUE" or domain.startswith("."),
                    "path": path if path.startswith("/") else "/",
                    "secure": secure.upper() == "TRUE",
                    "http_only": raw_line.startswith(_HTTP_ONLY_PREFIX),
                    "expires_at": expires_at,
                }
            )
        )
    return cookies


def _cookie(name: str, value: Any, description: str) -> OutletCookie:
    """Returns the cookie.  Raises ValueError, with its description, if name or value cannot be sent in a header."""
    if not _NAME_PATTERN.fullmatch(name):
        raise ValueError(f"the name of {description} has a sign that no name has; write session=abc")
    if not isinstance(value, str):
        raise ValueError(f"the value of {description} must be text")  # noqa: TRY004  pydantic reports ValueError
    if not value.isascii() or not _VALUE_PATTERN.fullmatch(value):
        raise ValueError(f"the value of {description} contains a character that a cookie cannot have")
    return OutletCookie(name=name, value=SecretStr(value))
