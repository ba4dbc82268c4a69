"""Canonical URLs and story ids: one URL for one story.

`canonical` cleans a URL and returns one that still opens: it never guesses that another host or path exists.
`story_id` guesses more, because its result is not opened: it ignores scheme, ``www.``, mobile and AMP hosts, print
views and trailing slashes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import tldextract
from w3lib.url import canonicalize_url

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_URL_CHARACTERS = 10_000  # characters; servers accept no longer ones
_DEFAULT_PORT_BY_SCHEME = {"http": 80, "https": 443}
_BLANKS_PATTERN = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\u2060\ufeff]+")

# Parameters that name the referrer, not the story.  Only names that no publisher is known to identify its stories by:
# near-duplicate detection finds one story at two URLs, but of two stories at one URL one is lost.
_TRACKING_PARAMETER_PATTERN = re.compile(
    r"(?:utm|mtm|pk|piwik|matomo|hsa|vero|oly|mkt|stm|itm|ga|at|ns|wt|trk|fb|__hs|_hs|soc|xt|pf_rd|_branch|guce?)_\w+"
    r"|(?:fb|g|d|y|yc|ysc|tw|tt|msclk|wbra|gbra|msclk|irclick)cl?id|li_fat_id|rdt_cid|s_c?cid|zanpid|gclsrc|epik"
    r"|_ga|_gl|_ke|_openstat|__s|__source|__twitter_impression|igsh(?:id)?|mibextid|wickedid|rtid|mc_[ce]id|mkcid"
    r"|ncid|ocid|icid|cmp(?:id|nid)?|campaign_?id|ref_?src|ref_?url|referr?er|reflink|src_?ref|sref|srnd|smid|smtyp|smprod"
    r"|ftcamp|ftag|tag_?src|mbid|taid|share_?(?:type|id|from|admin|token)|shared|from_?rss|partnerrss|spref|sfns|ito"
    r"|amp_?js_?v|amp_gsa|usqp|guccounter|tsrc|wpisrc|wpmm|traffic_?source|app_?share|leadsource|emci|emdi|ceid|kwd"
    r"|recip(?:ientid)?|newsletter_?id|nlid|tracking_?id|session_?id|phpsessid|jsessionid|aspsessionid\w*|fromsource"
    r"|isappinstalled|wt\.\w+|xing_share|dicbo|oborigurl|spm|scm|yptr|originalsubdomain",
    re.IGNORECASE,
)
# Tracking parameters too, unless their value looks like a database key: three digits or more.
_POSSIBLE_TRACKING_PARAMETER_PATTERN = re.compile(
    r"ref|source|src|share|feed|rss|partner|social|campaign|track|tracking|from|via|medium|newsletter|nl|mod|cid|ad|ads",
    re.IGNORECASE,
)
_NUMERIC_KEY_PARAMETER_PATTERN = re.compile(r"cid|ads?|mod", re.IGNORECASE)  # any number may be a key here
# Parameters, hosts and paths of a view of a story: AMP, print or mobile.
_VIEW_SWITCH_PARAMETER_PATTERN = re.compile(
    r"(?:amp|print|printable|printer|isprint|print_?view|mobile|m|nomobile|desktop)", re.IGNORECASE
)
_VIEW_NAME_PARAMETER_PATTERN = re.compile(r"(?:output|outputtype|view|mode|format|tmpl|layout|display)", re.IGNORECASE)
_VIEW_NAMES = {"amp", "print", "printable", "mobile", "component"}
_VIEW_HOST_PREFIX_PATTERN = re.compile(r"^(?:(?:www|m|mobile|mobil|amp|touch|wap)\d?\.)+(?=[^.]+\.[^.])", re.IGNORECASE)
_VIEW_PATH_PATTERN = re.compile(
    r"^/(?:amp|m|mobile|print)(?=/[^/]{3})|(?:/|\.|(?<=\d)-)(?:amp|print)(?=(?:\.html?)?/?$)", re.IGNORECASE
)
_INDEX_FILE_PATTERN = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)
# The end of a path by which a view or a page of a story differs from the story.
_VIEW_PATH_TAIL_PATTERN = re.compile(
    r"(?:(?:amp|print|printable|mobile|m|all|full|single|comments|(?:index|default)\.\w+"
    r"|(?:page|seite|pagina|p)(?:[-_/]?\d{1,3})?)(?:/|$))+",
    re.IGNORECASE,
)
_PAGE_NUMBER_PATTERN = re.compile(r"\d{1,2}")
# Parameters that publishers identify their stories by.
_STORY_KEY_PARAMETER_PATTERN = re.compile(r"\w*id|p|a|n|art|articles?|news|story|item|doc|nr|no", re.IGNORECASE)
_LONG_WORD_PATTERN = re.compile(r"[^\W_]{3,}")
_HEADLINE_SLUG_PATTERN = re.compile(r"[^\W_]+(?:[-_][^\W_]+){3}")
_STORY_SEGMENT_PATTERN = re.compile(
    rf"\d{{5}}|{_HEADLINE_SLUG_PATTERN.pattern}"
)  # in a path's last segment: identifies the story
_HOST_NAME_PATTERN = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_-])?")
_SESSION_ID_PATH_PATTERN = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#]*", re.IGNORECASE)
_AMP_CACHE_URL_PATTERN = re.compile(
    r"^https?://(?:[^/]+\.cdn\.ampproject\.org/\w|(?:www\.)?google\.[a-z.]+/amp)/(s/)?(.+)$", re.IGNORECASE
)

# The list that ships with the library, with the domains whose subdomains have different owners (blogspot.com).
_extract_registrable_domain = tldextract.TLDExtract(
    suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True
)


def canonical_url(url: str) -> str:
    """Returns the URL without the parts that do not select the page.

    Removes tracking parameters, fragment, default port, user name, AMP cache and session ids.  Normalizes
    percent-encoding, dot segments, order of parameters, and case of scheme and host.

    Idempotent.  Text that is no web URL is only stripped; a URL longer than `MAX_URL_LENGTH` becomes empty.  Never
    raises.
    """
    if len(url) > MAX_URL_CHARACTERS:
        return ""
    url = _BLANKS_PATTERN.sub(_replace_blanks, url.strip())
    for _ in range(5):  # one change can enable another: "\\" becomes "/", "%2e" becomes "."
        try:
            cleaned = _clean_once(url)
        except ValueError:  # a port that is no number, a bracket in the host
            return url
        if cleaned == url:
            break
        url = cleaned
    return url


def _replace_blanks(blanks: re.Match[str]) -> str:
    """Encodes spaces in a path or query as %20 and removes all other blanks."""
    after_host = "/" in blanks.string[len("https://") : blanks.start()]
    return "%20" * len(blanks[0]) if after_host and not blanks[0].strip(" ") else ""


def _clean_once(url: str) -> str:
    amp_cache = _AMP_CACHE_URL_PATTERN.match(url)
    if amp_cache:
        url = ("https://" if amp_cache[1] else "http://") + amp_cache[2]
    parts = urlsplit(url)
    host, port = _ascii_host(parts), parts.port
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORT_BY_SCHEME or not host:
        return url
    netloc = host if port in (None, _DEFAULT_PORT_BY_SCHEME[scheme]) else f"{host}:{port}"
    fragment = parts.fragment if is_page_fragment(parts.fragment) else ""
    path = _SESSION_ID_PATH_PATTERN.sub("", re.sub(r"/{2,}", "/", parts.path.replace("\\", "/"))) or "/"
    query = "&".join(part for part in parts.query.split("&") if part and not _is_tracking_parameter(part))
    return canonicalize_url(urlunsplit((scheme, netloc, path, query, fragment)), keep_fragments=True)


def is_page_fragment(fragment: str) -> bool:
    """Returns True if the fragment selects a page ("#!..." or "#/..."), as on sites that JavaScript renders."""
    return fragment.startswith(("!", "/")) and len(fragment) > 1


def _split_web_url(url: str) -> SplitResult | None:
    """Returns the parts of a web URL; None for any other text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.scheme in _DEFAULT_PORT_BY_SCHEME and parts.netloc else None


def _ascii_host(parts: SplitResult) -> str:
    """Returns the host in lower case and ASCII form, without a trailing dot; an IPv6 address in brackets.

    Raises ValueError if it is no host name.
    """
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        return f"[{ipaddress.ip_address(host)}]"
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if host and not _HOST_NAME_PATTERN.fullmatch(host):
        raise ValueError(f"{host!r} is no host name")
    return host


def _is_tracking_parameter(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    if _TRACKING_PARAMETER_PATTERN.fullmatch(name):
        return True
    if not _POSSIBLE_TRACKING_PARAMETER_PATTERN.fullmatch(name) or sum(map(str.isdigit, value)) >= 3:
        return False
    return not (value.isdigit() and _NUMERIC_KEY_PARAMETER_PATTERN.fullmatch(name))


def story_identity(url: str) -> str:
    """Returns the text that `story_id` hashes: the canonical URL without scheme, ``www.`` and views of the story.

    The result is no URL, so ``identity(identity(url))`` has no meaning; ``identity(canonical(url))`` is the same as
    ``identity(url)``.
    """
    url = canonical_url(url)
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
    name, _, value = parameter.partition("=")
    if _VIEW_SWITCH_PARAMETER_PATTERN.fullmatch(name):
        return value.lower() in {"", "1", "true", "yes", "y", "amp"}
    return bool(_VIEW_NAME_PARAMETER_PATTERN.fullmatch(name)) and value.lower() in _VIEW_NAMES


def story_id(url: str) -> str:
    """Returns the story's id: 128 bits of the SHA-256 of its `identity`, as 32 hex digits."""
    return hashlib.sha256(story_identity(url).encode("utf-8", "surrogatepass")).hexdigest()[:32]


@lru_cache(maxsize=10_000)
def registrable_domain(url: str) -> str:
    """Returns the registrable domain of the URL (``bbc.co.uk``), or host and port if it has none (``127.0.0.1:80``)."""
    try:
        parts = urlsplit(url)
        host, port = _ascii_host(parts), parts.port
    except ValueError:
        return ""
    registered = _extract_registrable_domain(host).top_domain_under_public_suffix
    return registered or (f"{host}:{port}" if port else host)


def is_same_site(first: str, second: str) -> bool:
    """Returns True if both URLs belong to one owner, so that one may make statements about the other."""
    return bool(registrable_domain(first)) and registrable_domain(first) == registrable_domain(second)


def is_front_page_url(url: str) -> bool:
    """Returns True if the URL is that of a front page: it has no path, query or fragment that could name a story."""
    parts = _split_web_url(canonical_url(url))
    return (
        parts is not None
        and not parts.query
        and not parts.fragment
        and _INDEX_FILE_PATTERN.sub("/", parts.path) in {"", "/"}
    )


def credible_canonical_url(page_url: str, claimed_urls: Iterable[str]) -> str | None:
    """Returns the first credible URL that a page claims for itself, as `canonical` returns it; None if none is.

    Relative URLs are resolved.  Three kinds of URL are not credible: that of another site (a page could take over
    another outlet's story), that of a front page, and one that drops the parts by which this page differs from others.
    """
    for claimed_url in filter(None, claimed_urls):
        try:
            url = canonical_url(urljoin(page_url, claimed_url.strip()))
        except ValueError:
            continue
        if (
            _split_web_url(url)
            and is_same_site(page_url, url)
            and not (is_front_page_url(url) and not is_front_page_url(page_url))
            and not _lacks_page_selector(url, page_url)
        ):
            return url
    return None


def _lacks_page_selector(url: str, page_url: str) -> bool:
    """Returns True if ``url`` lacks the parts that select the page: a parent directory, or a script without its key."""
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
    # A bare number is a page number only after a segment that may name a story.
    paged = _PAGE_NUMBER_PATTERN.fullmatch("/".join(dropped)) and claimed_path and re.search(r"[-\d]", claimed_path[-1])
    return not paged and not _VIEW_PATH_TAIL_PATTERN.fullmatch("/".join(dropped))


def _is_placeholder_url(claimed: SplitResult, page_path: list[str]) -> bool:
    """Returns True if a URL of one or two words has no number and no word of the page's headline, as ``/null``."""
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
    """The values of a query's parameters that identify a story."""
    pairs = (part.partition("=") for part in query.split("&"))
    return {
        value
        for name, _, value in pairs
        if _STORY_KEY_PARAMETER_PATTERN.fullmatch(name) and any(map(str.isdigit, value))
    }
