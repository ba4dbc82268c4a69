"""The plain text of an alert mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.digests.digest import MAX_REPEATED_TITLES
from monitor.digests.direction import isolated_line, isolated_pieces, isolated_query
from monitor.digests.entries import http_url_or_empty
from monitor.digests.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.digests.digest import Digest, Section
    from monitor.digests.entries import DigestEntry, OtherStory


def plain_text_body(digest: Digest, foot: Sequence[str]) -> str:
    """Returns the plain text of a mail.  A single event needs neither a table of contents nor headings.

    Right-to-left titles and names are in isolates, so that the other parts of their lines keep their order.
    """
    parts = [] if digest.is_single_event else ["\n".join(_contents_lines(digest))]
    for section in digest.sections:
        if len(digest.sections) > 1 and digest.event_count and not digest.is_single_event:
            (name,) = isolated_pieces((one_line(section.name),))
            parts.append(f"== {name}: {section.counts} ==")
        parts += ["\n".join(_entry_lines(entry)) for entry in section.entries]
        if not digest.is_single_event:
            parts += ["\n".join(lines) for lines in (_repeated_lines(section), _rest_lines(section)) if lines]
    return "\n\n\n".join(parts) + "\n\n-- \n" + "\n".join(foot) + "\n"


def _contents_lines(digest: Digest) -> Iterator[str]:
    """Yields the counts: of the mail, and of each alert if there are several."""
    if len(digest.sections) == 1:
        yield f"{digest.summary}."
        return
    yield f"{digest.summary}:"
    yield ""
    for section in digest.sections:
        (name,) = isolated_pieces((one_line(section.name),))
        yield f"  {name}: {', '.join(filter(None, (section.counts, section.note)))}"


def _repeated_lines(section: Section) -> list[str]:
    """Returns a line for each event that a section above shows, up to `MAX_REPEATED_TITLES`."""
    lines = []
    for repeated in section.repeated[:MAX_REPEATED_TITLES]:
        alert, title = isolated_pieces((one_line(repeated.alert), repeated.title))
        lines.append(f"Above, under {alert}: {title}")
    return lines


def _rest_lines(section: Section) -> list[str]:
    return [section.rest.text, f"  {section.rest.command}"] if section.rest else []


def _entry_lines(entry: DigestEntry) -> Iterator[str]:
    yield isolated_line(one_line(entry.title.text), entry.language)
    yield " · ".join(isolated_pieces(map(one_line, entry.details)))
    if url := http_url_or_empty(entry.url):
        yield url
    if entry.matched:
        yield "Matched: " + "; ".join(map(isolated_query, entry.matched))
    for context in entry.contexts:
        yield ""
        yield "  " + isolated_line(one_line(context.text_with_marks("*", "*")), entry.language)
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
