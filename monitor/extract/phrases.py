"""What publishers write around their stories, in the languages of the outlets that are watched.

Each pattern is anchored and meant for short blocks only; the callers say how short and where in the page.
"""

from __future__ import annotations

import re

from monitor.extract.blocks import width
from monitor.extract.vocabulary import alternatives

# The label or the whole of a pointer to other stories.
_RELATED = re.compile(rf"\W*(?:{alternatives('related')})", re.IGNORECASE)


def is_related_label(text: str) -> bool:
    """The label of a pointer to other stories, by itself or before what it points at."""
    found = _RELATED.match(text)
    if found is None or found.end() in {0, len(text)}:
        return found is not None
    # "More in" is no label in "More investment": it ends where a word does.
    return not (text[found.end() - 1].isalpha() and text[found.end()].isalpha())


# The heading of what readers wrote, or of the form for it; alone in its block, a number of them aside.
_COMMENTS = re.compile(rf"\W*(?:\d+\W+)?(?:{alternatives('comment_headings')})\W*(?:\d+\W*)?", re.IGNORECASE)


# What may be done with the page: the last line of a site, whatever stands behind it.
_RIGHTS = re.compile(alternatives("rights"), re.IGNORECASE)


def is_rights_statement(text: str) -> bool:
    """A notice of whose the page is."""
    return len(text) < 500 and bool(_RIGHTS.search(text)) and (bool(_MARK.search(text)) or len(text) < 120)


_MARK = re.compile(r"[©ⓒ]|^\W*(?:\(c\)|copyright)", re.IGNORECASE)


def is_comments_heading(text: str) -> bool:
    """The heading of readers' comments."""
    return len(text) < 160 and bool(_COMMENTS.fullmatch(text))


# Invitations: to subscribe, follow, share, comment, donate, install.
APPEAL_START = re.compile(
    rf"\W*(?:{alternatives('appeals')})"
    r"(?:(?<![A-Za-z\u00c0-\u052f])|(?![A-Za-z\u00c0-\u052f]))",  # "dela" is no beginning of "Delays"
    re.IGNORECASE,
)

# Words by which an appeal speaks to its reader, or of the page it stands on; the sentences of a story seldom do.
_ADDRESS = re.compile(
    rf"\b(?:{alternatives('direct_address_words')})\b|{alternatives('direct_address_signs')}", re.IGNORECASE
)


def is_appeal(text: str) -> bool:
    """A line or sentence that asks the reader for something, or tells of the page's rights and authors."""
    if len(text) >= 300 or not APPEAL_START.match(text):
        return False
    ended = _is_ended(text)
    if ended and _SUBJECT.match(text):
        return False
    return not ended or width(text) < 60 or bool(_ADDRESS.search(text))


# Nouns that appeals begin with and sentences are about; and what a speaker asks for, in quotes.
_SUBJECT = re.compile(
    r"copyright (?!by\b)[^\W\d]|telegram\b(?!.*(?:подпи|@|t\.me))"
    r'|["“„«»][^"“”«»]{1,200}(?:[,.!?…]["“”«»]|["“”«»],)',
    re.IGNORECASE,
)


def _is_ended(text: str) -> bool:
    """Whether it ends as a sentence does, quotes and brackets aside."""
    return text.rstrip("\"'”’»)").endswith(_STOPS)


_STOPS = (".", "!", "?", "…", "。", "！", "？", "।", "؟", "۔")

# Who took the picture: a label, or a source in brackets or behind a slash.  A line that ends as a sentence does is no
# credit, unless it begins with a label.
_PICTURE = alternatives("picture_labels")
_LABEL = re.compile(
    rf"\W*(?:{_PICTURE})(?:\s?(?:credit|courtesy))?\s?(?::|：|/|©|via\b|提供|＝|=)|\W*©\s?\w+.{{0,120}}$"
    rf"|.{{0,300}}[\(\[（](?:{_PICTURE}|ap photo|file|courtesy|screenshot|screengrab)\b[^)\]）]{{0,120}}[\)\]）]\.?$",
    re.IGNORECASE,
)
_SOURCE = re.compile(
    rf"\W*(?:{_PICTURE})s?\s(?:by|from|courtesy|von|de|par|di)\s"
    r"|.{0,300}[\(\[（](?:ap|afp|reuters|getty|epa|dpa|tass|via)\b[^)\]）]{0,120}[\)\]）]$"
    rf"|.{{0,300}}[/,:\s](?:{alternatives('picture_agencies')})(?:/\w+)?$"
    r"|.{0,300}(?:/|©)\s?(?:afp|epa|dpa|reuters|tass|ap)(?:/\w+)?$|.{0,300}©[^.!?]{1,60}$",
    re.IGNORECASE,
)


def is_credit(text: str) -> bool:
    """A line that says who took the picture."""
    if len(text) >= 200:
        return False
    return bool(_LABEL.match(text)) or (bool(_SOURCE.match(text)) and not _is_ended(text))


# A line that only dates or signs the story.
_DATELINE = re.compile(
    rf"\W*(?:(?:{alternatives('datelines')})\b"
    r"|(?:by|von|par|por|de|di|da|av|af|door|autor|автор|από|作者|記者|记者|文)[:：]?\s\w+)",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\d{1,4}[./\-年]\s?\d{1,2}[./\-月]\s?\d{1,4}|\b(?:19|20)\d\d\b.*\d{1,2}[:.]\d\d|\d{1,2}[:.]\d\d.*\b(?:19|20)\d\d\b"
    r"|\b\d{1,2}\.? \w{3,12},? (?:19|20)\d\d\b|\b\w{3,12} \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d\d\b"
)


def is_dateline(text: str) -> bool:
    """A short line that names a date or a signature and says nothing else."""
    return len(text) < 90 and (bool(_DATE.search(text)) or (len(text) < 50 and bool(_DATELINE.match(text))))


LIVE_TITLE = re.compile(
    r"^(?:live(?:blog|ticker)?|en direct|en vivo|ao vivo|в прямом эфире|онлайн)\b\s*[:|–-]"
    r"|\b(?:liveblog|liveticker|live updates)\b|[–-] live$",
    re.IGNORECASE,
)
