"""Finds the login form of a page and the values that a browser would send with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

from monitor.discovery import markup

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from monitor.models import Page

MAX_FORMS = 100  # of one page; further ones are ignored
MAX_FIELDS = 500  # of one form; further ones are not sent


@dataclass(frozen=True, slots=True)
class LoginForm:
    """A form's target and the values that it has by itself, such as a CSRF token in a hidden field."""

    action: str
    values: tuple[tuple[str, str], ...]

    def body(self, filled: Mapping[str, str]) -> bytes:
        """Returns the urlencoded body with the ``filled`` fields in place of the form's own values."""
        own_values = [(name, value) for name, value in self.values if name not in filled]
        return urlencode([*own_values, *filled.items()]).encode("ascii")


def find_login_form(page: Page, names: Collection[str]) -> LoginForm | None:
    """Returns the first form of the page that has fields with all of these names; None without one."""
    document = _parsed_html(page)
    if document is None:
        return None
    base = next((str(element.get("href")) for element in document.iterfind(".//base[@href]")), "")
    for form in document.forms[:MAX_FORMS]:
        if set(names) <= {name for name in form.inputs.keys() if name}:  # noqa: SIM118  not a dict
            action = urljoin(urljoin(page.url, base), form.get("action") or page.url)
            values = [(str(name), str(value)) for name, value in form.form_values()[:MAX_FIELDS]]
            return LoginForm(action, tuple(values))
    return None


def has_element(page: Page, selector: str) -> bool:
    """Returns True if an element of the page matches the CSS selector."""
    document = _parsed_html(page)
    return document is not None and bool(document.cssselect(selector))


def _parsed_html(page: Page) -> Any:
    """Returns the page's lxml.html document, whose types lxml-stubs does not know; None if there is no HTML."""
    return markup.parse_html(page.body, charset=page.encoding)
