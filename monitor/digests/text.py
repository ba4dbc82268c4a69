"""Text from the web as messages show it: one line, without invisible characters, not too long."""

from __future__ import annotations

import re
import unicodedata

# Direction overrides and zero-width characters, which reorder or hide the text beside them.
_INVISIBLE_CHARACTER_PATTERN = re.compile(r"[\u202a-\u202e\u200b\ufeff]")
_ISOLATE_PATTERN = re.compile(r"[\u2066-\u2069]")


def one_line(text: str) -> str:
    """Returns the text as one line without control, zero-width and direction characters; lone surrogates become ?."""
    return one_line_with_isolates(_ISOLATE_PATTERN.sub("", text))


def one_line_with_isolates(text: str) -> str:
    """Does `one_line`, but keeps the isolates that `direction` has added."""
    text = _INVISIBLE_CHARACTER_PATTERN.sub("", text).encode("utf-8", "replace").decode()
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join(text.split())


def truncated(text: str, max_characters: int) -> str:
    """Returns the text, cut to ``max_characters`` with a final … if it is longer."""
    return text if len(text) <= max_characters else text[: max_characters - 1].rstrip() + "…"
