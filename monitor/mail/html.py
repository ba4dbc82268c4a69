"""The HTML of an alert mail: escaped text, one block for each entry in the direction of its language.

Mail programs drop much of CSS, so every element carries its style.  The style sheet in the head holds only what an
attribute cannot: the colours of dark mode.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from monitor.digests.digest import MAX_REPEATED_TITLES
from monitor.digests.direction import direction_of
from monitor.digests.entries import http_url_or_empty
from monitor.digests.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.digests.digest import Digest, Section
    from monitor.digests.entries import DigestEntry, OtherStory
    from monitor.query.snippets import Snippet

# Logical borders, margins and paddings (inline-start), which follow the direction of the block.
_CSS_BY_PART: Final = {
    "body": "font:16px/1.5 system-ui,Roboto,'Noto Sans',sans-serif;background:#fff;color:#1a1a1a;max-width:42em;"
    "margin-block:0;margin-inline:auto;padding:1em;overflow-wrap:anywhere",
    "section": "font-size:20px;line-height:1.3;border-block-end:1px solid #d0d4d9;margin-block:1.8em 0;margin-inline:0;"
    "padding-block-end:.2em",
    "contents": "margin-block:.3em;margin-inline:0;padding-inline-start:1.2em",
    "title": "font-size:18px;line-height:1.3;margin-block:1.4em .1em;margin-inline:0;text-align:start",
    "meta": "color:#5f6368;font-size:14px;margin-block:0 .5em;margin-inline:0;text-align:start",
    "quote": "margin-block:.5em;margin-inline:0;padding-inline-start:.8em;border-inline-start:3px solid #d0d4d9;"
    "text-align:start",
    "foot": "color:#5f6368;font-size:13px;border-block-start:1px solid #d0d4d9;margin-block-start:2em;"
    "padding-block-start:.8em",
    "link": "color:#0b57d0",
    "mark": "background:#fde68a;color:#1a1a1a",
}
_HEAD: Final = """\
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>
:root{color-scheme:light dark}
@media (prefers-color-scheme:dark){
.body{background:#17191c!important;color:#e3e5e8!important}
.meta,.foot{color:#a3a8ae!important}
.quote,.foot,.section{border-color:#474c52!important}
.link{color:#8ab4f8!important}
.mark{background:#7a5c00!important;color:#fff!important}
}
</style>"""


def html_body(digest: Digest, foot: Sequence[str]) -> str:
    """Returns the HTML of a mail, an English document whose entries have the language of their stories.

    A single event needs neither a table of contents nor headings.
    """
    is_single = digest.is_single_event
    parts = [] if is_single else [_contents_html(digest)]
    for number, section in enumerate(digest.sections):
        if not is_single and digest.event_count and len(digest.sections) > 1:
            heading = f"{_isolated(one_line(section.name))}: {escape(section.counts)}"
            parts.append(f'<h1 id="alert-{number}" {_style("section")}>{heading}</h1>')
        parts += map(_entry_html, section.entries)
        if not is_single:
            parts += _section_end_html(section)
    body, end = "\n".join(parts), "<br>".join(map(_isolated, foot))
    return (
        f'<!doctype html>\n<html lang="en" dir="ltr"><head>{_HEAD}</head>\n'
        f"<body {_style('body')}>\n{body}\n<p {_style('foot')}>{end}</p>\n</body></html>\n"
    )


def _contents_html(digest: Digest) -> str:
    """Returns the counts: of the mail, and of each alert, with a link to its section, if there are several."""
    if len(digest.sections) == 1:
        return f"<p {_style('meta')}>{escape(digest.summary)}</p>"
    items = []
    for number, section in enumerate(digest.sections):
        link = f'<a href="#alert-{number}" {_style("link")}>{_isolated(one_line(section.name))}</a>'
        items.append(f"<li>{link}: {escape(', '.join(filter(None, (section.counts, section.note))))}</li>")
    return f"<p {_style('meta')}>{escape(digest.summary)}</p>\n<ul {_style('contents')}>{''.join(items)}</ul>"


def _section_end_html(section: Section) -> list[str]:
    """Returns the titles that a section above shows, and the command that lists what the mail does not show."""
    lines = [
        f"<p {_style('meta')}>Above, under {_isolated(one_line(each.alert))}: {_isolated(each.title)}</p>"
        for each in section.repeated[:MAX_REPEATED_TITLES]
    ]
    if section.rest:
        command = f"<code><bdi>{escape(section.rest.command)}</bdi></code>"
        lines.append(f"<p {_style('meta')}>{escape(section.rest.text)}<br>{command}</p>")
    return lines


def _entry_html(entry: DigestEntry) -> str:
    title = html_link(entry.url, _marked_html(entry.title))
    lines = [
        f"<h2{_own_direction(entry.title, entry)} {_style('title')}>{title}</h2>",
        f"<p {_style('meta')}>{_joined(entry.details)}</p>",
    ]
    if entry.matched:
        clauses = "; ".join(f'<bdi dir="ltr">{escape(clause)}</bdi>' for clause in entry.matched)
        lines.append(f"<p {_style('meta')}>{_isolated('Matched:')} {clauses}</p>")
    lines += [
        f"<p{_own_direction(context, entry)} {_style('quote')}>{_marked_html(context)}</p>"
        for context in entry.contexts
    ]
    if entry.others:
        others = "; ".join(map(_other_html, entry.others))
        lines.append(f"<p {_style('meta')}>{_isolated('Also in:')} {others}</p>")
    language = f' lang="{escape(entry.language)}"' if entry.language else ""
    content = "\n".join(lines)
    return f'<div{language} dir="{entry.direction}">\n{content}\n</div>'


def _own_direction(snippet: Snippet, entry: DigestEntry) -> str:
    """Returns the attribute for a text that is written in the other direction than its story, as a Hebrew title."""
    direction = direction_of(one_line(snippet.text), entry.language)
    return f' dir="{direction}"' if direction != entry.direction else ""


def _other_html(other: OtherStory) -> str:
    names = [name for name in (one_line(other.outlet), other.title) if name]
    link = html_link(other.url, ": ".join(map(_isolated, names)))
    return f'<bdi dir="{direction_of(" ".join(names))}">{link}</bdi>'


def _joined(texts: Iterable[str]) -> str:
    """Returns the texts with a middle dot between them, each isolated from the direction of the others."""
    return " · ".join(_isolated(one_line(text)) for text in texts)


def _isolated(text: str) -> str:
    return f"<bdi>{escape(text)}</bdi>"


def _marked_html(snippet: Snippet) -> str:
    """Returns the snippet as escaped HTML with the matching words in <mark> elements."""
    start, end = "\ue000", "\ue001"  # private-use characters that stand for the tags until the text is escaped
    text = (
        snippet.text_with_marks(start, end) if start not in snippet.text and end not in snippet.text else snippet.text
    )
    return escape(one_line(text)).replace(start, f"<mark {_style('mark')}>").replace(end, "</mark>")


def html_link(url: str, shown: str) -> str:
    """Returns a link that shows the HTML ``shown``; without the link unless the URL is of the web."""
    address = http_url_or_empty(url)
    return f'<a href="{escape(address)}" {_style("link")}>{shown}</a>' if address else shown


def _style(part: str) -> str:
    """Returns the attributes of an element: its class, for dark mode, and its style."""
    return f'class="{part}" style="{_CSS_BY_PART[part]}"'
