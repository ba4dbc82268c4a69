"""Reads the forms that the page sends, after checking that the page itself has sent them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from monitor.web.services import services_of, user_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.datastructures import FormData
    from starlette.requests import Request

MAX_FORM_FIELDS = 50
MAX_FIELD_BYTES = 100_000
MAX_FORM_BYTES = 500_000
TOKEN_FIELD = "form_token"  # noqa: S105  the name of a field


def form_token(request: Request) -> str:
    """Returns the token for the forms of a page, and has the response set the cookie that belongs to it."""
    request.state.uses_form = True
    return services_of(request).accounts.sessions.form_token(request.state.form_cookie)


async def read_form(request: Request, *, needs_editor: bool = True) -> FormData:
    """Returns the fields of a form.  Raises HTTPException 403 without the page's token or for a reader's change."""
    await read_body(request)
    form = await request.form(max_fields=MAX_FORM_FIELDS, max_files=0, max_part_size=MAX_FIELD_BYTES)
    sessions = services_of(request).accounts.sessions
    if not sessions.is_form_token(text_field(form, TOKEN_FIELD), request.state.form_cookie):
        raise HTTPException(403, "The form has expired, or another site has sent it.  Load its page again.")
    if needs_editor:
        require_editor(request)
    return form


def require_editor(request: Request) -> None:
    """Raises HTTPException 403 for a reader."""
    if not user_of(request).is_editor:
        raise HTTPException(403, "You may read here, but not change anything: your role is reader.")


async def read_body(request: Request) -> bytes:
    """Returns the body, which `Request.form` can then parse.  Raises HTTPException 413 if it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise HTTPException(413, f"The form is larger than {MAX_FORM_BYTES:,} bytes.", {"Connection": "close"})
    request._body = bytes(body)  # noqa: SLF001  as Request.body keeps it; the public method has no limit
    return bytes(body)


def text_field(form: FormData, name: str) -> str:
    """Returns a field's text without white space around it; "" if it is missing."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def list_text(values: Iterable[str]) -> str:
    """Returns values as a form shows a list: with commas between them, and in quotes those that have a comma."""
    return ", ".join('"{}"'.format(value.replace('"', '""')) if {",", '"'} & {*value} else value for value in values)


def list_values(text: str) -> list[str]:
    """Returns the values of a list that is written as `list_text` does."""
    cells = next(csv.reader([" ".join(text.split())], skipinitialspace=True), [])
    return [cell.strip() for cell in cells if cell.strip()]
