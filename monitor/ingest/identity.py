"""Rules by which two pages of one outlet show one story, although their URLs differ."""

from __future__ import annotations

from datetime import timedelta
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from monitor import similarity
from monitor.query.analysis import Form, analysed_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.models import FrontierEntry, Story

HEADLINE_FLAG = "headline"  # flag of a story of which only title and summary could be read
MIN_SAME_STORY_SIMILARITY = 0.5  # of two texts that a GUID, canonical URL or redirect joins, see `similarity`
# Of the text at an address that is gone to a newer one, if nothing else joins them: form letters resemble each other.
MIN_MOVED_STORY_SIMILARITY = 0.9
MIN_COPY_SHARE = 0.95  # of the text of a story, in length and words, that a copy at another address has
MIN_SAME_TITLE_RATIO = 0.75  # of the words of two titles or summaries, in order
MAX_TITLE_WORDS = 60  # of a title that are compared; the time grows with their square
MAX_SUMMARY_WORDS = 200  # of a summary that are compared, so too
MIN_HEADLINE_WORDS_SHARE = 0.7  # of a headline's distinct words, which its story has
MIN_TITLE_WORDS = 4  # in a shorter title ("Weather") most words recur in other stories
MAX_SAME_STORY_AGE = timedelta(days=1)  # between the publication times of two versions of a rewritten story


def is_same_story(first: Story, second: Story) -> bool:
    """Returns True if one of the texts holds most of the other.

    Texts that cannot be compared (too short, a live blog, a headline story) are one story if their titles are alike and
    their publication times, as far as known, differ by at most MAX_SAME_STORY_AGE.
    """
    signatures = similarity.signature(first.text), similarity.signature(second.text)
    if all(signatures) and similarity.similarity(*signatures) >= MIN_SAME_STORY_SIMILARITY:
        return True
    if first.text.split() == second.text.split() and first.title.split() == second.title.split():
        return True
    is_comparable = all(signatures) and not {*first.flags, *second.flags} & {"live", HEADLINE_FLAG}
    times = first.published_at, second.published_at
    is_near = times[0] is None or times[1] is None or abs(times[0] - times[1]) <= MAX_SAME_STORY_AGE
    return not is_comparable and is_near and has_similar_title(first, second)


def has_similar_title(first: Story, second: Story) -> bool:
    """Returns True if the titles share most of their words in order; a short title must be the same."""
    words, others = (story.title.casefold().split()[:MAX_TITLE_WORDS] for story in (first, second))
    if min(len(words), len(others)) < MIN_TITLE_WORDS:
        return words == others != []
    return SequenceMatcher(None, words, others, autojunk=False).ratio() >= MIN_SAME_TITLE_RATIO


def has_similar_summary(first: Story, second: Story) -> bool:
    """Returns True if the texts of two headline stories share most of their words in order, or one has none."""
    words, others = (story.text.casefold().split()[:MAX_SUMMARY_WORDS] for story in (first, second))
    if not words or not others:
        return True
    return SequenceMatcher(None, words, others, autojunk=False).ratio() >= MIN_SAME_TITLE_RATIO


def tells_of_headline(story: Story, headline: Story) -> bool:
    """Returns True if ``story`` has most words of the title or of the summary of a headline story."""
    words = _distinct_words(f"{story.title}\n{story.text}")
    parts = map(_distinct_words, (headline.title, headline.text))
    return any(len(part & words) >= MIN_HEADLINE_WORDS_SHARE * len(part) for part in parts if part)


def _distinct_words(text: str) -> set[str]:
    return {*analysed_tokens(text).positions(Form.STEM)}


def is_moved_story(new: Story, old: Story) -> bool:
    """Returns True if ``new`` is ``old`` at a new address, when the page at the old one is gone."""
    is_same_text = (
        similarity.similarity(similarity.signature(new.text), similarity.signature(old.text))
        >= MIN_MOVED_STORY_SIMILARITY
    )
    return is_same_text and has_similar_title(new, old)


def is_copy(new: Story, old: Story, *, similarity: float) -> bool:
    """Returns True if ``new`` shows title and text of ``old`` at a further address, such as one with a session id.

    ``similarity`` is that of the two texts, see `monitor.similarity`.
    """
    if similarity < MIN_COPY_SHARE:
        return False
    if {*new.flags, *old.flags} & {"live", HEADLINE_FLAG} or not new.title.split():
        return False
    lengths = sorted((len(new.text), len(old.text)))
    if new.title.casefold().split() != old.title.casefold().split() or lengths[0] < MIN_COPY_SHARE * lengths[1]:
        return False
    times = new.published_at, old.published_at
    return times[0] is None or times[1] is None or abs(times[0] - times[1]) <= MAX_SAME_STORY_AGE


def has_unique_guid(entries: Iterable[FrontierEntry]) -> bool:
    """Returns True if a GUID, which all ``entries`` have, may name one story.

    A source that lists two entries with one GUID at the same time gives it to several stories.
    """
    times = [entry.first_seen_at for entry in entries]
    return len(set(times)) == len(times)
