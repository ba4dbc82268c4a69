"""JSON-LD as pages really carry it: graphs, lists, several types, references, broken syntax, and worse on purpose."""

# ruff: noqa: SIM905  patterns and lists of words read best whole

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Item: TypeAlias = dict[str, Any]

MAX_SCRIPTS = 60
MAX_SCRIPT_CHARACTERS = 3_000_000
MAX_ITEMS = 3000

_ARTICLES = re.compile(
    r"(?:Article|BlogPosting|Report|Review|SocialMediaPosting|Story|AnalysisNews|ClaimReview)$|^News"
)
_LIVE = "LiveBlogPosting"
# What a story mentions or stands beside is not the story.
_ELSEWHERE = frozenset(
    "itemListElement mentions citation isPartOf relatedLink about comment liveBlogUpdate review associatedMedia"
    " publisher breadcrumb potentialAction isBasedOn significantLink".split()
)
_COMMENT = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|(?:-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>);?\s*$"
)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_PAIR = re.compile(
    r'"(headline|datePublished|dateModified|dateCreated|articleSection|inLanguage)"\s*:\s*"((?:[^"\\]|\\.){1,400})"'
)
_TYPE = re.compile(r'"@type"\s*:\s*\[?\s*"([^"]{1,100})"')
_AUTHOR = re.compile(r'"author"\s*:\s*[\[{][^\]}]{0,300}?"name"\s*:\s*"((?:[^"\\]|\\.){1,100})"')


def items(scripts: Iterable[str]) -> list[Item]:
    """Every object in the scripts that may describe the page, in order, references between them resolved."""
    found: list[Item] = []
    named: dict[str, Item] = {}
    left = MAX_SCRIPT_CHARACTERS
    for number, script in enumerate(scripts):
        left -= len(script)
        if number >= MAX_SCRIPTS or left < 0:
            break
        for thing in _walk(_parse(script)):
            found.append(thing)
            name = thing.get("@id")
            if isinstance(name, str) and len(thing) > 1:
                named.setdefault(name, thing)
            if len(found) >= MAX_ITEMS:
                break
    for thing in found:
        for key in ("author", "creator", "publisher", "image"):
            if key in thing:
                thing[key] = _resolved(thing[key], named)
    return found


def _parse(script: str) -> Any:
    text = _COMMENT.sub("", script.strip().strip(";")).strip()
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
    """What can be read of an object that is no JSON."""
    kinds = _TYPE.findall(text[:5000])
    if not any(map(_ARTICLES.search, kinds)) and '"datePublished"' not in text:
        return None
    thing: Item = {"@type": "NewsArticle"}
    for key, value in _PAIR.findall(text):
        thing.setdefault(key, _unquoted(value))
    authors = _AUTHOR.findall(text)
    if authors:
        thing["author"] = [_unquoted(author) for author in authors]
    return thing


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(f'"{value}"', strict=False))
    except ValueError:
        return value


def _walk(root: Any) -> Iterator[Item]:
    """All objects below, outer ones first; a stack, because pages nest deeper than Python recurses."""
    stack = [root]
    seen = 0
    while stack and seen < MAX_ITEMS * 4:
        seen += 1
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node[:500]))
        elif isinstance(node, dict):
            if "@type" in node or "@id" in node or "headline" in node:
                yield node
            for key, value in reversed(list(node.items())[:200]):
                if isinstance(value, (dict, list)) and key not in _ELSEWHERE:
                    stack.append(value)


def _resolved(value: Any, named: dict[str, Item]) -> Any:
    if isinstance(value, list):
        return [_resolved(item, named) for item in value[:50]]
    if isinstance(value, dict) and set(value) <= {"@id", "@type"}:
        return named.get(value.get("@id", ""), value)
    return value


def item_types(thing: Item) -> list[str]:
    """The thing's types without their namespace."""
    value = thing.get("@type")
    names = value if isinstance(value, list) else [value]
    return [name.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in names if isinstance(name, str)]


def is_article(thing: Item) -> bool:
    return any(_ARTICLES.search(name) or name == _LIVE for name in item_types(thing))


def is_live_blog(thing: Item) -> bool:
    return _LIVE in item_types(thing)


def property_text(value: Any) -> str:
    """A property's text, whichever way it is wrapped."""
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else ""
        elif isinstance(value, dict):
            value = value.get("@value") or value.get("name") or value.get("url") or value.get("@id") or ""
        else:
            break
    return unescape(value).strip() if isinstance(value, str) else ""


def property_texts(value: Any) -> list[str]:
    """A list property's texts."""
    values = value if isinstance(value, list) else [value]
    return [found for found in (property_text(item) for item in values[:100]) if found]
