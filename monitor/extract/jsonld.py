"""Reads JSON-LD as pages carry it: graphs, lists, several types, references, invalid syntax, hostile input."""

# ruff: noqa: SIM905  lists of words are easier to read in one string

from __future__ import annotations

import json
import re
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Item: TypeAlias = dict[str, Any]

MAX_SCRIPTS = 60
MAX_SCRIPT_CHARACTERS = 3_000_000  # in all scripts of a page
MAX_ITEMS = 3000

_ARTICLE_TYPE = re.compile(
    r"(?:Article|BlogPosting|Report|Review|SocialMediaPosting|Story|AnalysisNews|ClaimReview)$|^News"
)
_LIVE_BLOG_TYPE = "LiveBlogPosting"
# Properties that hold other things than the article itself.
_UNRELATED_PROPERTIES = frozenset(
    "itemListElement mentions citation isPartOf relatedLink about comment liveBlogUpdate review associatedMedia"
    " publisher breadcrumb potentialAction isBasedOn significantLink".split()
)
_COMMENT_MARKS = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|(?:-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>);?\s*$"
)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_PROPERTY = re.compile(
    r'"(headline|datePublished|dateModified|dateCreated|articleSection|inLanguage)"\s*:\s*"((?:[^"\\]|\\.){1,400})"'
)
_TYPE = re.compile(r'"@type"\s*:\s*\[?\s*"([^"]{1,100})"')
_AUTHOR = re.compile(r'"author"\s*:\s*[\[{][^\]}]{0,300}?"name"\s*:\s*"((?:[^"\\]|\\.){1,100})"')


def items(scripts: Iterable[str]) -> list[Item]:
    """Returns the objects in the scripts that may describe the page, in document order, with references resolved."""
    collected = list(islice(_unresolved_items(scripts), MAX_ITEMS))
    by_id: dict[str, Item] = {}
    for item in collected:
        item_id = item.get("@id")
        if isinstance(item_id, str) and len(item) > 1:
            by_id.setdefault(item_id, item)
    for item in collected:
        for key in ("author", "creator", "publisher", "image"):
            if key in item:
                item[key] = _resolve_references(item[key], by_id)
    return collected


def _unresolved_items(scripts: Iterable[str]) -> Iterator[Item]:
    characters_left = MAX_SCRIPT_CHARACTERS
    for script in islice(scripts, MAX_SCRIPTS):
        characters_left -= len(script)
        if characters_left < 0:
            break
        yield from _walk(_parse(script))


def _parse(script: str) -> Any:
    text = _COMMENT_MARKS.sub("", script.strip().strip(";")).strip()
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    if text.startswith("{&quot;") or "&quot;" in text[:200]:
        text = unescape(text)
    try:
        return json.loads(_TRAILING_COMMA.sub(r"\1", text), strict=False)
    except (ValueError, RecursionError):
        return _salvage(text[:100_000])


def _salvage(text: str) -> Any:
    """Returns an article with the properties that can be read from invalid JSON, or None if it describes no article."""
    type_names = _TYPE.findall(text[:5000])
    if not any(map(_ARTICLE_TYPE.search, type_names)) and '"datePublished"' not in text:
        return None
    item: Item = {"@type": "NewsArticle"}
    for key, value in _PROPERTY.findall(text):
        item.setdefault(key, _unescape_string(value))
    authors = _AUTHOR.findall(text)
    if authors:
        item["author"] = [_unescape_string(author) for author in authors]
    return item


def _unescape_string(value: str) -> str:
    try:
        return str(json.loads(f'"{value}"', strict=False))
    except ValueError:
        return value


def _walk(root: Any) -> Iterator[Item]:
    """Yields all nested objects, outer ones first.  Uses a stack, because pages nest deeper than Python recurses."""
    stack = [root]
    seen = 0
    while stack and seen < MAX_ITEMS * 4:
        seen += 1
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(reversed(value[:500]))
        elif isinstance(value, dict):
            if "@type" in value or "@id" in value or "headline" in value:
                yield value
            for key, child in reversed(list(value.items())[:200]):
                if isinstance(child, (dict, list)) and key not in _UNRELATED_PROPERTIES:
                    stack.append(child)


def _resolve_references(value: Any, by_id: dict[str, Item]) -> Any:
    if isinstance(value, list):
        return [_resolve_references(element, by_id) for element in value[:50]]
    if isinstance(value, dict) and set(value) <= {"@id", "@type"}:
        return by_id.get(value.get("@id", ""), value)
    return value


def item_types(item: Item) -> list[str]:
    """Returns the item's types without their namespace."""
    value = item.get("@type")
    names = value if isinstance(value, list) else [value]
    return [name.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in names if isinstance(name, str)]


def is_article(item: Item) -> bool:
    return any(_ARTICLE_TYPE.search(name) or name == _LIVE_BLOG_TYPE for name in item_types(item))


def is_live_blog(item: Item) -> bool:
    return _LIVE_BLOG_TYPE in item_types(item)


def property_text(value: Any) -> str:
    """Returns a property's text from a string, a list or an object; "" if it has none."""
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else ""
        elif isinstance(value, dict):
            value = value.get("@value") or value.get("name") or value.get("url") or value.get("@id") or ""
        else:
            break
    return unescape(value).strip() if isinstance(value, str) else ""


def property_texts(value: Any) -> list[str]:
    """Returns the texts of a property that may hold a list."""
    values = value if isinstance(value, list) else [value]
    return [text for text in (property_text(element) for element in values[:100]) if text]
