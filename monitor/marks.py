"""The marks of stories: makes them from what users type, and groups those of a story."""

from __future__ import annotations

import unicodedata
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.digests.text import one_line
from monitor.errors import BadRequest
from monitor.models import rfc3339
from monitor.store.records import Mark, MarkKind, fold_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.models import Json, Story
    from monitor.store.protocol import Marks

MAX_TAG_CHARACTERS = 60
MAX_TAGS = 30  # of a story
MAX_NOTE_CHARACTERS = 10_000
MAX_NOTES = 100  # of a story


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryMarks:
    """The marks of one story: tags and notes of all users, and the star and read state of one."""

    tags: tuple[Mark, ...] = ()
    notes: tuple[Mark, ...] = ()
    star: Mark | None = None
    read: Mark | None = None

    def is_changed_since_read(self, story: Story) -> bool:
        """Returns True if the user has read an earlier version of the story."""
        return self.read is not None and self.read.version < story.version


NO_MARKS = StoryMarks()


def marks_of_stories(store: Marks, stories: Sequence[str], *, user: str) -> dict[str, StoryMarks]:
    """Returns the marks of each of these stories by id; tags in the order of their names, notes in that of time."""
    by_story: dict[str, list[Mark]] = {story: [] for story in stories}
    for mark in store.marks(list(by_story), user=user) if by_story else ():
        by_story[mark.story].append(mark)
    return {story: _grouped(marks) for story, marks in by_story.items()}


def _grouped(marks: Sequence[Mark]) -> StoryMarks:
    if not marks:
        return NO_MARKS
    by_kind = {kind: tuple(mark for mark in marks if mark.kind is kind) for kind in MarkKind}
    return StoryMarks(
        tags=tuple(sorted(by_kind[MarkKind.TAG], key=lambda mark: mark.key)),
        notes=by_kind[MarkKind.NOTE],
        star=next(iter(by_kind[MarkKind.STAR]), None),
        read=next(iter(by_kind[MarkKind.READ]), None),
    )


# ---- changes


def star(store: Marks, story: str, *, user: str, at: datetime) -> None:
    store.put_marks([Mark(kind=MarkKind.STAR, story=story, key=user, user=user, made_at=at)])


def unstar(store: Marks, story: str, *, user: str) -> None:
    store.delete_mark(MarkKind.STAR, story, user)


def mark_read(store: Marks, versions: Mapping[str, int], *, user: str, at: datetime) -> None:
    """Marks the given versions of stories as read; a later version that is marked already stays so."""
    known = marks_of_stories(store, list(versions), user=user)
    store.put_marks(
        [
            Mark(kind=MarkKind.READ, story=story, key=user, user=user, made_at=at, version=version)
            for story, version in versions.items()
            if (read := known[story].read) is None or read.version < version
        ]
    )


def mark_unread(store: Marks, story: str, *, user: str) -> None:
    store.delete_mark(MarkKind.READ, story, user)


def add_tag(store: Marks, story: str, name: str, *, user: str, at: datetime) -> None:
    """Gives a story a tag.  Raises BadRequest if the name is empty or too long, or the story has too many."""
    name = required_line("tag", name, MAX_TAG_CHARACTERS)
    tags = marks_of_stories(store, [story], user=user)[story].tags
    if fold_name(name) in {mark.key for mark in tags}:
        return
    if len(tags) >= MAX_TAGS:
        raise BadRequest("tag", f"a story has at most {MAX_TAGS} tags; remove one first")
    store.put_marks([Mark(kind=MarkKind.TAG, story=story, key=fold_name(name), user=user, made_at=at, text=name)])


def remove_tag(store: Marks, story: str, name: str) -> None:
    store.delete_mark(MarkKind.TAG, story, fold_name(name))


def add_note(store: Marks, story: str, text: str, *, user: str, at: datetime, identifier: str) -> None:
    """Adds a note; one that is sent again with the same ``identifier`` is stored once.

    Raises BadRequest if the text is empty or too long, or the story has too many notes.
    """
    text = _note_text(text)
    if not text:
        raise BadRequest("note", "write something first")
    if len(text) > MAX_NOTE_CHARACTERS:
        raise BadRequest("note", f"longer than {MAX_NOTE_CHARACTERS:,} characters: it has {len(text):,}")
    notes = marks_of_stories(store, [story], user=user)[story].notes
    key = identifier if _is_identifier(identifier) else new_identifier()
    if key in {mark.key for mark in notes}:
        return
    if len(notes) >= MAX_NOTES:
        raise BadRequest("note", f"a story has at most {MAX_NOTES} notes; delete one first")
    store.put_marks([Mark(kind=MarkKind.NOTE, story=story, key=key, user=user, made_at=at, text=text)])


def delete_note(store: Marks, story: str, identifier: str) -> None:
    store.delete_mark(MarkKind.NOTE, story, identifier)


def new_identifier() -> str:
    return uuid.uuid4().hex


def _is_identifier(text: str) -> bool:
    return len(text) == 32 and all(character in "0123456789abcdef" for character in text)


def required_line(parameter: str, text: str, max_characters: int) -> str:
    """Returns a name in one line, without invisible characters.  Raises BadRequest if it is empty or too long."""
    line = one_line(text)
    if not line:
        raise BadRequest(parameter, "write a name")
    if len(line) > max_characters:
        raise BadRequest(parameter, f"longer than {max_characters} characters: it has {len(line):,}")
    return line


def _note_text(text: str) -> str:
    """Returns a text with its lines, without other control characters; a lone surrogate becomes a question mark."""
    lines = text.replace("\r\n", "\n").encode("utf-8", "replace").decode()
    return "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) != "Cc").strip()


def marks_json(marks: StoryMarks) -> Json:
    """Returns the marks of a story for programs."""
    return {
        "tags": [mark.text for mark in marks.tags],
        "notes": [
            {"id": mark.key, "text": mark.text, "user": mark.user, "made_at": rfc3339(mark.made_at)}
            for mark in marks.notes
        ],
        "is_starred": marks.star is not None,
        "is_read": marks.read is not None,
        "read_version": marks.read.version if marks.read else None,
    }
