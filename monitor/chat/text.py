"""What a chat shows of a message: few lines for each event, as plain text or Markdown, within a service's limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from monitor.digests.entries import http_url_or_empty
from monitor.digests.headline import headline
from monitor.digests.text import one_line, truncated
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.digests.digest import Digest, Section
    from monitor.digests.entries import DigestEntry
    from monitor.models import Json
    from monitor.notify.channel import Message

Markup: TypeAlias = Literal["markdown", "text"]

MAX_TITLE_CHARACTERS = 150  # a header of Slack
MAX_CONTEXT_CHARACTERS = 300
MAX_NAMED_OUTLETS = 3  # of those that have an event too
MAX_ENTRIES = 20  # a longer list is no chat message; the rest is counted
# A service may take these as markup, and not all have an escape for them; similar characters replace them.
_SIMILAR_CHARACTERS: Final = str.maketrans(
    {"*": "∗", "`": "ˋ", "~": "∼", "<": "‹", ">": "›", "[": "⟦", "]": "⟧", "|": "¦", "\\": "∖"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatMessage:
    """A message before a service's limit is known: its lines in both markups, a block for each event."""

    id: str  # in the last line, so that a reader recognises a repetition
    title: str
    blocks: dict[Markup, list[str]]
    foot: list[str]

    def body(self, markup: Markup, *, max_characters: int) -> str:
        """Returns as many events as the limit allows, the number of the others, and the foot."""
        blocks = self.blocks[markup]
        for count in range(min(len(blocks), MAX_ENTRIES), -1, -1):
            rest = len(blocks) - count
            more = [f"and {plural(rest, 'more event')}: media-monitor alerts show NAME"] if rest else []
            text = "\n\n".join([*blocks[:count], *more, "\n".join([*self.foot, f"id {self.id}"])])
            if len(text) <= max_characters:
                return text
        return truncated(text, max_characters)

    def to_json(self) -> Json:
        return {"id": self.id, "title": self.title, "blocks": self.blocks, "foot": self.foot}

    @classmethod
    def from_json(cls, data: Json) -> ChatMessage:
        return cls(id=data["id"], title=data["title"], blocks=data["blocks"], foot=data["foot"])


def chat_message(digest: Digest, message: Message, *, at: datetime) -> ChatMessage:
    """Returns what a chat shows of a message."""
    return ChatMessage(
        id=message.id.strip("<>")[:8],
        title=truncated(headline(digest, at, max_characters=MAX_TITLE_CHARACTERS), MAX_TITLE_CHARACTERS),
        blocks={"markdown": [*_blocks(digest, "markdown")], "text": [*_blocks(digest, "text")]},
        foot=[*map(one_line, message.notes)],
    )


def _blocks(digest: Digest, markup: Markup) -> Iterator[str]:
    for section in digest.sections:
        has_heading = len(digest.sections) > 1 and digest.event_count and not digest.is_single_event
        for number, entry in enumerate(section.entries):
            heading = [_heading(section, markup)] if has_heading and number == 0 else []
            yield "\n".join([*heading, *_entry_lines(entry, markup)])


def _heading(section: Section, markup: Markup) -> str:
    text = f"{_plain(section.name)}: {section.counts}"
    return f"**{text}**" if markup == "markdown" else text.upper()


def _entry_lines(entry: DigestEntry, markup: Markup) -> Iterator[str]:
    url, title = http_url_or_empty(entry.url), _plain(entry.title.text)
    if markup == "markdown":
        yield f"**[{title}]({_link(url)})**" if url else f"**{title}**"
    else:
        yield title
    yield " · ".join(map(_plain, entry.details))
    for context in entry.contexts[:1]:
        yield f"> {_plain(truncated(one_line(context.text), MAX_CONTEXT_CHARACTERS))}"
    if entry.others:
        yield "Also in: " + ", ".join(_other_outlets(entry, markup))
    if url and markup == "text":
        yield url


def _other_outlets(entry: DigestEntry, markup: Markup) -> Sequence[str]:
    named = [
        f"[{_plain(other.outlet)}]({_link(other.url)})" if markup == "markdown" else _plain(other.outlet)
        for other in entry.others[:MAX_NAMED_OUTLETS]
    ]
    rest = len(entry.others) - MAX_NAMED_OUTLETS
    return [*named, f"{rest} more"] if rest > 0 else named


def _plain(text: str) -> str:
    """Returns a text in one line in which no character is markup."""
    return one_line(text).translate(_SIMILAR_CHARACTERS)


def _link(url: str) -> str:
    return http_url_or_empty(url).replace("(", "%28").replace(")", "%29").replace("|", "%7C").replace(">", "%3E")
