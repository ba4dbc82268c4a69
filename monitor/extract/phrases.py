"""Recognizes lines that publishers add to their stories: labels, appeals, picture credits, dates and signatures.

The functions are meant for single short blocks; callers choose blocks by their position in the page.
"""

from __future__ import annotations

import re

from monitor.extract.blocks import alphabetic_length
from monitor.extract.vocabulary import all_entries, regex_alternatives

_RELATED_LABEL_PATTERN = re.compile(rf"\W*(?:{regex_alternatives('related')})", re.IGNORECASE)
_COMMENTS_HEADING_PATTERN = re.compile(
    rf"\W*(?:\d+\W+)?(?:{regex_alternatives('comment_headings')})\W*(?:\d+\W*)?", re.IGNORECASE
)
_RIGHTS_STATEMENT_PATTERN = re.compile(regex_alternatives("rights"), re.IGNORECASE)
_COPYRIGHT_SIGN_PATTERN = re.compile(r"[©ⓒ]|^\W*(?:\(c\)|copyright)", re.IGNORECASE)

# The beginning of an appeal, which invites to subscribe, follow, share, comment, donate or install.
APPEAL_START_PATTERN = re.compile(
    rf"\W*(?:{regex_alternatives('appeals')})"
    r"(?:(?<![A-Za-z\u00c0-\u052f])|(?![A-Za-z\u00c0-\u052f]))",  # ends at a word's end: "dela" does not match "Delays"
    re.IGNORECASE,
)
# Words that address the reader or name the page; sentences of a story seldom hold them.
_DIRECT_ADDRESS_PATTERN = re.compile(
    rf"\b(?:{regex_alternatives('direct_address_words')})\b|{regex_alternatives('direct_address_signs')}", re.IGNORECASE
)
# Sentences of a story that begin with a word of an appeal: about copyright or Telegram, or with a quotation.
_APPEAL_LIKE_STORY_SENTENCE_PATTERN = re.compile(
    r"copyright (?!by\b)[^\W\d]|telegram\b(?!.*(?:подпи|@|t\.me))"
    r'|["“„«»][^"“”«»]{1,200}(?:[,.!?…]["“”«»]|["“”«»],)',
    re.IGNORECASE,
)
_SOURCE_LINE_PATTERN = re.compile(r"(?:[a-z\d-]+\.){1,3}[a-z]{2,6}: \w")
_REPLY_LABEL_PATTERN = re.compile(rf"\W*(?:{regex_alternatives('reply_labels')})\W*(?:\d+\W*)?", re.IGNORECASE)
_FILLER_WORDS = frozenset(all_entries("filler_words"))
_MIN_FILLER_LETTERS = 40  # a shorter text may be a Latin name or motto
_LATIN_WORD_PATTERN = re.compile(r"[A-Za-z]+")
_SENTENCE_END_MARKS = (".", "!", "?", "…", "。", "！", "？", "।", "؟", "۔")

# A picture's credit, recognized by a label that no sentence begins with ("Photo: ...", "(AP Photo/...)").
_PICTURE_LABEL_ALTERNATIVES = regex_alternatives("picture_labels")
_LABELLED_CREDIT_PATTERN = re.compile(
    rf"\W*(?:{_PICTURE_LABEL_ALTERNATIVES})(?:\s?(?:credit|courtesy))?\s?(?::|：|/|©|via\b|提供|＝|=)|\W*©\s?\w+.{{0,120}}$"
    rf"|.{{0,300}}[\(\[（](?:{_PICTURE_LABEL_ALTERNATIVES}|ap photo|file|courtesy|screenshot|screengrab)\b"
    r"[^)\]）]{0,120}[\)\]）]\.?$",
    re.IGNORECASE,
)
# A picture's credit unless it ends as a sentence does: a source in brackets, behind a slash or after "by".
_CREDIT_SOURCE_PATTERN = re.compile(
    rf"\W*(?:{_PICTURE_LABEL_ALTERNATIVES})s?\s(?:by|from|courtesy|von|de|par|di)\s"
    r"|.{0,300}[\(\[（](?:ap|afp|reuters|getty|epa|dpa|tass|via)\b[^)\]）]{0,120}[\)\]）]$"
    rf"|.{{0,300}}[/,:\s](?:{regex_alternatives('picture_agencies')})(?:/\w+)?$"
    r"|.{0,300}(?:/|©)\s?(?:afp|epa|dpa|reuters|tass|ap)(?:/\w+)?$|.{0,300}©[^.!?]{1,60}$",
    re.IGNORECASE,
)

# "By" and a name.
_BYLINE_START_PATTERN = re.compile(
    r"\W*(?:by|von|par|por|de|di|da|av|af|door|autor|автор|από|作者|記者|记者|文)[:：]?\s\w+", re.IGNORECASE
)
# A label such as "Published", or "by" and a name.
_DATELINE_START_PATTERN = re.compile(
    rf"\W*(?:{regex_alternatives('datelines')})\b|{_BYLINE_START_PATTERN.pattern}", re.IGNORECASE
)
_DATE_PATTERN = re.compile(
    r"\d{1,4}[./\-年]\s?\d{1,2}[./\-月]\s?\d{1,4}|\b(?:19|20)\d\d\b.*\d{1,2}[:.]\d\d|\d{1,2}[:.]\d\d.*\b(?:19|20)\d\d\b"
    r"|\b\d{1,2}\.? \w{3,12},? (?:19|20)\d\d\b|\b\w{3,12} \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d\d\b"
)

MAX_BYLINE_CHARACTERS = 150
MAX_REPLY_LABEL_CHARACTERS = 24
_TIME_OF_DAY_PATTERN = re.compile(r"(?<!\d)[012]?\d:[0-5]\d(?!\d)")

# The title of a live blog.
LIVE_TITLE_PATTERN = re.compile(
    r"^(?:live(?:blog|ticker)?|en direct|en vivo|ao vivo|в прямом эфире|онлайн)\b\s*[:|–-]"
    r"|\b(?:liveblog|liveticker|live updates)\b|[–-] live$",
    re.IGNORECASE,
)


def is_related_label(text: str) -> bool:
    """Returns True if the text begins with a label of links to other stories: "Read also", "More on ..."."""
    match = _RELATED_LABEL_PATTERN.match(text)
    if match is None or match.end() in {0, len(text)}:
        return match is not None
    # The label must end at the end of a word: "More in" does not match "More investment".
    return not (text[match.end() - 1].isalpha() and text[match.end()].isalpha())


def is_comments_heading(text: str) -> bool:
    """Returns True if all of the text is a heading of readers' comments or of the comment form: "12 Comments"."""
    return len(text) < 160 and bool(_COMMENTS_HEADING_PATTERN.fullmatch(text))


def is_reply_label(text: str) -> bool:
    """Returns True if all of the text is the label below a reader's comment that invites an answer: "Reply"."""
    return len(text) < MAX_REPLY_LABEL_CHARACTERS and _REPLY_LABEL_PATTERN.fullmatch(text) is not None


def is_filler(text: str) -> bool:
    """Returns True if most words of the text are those of the Latin filler that stands in place of paid text."""
    if len(text) < _MIN_FILLER_LETTERS or not text.isascii():
        return False
    words = _LATIN_WORD_PATTERN.findall(text.casefold())
    return sum(word in _FILLER_WORDS for word in words) > 0.6 * len(words) > 0


def is_rights_statement(text: str) -> bool:
    """Returns True if the text states the copyright of the site, as the last line of a page does."""
    return (
        len(text) < 500
        and (len(text) < 120 or bool(_COPYRIGHT_SIGN_PATTERN.search(text)))
        and bool(_RIGHTS_STATEMENT_PATTERN.search(text))
    )


def is_appeal(text: str) -> bool:
    """Returns True if a text below 300 characters is an appeal (to subscribe, follow, share, donate ...) or a line
    about the page itself (rights, authors).

    A complete sentence of 60 or more characters must address the reader or name the page.
    """
    if len(text) >= 300 or not APPEAL_START_PATTERN.match(text):
        return False
    ended = _ends_as_sentence(text)
    if ended and _APPEAL_LIKE_STORY_SENTENCE_PATTERN.match(text):
        return False
    return not ended or alphabetic_length(text) < 60 or bool(_DIRECT_ADDRESS_PATTERN.search(text))


def _ends_as_sentence(text: str) -> bool:
    """Returns True if the text ends with the final mark of a sentence and any closing quotes and brackets."""
    return text.rstrip("\"'”’»)").endswith(_SENTENCE_END_MARKS)


def names_source(text: str) -> bool:
    """Returns True if the text is a line of a list of sources: a site, a colon and a title ("example.com: ...")."""
    return len(text) < 200 and _SOURCE_LINE_PATTERN.match(text) is not None


def is_picture_credit(text: str) -> bool:
    """Returns True if a text below 200 characters is or ends with a picture's credit: "Photo: ...", "... (Reuters)"."""
    if len(text) >= 200:
        return False
    return bool(_LABELLED_CREDIT_PATTERN.match(text)) or (
        bool(_CREDIT_SOURCE_PATTERN.match(text)) and not _ends_as_sentence(text)
    )


def begins_as_byline(text: str) -> bool:
    """Returns True if the text is a short line that begins with a word such as "By"."""
    return len(text) <= MAX_BYLINE_CHARACTERS and _BYLINE_START_PATTERN.match(text) is not None


def has_date(text: str) -> bool:
    """Returns True if the text states a day in figures, or a day and a time."""
    return _DATE_PATTERN.search(text) is not None


def has_date_or_time(text: str) -> bool:
    """Returns True if the text states a day in figures, or a time of day."""
    return has_date(text) or _TIME_OF_DAY_PATTERN.search(text) is not None


def is_date_or_signature_line(text: str) -> bool:
    """Returns True if the text is a short line with a date, or begins with a word such as "Published" or "By"."""
    return len(text) < 90 and (
        bool(_DATE_PATTERN.search(text)) or (len(text) < 50 and bool(_DATELINE_START_PATTERN.match(text)))
    )
