"""The session cookies of an outlet in the formats of the rendering engines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from http.cookiejar import Cookie


def har_cookies(cookies: Sequence[Cookie]) -> list[dict[str, Any]]:
    """Returns the cookies as Splash takes them.

    scrapy-splash's own conversion leaves out the domain of a cookie that is for one host only; Splash then sends it
    nowhere.
    """
    converted = []
    for cookie in cookies:
        har: dict[str, Any] = {
            "name": cookie.name,
            "value": cookie.value or "",
            "domain": _domain(cookie),
            "path": cookie.path,
            "secure": cookie.secure,
            "httpOnly": _is_http_only(cookie),
        }
        if cookie.expires is not None:
            har["expires"] = datetime.fromtimestamp(cookie.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        converted.append(har)
    return converted


def playwright_cookies(cookies: Sequence[Cookie]) -> list[dict[str, Any]]:
    """Returns the cookies as Playwright takes them; a cookie for one host has a URL, since a domain adds subdomains."""
    converted = []
    for cookie in cookies:
        item: dict[str, Any] = {
            "name": cookie.name,
            "value": cookie.value or "",
            "httpOnly": _is_http_only(cookie),
            "secure": cookie.secure,
        }
        if cookie.domain.startswith("."):
            item["domain"], item["path"] = _domain(cookie), cookie.path
        else:
            item["url"] = f"{'https' if cookie.secure else 'http'}://{_domain(cookie)}{cookie.path}"
        if cookie.expires is not None:
            item["expires"] = float(cookie.expires)
        converted.append(item)
    return converted


def _domain(cookie: Cookie) -> str:
    """Returns the domain without the ending that http.cookiejar gives to a host without a dot."""
    host = cookie.domain.removesuffix(".local")
    return host if "." not in host else cookie.domain


def _is_http_only(cookie: Cookie) -> bool:
    """Returns True if scripts must not read the cookie: the attribute is there, and not False as scrapy-splash sets."""
    return cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("HttpOnly") not in (False, "False")
