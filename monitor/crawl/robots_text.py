"""Decodes robots.txt and rewrites it so that Protego reads it as RFC 9309 says.

Protego matches an agent name against the beginning of the crawler's name, ends a group at an unknown line, and splits
lines at characters that are no line ends.
"""

from __future__ import annotations

import codecs
import re

MAX_ROBOTS_BYTES = 512_000  # 500 KiB, the least that RFC 9309, 2.5, wants parsed; the lines after that are ignored
_PARTIAL_UTF8_MARK = re.compile(rb"^\xef(?:\xbb(?:\xbf)?)?")
_LINE_END_PATTERN = re.compile(r"\r\n|\r|\n")
# Characters at which `str.splitlines` splits besides line ends.
_OTHER_LINE_SEPARATORS = dict.fromkeys(map(ord, "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), " ")
_AGENT_LINE_PATTERN = re.compile(r"\s*user[ -]?agent\s*(?::|\s)\s*(.*)", re.IGNORECASE)
# The other fields that Protego knows, with the misspellings that it accepts.
_RULE_LINE_PATTERN = re.compile(
    r"\s*(?:allow|dis+al+ow|diasllow|disallaw|sitemaps?|site-map|crawl[ -]delay|request[ -]rate|visit[ -]time|host)"
    r"\s*(?::|\s)",
    re.IGNORECASE,
)
_PRODUCT_TOKEN_PATTERN = re.compile(r"[A-Za-z0-9_-]+")
_COMPATIBLE_PRODUCT_PATTERN = re.compile(r"Mozilla/[^(]*\(compatible;\s*([A-Za-z0-9_-]+)", re.IGNORECASE)
# Appended to all agent names, so that no name is the beginning of another one.
_NAME_END = "."


def protego_agent_name(user_agent: str) -> str:
    """Returns the name under which `protego_text` states the rules for this User-Agent header; "*" without a product.

    The product is the first word up to "/", or of ``Mozilla/5.0 (compatible; NAME/1.0)`` the name.
    """
    match = _COMPATIBLE_PRODUCT_PATTERN.match(user_agent)
    token = match[1] if match else _product_token(user_agent)
    return f"{token}{_NAME_END}" if token else "*"


def protego_text(body: bytes) -> str:
    """Returns the text to parse with Protego: whole lines from the first MAX_ROBOTS_BYTES, agents as bare names.

    Lines of unknown fields are left out, because they do not end a group (RFC 9309, 2.2.4).
    """
    lines = []
    for commented_line in _LINE_END_PATTERN.split(_decoded(body).translate(_OTHER_LINE_SEPARATORS)):
        line = commented_line.partition("#")[0]
        if agent := _AGENT_LINE_PATTERN.match(line):
            name = agent[1].strip()
            is_any_agent = name == "*" or name.startswith("* ")
            lines.append(f"User-agent: {'*' if is_any_agent else _product_token(name) + _NAME_END}")
        elif _RULE_LINE_PATTERN.match(line):
            lines.append(line)
    return "\n".join(lines)


def _product_token(text: str) -> str:
    """Returns the name before a version, blank or other sign; empty if ``text`` begins with no name."""
    match = _PRODUCT_TOKEN_PATTERN.match(text.strip())
    return match[0] if match else ""


def _decoded(body: bytes) -> str:
    """Returns the whole lines of the first MAX_ROBOTS_BYTES: UTF-16 with a byte order mark, UTF-8, else Latin-1."""
    head = body[:MAX_ROBOTS_BYTES]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = head.decode("utf-16", errors="ignore")
        return text if len(body) <= MAX_ROBOTS_BYTES else text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    if len(body) > MAX_ROBOTS_BYTES:
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1]
    head = _PARTIAL_UTF8_MARK.sub(b"", head)
    try:
        return head.decode()
    except UnicodeDecodeError:
        return head.decode("latin-1")
