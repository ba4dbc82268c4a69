"""Converts the titles and summaries of feeds, which may hold HTML, to plain text."""

from __future__ import annotations

import re
from html import unescape

from lxml import etree
from lxml.html import defs

MAX_TITLE_CHARACTERS = 2000  # of a title or link text that are read, markup included
MAX_SUMMARY_CHARACTERS = 20_000  # of a summary's plain text
_MAX_SUMMARY_MARKUP_CHARACTERS = 200_000  # of a summary's HTML that are read
_COMMENT_PATTERN = re.compile(r"(?s)<!--.*?-->")
_TAG_PATTERN = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})((?:\s[^<>]{0,1000})?)/?>")
_REFERENCE_PATTERN = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_C1_CONTROL_PATTERN = re.compile("[\x80-\x9f]")
_BLANK_LINE_PATTERN = re.compile(r"\n\s*\n")
# Stand for breaks until the text is complete; HTML has no such characters.
_PARAGRAPH_BREAK, _LINE_BREAK = "\x01", "\x02"
_BREAK_DELETIONS = dict.fromkeys((0, 1, 2))
_TWO_LINE_BREAKS_PATTERN = re.compile(r"\x02\s*\x02")
# Tags without an end tag.
_VOID_TAGS = frozenset({"br", "hr", "img", "wbr"})
# Tags that separate words.
_SEPARATING_TAGS = frozenset({*defs.block_tags, "br", "hr", "li", "td", "th", "tr", "figure", "figcaption", "section",
                              "article", "header", "footer", "aside", "main"}) - {"noscript"}  # fmt: skip
_HTML_TAGS = frozenset({*defs.tags, *_SEPARATING_TAGS, "video", "audio", "mark", "time", "wbr"})
_HTML_PARSER = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
_INVISIBLE_TAGS = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "title", "head"})


def plain_title(text: str | None) -> str:
    """Returns a title or link text on one line, without HTML tags and with entities replaced by their characters.

    A word in angle brackets stays, such as ``<video>`` without end tag in "Using the <video> element".  Returns an
    empty string for None.
    """
    if not text:
        return ""
    text = text[:MAX_TITLE_CHARACTERS]
    if "<" in text:
        text = _without_tags(text)
    return _on_one_line(_without_references(text))


def plain_summary(markup: str) -> str:
    """Returns the text of an HTML fragment, with blank lines between its paragraphs.

    Reads the first `_MAX_SUMMARY_MARKUP_CHARACTERS` and returns at most `MAX_SUMMARY_CHARACTERS`.
    """
    markup = markup[:_MAX_SUMMARY_MARKUP_CHARACTERS].strip().translate(_BREAK_DELETIONS)
    if "<" in markup:
        paragraphs = _text_of_html(markup).split(_PARAGRAPH_BREAK)
    else:
        paragraphs = _BLANK_LINE_PATTERN.split(_without_references(markup))
    return "\n\n".join(filter(None, map(_on_one_line, paragraphs)))[:MAX_SUMMARY_CHARACTERS].rstrip()


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _without_tags(text: str) -> str:
    """Returns the text without comments and without those of its tags that are HTML and have their other half."""
    comments_end = text.rfind("-->") + len("-->") if "-->" in text else 0  # no search for an end that is missing
    text = _COMMENT_PATTERN.sub("", text[:comments_end]) + text[comments_end:]
    tags = list(_TAG_PATTERN.finditer(text))
    ended = {match[2].lower() for match in tags if match[1]}
    started = {match[2].lower() for match in tags if not match[1]}

    def replacement(match: re.Match[str]) -> str:
        name = match[2].lower()
        is_paired = name in (started if match[1] else ended)
        is_opening_paragraph = name == "p" and not text[: match.start()].strip()
        if name not in _HTML_TAGS or not (
            is_paired or name in _VOID_TAGS or match[3].strip(" /") or is_opening_paragraph
        ):
            return match[0]
        return " " if name in _SEPARATING_TAGS else ""

    return _TAG_PATTERN.sub(replacement, text)


def _without_references(text: str) -> str:
    """Returns the text with character references replaced, and C1 controls taken for windows-1252."""
    if "&" in text:
        text = _REFERENCE_PATTERN.sub(lambda match: unescape(match[0]), text)
    if text.isascii():
        return text
    return _C1_CONTROL_PATTERN.sub(lambda match: match[0].encode("latin-1").decode("cp1252", "replace"), text)


def _text_of_html(markup: str) -> str:
    """Returns the visible text of an HTML fragment, with `_PARAGRAPH_BREAK` at each boundary of a block."""
    root = etree.fromstring(f"<html><body>{markup}".encode("utf-8", "replace"), _HTML_PARSER)
    parts: list[str] = []
    hidden: etree._Element | None = None
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag
        if event == "start":
            if hidden is None and tag in _INVISIBLE_TAGS:
                hidden = element
            elif hidden is None:
                if tag in _SEPARATING_TAGS and tag != "br":
                    parts.append(_PARAGRAPH_BREAK)
                parts.append(element.text or "")
            continue
        if hidden is None and tag in _SEPARATING_TAGS:
            parts.append(_LINE_BREAK if tag == "br" else _PARAGRAPH_BREAK)
        if element is hidden:
            hidden = None
        if hidden is None:
            parts.append(element.tail or "")
    return _TWO_LINE_BREAKS_PATTERN.sub(_PARAGRAPH_BREAK, "".join(parts)).replace(_LINE_BREAK, " ")
