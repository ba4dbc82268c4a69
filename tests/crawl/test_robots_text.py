"""robots.txt is read as RFC 9309 says, whatever its encoding, size and line ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from monitor.crawl.robots_text import MAX_ROBOTS_BYTES, protego_agent_name, protego_text

PAGE = "https://h.example/news/a"


def allows(body: bytes, url: str = PAGE, user_agent: str = "media-monitor/1.0 (+https://m.example)") -> bool:
    return Protego.parse(protego_text(body)).can_fetch(url, protego_agent_name(user_agent))


@pytest.mark.parametrize(
    ("agent", "is_meant"),
    [
        ("media-monitor", True),
        ("Media-Monitor/1.0", True),
        ("media-monitor/2.1 (bot)", True),
        ("media-monitor extra", True),
        ("*", True),
        ("* # all", True),
        ("media", False),
        ("monitor", False),
        ("media-monitor-images", False),
        ("mediamonitor", False),
        ("Mozilla", False),
        ("", False),
    ],
)
def test_rules_are_obeyed_if_they_name_the_monitor(agent: str, is_meant: bool) -> None:
    assert allows(f"User-agent: {agent}\nDisallow: /\n".encode()) is not is_meant


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("media-monitor/1.0 (+https://m.example)", "media-monitor."),
        ("Mozilla/5.0 (compatible; MyBot/2.0; +https://m.example)", "MyBot."),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla."),
        ("My Bot", "My."),
        ("", "*"),
        ("(none)", "*"),
    ],
)
def test_the_name_for_robots_txt_is_the_product_of_the_user_agent(user_agent: str, name: str) -> None:
    assert protego_agent_name(user_agent) == name


@pytest.mark.parametrize(
    "between", ["", "Noindex: /x", "# comment", "Sitemap: https://h.example/s.xml", "Clean-param: a /"]
)
def test_an_unknown_line_between_two_agents_does_not_close_the_group(between: str) -> None:
    assert not allows(f"User-agent: media-monitor\n{between}\nUser-agent: other\nDisallow: /\n".encode())


@pytest.mark.parametrize("between", ["Crawl-delay: 5", "Request-rate: 1/5s", "Allow: /x"])
def test_a_rule_between_two_agents_closes_the_group(between: str) -> None:
    assert allows(f"User-agent: media-monitor\n{between}\nUser-agent: other\nDisallow: /\n".encode())


@pytest.mark.parametrize(
    "body",
    [
        "\ufeffUser-agent: *\nDisallow: /news/\n".encode(),
        b"\xef\xbbUser-agent: *\nDisallow: /news/\n",
        "User-agent: *\r\nDisallow: /news/\r\n".encode("utf-16"),
        "\ufeffUser-agent: *\nDisallow: /news/\n".encode("utf-16-be"),
        "# R\xe9daction\nUser-agent: *\rDisallow: /news/\r".encode("latin-1"),
        b"useragent *\ndissallow /news/\n",
    ],
)
def test_encodings_marks_and_line_ends_do_not_hide_rules(body: bytes) -> None:
    assert not allows(body)
    assert allows(body, "https://h.example/sport/a")


def test_a_latin_1_letter_does_not_shorten_a_rule() -> None:
    body = "User-agent: *\nDisallow: /n\xe9\n".encode("latin-1")
    assert allows(body)
    assert not allows(body, "https://h.example/n%C3%A9")


@pytest.mark.parametrize("codec", ["ascii", "utf-16"])
def test_a_long_robots_txt_is_cut_at_a_line_end(codec: str) -> None:
    """The last rule inside the limit counts, and the rule that the limit cuts does not."""
    head, cut, end = "User-agent: *\nDisallow: /last\n", "Disallow: /", "news-of-others\n"
    size = MAX_ROBOTS_BYTES // len("a".encode(codec)[-1:] + b"" if codec == "ascii" else b"ab")
    comment = "#" + "c" * (size - len(head) - len(cut) - (2 if codec == "ascii" else 3)) + "\n"
    body = (comment + head + cut + end).encode(codec)
    assert body[:MAX_ROBOTS_BYTES].decode(codec).endswith(cut)
    assert allows(body)
    assert not allows(body, "https://h.example/last")


@given(st.binary(max_size=300))
def test_any_bytes_are_read(body: bytes) -> None:
    allows(body)
    allows(b"User-agent: *\nDisallow: /" + body)
