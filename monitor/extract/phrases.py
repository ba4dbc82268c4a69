"""Recognizes the phrases that publishers write around their stories: labels, appeals, credits, datelines.

The patterns are meant for short blocks.  The callers limit the length and the position in the page.
"""

from __future__ import annotations

import re

from monitor.extract.blocks import alphabetic_length
from monitor.extract.vocabulary import regex_alternatives

_RELATED_LABEL_PATTERN = re.compile(rf"\W*(?:{regex_alternatives('related')})", re.IGNORECASE)
_COMMENTS_HEADING_PATTERN = re.compile(
    rf"\W*(?:\d+\W+)?(?:{regex_alternatives('comment_headings')})\W*(?:\d+\W*)?", re.IGNORECASE
)
_RIGHTS_STATEMENT_PATTERN = re.compile(regex_alternatives("rights"), re.IGNORECASE)
_COPYRIGHT_SIGN_PATTERN = re.compile(r"[©ⓒ]|^\W*(?:\(c\)|copyright)", re.IGNORECASE)

# How an appeal begins: an invitation to subscribe, follow, share, comment, donate or install.
APPEAL_START_PATTERN = re.compile(
    rf"\W*(?:{regex_alternatives('appeals')})"
    r"(?:(?<![A-Za-z\u00c0-\u052f])|(?![A-Za-z\u00c0-\u052f]))",  # "dela" does not begin "Delays"
    re.IGNORECASE,
)
# Text that addresses the reader or refers to the page itself, which the sentences of a story seldom do.
_DIRECT_ADDRESS_PATTERN = re.compile(
    rf"\b(?:{regex_alternatives('direct_address_words')})\b|{regex_alternatives('direct_address_signs')}", re.IGNORECASE
)
# Sentences of a story that begin as an appeal does: about copyright or Telegram, or with a quotation.
_APPEAL_LIKE_STORY_SENTENCE_PATTERN = re.compile(
    r"copyright (?!by\b)[^\W\d]|telegram\b(?!.*(?:подпи|@|t\.me))"
    r'|["“„«»][^"“”«»]{1,200}(?:[,.!?…]["“”«»]|["“”«»],)',
    re.IGNORECASE,
)
_SENTENCE_END_MARKS = (".", "!", "?", "…", "。", "！", "？", "।", "؟", "۔")

# A picture's credit: a label that no sentence begins with.
_PICTURE_LABEL_ALTERNATIVES = regex_alternatives("picture_labels")
_LABELLED_CREDIT_PATTERN = re.compile(
    rf"\W*(?:{_PICTURE_LABEL_ALTERNATIVES})(?:\s?(?:credit|courtesy))?\s?(?::|：|/|©|via\b|提供|＝|=)|\W*©\s?\w+.{{0,120}}$"
    rf"|.{{0,300}}[\(\[（](?:{_PICTURE_LABEL_ALTERNATIVES}|ap photo|file|courtesy|screenshot|screengrab)\b"
    r"[^)\]）]{0,120}[\)\]）]\.?$",
    re.IGNORECASE,
)
# A picture's credit too, unless it ends as a sentence does: a source in brackets or behind a slash.
_CREDIT_SOURCE_PATTERN = re.compile(
    rf"\W*(?:{_PICTURE_LABEL_ALTERNATIVES})s?\s(?:by|from|courtesy|von|de|par|di)\s"
    r"|.{0,300}[\(\[（](?:ap|afp|reuters|getty|epa|dpa|tass|via)\b[^)\]）]{0,120}[\)\]）]$"
    rf"|.{{0,300}}[/,:\s](?:{regex_alternatives('picture_agencies')})(?:/\w+)?$"
    r"|.{0,300}(?:/|©)\s?(?:afp|epa|dpa|reuters|tass|ap)(?:/\w+)?$|.{0,300}©[^.!?]{1,60}$",
    re.IGNORECASE,
)

_DATELINE_START_PATTERN = re.compile(
    rf"\W*(?:(?:{regex_alternatives('datelines')})\b"
    r"|(?:by|von|par|por|de|di|da|av|af|door|autor|автор|από|作者|記者|记者|文)[:：]?\s\w+)",
    re.IGNORECASE,
)
_DATE_PATTERN = re.compile(
    r"\d{1,4}[./\-年]\s?\d{1,2}[./\-月]\s?\d{1,4}|\b(?:19|20)\d\d\b.*\d{1,2}[:.]\d\d|\d{1,2}[:.]\d\d.*\b(?:19|20)\d\d\b"
    r"|\b\d{1,2}\.? \w{3,12},? (?:19|20)\d\d\b|\b\w{3,12} \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d\d\b"
)

LIVE_TITLE_PATTERN = re.compile(
    r"^(?:live(?:blog|ticker)?|en direct|en vivo|ao vivo|в прямом эфире|онлайн)\b\s*[:|–-]"
    r"|\b(?:liveblog|liveticker|live updates)\b|[–-] live$",
    re.IGNORECASE,
)


def is_related_label(text: str) -> bool:
    """Returns True if the text begins with a label of related stories: "Read also", "More on ..."."""
    match = _RELATED_LABEL_PATTERN.match(text)
    if match is None or match.end() in {0, len(text)}:
        return match is not None
    # A label ends at the end of a word: "More in" is no label in "More investment".
    return not (text[match.end() - 1].isalpha() and text[match.end()].isalpha())


def is_comments_heading(text: str) -> bool:
    """Returns True if the text is the heading of readers' comments or of their form, with or without a count."""
    return len(text) < 160 and bool(_COMMENTS_HEADING_PATTERN.fullmatch(text))


def is_rights_statement(text: str) -> bool:
    """Returns True if the text states the copyright of the page, which is the last line of a site."""
    return (
        len(text) < 500
        and bool(_RIGHTS_STATEMENT_PATTERN.search(text))
        and (bool(_COPYRIGHT_SIGN_PATTERN.search(text)) or len(text) < 120)
    )


def is_appeal(text: str) -> bool:
    """Returns True if the text asks the reader for something, or states the page's rights or authors."""
    if len(text) >= 300 or not APPEAL_START_PATTERN.match(text):
        return False
    ended = _ends_as_sentence(text)
    if ended and _APPEAL_LIKE_STORY_SENTENCE_PATTERN.match(text):
        return False
    return not ended or alphabetic_length(text) < 60 or bool(_DIRECT_ADDRESS_PATTERN.search(text))


def _ends_as_sentence(text: str) -> bool:
    """Returns True if the text ends as a sentence does, before closing quotes and brackets."""
    return text.rstrip("\"'”’»)").endswith(_SENTENCE_END_MARKS)


def is_picture_credit(text: str) -> bool:
    """Returns True if the text is a picture's credit."""
    if len(text) >= 200:
        return False
    return bool(_LABELLED_CREDIT_PATTERN.match(text)) or (
        bool(_CREDIT_SOURCE_PATTERN.match(text)) and not _ends_as_sentence(text)
    )


def is_date_or_signature_line(text: str) -> bool:
    """Returns True if the text is short and holds a date or a signature."""
    return len(text) < 90 and (
        bool(_DATE_PATTERN.search(text)) or (len(text) < 50 and bool(_DATELINE_START_PATTERN.match(text)))
    )
