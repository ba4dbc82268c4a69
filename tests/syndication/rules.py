"""The rules of RFC 4287 and of JSON Feed 1.1, as far as they can be checked by a program."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

ATOM = "{http://www.w3.org/2005/Atom}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
ONCE_IN_FEED = {"id", "title", "updated"}
ONCE_IN_ENTRY = {"id", "title", "updated"}
AT_MOST_ONCE = {"generator", "icon", "logo", "rights", "subtitle", "published", "source", "summary", "content"}
FEED_CHILDREN = {
    *ONCE_IN_FEED,
    *("author", "category", "contributor", "generator", "icon", "link", "logo", "rights", "subtitle", "entry"),
}
ENTRY_CHILDREN = {
    *ONCE_IN_ENTRY,
    *("author", "category", "content", "contributor", "link", "published", "rights", "source", "summary"),
}
ATTRIBUTES = {
    "link": {"rel", "type", "href", "hreflang", "title", "length"},
    "category": {"term", "scheme", "label"},
    "generator": {"uri", "version"},
    **{key: {"type"} for key in ("title", "subtitle", "summary", "content", "rights")},
}


def atom_faults(document: bytes) -> list[str]:
    """Returns which rules of RFC 4287 a document breaks."""
    root = etree.fromstring(document)
    faults = [] if root.tag == f"{ATOM}feed" else ["the root is no atom:feed"]
    faults += _children_faults(root, FEED_CHILDREN, ONCE_IN_FEED)
    entries = root.findall(f"{ATOM}entry")
    for entry in entries:
        faults += _children_faults(entry, ENTRY_CHILDREN, ONCE_IN_ENTRY)
        if root.find(f"{ATOM}author") is None and entry.find(f"{ATOM}author") is None:
            faults.append("4.1.2: an entry needs an author unless the feed has one")
        links = [link for link in entry.findall(f"{ATOM}link") if link.get("rel", "alternate") == "alternate"]
        if not links and entry.find(f"{ATOM}content") is None:
            faults.append("4.1.2: an entry without content needs an alternate link")
        pairs = [(link.get("type"), link.get("hreflang")) for link in links]
        if len(pairs) != len(set(pairs)):
            faults.append("4.1.2: two alternate links of the same type and language")
    versions = [(entry.findtext(f"{ATOM}id"), entry.findtext(f"{ATOM}updated")) for entry in entries]
    if len(versions) != len(set(versions)):
        faults.append("4.1.1: two entries with the same id and updated")
    for element in root.iter():
        faults += _element_faults(element)
    return faults


def _children_faults(parent: Any, allowed: set[str], once: set[str]) -> list[str]:
    names = [child.tag.removeprefix(ATOM) for child in parent]
    return [
        *(f"4.1: {name} is not allowed in {parent.tag}" for name in names if name not in allowed),
        *(f"4.1: {name} must be in {parent.tag} once" for name in once if names.count(name) != 1),
        *(f"4.1: {name} is in {parent.tag} twice" for name in AT_MOST_ONCE if names.count(name) > 1),
    ]


def _element_faults(element: Any) -> list[str]:
    name, text = element.tag.removeprefix(ATOM), element.text or ""
    faults = []
    unknown = set(element.attrib) - ATTRIBUTES.get(name, set()) - {LANGUAGE}
    if unknown:
        faults.append(f"{name} has the attributes {unknown}")
    if name in {"updated", "published"} and not DATE_TIME.fullmatch(text):
        faults.append(f"3.3: {name} is no RFC 3339 date: {text}")
    if name == "id" and not (urlsplit(text).scheme and text == text.strip()):
        faults.append(f"4.2.6: {text!r} is no absolute IRI")
    if name == "link" and not urlsplit(element.get("href", "")).scheme:
        faults.append("4.2.7: a link without an absolute href")
    if name == "category" and not element.get("term"):
        faults.append("4.2.2: a category without term")
    if name in {"author", "contributor"} and [child.tag for child in element].count(f"{ATOM}name") != 1:
        faults.append("3.2: a person needs one name")
    if name in {"title", "summary", "name"} and not text.strip():
        faults.append(f"{name} is empty")
    if element.get("type") == "html" and name in {"title", "summary", "subtitle"}:
        try:
            etree.fromstring(f"<div>{text}</div>")
        except etree.XMLSyntaxError:
            faults.append(f"3.1.1.2: the HTML of {name} is not well formed: {text}")
        if len(element):
            faults.append("3.1.1.2: type html has child elements")
    return faults


def json_feed_faults(document: bytes) -> list[str]:
    """Returns which rules of JSON Feed 1.1 a document breaks."""
    feed = json.loads(document)
    faults = []
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        faults.append("version")
    if not isinstance(feed.get("title"), str) or not isinstance(feed.get("items"), list):
        return [*faults, "title and items are required"]
    addresses = [key for key in ("feed_url", "home_page_url") if key in feed]
    faults += [f"{key} is no URL" for key in addresses if not urlsplit(feed[key]).scheme]
    ids = [item.get("id") for item in feed["items"]]
    if len(ids) != len(set(ids)) or not all(isinstance(each, str) and each for each in ids):
        faults.append("each item needs an id of its own, as text")
    for item in feed["items"]:
        if not ("content_text" in item or "content_html" in item):
            faults.append("an item needs content_text or content_html")
        faults += [f"{key} is null" for key, value in item.items() if value is None]
        faults += [
            f"{key} is no RFC 3339 date"
            for key in ("date_published", "date_modified")
            if key in item and not DATE_TIME.fullmatch(item[key])
        ]
        if not urlsplit(item.get("url", "https://x.example/")).scheme:
            faults.append("url is no URL")
        if not all({"name", "url", "avatar"} & author.keys() for author in item.get("authors", [])):
            faults.append("an author needs a name, url or avatar")
        if not all(isinstance(tag, str) for tag in item.get("tags", [])):
            faults.append("tags are texts")
    return faults
