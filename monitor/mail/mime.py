"""Headers and bytes of mails: cleaned text, encoded and folded headers.

Titles and names come from the web, so they are cleaned before they enter a header.
"""

from __future__ import annotations

import re
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from monitor.digests.text import one_line, one_line_with_isolates, truncated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.config import Config

MAX_SUBJECT_CHARACTERS = 180  # characters


def bare_address(sender: str) -> str:
    """Returns the address without display name and brackets: a@example.org for ``Media Monitor <a@example.org>``."""
    return sender.rpartition("<")[2].rstrip(">").strip()


def _sender_address(sender: str) -> Address:
    """Returns ``mail.sender`` as an Address.  Commas and colons in the display name need no quotation marks."""
    name, bracket, _ = sender.rpartition("<")
    name = one_line(name.strip().removeprefix('"').removesuffix('"').replace("\\", "")) if bracket else ""
    return Address(display_name=name.replace("=?", "= ?"), addr_spec=bare_address(sender))


class _HeaderFoldingPolicy(EmailPolicy):
    """Encodes and folds the headers Subject and From as RFC 2047 requires.

    Python's EmailPolicy loses spaces between two encoded words and splits multi-byte characters between them.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        text = str(value)
        if name == "Subject":
            encoded = Header(text, None if text.isascii() else "utf-8", header_name=name).encode(linesep=self.linesep)
        elif name == "From" and not text.isascii():
            (sender,) = value.addresses
            shown = Header(sender.display_name, "utf-8", header_name=name).encode(linesep=self.linesep)
            encoded = f"{shown}{self.linesep} <{sender.addr_spec}>"
        else:
            return super().fold_binary(name, value)
        return f"{name}: {encoded}{self.linesep}".encode("ascii")


#: Encodes message bodies in 7 bits, because some mail relays reject 8-bit bodies.
_MAIL_POLICY = _HeaderFoldingPolicy(linesep="\r\n", cte_type="7bit")


def mail_with_headers(config: Config, message_id: str, to: Sequence[str], subject: str, at: datetime) -> EmailMessage:
    message = EmailMessage(policy=_MAIL_POLICY)
    message["Message-ID"] = message_id
    message["Date"] = format_datetime(at)
    message["From"] = _sender_address(config.mail.sender)
    message["To"] = ", ".join(to)
    # EmailMessage decodes RFC 2047 encoded words, and a decoded line break would start a new header.  The subject
    # contains text from the web, so a space is inserted into each "=?", which starts an encoded word.
    message["Subject"] = truncated(one_line_with_isolates(subject).replace("=?", "= ?"), MAX_SUBJECT_CHARACTERS)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: servers send no out-of-office reply to such a mail
    message["X-Auto-Response-Suppress"] = "All"
    return message


def smtp_bytes(message: EmailMessage) -> bytes:
    """Returns the serialized message.

    Moves a header's value that starts on the line below its name to the line of its name, because some mail programs
    show such a header as empty.
    """
    head, gap, body = message.as_bytes().partition(b"\r\n\r\n")
    return re.sub(rb"(?m)^([A-Za-z-]+):\r\n (?=\S)", rb"\1: ", head) + gap + body
