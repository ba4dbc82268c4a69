"""Session ids in URLs: they name a visit, not a page, and differ each time a source is read.

A parameter counts as a session id only if programs use its exact name for one and its value looks random.  A short
value selects contents (``sid=123`` is a story of PHP-Nuke).  Some names also hold long random keys of stories, so these
stay unless something else certainly selects the story.

A session id that stays costs a request, as its page is a copy of a stored story; one that is wrongly removed loses a
story.
"""

# ruff: noqa: SIM905  name lists are easier to read as text

from __future__ import annotations

import re
from itertools import pairwise

# Names, in lower case, that programs use for session ids only.
_SESSION_NAMES = frozenset(
    "phpsessid phpsid jsessionid oscsid zenid sessid sess_id sesskey sess_key sessionkey session_key".split()
)
# Names that also hold keys of contents: a session may be a talk at a conference.
_POSSIBLE_SESSION_NAMES = frozenset("sid ssid s_id session sessionid session_id sess s".split())
# Names whose value, a number, selects a story in any program that is known to have it.
_STORY_KEY_PATTERN = re.compile(
    r"(?:art|article|content|entry|item|news|node|post|story|thread|topic)?_?id|p|t|[pt]id|art|article|news|story",
    re.IGNORECASE,
)
# ColdFusion's session id is a pair of parameters.
_COLDFUSION_NUMBER_NAME = "cfid"
_COLDFUSION_TOKEN_NAME = "cftoken"  # noqa: S105  the name of a parameter
_COLDFUSION_TOKEN_PATTERN = re.compile(r"\d{8,}")
_HEX_PATTERN = re.compile(r"(?:[0-9a-f]-?)+", re.IGNORECASE)
_RANDOM_PATTERN = re.compile(r"[a-z0-9]+(?:[-_.,:+/~!]+[a-z0-9]+){0,2}", re.IGNORECASE)
_LETTERS_PATTERN = re.compile(r"[a-z]+", re.IGNORECASE)
MIN_RANDOM_CHARACTERS = 20
MAX_SESSION_ID_CHARACTERS = 1000
MIN_HEX_CHANGES = 2  # from a letter to a digit or back in a hexadecimal value
# In another value, for each of its characters.  Random digits and lower-case letters have 0.4, with upper-case letters
# 0.27, words with numbers 0.2 and less.
MIN_CHANGES_SHARE = 1 / 3
MIN_CHANGES_SHARE_OF_SESSION = 1 / 5  # if the name is one of `_SESSION_NAMES`
MAX_RANDOM_LETTERS = 6  # side by side in such a value under another name; more may be a word

# A session id in a path: ";jsessionid=...", also with an escaped sign, and those of ASP.NET: "/(S(...))/".
_PATH_PARAMETER_PATTERN = re.compile(
    r"(?:;|%3b)(jsessionid|phpsessid|sid)(?:=|%3d)((?:(?!%3b)[^/?#;])*)", re.IGNORECASE
)
_ASP_NET_PATTERN = re.compile(
    r"/(?:\(|%28)(?:[a-z](?:\(|%28)[\w-]{1,200}(?:\)|%29)){0,3}"
    r"s(?:\(|%28)(?=[a-z]*[0-9])[a-z0-9]{20,40}(?:\)|%29)"
    r"(?:[a-z](?:\(|%28)[\w-]{1,200}(?:\)|%29)){0,3}(?:\)|%29)(?=/)",
    re.IGNORECASE,
)
_FORMER_PATH_PATTERN = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#]*", re.IGNORECASE)


def path_without_session_id(path: str) -> str:
    """Returns the path of a URL without session ids; the program behind it assigns a new one."""
    path = _PATH_PARAMETER_PATTERN.sub(lambda match: "" if _is_session_id(*match.groups()) else match[0], path)
    return _ASP_NET_PATTERN.sub("", path)


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
    removed = {"session"}
    if is_story_path or any(map(_selects_story, parameters)):
        removed.add("possible")
    if {"number", "token"} <= {*kinds}:
        removed |= {"number", "token"}
    return [parameter for parameter, kind in zip(parameters, kinds, strict=True) if kind not in removed]


def _selects_story(parameter: str) -> bool:
    """Returns True if a parameter surely selects one story: the name is that of a story's key, the value a number."""
    name, _, value = parameter.partition("=")
    return _STORY_KEY_PATTERN.fullmatch(name) is not None and value.isascii() and value.isdigit()


def _kind(parameter: str) -> str:
    """Returns what a parameter may be, else "".

    "session" is a session id, "possible" a possible one, "number" and "token" are the halves of one of ColdFusion.
    """
    name, _, value = parameter.partition("=")
    name = name.lower()
    if name == _COLDFUSION_NUMBER_NAME:
        return "number" if value.isascii() and value.isdigit() else ""
    if name == _COLDFUSION_TOKEN_NAME:
        return "token" if _COLDFUSION_TOKEN_PATTERN.fullmatch(value) or _is_session_id(name, value) else ""
    if name not in _SESSION_NAMES | _POSSIBLE_SESSION_NAMES or not _is_session_id(name, value):
        return ""
    return "session" if name in _SESSION_NAMES else "possible"


def _is_session_id(name: str, value: str) -> bool:
    """Returns True if the value looks random: it is long, and digits and letters change more often than in words."""
    value = re.sub(r"(?:=|%3d)+$", "", value, flags=re.IGNORECASE)
    if not MIN_RANDOM_CHARACTERS <= len(value) <= MAX_SESSION_ID_CHARACTERS:
        return False
    are_digits = [sign.isdigit() for sign in value if sign.isalnum()]
    changes = sum(first != second for first, second in pairwise(are_digits))
    if _HEX_PATTERN.fullmatch(value):
        return changes >= MIN_HEX_CHANGES
    if _RANDOM_PATTERN.fullmatch(value) is None:
        return False
    if name.lower() in _SESSION_NAMES:
        return changes >= MIN_CHANGES_SHARE_OF_SESSION * len(value)
    letters = max(map(len, _LETTERS_PATTERN.findall(value)), default=0)
    return changes >= MIN_CHANGES_SHARE * len(value) and letters <= MAX_RANDOM_LETTERS
