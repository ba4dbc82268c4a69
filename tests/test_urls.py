"""Canonical URLs and story ids."""

# ruff: noqa: E501  tables of URLs

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.tracking_parameters import is_tracking_parameter
from monitor.urls import (
    canonical_url,
    credible_canonical_url,
    former_story_ids,
    is_front_page_url,
    is_same_publisher,
    is_same_site,
    registrable_domain,
    story_id,
    story_identity,
    with_ascii_host,
)

HOSTS = [
    "example.org",
    "www.example.org",
    "m.example.co.uk",
    "EXAMPLE.org:80",
    "münchen.example",
    "127.0.0.1:8080",
    "[::1]:443",
]
PATHS = [
    "",
    "/",
    "/2026/01/story",
    "/2026//01/./a/../story/",
    "/статья/ии",
    "/a%7eb%2fc",
    "/a b",
    "/story.html",
    "/story/amp/",
    "/;x=1",
    "/%",
    "/%zz",
    "/café",
]
QUERIES = [
    "",
    "?",
    "?id=12&b=2&a=1",
    "?utm_source=x&id=12",
    "?fbclid=1",
    "?q=a%20b+c",
    "?я=1",
    "?a=&b",
    "?id=1&amp;x=2",
    "?ref=rss",
    "?ref=20260101",
    "?%",
    "?a=%E9",
]
FRAGMENTS = ["", "#", "#comments", "#!/story/1", "#:~:text=x"]
URLS = [f"{scheme}://{host}{path}{query}{fragment}" for scheme in ("https", "HTTP") for host in HOSTS for path in PATHS for query in QUERIES for fragment in FRAGMENTS]  # fmt: skip


def test_canonical_is_idempotent_on_thousands_of_urls() -> None:
    assert len(URLS) > 8_000
    changed = [url for url in URLS if canonical_url(canonical_url(url)) != canonical_url(url)]
    assert not changed


def test_identity_is_the_same_for_a_url_and_its_canonical_form() -> None:
    assert not [url for url in URLS if story_identity(canonical_url(url)) != story_identity(url)]


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60))
def test_no_text_makes_a_function_raise(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.org/{text}", f"https://example.org/?{text}"):
        assert canonical_url(canonical_url(url)) == canonical_url(url)
        assert len(story_id(url)) == 32
        is_front_page_url(url)
        is_same_site(url, "https://example.org/")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.ORG:80/a/./b/../c", "http://example.org/a/c"),
        ("https://user:secret@example.org/a", "https://example.org/a"),
        ("https://example.org/a?utm_source=x&utm_medium=y&id=5#top", "https://example.org/a?id=5"),
        ("https://example.org/a?b=2&a=1", "https://example.org/a?a=1&b=2"),
        ("https://example.org/a;jsessionid=0A1B2C3D4E5F60718293A4B5?x=1", "https://example.org/a?x=1"),
        ("https://example.org/%d0%98%D0%98", "https://example.org/%D0%98%D0%98"),
        ("https://example.org/a%7Eb", "https://example.org/a~b"),
        ("https://example.org/#!/story/1", "https://example.org/#!/story/1"),
        ("https://www-example-org.cdn.ampproject.org/c/s/www.example.org/a", "https://www.example.org/a"),
        ("  https://example.org/a\n", "https://example.org/a"),
        ("https://example.org/a b.html", "https://example.org/a%20b.html"),
        ("https://example.org/a-\n   b", "https://example.org/a-b"),
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("mailto:desk@example.org", "mailto:desk@example.org"),
    ],
)
def test_canonical_removes_the_parts_that_do_not_select_the_page(url: str, expected: str) -> None:
    assert canonical_url(url) == expected


@pytest.mark.parametrize(
    "view",
    [
        "http://example.org/2026/story",
        "https://www.example.org/2026/story/",
        "https://m.example.org/2026/story",
        "https://amp.example.org/2026/story",
        "https://example.org/2026/story/amp",
        "https://example.org/amp/2026/story",
        "https://example.org/2026/story?amp=1",
        "https://example.org/2026/story?outputType=amp",
        "https://example.org/2026/story?print=true",
        "https://example.org/2026/story/print/",
        "https://example.org/2026/story?utm_campaign=x#comments",
        "https://example.org/2026/story?ref=homepage",
        "https://example.org/2026/story/index.html",
    ],
)
def test_views_of_a_story_have_its_id(view: str) -> None:
    assert story_id(view) == story_id("https://example.org/2026/story")


def test_a_view_is_recognized_by_an_ending_after_a_number() -> None:
    assert story_id("https://example.org/story-123-print.html") == story_id("https://example.org/story-123.html")
    assert story_id("https://example.org/story-123-amp") == story_id("https://example.org/story-123")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("https://example.org/?p=12", "https://example.org/?p=13"),
        ("https://example.org/story?id=1", "https://example.org/story"),
        ("https://example.org/story?ref=20260101", "https://example.org/story?ref=20260102"),
        ("https://example.org/story?sid=1", "https://example.org/story?sid=2"),
        ("https://example.org/story?cid=12", "https://example.org/story?cid=13"),
        ("https://example.org/story?ad=7", "https://example.org/story?ad=8"),
        ("https://example.org/story?mod=1", "https://example.org/story?mod=2"),
        ("https://example.org/story?icid=1", "https://example.org/story?icid=2"),
        ("https://example.org/story?icid=1", "https://example.org/story"),
        ("https://example.org/story?newsletter_id=7", "https://example.org/story?newsletter_id=8"),
        ("https://example.org/story?sh=a", "https://example.org/story?sh=b"),
        ("https://example.org/story?branch_id=a", "https://example.org/story?branch_id=b"),
        ("https://example.org/s/the-end-of-print", "https://example.org/s/the-end-of"),
        ("https://example.org/a", "https://example.org/A"),
        ("https://example.org/#/story/1", "https://example.org/#/story/2"),
        ("https://news.example.org/a", "https://sport.example.org/a"),
        ("https://example.org/ampere", "https://example.org/ere"),
        ("https://example.org/print-media", "https://example.org/media"),
        ("https://example.org:8001/a", "https://example.org:8002/a"),
    ],
)
def test_different_stories_have_different_ids(first: str, second: str) -> None:
    assert story_id(first) != story_id(second)


@pytest.mark.parametrize(
    "name",
    ["msclkid", "wbraid", "gbraid", "ysclid", "irclickid", "__hstc", "__hssc", "_hsenc", "hsCtaTracking", "xtor",
     "cx_testId", "cx_artPos", "dpg_source", "intcid", "bsft_clkid", "bsft_eid", "ml_subscriber", "ml_subscriber_hash",
     "oft_id", "oft_ck", "sc_src", "sc_llid", "srsltid", "mkt_tok", "_branch_match_id", "guce_referrer", "utm_source",
     "utm-medium", "UTM_Campaign", "mtm_cid", "Echobox", "gclid", "fbclid", "cmpid", "amp;utm_source", "%3Futm_source"],
)  # fmt: skip
def test_a_tracking_parameter_does_not_change_the_id(name: str) -> None:
    for value in ("", "abc", "20260101-4711"):
        assert story_id(f"https://example.org/story?id=5&{name}={value}") == story_id("https://example.org/story?id=5")


@pytest.mark.parametrize(
    ("site", "name"),
    [
        ("www.forbes.com", "sh"),
        ("www.theguardian.com", "CMP"),
        ("www.washingtonpost.com", "itid"),
        ("www.ft.com", "trk"),
    ],
)
def test_a_name_may_track_readers_on_one_site_only(site: str, name: str) -> None:
    assert canonical_url(f"https://{site}/story?{name}=a4711") == f"https://{site}/story"
    assert canonical_url(f"https://example.org/story?{name}=a4711") == f"https://example.org/story?{name}=a4711"


names = st.from_regex(r"[a-z_]{1,9}", fullmatch=True) | st.sampled_from(
    ["id", "p", "icid", "ref", "cid", "source", "utm_source", "xtor", "sc_id", "mod", "ad", "amp", "view"]
)
parameters = st.lists(st.tuples(names, st.from_regex(r"[a-z0-9-]{0,6}", fullmatch=True)), max_size=4)


@given(parameters, st.sampled_from(["example.org", "www.forbes.com", "a.example.co.uk"]))
def test_canonical_urls_with_any_parameters_are_idempotent(pairs: list[tuple[str, str]], host: str) -> None:
    url = f"https://{host}/story?" + "&".join(f"{name}={value}" for name, value in pairs)
    assert canonical_url(canonical_url(url)) == canonical_url(url)
    assert story_id(canonical_url(url)) == story_id(url)


@given(parameters, st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_of_a_parameter_that_may_select_a_story_are_never_merged(
    pairs: list[tuple[str, str]], first: int, second: int
) -> None:
    """Canonical URLs differ if one has another number in a parameter that is not reserved for tracking."""
    for name, _ in pairs:
        if is_tracking_parameter(f"{name}=1", "example.org"):
            continue
        urls = [f"https://example.org/story?{name}={number}" for number in (first, second)]
        assert (canonical_url(urls[0]) == canonical_url(urls[1])) is (first == second)


@given(parameters, parameters)
def test_urls_merge_only_if_their_other_parameters_are_equal(
    first: list[tuple[str, str]], second: list[tuple[str, str]]
) -> None:
    """Equal canonical URLs have equal parameters apart from tracking parameters."""
    kept = [
        sorted(part for name, value in pairs if not is_tracking_parameter(part := f"{name}={value}", "example.org"))
        for pairs in (first, second)
    ]
    urls = [
        canonical_url("https://example.org/story?" + "&".join(f"{name}={value}" for name, value in pairs))
        for pairs in (first, second)
    ]
    assert (urls[0] == urls[1]) is (kept[0] == kept[1])


@pytest.mark.parametrize(
    ("url", "former"),
    [
        ("https://example.org/story?xtor=RSS-3", "example.org/story?xtor=RSS-3"),
        ("https://example.org/story?icid=1", "example.org/story"),
        ("https://straße.example/story", "strasse.example/story"),
        (
            "https://example.org/a-story-of-today?sid=0123456789abcdef01234567",
            "example.org/a-story-of-today?sid=0123456789abcdef01234567",
        ),
        ("https://example.org/story?session_id=12", "example.org/story"),
        ("https://example.org/story;sid=12", "example.org/story"),
        ("https://example.org/story?utm_source=x&id=5", None),
        ("https://example.org/story", None),
        ("https://münchen.example/story", None),
    ],
)
def test_the_id_of_earlier_versions_is_known(url: str, former: str | None) -> None:
    expected = (hashlib.sha256(former.encode()).hexdigest()[:32],) if former else ()
    assert former_story_ids(url) == expected
    assert story_id(url) not in expected


@pytest.mark.parametrize(
    ("host", "ascii_host"),
    [
        ("straße.example", "xn--strae-oqa.example"),
        ("BÜCHER.example:8080", "xn--bcher-kva.example:8080"),
        ("i❤.example", "xn--i-7iq.example"),
        ("example.org", "example.org"),
        ("ü" * 70, "ü" * 70),
    ],
)
def test_hosts_are_encoded_as_browsers_do(host: str, ascii_host: str) -> None:
    assert with_ascii_host(f"https://{host}/ü?a=ü") == f"https://{ascii_host}/ü?a=ü"


@pytest.mark.parametrize("host", ["substack.com", "wordpress.com", "blogspot.com", "github.io"])
def test_two_subdomains_of_a_blog_host_are_two_sites(host: str) -> None:
    assert not is_same_site(f"https://a.{host}/p/1", f"https://b.{host}/p/2")
    assert is_same_site(f"https://a.{host}/p/1", f"https://m.a.{host}/p/2")
    assert credible_canonical_url(f"https://b.{host}/p/a-page-of-mine", [f"https://a.{host}/p/their-page"]) is None


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("https://medium.com/@alice/a-story", "https://alice.medium.com/a-story", True),
        ("https://medium.com/@alice/a-story", "https://medium.com/feed/@Alice", True),
        ("https://medium.com/@alice/a-story", "https://medium.com/@bob/a-story", False),
        ("https://medium.com/@alice/a-story", "https://bob.medium.com/a-story", False),
        ("https://medium.com/a-magazine/one", "https://www.medium.com/a-magazine/two", True),
        ("https://medium.com/a-magazine/one", "https://medium.com/another/one", False),
        ("https://medium.com/p/1a2b", "https://medium.com/p/3c4d", False),
        ("https://medium.com/one", "https://medium.com/two", False),
        ("https://substack.com/@alice/p/one", "https://alice.substack.com/p/one", False),
        ("https://substack.com/home/post/p-1", "https://substack.com/home/post/p-2", False),
        ("https://www.tumblr.com/alice/1/one", "https://tumblr.com/alice/2/two", True),
        ("https://www.tumblr.com/alice/1/one", "https://www.tumblr.com/bob/1/one", False),
        ("https://sites.google.com/view/alice/one", "https://sites.google.com/view/bob/one", False),
        ("https://blog.naver.com/PostView?blogId=a", "https://blog.naver.com/PostView?blogId=b", False),
        ("https://a.substack.com/p/one", "https://b.substack.com/p/one", False),
        ("https://substack.com/", "https://a.substack.com/", False),
        ("https://www.gov.uk/news/one", "https://gov.uk/guidance/two", True),
        ("https://www.com/one", "https://nic.com/one", False),
        ("http://[", "http://[", False),
    ],
)
def test_publishers_on_a_shared_domain_have_keys_of_their_own(first: str, second: str, is_same: bool) -> None:
    assert is_same_publisher(first, second) is is_same is is_same_publisher(second, first)
    page, claimed = (f"{url}/a-long-slug-of-words" if "?" not in url else url for url in (first, second))
    if is_same:
        assert credible_canonical_url(page, [claimed]) == canonical_url(claimed)


@pytest.mark.parametrize(
    ("page", "claimed"),
    [
        ("https://medium.com/@eve/a-page-of-hers", "https://medium.com/@alice/a-page"),
        ("https://medium.com/eves-magazine/a-page-of-hers", "https://medium.com/alices/a-page"),
        ("https://eve.substack.com/p/a-page-of-hers", "https://substack.com/@alice/p-1"),
        ("https://www.tumblr.com/eve/1/a-page-of-hers", "https://www.tumblr.com/alice/1/a-page"),
    ],
)
def test_a_blog_claims_no_address_of_another_on_the_root(page: str, claimed: str) -> None:
    assert credible_canonical_url(page, [claimed]) is None


@pytest.mark.parametrize("domain", ["tumblr.com", "livejournal.com", "medium.com", "github.io", "gov.uk"])
def test_www_means_nothing_below_a_public_suffix(domain: str) -> None:
    assert registrable_domain(f"https://www.{domain}/a") == registrable_domain(f"https://{domain}/a") == domain
    assert registrable_domain(f"https://a.{domain}/a") == f"a.{domain}"


def test_only_urls_of_the_same_site_are_credible() -> None:
    page = "https://www.example.co.uk/2026/story"
    assert (
        credible_canonical_url(page, ["https://example.co.uk/2026/story?utm_source=x"])
        == "https://example.co.uk/2026/story"
    )
    assert credible_canonical_url(page, ["/2026/canonical"]) == "https://www.example.co.uk/2026/canonical"
    assert (
        credible_canonical_url(page, ["https://other.co.uk/2026/story", "https://news.example.co.uk/s"])
        == "https://news.example.co.uk/s"
    )
    assert credible_canonical_url(page, ["https://www.example.co.uk/"]) is None
    assert credible_canonical_url(page, ["javascript:void(0)", "http://[", ""]) is None
    assert credible_canonical_url("https://a.blogspot.com/x", ["https://b.blogspot.com/x"]) is None
    assert credible_canonical_url("http://127.0.0.1:8001/x", ["http://127.0.0.1:8002/x"]) is None


@pytest.mark.parametrize(
    ("page", "claimed"),
    [
        ("https://x.org/news/abc-123.html", "https://x.org/news/"),
        ("https://x.org/news/abc-123.html", "/news"),
        ("https://www.x.org/2026/11/06/abc", "https://x.org/2026/11"),
        ("https://x.org/news/12", "https://x.org/news"),
        ("https://x.org/article.php?id=123", "https://x.org/article.php"),
        ("https://x.org/news/?newsid=123&page=2", "https://x.org/news/?page=2"),
        ("https://x.org/?p=123&utm_source=x", "https://x.org/?lang=en"),
        ("https://x.org/news/article.php?id=123", "https://x.org/news/"),
        ("https://x.org/news/ministers-agree-on-chips", "/null"),
        ("https://x.org/news/ministers-agree-on-chips", "/undefined"),
        ("https://x.org/news/ministers-agree-on-chips", "https://x.org/error"),
        ("https://x.org/news/ministers-agree-on-chips", "https://x.org/en/latest-news"),
    ],
)
def test_a_url_that_drops_the_part_that_selects_the_page_is_rejected(page: str, claimed: str) -> None:
    assert credible_canonical_url(page, [claimed]) is None
    assert credible_canonical_url(page, [claimed, page]) == canonical_url(page)


@pytest.mark.parametrize(
    ("page", "claimed"),
    [
        ("https://x.org/news/abc-123/amp", "https://x.org/news/abc-123"),
        ("https://x.org/news/abc-123/page/2/", "https://x.org/news/abc-123/"),
        ("https://x.org/news/abc-123/2", "https://x.org/news/abc-123"),
        ("https://x.org/news/abc/print/index.html", "https://x.org/news/abc"),
        ("https://x.org/news/abc/index.php", "https://x.org/news/abc/"),
        ("https://x.org/news/abc?page=2", "https://x.org/news/abc"),
        ("https://x.org/news/abc?output=amp&share=mail1", "https://x.org/news/abc"),
        ("https://x.org/news/ministers-agree-on-chips?sid=4f3a1", "https://x.org/news/ministers-agree-on-chips"),
        ("https://x.org/article.php?id=123&slug=a", "https://x.org/article.php?id=123"),
        ("https://x.org/news/article.php?id=123", "https://x.org/news/ministers-agree"),
        ("https://x.org/2026/11/ministers-agree", "https://x.org/?p=123"),
        ("https://x.org/news/", "https://x.org/news"),
        ("https://x.org/2026/11/ministers-agree-on-chips", "https://x.org/chips"),
        ("https://x.org/2026/11/ministers-agree-on-chips", "https://x.org/a/7"),
    ],
)
def test_a_url_that_drops_only_a_view_or_a_page_number_is_credible(page: str, claimed: str) -> None:
    assert credible_canonical_url(page, [claimed]) == canonical_url(claimed)
