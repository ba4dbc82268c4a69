"""Bounds the length of an article's text, because the steps after extraction take time for each character."""

from __future__ import annotations

MAX_TEXT_CHARACTERS = 500_000  # of an article; a long novel has as many


def cut_characters(text: str, *, max_characters: int = MAX_TEXT_CHARACTERS) -> str:
    """Returns the text, or of a longer one the paragraphs, else words, that end before ``max_characters``."""
    if len(text) <= max_characters:
        return text
    head = text[:max_characters]
    for separator in ("\n\n", " "):
        end = head.rfind(separator)
        if end > max_characters // 2:
            return head[:end].rstrip()
    return head


def with_flag(flags: tuple[str, ...], flag: str) -> tuple[str, ...]:
    """Returns the flags with ``flag`` at the end, unless they contain it."""
    return flags if flag in flags else (*flags, flag)
