"""Parses the JSON-LD scripts of a page, also with graphs, references, invalid syntax or hostile input."""

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

JsonLdObject: TypeAlias = dict[str, Any]

MAX_SCRIPTS_PER_PAGE = 60
MAX_SCRIPT_CHARACTERS_PER_PAGE = 3_000_000  # total of all JSON-LD scripts
MAX_OBJECTS_PER_PAGE = 3000
MAX_LIVE_BLOG_POSTS = 500  # the newest; a page rarely states more than a hundred

_ARTICLE_TYPE_PATTERN = re.compile(
    r"(?:Article|BlogPosting|Report|Review|SocialMediaPosting|Story|AnalysisNews|ClaimReview)$|^News(?!MediaOrganization$)"
)
_LIVE_BLOG_TYPE = "LiveBlogPosting"
# Properties whose objects describe something other than the page's article.
_UNRELATED_PROPERTIES = frozenset(
    "itemListElement mentions citation isPartOf relatedLink about comment liveBlogUpdate review associatedMedia"
    " publisher breadcrumb potentialAction isBasedOn significantLink".split()
)
# Comment and CDATA marks at the beginning or end of a script.
_COMMENT_MARKS_PATTERN = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|(?:-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>);?\s*$"
)
_TRAILING_COMMA_PATTERN = re.compile(r",(\s*[}\]])")
_ARTICLE_PROPERTY_PATTERN = re.compile(
    r'"(headline|datePublished|dateModified|dateCreated|articleSection|inLanguage)"\s*:\s*"((?:[^"\\]|\\.){1,400})"'
)
_TYPE_PROPERTY_PATTERN = re.compile(r'"@type"\s*:\s*\[?\s*"([^"]{1,100})"')
_AUTHOR_NAME_PATTERN = re.compile(r'"author"\s*:\s*[\[{][^\]}]{0,300}?"name"\s*:\s*"((?:[^"\\]|\\.){1,100})"')


def objects_in_scripts(scripts: Iterable[str]) -> list[JsonLdObject]:
    """Returns the JSON-LD objects in the scripts in document order, nested ones included.

    Leaves out the objects below `_UNRELATED_PROPERTIES`.  An author, publisher or image that only refers to another
    object by ``@id`` is replaced by that object.
    """
    collected = list(islice(_unresolved_objects(scripts), MAX_OBJECTS_PER_PAGE))
    by_id: dict[str, JsonLdObject] = {}
    for item in collected:
        item_id = item.get("@id")
        if isinstance(item_id, str) and len(item) > 1:
            by_id.setdefault(item_id, item)
    for item in collected:
        for key in ("author", "creator", "publisher", "image"):
            if key in item:
                item[key] = _resolve_references(item[key], by_id)
    return collected


def _unresolved_objects(scripts: Iterable[str]) -> Iterator[JsonLdObject]:
    """Yields the objects of the scripts, up to the limits of scripts and characters, with references as they are."""
    characters_left = MAX_SCRIPT_CHARACTERS_PER_PAGE
    for script in islice(scripts, MAX_SCRIPTS_PER_PAGE):
        characters_left -= len(script)
        if characters_left < 0:
            break
        yield from _nested_objects(_parse_script(script))


def _parse_script(script: str) -> Any:
    """Returns the parsed JSON of a script; `_salvage_article_object` if it is invalid; None for an empty script."""
    text = _COMMENT_MARKS_PATTERN.sub("", script.strip().strip(";")).strip()
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    if text.startswith("{&quot;") or "&quot;" in text[:200]:
        text = unescape(text)
    try:
        return json.loads(_TRAILING_COMMA_PATTERN.sub(r"\1", text), strict=False)
    except (ValueError, RecursionError):
        return _salvage_article_object(text[:100_000])


def _salvage_article_object(text: str) -> Any:
    """Returns an article object with the properties that regular expressions find in invalid JSON.

    Returns None if the text does not describe an article.
    """
    type_names = _TYPE_PROPERTY_PATTERN.findall(text[:5000])
    if not any(map(_ARTICLE_TYPE_PATTERN.search, type_names)) and '"datePublished"' not in text:
        return None
    item: JsonLdObject = {"@type": "NewsArticle"}
    for key, value in _ARTICLE_PROPERTY_PATTERN.findall(text):
        item.setdefault(key, _unescape_json_string(value))
    authors = _AUTHOR_NAME_PATTERN.findall(text)
    if authors:
        item["author"] = [_unescape_json_string(author) for author in authors]
    return item


def _unescape_json_string(value: str) -> str:
    """Returns the text of a JSON string that is passed without its quotes; unchanged if its escapes are invalid."""
    try:
        return str(json.loads(f'"{value}"', strict=False))
    except ValueError:
        return value


def _nested_objects(root: Any) -> Iterator[JsonLdObject]:
    """Yields the object ``root`` and all objects nested in it that have a type, an id or a headline, outer ones first.

    Not recursive, because hostile pages nest deeper than Python recurses.
    """
    stack = [root]
    seen = 0
    while stack and seen < MAX_OBJECTS_PER_PAGE * 4:
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


def _resolve_references(value: Any, by_id: dict[str, JsonLdObject]) -> Any:
    """Returns the value with each object that consists only of an ``@id`` replaced by the object of that id."""
    if isinstance(value, list):
        return [_resolve_references(element, by_id) for element in value[:50]]
    if isinstance(value, dict) and set(value) <= {"@id", "@type"}:
        return by_id.get(value.get("@id", ""), value)
    return value


def object_types(item: JsonLdObject) -> list[str]:
    """Returns the names in the object's ``@type``, without their namespace; empty if it has none."""
    value = item.get("@type")
    names = value if isinstance(value, list) else [value]
    return [name.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in names if isinstance(name, str)]


def is_article_object(item: JsonLdObject) -> bool:
    """Returns True if a type of the object is that of an article or live blog."""
    return any(_ARTICLE_TYPE_PATTERN.search(name) or name == _LIVE_BLOG_TYPE for name in object_types(item))


def is_live_blog_object(item: JsonLdObject) -> bool:
    """Returns True if the object has the type LiveBlogPosting."""
    return _LIVE_BLOG_TYPE in object_types(item)


def live_blog_posts(items: Iterable[JsonLdObject]) -> tuple[tuple[str, str], ...]:
    """Returns (headline, text) of the posts that the live blogs among the objects state, in their order.

    Either may be empty, but not both.  At most `MAX_LIVE_BLOG_POSTS`.
    """
    updates = [item.get("liveBlogUpdate") for item in items if is_live_blog_object(item)]
    posts = [post for value in updates for post in (value if isinstance(value, list) else [value])]
    texts = (
        (property_text(post.get("headline") or ""), property_text(post.get("articleBody") or post.get("text") or ""))
        for post in posts
        if isinstance(post, dict)
    )
    return tuple(islice(((headline, text) for headline, text in texts if headline or text), MAX_LIVE_BLOG_POSTS))


def property_text(value: Any) -> str:
    """Returns the text of a property value: of a string, of the first element of a list, or of an object's name or URL.

    A whole number, such as a Unix time, becomes its digits.  Returns "" if the value has no text.
    """
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else ""
        elif isinstance(value, dict):
            value = value.get("@value") or value.get("name") or value.get("url") or value.get("@id") or ""
        else:
            break
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return unescape(value).strip() if isinstance(value, str) else ""


def property_texts(value: Any) -> list[str]:
    """Returns the `property_text` of each element if the value is a list, else of the value; without empty ones."""
    values = value if isinstance(value, list) else [value]
    return [text for text in (property_text(element) for element in values[:100]) if text]
