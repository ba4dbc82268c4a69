"""One address for one story.

`canonical` cleans an address and leaves one that still opens: it never guesses that another host or path exists.
`story_id` goes further, because a wrong guess there costs nothing: scheme, ``www.``, mobile and AMP hosts, print
views and trailing slashes make no difference to it.
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

MAX_URL_LENGTH = 10_000  # characters; no server takes longer ones
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BLANK = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\u2060\ufeff]+")

# Parameters that tell who sent the reader, never what is read.  Only names that no publisher is known to key its
# stories by: two addresses for one story are found by their text, two stories under one address lose one of them.
_TRACKING = re.compile(
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
# These do the same, unless their value looks like a number in a database.
_NUMBERED = re.compile(r"cid|ads?|mod", re.IGNORECASE)  # of which any number may be one
_WEAK_TRACKING = re.compile(
    r"ref|source|src|share|feed|rss|partner|social|campaign|track|tracking|from|via|medium|newsletter|nl|mod|cid|ad|ads",
    re.IGNORECASE,
)
# Views of a story that are not the story's own address.
_VIEW = re.compile(r"(?:amp|print|printable|printer|isprint|print_?view|mobile|m|nomobile|desktop)", re.IGNORECASE)
_OUTPUT = re.compile(r"(?:output|outputtype|view|mode|format|tmpl|layout|display)", re.IGNORECASE)
_OUTPUT_VIEWS = {"amp", "print", "printable", "mobile", "component"}
_VIEW_HOST = re.compile(r"^(?:(?:www|m|mobile|mobil|amp|touch|wap)\d?\.)+(?=[^.]+\.[^.])", re.IGNORECASE)
_VIEW_PATH = re.compile(
    r"^/(?:amp|m|mobile|print)(?=/[^/]{3})|(?:/|\.|(?<=\d)-)(?:amp|print)(?=(?:\.html?)?/?$)", re.IGNORECASE
)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)
# What a view of a story may have more in its path, or a page of it; a bare number only behind what may be a story.
_VIEW_TAIL = re.compile(
    r"(?:(?:amp|print|printable|mobile|m|all|full|single|comments|(?:index|default)\.\w+"
    r"|(?:page|seite|pagina|p)(?:[-_/]?\d{1,3})?)(?:/|$))+",
    re.IGNORECASE,
)
_PAGE_NUMBER = re.compile(r"\d{1,2}")
# Parameters that publishers key their stories by.
_KEY = re.compile(r"\w*id|p|a|n|art|articles?|news|story|item|doc|nr|no", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]{3,}")
_HEADLINE = re.compile(r"[^\W_]+(?:[-_][^\W_]+){3}")
_SLUG = re.compile(rf"\d{{5}}|{_HEADLINE.pattern}")  # in a path's last segment: it tells the story by itself
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_-])?")
_SESSION_PATH = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#]*", re.IGNORECASE)
_AMP_CACHE = re.compile(
    r"^https?://(?:[^/]+\.cdn\.ampproject\.org/\w|(?:www\.)?google\.[a-z.]+/amp)/(s/)?(.+)$", re.IGNORECASE
)

# The list that ships with the library, and the domains below which strangers live side by side (blogspot.com).
_suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


def canonical(url: str) -> str:
    """The address cleaned of what does not matter: tracking parameters, fragment, default port, user name, AMP cache,
    session ids, needless percent-encoding, dot segments, order of parameters, case of scheme and host.

    Idempotent; what is no web address comes back stripped and else unchanged.  Never raises.
    """
    if len(url) > MAX_URL_LENGTH:
        return ""
    url = _BLANK.sub(_unblanked, url.strip())
    for _ in range(5):  # cleaning one part can bring forth what is cleaned in its turn: "\\" is a "/", "%2e" a "."
        try:
            again = _cleaned(url)
        except ValueError:  # a port that is no number, a bracket in the host
            return url
        if again == url:
            break
        url = again
    return url


def _unblanked(blank: re.Match[str]) -> str:
    """Blanks are slips, but for spaces in a path or query: those belong there, and are written %20."""
    behind_host = "/" in blank.string[len("https://") : blank.start()]
    return "%20" * len(blank[0]) if behind_host and not blank[0].strip(" ") else ""


def _cleaned(url: str) -> str:
    cached = _AMP_CACHE.match(url)
    if cached:
        url = ("https://" if cached[1] else "http://") + cached[2]
    parts = urlsplit(url)
    host, port = _host(parts), parts.port
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not host:
        return url
    netloc = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    fragment = parts.fragment if is_route(parts.fragment) else ""
    path = _SESSION_PATH.sub("", re.sub(r"/{2,}", "/", parts.path.replace("\\", "/"))) or "/"
    query = "&".join(part for part in parts.query.split("&") if part and not _is_tracking(part))
    return canonicalize_url(urlunsplit((scheme, netloc, path, query, fragment)), keep_fragments=True)


def is_route(fragment: str) -> bool:
    """Whether it tells which page is shown, as "#!" and "#/" do where JavaScript writes the pages."""
    return fragment.startswith(("!", "/")) and len(fragment) > 1


def _web(url: str) -> SplitResult | None:
    """The parts of a web address; None for anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.scheme in _DEFAULT_PORTS and parts.netloc else None


def _host(parts: SplitResult) -> str:
    """Lower case, in the ASCII form, without a trailing dot; an IPv6 address in brackets.

    Raises ValueError where it is no host name.
    """
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        return f"[{ipaddress.ip_address(host)}]"
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if host and not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host name")
    return host


def _is_tracking(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    if _TRACKING.fullmatch(name):
        return True
    if not _WEAK_TRACKING.fullmatch(name) or sum(map(str.isdigit, value)) >= 3:
        return False
    return not (value.isdigit() and _NUMBERED.fullmatch(name))


def identity(url: str) -> str:
    """What `story_id` hashes: the canonical address without scheme, ``www.`` and views of the same story.

    Not an address to open.  ``identity(identity(url))`` has no meaning; ``identity(canonical(url))`` is the same.
    """
    url = canonical(url)
    parts = _web(url)
    if parts is None:
        return url
    path = _INDEX.sub("/", parts.path)
    path = _VIEW_PATH.sub("", path).rstrip("/") or "/"
    kept = [part for part in parts.query.split("&") if part and not _is_view(part)]
    query = f"?{'&'.join(kept)}" if kept else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"{_VIEW_HOST.sub('', parts.netloc)}{path}{query}{fragment}"


def _is_view(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    if _VIEW.fullmatch(name):
        return value.lower() in {"", "1", "true", "yes", "y", "amp"}
    return bool(_OUTPUT.fullmatch(name)) and value.lower() in _OUTPUT_VIEWS


def story_id(url: str) -> str:
    """The story's id: 128 bits of the sha256 of its `identity`, as 32 hex digits."""
    return hashlib.sha256(identity(url).encode("utf-8", "surrogatepass")).hexdigest()[:32]


@lru_cache(maxsize=10_000)
def site(url: str) -> str:
    """The registrable domain that owns the address (``bbc.co.uk``); host and port where it has none (127.0.0.1:80)."""
    try:
        parts = urlsplit(url)
        host, port = _host(parts), parts.port
    except ValueError:
        return ""
    registered = _suffixes(host).top_domain_under_public_suffix
    return registered or (f"{host}:{port}" if port else host)


def same_site(url: str, other: str) -> bool:
    """Whether both addresses belong to one owner, so that one may speak for the other."""
    return bool(site(url)) and site(url) == site(other)


def is_home(url: str) -> bool:
    """A front page: no path that could name a story."""
    parts = _web(canonical(url))
    return parts is not None and not parts.query and not parts.fragment and _INDEX.sub("/", parts.path) in {"", "/"}


def declared_canonical(page_url: str, claimed_urls: Iterable[str]) -> str | None:
    """The first address a page gives for itself that may be believed, cleaned; relative ones are resolved.

    Another site's address is not (a page could take over a foreign story), nor a front page, nor an address
    that drops what tells this page from its neighbours.
    """
    for candidate in filter(None, claimed_urls):
        try:
            url = canonical(urljoin(page_url, candidate.strip()))
        except ValueError:
            continue
        if (
            _web(url)
            and same_site(page_url, url)
            and not (is_home(url) and not is_home(page_url))
            and not _vaguer(url, page_url)
        ):
            return url
    return None


def _vaguer(url: str, page: str) -> bool:
    """Whether ``url`` is the page's address without what tells the page from its neighbours: the directory it stands
    in, or the script without the number of the story."""
    here, there = urlsplit(canonical(page)), urlsplit(url)
    keys, kept = _keys(here.query), _keys(there.query)
    segments, fewer = ([part for part in _INDEX.sub("/", parts.path).split("/") if part] for parts in (here, there))
    if segments == fewer:
        told = bool(segments) and _SLUG.search(segments[-1]) is not None
        return not told and not keys <= kept
    if _placeholder(there, segments):
        return True
    dropped = segments[len(fewer) :]
    if kept or not dropped or segments[: len(fewer)] != fewer:
        return False
    paged = _PAGE_NUMBER.fullmatch("/".join(dropped)) and fewer and re.search(r"[-\d]", fewer[-1])
    return not paged and not _VIEW_TAIL.fullmatch("/".join(dropped))


def _placeholder(claimed: SplitResult, segments: list[str]) -> bool:
    """Whether an address of a word or two has no number and nothing of the page's headline in it: ``/null``."""
    words, own = (set(_WORD.findall(text.lower())) for text in (claimed.path, "".join(segments[-1:])))
    last = _WORD.findall(claimed.path.rsplit("/", 1)[-1])
    telling = bool(segments) and _HEADLINE.search(segments[-1]) is not None
    return telling and len(last) < 3 and not words & own and not re.search(r"\d", claimed.path + claimed.query)


def _keys(query: str) -> set[str]:
    """The values of a query's parameters that tell which story is meant."""
    pairs = (part.partition("=") for part in query.split("&"))
    return {value for name, _, value in pairs if _KEY.fullmatch(name) and any(map(str.isdigit, value))}
