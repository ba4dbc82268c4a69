"""Makes what is printed and logged safe for a terminal, whatever pages, servers and feeds have put into it."""

from __future__ import annotations

import logging
import re

# Control characters but line feed and tab, line separators, and marks that change the direction of writing.
_UNPRINTABLE_PATTERN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def without_control_characters(text: str) -> str:
    """Returns the text with a space in place of each character that a terminal may act on."""
    return _UNPRINTABLE_PATTERN.sub(" ", text)


class PrintableFormatter(logging.Formatter):
    """Formats a log record on one line without control characters; a traceback keeps its lines."""

    def format(self, record: logging.LogRecord) -> str:
        return without_control_characters(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        return super().formatMessage(record).replace("\n", " ")
