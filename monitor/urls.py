"""Canonical URLs and story ids, which are equal for different URLs of one story.

`canonical_url` returns a URL that still opens the page: it never guesses another host or path.  `story_id` hashes a
text that need not open: it also ignores scheme, ``www.``, mobile and AMP hosts, print views and trailing slashes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import ada_url
import tldextract
from w3lib.url import canonicalize_url

from monitor.session_ids import (
    former_path_without_session_id,
    parameters_without_session_ids,
    path_without_session_id,
)
from monitor.shared_domains import SHARED_DOMAINS, handle_in_path, publisher_on_root
from monitor.tracking_parameters import (
    is_tracking_parameter,
    was_tracking_or_session_parameter,
    was_tracking_parameter,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_URL_CHARACTERS = 10_000  # servers reject longer URLs
MAX_LABEL_CHARACTERS = 63  # of a part of a host name (RFC 1035)
_DEFAULT_PORT_BY_SCHEME = {"http": 80, "https": 443}
# White space, control characters and invisible formatting characters.
_BLANKS_PATTERN = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\u2060\ufeff]+")

# A view is a version of a story for AMP, print or mobile devices.  Query parameters that switch a view on (amp=1):
_VIEW_SWITCH_PARAMETER_PATTERN = re.compile(
    r"(?:amp|print|printable|printer|isprint|print_?view|mobile|m|nomobile|desktop)", re.IGNORECASE
)
# Query parameters whose value may be the name of a view (output=amp), and these names:
_VIEW_NAME_PARAMETER_PATTERN = re.compile(r"(?:output|outputtype|view|mode|format|tmpl|layout|display)", re.IGNORECASE)
_VIEW_NAMES = {"amp", "print", "printable", "mobile", "component"}
# The beginning of a host that selects a view or means nothing: "www.", "m.", "amp.".
_VIEW_HOST_PREFIX_PATTERN = re.compile(r"^(?:(?:www|m|mobile|mobil|amp|touch|wap)\d?\.)+(?=[^.]+\.[^.])", re.IGNORECASE)
# The beginning or end of a path that selects a view: /amp/..., .../print.html.
_VIEW_PATH_PATTERN = re.compile(
    r"^/(?:amp|m|mobile|print)(?=/[^/]{3})|(?:/|\.|(?<=\d)-)(?:amp|print)(?=(?:\.html?)?/?$)", re.IGNORECASE
)
_INDEX_FILE_PATTERN = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)
# The end of a path that selects a view or one page of a long story: "print", "page/2", "full", "comments".
_VIEW_PATH_TAIL_PATTERN = re.compile(
    r"(?:(?:amp|print|printable|mobile|m|all|full|single|comments|(?:index|default)\.\w+"
    r"|(?:page|seite|pagina|p)(?:[-_/]?\d{1,3})?)(?:/|$))+",
    re.IGNORECASE,
)
_PAGE_NUMBER_PATTERN = re.compile(r"\d{1,2}")
# Names of query parameters whose value selects a story: "id", "article_id", "p".
_STORY_KEY_PARAMETER_PATTERN = re.compile(r"\w*id|p|a|n|art|articles?|news|story|item|doc|nr|no", re.IGNORECASE)
_LONG_WORD_PATTERN = re.compile(r"[^\W_]{3,}")
# Four or more words joined by hyphens or underscores.
_HEADLINE_SLUG_PATTERN = re.compile(r"[^\W_]+(?:[-_][^\W_]+){3}")
# Found in the last segment of a path that identifies one story: a number of five or more digits, or a headline slug.
_STORY_SEGMENT_PATTERN = re.compile(rf"\d{{5}}|{_HEADLINE_SLUG_PATTERN.pattern}")
_HOST_NAME_PATTERN = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_-])?")
# A URL of an AMP cache; group 1 is set for https, group 2 is the original URL without scheme.
_AMP_CACHE_URL_PATTERN = re.compile(
    r"^https?://(?:[^/]+\.cdn\.ampproject\.org/\w|(?:www\.)?google\.[a-z.]+/amp)/(s/)?(.+)$", re.IGNORECASE
)

_SHARED_DOMAIN_SET = frozenset(SHARED_DOMAINS)
# Uses the public suffix list that ships with tldextract, including domains whose subdomains have different owners
# (github.io), and `SHARED_DOMAINS`, which are not on the list.
_extract_registrable_domain = tldextract.TLDExtract(
    suffix_list_urls=(),
    cache_dir=None,
    include_psl_private_domains=True,
    extra_suffixes=SHARED_DOMAINS,
)


def canonical_url(url: str) -> str:
    """Returns the URL without those parts that do not change which page it opens.

    Removes tracking parameters, session ids, fragment (unless `is_page_fragment`), default port, user name and the
    prefix of an AMP cache.  Normalizes percent-encoding, dot segments, order of parameters, case of scheme and host.

    Returns text that is no http or https URL without its blanks, and "" for a URL longer than `MAX_URL_CHARACTERS`.
    Idempotent; never raises.
    """
    return _canonical_url(url, _CURRENT_RULES)


def _canonical_url(url: str, rules: _CanonicalRules) -> str:
    if len(url) > MAX_URL_CHARACTERS:
        return ""
    url = _BLANKS_PATTERN.sub(_replace_blanks, url.strip())
    for _ in range(5):  # a change can enable a further one: "\\" becomes "/", "%2e" becomes "."
        try:
            cleaned = _clean_once(url, rules)
        except ValueError:  # a port that is no number, a bracket in the host
            return url
        if cleaned == url:
            break
        url = cleaned
    return url


def _replace_blanks(blanks: re.Match[str]) -> str:
    """Returns the replacement of a run of blanks in a URL: %20 per space in a path or query, otherwise ""."""
    after_host = "/" in blanks.string[len("https://") : blanks.start()]
    return "%20" * len(blanks[0]) if after_host and not blanks[0].strip(" ") else ""


def _clean_once(url: str, rules: _CanonicalRules) -> str:
    """Applies each change of `canonical_url` once.  Raises ValueError if host or port are invalid."""
    amp_cache = _AMP_CACHE_URL_PATTERN.match(url)
    if amp_cache:
        url = ("https://" if amp_cache[1] else "http://") + amp_cache[2]
    parts = urlsplit(url)
    host, port = _ascii_host(parts, rules.encode_host), parts.port
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORT_BY_SCHEME or not host:
        return url
    netloc = host if port in (None, _DEFAULT_PORT_BY_SCHEME[scheme]) else f"{host}:{port}"
    fragment = parts.fragment if is_page_fragment(parts.fragment) else ""
    path = rules.path_without_session_id(re.sub(r"/{2,}", "/", parts.path.replace("\\", "/"))) or "/"
    site = _registrable_domain_of_host(host) if parts.query else ""
    parameters = [part for part in parts.query.split("&") if part and not rules.is_tracking_parameter(part, site)]
    if rules.removes_session_parameters:
        is_story_path = _STORY_SEGMENT_PATTERN.search(path.rstrip("/").rpartition("/")[2]) is not None
        parameters = parameters_without_session_ids(parameters, is_story_path=is_story_path)
    query = "&".join(parameters)
    return canonicalize_url(urlunsplit((scheme, netloc, path, query, fragment)), keep_fragments=True)


def with_ascii_host(url: str) -> str:
    """Returns the URL with its host in ASCII, as browsers request it; an invalid URL or an ASCII one unchanged."""
    if url.isascii():
        return url
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.hostname.isascii():
            return url
        return urlunsplit(parts._replace(netloc=parts.netloc.lower().replace(parts.hostname, _ascii_host(parts))))
    except ValueError:
        return url


def is_page_fragment(fragment: str) -> bool:
    """Returns True if the fragment begins with "!" or "/": sites that JavaScript renders select a page with it."""
    return fragment.startswith(("!", "/")) and len(fragment) > 1


def _split_web_url(url: str) -> SplitResult | None:
    """Returns the parts of an http or https URL; None for any other text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.scheme in _DEFAULT_PORT_BY_SCHEME and parts.netloc else None


def _encode_host(host: str) -> str:
    """Returns a host name in ASCII, as browsers encode it.  Raises ValueError if it is invalid."""
    encoded = ada_url.idna_to_ascii(host).decode("ascii")
    if not encoded or any(len(label) > MAX_LABEL_CHARACTERS for label in encoded.split(".")):
        raise ValueError(f"{host!r} is no host name")
    return encoded


def _encode_host_by_idna_2003(host: str) -> str:
    return host.encode("idna").decode("ascii")


class _CanonicalRules(NamedTuple):
    """The rules of `canonical_url` that changed after stories were stored by them."""

    is_tracking_parameter: Callable[[str, str], bool]
    encode_host: Callable[[str], str]
    path_without_session_id: Callable[[str], str]
    removes_session_parameters: bool


_CURRENT_RULES = _CanonicalRules(is_tracking_parameter, _encode_host, path_without_session_id, True)
# Those of earlier versions, the latest first.
_FORMER_RULES = (
    _CanonicalRules(was_tracking_or_session_parameter, _encode_host, former_path_without_session_id, False),
    _CanonicalRules(was_tracking_parameter, _encode_host_by_idna_2003, former_path_without_session_id, False),
)
_MAY_HAVE_FORMER_ID_PATTERN = re.compile(r"[?;(%]|[^\x00-\x7f]")


def _ascii_host(parts: SplitResult, encode: Callable[[str], str] = _encode_host) -> str:
    """Returns a URL's host in lower-case ASCII (IDNA) without a trailing dot; an IPv6 address in brackets.

    Returns "" if the URL has no host.  Raises ValueError if the host is invalid.
    """
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        return f"[{ipaddress.ip_address(host)}]"
    if not host.isascii():
        host = encode(host)
    if host and not _HOST_NAME_PATTERN.fullmatch(host):
        raise ValueError(f"{host!r} is no host name")
    return host


def story_identity(url: str) -> str:
    """Returns the text that `story_id` hashes: the canonical URL without scheme, ``www.`` and marks of a view.

    Marks of a view are host prefixes, path segments and parameters for AMP, print or mobile versions.  The result is
    not a URL and must not be passed to this function again.
    """
    return _story_identity(url, _CURRENT_RULES)


def _story_identity(url: str, rules: _CanonicalRules) -> str:
    url = _canonical_url(url, rules)
    parts = _split_web_url(url)
    if parts is None:
        return url
    path = _INDEX_FILE_PATTERN.sub("/", parts.path)
    path = _VIEW_PATH_PATTERN.sub("", path).rstrip("/") or "/"
    parameters = [part for part in parts.query.split("&") if part and not _is_view_parameter(part)]
    query = f"?{'&'.join(parameters)}" if parameters else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"{_VIEW_HOST_PREFIX_PATTERN.sub('', parts.netloc)}{path}{query}{fragment}"


def _is_view_parameter(parameter: str) -> bool:
    """Returns True if a parameter ``name=value`` of a query selects the AMP, print or mobile version of a story."""
    name, _, value = parameter.partition("=")
    if _VIEW_SWITCH_PARAMETER_PATTERN.fullmatch(name):
        return value.lower() in {"", "1", "true", "yes", "y", "amp"}
    return bool(_VIEW_NAME_PARAMETER_PATTERN.fullmatch(name)) and value.lower() in _VIEW_NAMES


def story_id(url: str) -> str:
    """Returns the id of the story at a URL: 128 bits of the SHA-256 hash of its `story_identity`, as 32 hex digits."""
    return _id_of_identity(story_identity(url))


def _id_of_identity(identity: str) -> str:
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def former_story_ids(url: str) -> tuple[str, ...]:
    """Returns the ids that earlier versions gave to the URL, without its `story_id`; mostly none.

    Stores may contain stories and frontier entries under such ids.  Because the earlier rules also gave one id to some
    different stories, a record found under such an id is about ``url`` only if the `story_id` of the record's URL is
    that of ``url``.
    """
    if not _MAY_HAVE_FORMER_ID_PATTERN.search(url):
        return ()
    identities = dict.fromkeys(_story_identity(url, rules) for rules in _FORMER_RULES)
    identities.pop(story_identity(url), None)
    return tuple(map(_id_of_identity, identities))


@lru_cache(maxsize=10_000)
def registrable_domain(url: str) -> str:
    """Returns the registrable domain of the URL's host, such as ``bbc.co.uk``.

    Returns host and stated port for a host without one (``127.0.0.1:80``), and "" for an invalid URL.
    """
    try:
        parts = urlsplit(url)
        host, port = _ascii_host(parts), parts.port
    except ValueError:
        return ""
    return _registrable_domain_of_host(host) or (f"{host}:{port}" if port else host)


@lru_cache(maxsize=10_000)
def _registrable_domain_of_host(host: str) -> str:
    domain = _extract_registrable_domain(host).top_domain_under_public_suffix
    parent = domain.removeprefix("www.")
    # "www." means nothing below a public suffix either: www.tumblr.com is tumblr.com, and no blog.
    return parent if parent != domain and "." in parent and is_public_suffix(parent) else domain


def is_shared_root(url: str) -> bool:
    """Returns True if the URL is on the root of one of `SHARED_DOMAINS`, as ``www.tumblr.com``, and not on a blog."""
    return registrable_domain(url) in _SHARED_DOMAIN_SET


def shared_domain_above(url: str) -> str:
    """Returns that one of `SHARED_DOMAINS` of which the URL's registrable domain is a blog; "" if it is none."""
    parent = registrable_domain(url).partition(".")[2]
    return parent if parent in _SHARED_DOMAIN_SET else ""


def handle_on_root(url: str) -> str:
    """Returns the handle of a URL on the root of one of `SHARED_DOMAINS`, as ``@alice``; "" without one."""
    return handle_in_path(urlsplit(url).path) if is_shared_root(url) else ""


@lru_cache(maxsize=10_000)
def publisher_key(url: str) -> str:
    """Returns a text that is equal for URLs of one publisher: the registrable domain, "" for an invalid URL.

    On the root of one of `SHARED_DOMAINS` the path tells publishers apart, see `publisher_on_root`.
    """
    domain = registrable_domain(url)
    if domain not in _SHARED_DOMAIN_SET:
        return domain
    parts = urlsplit(url)
    return publisher_on_root(domain, parts.path, parts.query)


def is_same_publisher(first: str, second: str) -> bool:
    """Returns True if both URLs have the same `publisher_key`; False if one is invalid."""
    return bool(publisher_key(first)) and publisher_key(first) == publisher_key(second)


def is_public_suffix(host: str) -> bool:
    """Returns True for a host below which different owners register names, such as ``co.uk`` or ``blogspot.com``."""
    return not _extract_registrable_domain(host).domain


def is_same_site(first: str, second: str) -> bool:
    """Returns True if both URLs have the same registrable domain; False if one is invalid."""
    return bool(registrable_domain(first)) and registrable_domain(first) == registrable_domain(second)


def is_front_page_url(url: str) -> bool:
    """Returns True for a web URL without query or fragment whose path is ``/`` or an index file in it."""
    parts = _split_web_url(canonical_url(url))
    return (
        parts is not None
        and not parts.query
        and not parts.fragment
        and _INDEX_FILE_PATTERN.sub("/", parts.path) in {"", "/"}
    )


def credible_canonical_url(page_url: str, claimed_urls: Iterable[str]) -> str | None:
    """Returns the first credible URL that a page claims as its own, in canonical form; None if no URL is credible.

    ``claimed_urls`` may be relative to ``page_url``.  Not credible are: a URL of another publisher, because a page
    could take over its story; the front page, unless ``page_url`` is the front page; a URL that lacks the path
    or the parameters that select this page; a placeholder such as ``/null``.
    """
    for claimed_url in filter(None, claimed_urls):
        try:
            url = canonical_url(urljoin(page_url, claimed_url.strip()))
        except ValueError:
            continue
        if (
            _split_web_url(url)
            and is_same_publisher(page_url, url)
            and not (is_front_page_url(url) and not is_front_page_url(page_url))
            and not _lacks_page_selector(url, page_url)
        ):
            return url
    return None


def _lacks_page_selector(url: str, page_url: str) -> bool:
    """Returns True if ``url``, which a page states as its own, is a placeholder or lacks what selects the page.

    The page at ``page_url`` is selected by path segments or a story key.

    Segments that select only a view or one page of a long story may be missing.
    """
    page, claimed = urlsplit(canonical_url(page_url)), urlsplit(url)
    page_keys, claimed_keys = _story_keys(page.query), _story_keys(claimed.query)
    page_path, claimed_path = (
        [part for part in _INDEX_FILE_PATTERN.sub("/", parts.path).split("/") if part] for parts in (page, claimed)
    )
    if page_path == claimed_path:
        has_slug = bool(page_path) and _STORY_SEGMENT_PATTERN.search(page_path[-1]) is not None
        return not has_slug and not page_keys <= claimed_keys
    if _is_placeholder_url(claimed, page_path):
        return True
    dropped = page_path[len(claimed_path) :]
    if claimed_keys or not dropped or page_path[: len(claimed_path)] != claimed_path:
        return False
    # A last segment of one or two digits is a page number only if the segment before it may name a story.
    paged = _PAGE_NUMBER_PATTERN.fullmatch("/".join(dropped)) and claimed_path and re.search(r"[-\d]", claimed_path[-1])
    return not paged and not _VIEW_PATH_TAIL_PATTERN.fullmatch("/".join(dropped))


def _is_placeholder_url(claimed: SplitResult, page_path: list[str]) -> bool:
    """Returns True if a claimed URL cannot be that of a page with a headline in its path, as ``/null``.

    The claimed URL has no digits, at most two words in its last path segment, and no word of the page's headline.
    """
    words, headline_words = (
        set(_LONG_WORD_PATTERN.findall(text.lower())) for text in (claimed.path, "".join(page_path[-1:]))
    )
    last_words = _LONG_WORD_PATTERN.findall(claimed.path.rsplit("/", 1)[-1])
    has_headline = bool(page_path) and _HEADLINE_SLUG_PATTERN.search(page_path[-1]) is not None
    return (
        has_headline
        and len(last_words) < 3
        and not words & headline_words
        and not re.search(r"\d", claimed.path + claimed.query)
    )


def _story_keys(query: str) -> set[str]:
    """Returns the values with digits of those parameters of a query whose name may select a story ("id", "p")."""
    pairs = (part.partition("=") for part in query.split("&"))
    return {
        value
        for name, _, value in pairs
        if _STORY_KEY_PARAMETER_PATTERN.fullmatch(name) and any(map(str.isdigit, value))
    }
