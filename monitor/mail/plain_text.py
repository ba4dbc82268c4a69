"""The plain text of an alert mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.mail.direction import isolated_line, isolated_pieces
from monitor.mail.entries import http_url_or_empty
from monitor.mail.mime import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.mail.entries import MailEntry, OtherStory


def plain_text_body(entries: Sequence[MailEntry], reason: str, snooze: str) -> str:
    """Returns the plain text of a mail.

    Right-to-left titles and names are in isolates, so that the other parts of their lines keep their order.
    """
    parts = ["\n".join(_entry_lines(entry)) for entry in entries]
    return "\n\n\n".join(parts) + f"\n\n-- \n{reason}\n{snooze}\n"


def _entry_lines(entry: MailEntry) -> Iterator[str]:
    yield isolated_line(one_line(entry.title.text), entry.direction)
    yield " · ".join(isolated_pieces(map(one_line, entry.details)))
    if url := http_url_or_empty(entry.url):
        yield url
    for context in entry.contexts:
        yield ""
        yield "  " + isolated_line(one_line(context.text_with_marks("*", "*")), entry.direction)
    if entry.others:
        yield ""
        yield "  Also in:"
    for other in entry.others:
        yield from _other_story_lines(other)


def _other_story_lines(other: OtherStory) -> Iterator[str]:
    url = http_url_or_empty(other.url)
    if other.title:
        yield "  " + ": ".join(isolated_pieces((one_line(other.outlet), other.title)))
        yield f"    {url}"
    else:
        yield "  " + ": ".join((*isolated_pieces((one_line(other.outlet),)), url))
