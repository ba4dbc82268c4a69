"""Session ids in URLs: they name a visit, not a page, and differ each time a source is read.

A parameter counts as a session id by its name and its value.  A short value selects contents (``sid=123`` is a story of
PHP-Nuke).  Some names also hold long random keys of stories, so these stay unless something else selects the story.
"""

# ruff: noqa: SIM905  name lists are easier to read as text

from __future__ import annotations

import re

# Names, in lower case, that programs have reserved for session ids.
_RESERVED_NAMES = frozenset("oscsid zenid cftoken".split())
# Names that need a random value.
_SESSION_NAMES = frozenset("sessid sess_id sesskey sess_key sessionkey session_key phpsid xsid usid".split())
# Names that need a random value, and another part of the URL that selects the story.
_POSSIBLE_SESSION_NAMES = frozenset("sid ssid s_id session sess s".split())
# Names of numbers that select a part of a list or of a story.
_LIST_NAMES = frozenset("page pg seite pagina start offset limit year month day date lang".split())
_COLDFUSION_NUMBER_NAME = "cfid"  # a number that belongs to a ``cftoken``
_HEX_PATTERN = re.compile(r"(?=[^a-f]*[a-f])(?=\D*\d)(?:[0-9a-f]-?){20,}", re.IGNORECASE)
_RANDOM_PATTERN = re.compile(
    r"(?=(?:\D*\d){3})(?=(?:[^a-z]*[a-z]){3})[a-z0-9]+(?:[-_.,+/~][a-z0-9]+){0,2}", re.IGNORECASE
)
MIN_RANDOM_CHARACTERS = 20
MAX_SESSION_ID_CHARACTERS = 1000

# A session id in a path: ";jsessionid=...", also with an escaped sign, and those of ASP.NET: "/(S(...))/".
_PATH_PATTERN = re.compile(
    r"(?:;|%3b)(?:jsessionid|phpsessid|sid)(?:=|%3d)[^/?#]*"
    r"|/(?:\(|%28)(?:[a-z](?:\(|%28)[\w-]{1,200}(?:\)|%29)){0,3}"
    r"s(?:\(|%28)[a-z0-9]{20,40}(?:\)|%29)(?:[a-z](?:\(|%28)[\w-]{1,200}(?:\)|%29)){0,3}(?:\)|%29)(?=/)",
    re.IGNORECASE,
)
_FORMER_PATH_PATTERN = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#]*", re.IGNORECASE)


def path_without_session_id(path: str) -> str:
    """Returns the path of a URL without session ids; the program behind it assigns a new one."""
    return _PATH_PATTERN.sub("", path)


def former_path_without_session_id(path: str) -> str:
    """Returns the path as earlier versions did, see `monitor.urls.former_story_ids`."""
    return _FORMER_PATH_PATTERN.sub("", path)


def parameters_without_session_ids(parameters: list[str], *, is_story_path: bool) -> list[str]:
    """Returns those parameters ``name=value`` of a query that are no session ids.

    ``is_story_path``: the path of the URL selects a story, so that no parameter needs to.
    """
    kinds = [_kind(parameter) for parameter in parameters]
    if not any(kinds):
        return parameters
    others = [parameter for parameter, kind in zip(parameters, kinds, strict=True) if not kind]
    is_selected = is_story_path or any(map(_may_select_story, others))
    removed = {"session", "possible"} if is_selected else {"session"}
    has_token = any(parameter.lower().startswith("cftoken=") for parameter in parameters)
    return [
        parameter
        for parameter, kind in zip(parameters, kinds, strict=True)
        if kind not in removed and not (kind == "number" and has_token)
    ]


def _may_select_story(parameter: str) -> bool:
    """Returns True if the value of a parameter has a digit, and its name is not that of a page number or a date."""
    name, _, value = parameter.partition("=")
    return name.lower() not in _LIST_NAMES and any(map(str.isdigit, value))


def _kind(parameter: str) -> str:
    """Returns "session" for a session id, "possible" for a possible one, "number" for a CFID; else ""."""
    name, _, value = parameter.partition("=")
    name = name.lower()
    if name in _RESERVED_NAMES:
        return "session"
    if name == _COLDFUSION_NUMBER_NAME:
        return "number"
    if name in _SESSION_NAMES and _is_random(value):
        return "session"
    return "possible" if name in _POSSIBLE_SESSION_NAMES and _is_random(value) else ""


def _is_random(value: str) -> bool:
    """Returns True for a long value of digits and letters in which no words are."""
    value = re.sub(r"(?:=|%3d)+$", "", value, flags=re.IGNORECASE)
    if not MIN_RANDOM_CHARACTERS <= len(value) <= MAX_SESSION_ID_CHARACTERS:
        return False
    return bool(_HEX_PATTERN.fullmatch(value) or _RANDOM_PATTERN.fullmatch(value))
