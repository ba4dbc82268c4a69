"""A source that gives its addresses new session ids at each poll lists no new stories."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingested_site import HOST, Newsroom, prose
from monitor.urls import canonical_url, story_id

STORY = f"{HOST}/news/a-story-of-the-day"
SESSIONS = (
    ("0a1b2c3d4e5f60718293a4b5", "b5a49382f1e0d4c3b2a10987"),
    ("k3jq8v0m2t5r9s1u4w6x7y0zab", "z9y8x7w6v5u4t3s2r1q0ponmlk"),
)
FORMS = (
    *(f"{STORY}?{name}={{}}" for name in ("sid", "SID", "sessid", "SESSION", "s", "ssid", "osCsid", "zenid", "s_id")),
    *(f"{HOST}/article?{name}={{}}" for name in ("PHPSESSID", "jsessionid", "sessid", "phpsid")),
    *(f"{HOST}/article.php?{name}=7&session_id={{}}" for name in ("id", "article_id", "p", "storyid")),
    f"{HOST}/article;sid={{}}",
    f"{HOST}/article;jsessionid={{}}.node12",
    f"{HOST}/article;lang=en;jsessionid={{}};part=2",
    f"{STORY}?CFID=40961&CFTOKEN={{}}",
    f"{STORY}?a=1&sid={{}}&b=2",
    f"{HOST}/(S({{}}))/news/a-story-of-the-day.aspx",
    f"{HOST}/%28X%281%29S%28{{}}%29%29/news/a-story-of-the-day.aspx",
    f"{STORY}%3Bjsessionid={{}}",
    f"{STORY};jsessionid={{}}?id=7",
    f"{HOST}/viewtopic.php?t=123&sid={{}}",
)


@pytest.mark.parametrize("sessions", SESSIONS)
@pytest.mark.parametrize("form", FORMS)
def test_session_ids_are_no_part_of_an_address(form: str, sessions: tuple[str, str]) -> None:
    first, second = (canonical_url(form.format(session)) for session in sessions)
    assert first == second == canonical_url(first) == canonical_url(second)
    assert sessions[0] not in first


@pytest.mark.parametrize(
    "query",
    [
        "article.php?sid=123",
        "article.php?sid=20261106123456789012",
        "article?sid=0a1b2c3d4e5f60718293a4b5",  # nothing else selects the story
        "article?page=2&sid=0a1b2c3d4e5f60718293a4b5",
        "a-story-of-the-day?s=budget",
        "a-story-of-the-day?session=autumn-2026-budget-of-the-ministry",
        "a-story-of-the-day?oid=0a1b2c3d4e5f60718293a4b5",
        "a-story-of-the-day?cfid=7",
        "(Search)/a-story-of-the-day",
        "(S(thechangesoftheseasons))/a-story-of-the-day",
        "article;sid=123",
        "article;jsessionid=123",
        "article;sid=budget-of-2026-in-12-charts",
        "article?session_id=12",
        "article?phpsessid=12",
        "article?zenid=koan-12",
        "article?oscsid=12",
        "article?cftoken=12345678",
        "article?cfid=7&cftoken=8",
        *(f"a-story-of-the-day?{name}=0a1b2c3d4e5f60718293a4b5" for name in ("usid", "xsid", "basid", "mysessid", "v")),
        *(
            f"article?{selector}&sid=0a1b2c3d4e5f60718293a4b5"
            for selector in ("cat=a1", "cat=12", "catid=12", "cid=12", "f=2", "id=a1", "lang=2", "pid=x2", "q=12")
        ),
        "article?s=0a1b2c3d4e5f60718293a4b5&v=abc123DEF456",
        *(
            f"a-story-of-the-day?s={words}"
            for words in ("autumn2026-conference-2", "covid19budget2026round3plan12b", "g7g20-summit2026in-2-cities")
        ),
        "a-story;part=2",
    ],
)
def test_what_may_select_a_story_stays(query: str) -> None:
    assert canonical_url(f"{HOST}/{query}") == f"{HOST}/{query}"


SESSION_NAMES = ["sid", "ssid", "s_id", "session", "sessionid", "session_id", "sess", "s"]
SESSION_NAMES += ["sessid", "sesskey", "phpsessid", "jsessionid", "oscsid", "zenid"]
WORDS = st.sampled_from(["", "12", "a1", "abc123DEF456", "20261106", "budget-2026", "autumn2026conference12", "x" * 30])
STORY_KEYS = st.sampled_from(["cat", "v", "id", "usid", "xsid", "cfid", "cftoken", "q", *SESSION_NAMES])
PATHS = st.sampled_from(["/article", "/a-story-of-the-day", "/news/12345", "/article;sid=12", "/(S(a1))/article"])
RANDOM_TEXT = st.text("0123456789abcdef", min_size=32, max_size=32).map(lambda text: f"a1b2{text}")


@given(PATHS, st.lists(st.tuples(STORY_KEYS, WORDS), max_size=3), st.sampled_from(SESSION_NAMES), WORDS, WORDS)
def test_values_that_are_not_random_are_never_joined(
    path: str, pairs: list[tuple[str, str]], name: str, first: str, second: str
) -> None:
    """No value selects a session, so each URL is its own canonical one, in the query and in a path parameter."""
    query = "".join(f"&{key}={value}" for key, value in pairs)
    for form in (f"{HOST}{path}?{name}={{}}{query}", f"{HOST}{path};{name}={{}}?x=1{query}"):
        urls = [form.format(value) for value in (first, second)]
        assert (story_id(urls[0]) == story_id(urls[1])) is (first == second)


@given(PATHS, STORY_KEYS, st.tuples(WORDS, WORDS), st.sampled_from(SESSION_NAMES), RANDOM_TEXT)
def test_a_session_id_hides_no_other_parameter(
    path: str, key: str, values: tuple[str, str], name: str, session: str
) -> None:
    first, second = values
    urls = [f"{HOST}{path}?{key}={value}&{name}={session}" for value in (first, second)]
    assert (story_id(urls[0]) == story_id(urls[1])) is (first == second)


SIGNS = [";", "%3B", "=", "%3D", "sid", "jsessionid", "/", "/(S(", "(", ")", "))", "%28", "%29", "&", "?", "a1", "."]
TEXTS = st.lists(st.sampled_from([*SIGNS, *SESSION_NAMES, *SESSIONS[0], *SESSIONS[1]]), max_size=20)


@settings(max_examples=500)
@given(TEXTS.map("".join))
def test_removing_session_ids_is_idempotent(text: str) -> None:
    for url in (f"{HOST}/{text}", f"{HOST}/a-story-of-the-day?{text}"):
        assert canonical_url(canonical_url(url)) == canonical_url(url)
        assert story_id(canonical_url(url)) == story_id(url)


@pytest.mark.parametrize("name", ["utm_source", "fbclid", "gclid", "mc_eid", "_hsenc", "msclkid", "igshid", "vero_id"])
@pytest.mark.parametrize("value", ["1", "a1", "0a1b2c3d4e5f60718293a4b5"])
def test_tracking_parameters_beside_session_ids_are_removed(name: str, value: str) -> None:
    url = f"{HOST}/article?id=7&{name}={value}&sid={SESSIONS[0][0]}"
    assert canonical_url(url) == f"{HOST}/article?id=7"
    assert canonical_url(f"{HOST}/article?{name}={value}&sid=12") == f"{HOST}/article?sid=12"


def test_short_ids_select_different_stories() -> None:
    assert story_id(f"{HOST}/news.php?sid=123") != story_id(f"{HOST}/news.php?sid=124")


@pytest.mark.parametrize(
    "value",
    [
        "0000A1b2Ctgh3SJK4LmzQ5rStU6:-1",
        "pJ2hTv1QnL0vZ9kWc8yQm3XhRb7GdF5sTz4wYq6LpN1rVx2HkD3j!-1234567890",
        "node01r4fxk9h1m3vq8u2x7yb6zcn0p12.node0",
        "5AC6268DD8D4D5D1FDF5D41E9F2FD960.route-1",
        "4f2k9q1m8s7t3v6u5r0p1n2l3j",
    ],
)
def test_session_ids_of_servers_are_known_by_their_names(value: str) -> None:
    for url in (f"{HOST}/article;jsessionid={value}", f"{HOST}/article?JSESSIONID={value}"):
        assert canonical_url(url) == f"{HOST}/article"


def put_with_session(room: Newsroom, session: str, **fields: object) -> str:
    return room.put(f"/news?visit={session}", prose("bank") + " Sberbank.", title="Banks", **fields)


def test_an_unknown_session_id_gives_no_second_mail() -> None:
    room = Newsroom()
    results = [room.read(put_with_session(room, session))[0] for session in "abc"]
    assert [disposition for disposition, _ in results] == ["stored", "duplicate", "duplicate"]
    assert (len(room.stories()), room.mails()) == (1, [("Banks", 1)])


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Banks and others", prose("bank") + " Sberbank."),
        ("Banks", prose("bank") + "\n\n" + prose("more", 1) + " Sberbank."),
    ],
)
def test_another_title_or_a_longer_text_is_another_story(title: str, text: str) -> None:
    room = Newsroom()
    room.read(put_with_session(room, "a"))
    assert room.read(room.put("/news/further", text, title=title))[0] == ("stored", "")
