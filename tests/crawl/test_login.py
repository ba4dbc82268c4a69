"""An outlet's form is sent once, its cookies are kept, and an ended session is renewed once in a poll."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from servers.dynamic import Answer, DynamicSite, MembersSite, redirect

from .engine import FAST_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from monitor.errors import FetchError

    from .engine import Engine

STORY = "<p>The whole story.</p>"


@pytest.fixture
def members() -> Iterator[MembersSite]:
    with MembersSite() as site:
        yield site


def outlet(site: DynamicSite, *, password: str = MembersSite.PASSWORD, **login: Any) -> Outlet:
    form = {"email": "reader@example.org", "password": password}
    return Outlet.model_validate(
        {"name": "Daily", "url": site.url, "login": {"url": f"{site.url}login", "form": form, **login}}
    )


def with_fetcher(engine: Engine, work: Callable[[Any], Awaitable[Any]]) -> Any:
    return engine.with_fetcher(work, FAST_SETTINGS)


def fetch(engine: Engine, outlet: Outlet, *urls: str) -> list[Any]:
    """Fetches the pages at the same time; returns the body or the error of each."""

    async def work(fetcher: Any) -> list[Any]:
        pages = await asyncio.gather(*(fetcher.fetch_page(outlet, url) for url in urls), return_exceptions=True)
        return [page if isinstance(page, BaseException) else page.body.decode() for page in pages]

    results: list[Any] = with_fetcher(engine, work)
    return results


def test_one_login_serves_all_pages(engine: Engine, members: MembersSite) -> None:
    """The form is sent with its hidden field and its checked box, and without the fields of other forms."""
    urls = [members.members_page(f"/{number}", STORY) for number in range(6)]
    assert fetch(engine, outlet(members), *urls) == [STORY] * 6
    (sent,) = members.requests("/login", "POST")
    assert sent.form == {
        "csrf": "token-0",
        "email": "reader@example.org",
        "password": MembersSite.PASSWORD,
        "stay": "1",
    }
    assert sent.headers["referer"] == f"{members.url}login"


def test_feeds_of_the_outlet_are_read_with_its_session(engine: Engine, members: MembersSite) -> None:
    url = members.members_page("/feed.xml", "<rss/>", "application/rss+xml")
    result = with_fetcher(engine, lambda fetcher: fetcher.fetch_source(outlet(members), url))
    assert result.page.body == b"<rss/>"


def test_robots_txt_does_not_apply_to_the_login(engine: Engine, members: MembersSite) -> None:
    members.page("/robots.txt", "User-agent: *\nDisallow: /login\nDisallow: /closed\n", "text/plain")
    story, closed = members.members_page("/story", STORY), members.members_page("/closed", STORY)
    page, error = fetch(engine, outlet(members), story, closed)
    assert (page, error.label) == (STORY, "robots")


@pytest.mark.parametrize("refusal", [redirect("/login?next=/"), Answer(status=401), Answer(status=403)])
def test_an_ended_session_leads_to_one_new_login(engine: Engine, members: MembersSite, refusal: Answer) -> None:
    members.refusal = refusal
    urls = [members.members_page(f"/{number}", STORY) for number in range(6)]
    daily = outlet(members)

    async def work(fetcher: Any) -> list[bytes]:
        await fetcher.fetch_page(daily, urls[0])
        members.end_sessions()
        return [page.body for page in await asyncio.gather(*(fetcher.fetch_page(daily, url) for url in urls))]

    assert with_fetcher(engine, work) == [STORY.encode()] * 6
    assert len(members.sessions) == 2


def test_the_session_is_kept_across_polls(engine: Engine, members: MembersSite) -> None:
    url, daily = members.members_page("/a", STORY), outlet(members)

    async def work(fetcher: Any) -> None:
        for _ in range(3):
            fetcher.start_poll(daily)
            await fetcher.fetch_page(daily, url)

    with_fetcher(engine, work)
    assert members.sessions == ["session-secret-0"]


def test_a_page_that_always_refuses_causes_one_login_in_a_poll(engine: Engine, members: MembersSite) -> None:
    members.routes["/premium"] = lambda _: Answer(status=403)
    urls = [members.url + "premium", members.members_page("/a", STORY)] * 3
    results = fetch(engine, outlet(members), *urls)
    assert [getattr(result, "label", result) for result in results] == ["http-403", STORY] * 3
    assert len(members.sessions) == 2


def test_pages_that_lead_to_the_login_for_ever_fail_for_now(engine: Engine, members: MembersSite) -> None:
    members.routes["/premium"] = lambda _: redirect("/login?next=/premium")
    (error,) = fetch(engine, outlet(members), members.url + "premium")
    assert (error.label, error.kind.permanent) == ("login", False)
    assert "pages still ask for it" in error.message
    assert len(members.sessions) == 2


def test_a_failed_login_is_tried_once_in_a_poll(engine: Engine, members: MembersSite) -> None:
    url, daily = members.members_page("/a", STORY), outlet(members, password="wrong-secret")

    async def work(fetcher: Any) -> list[FetchError]:
        errors = []
        for _ in range(2):
            fetcher.start_poll(daily)
            fetches = [fetcher.fetch_page(daily, url) for _ in range(4)]
            errors += await asyncio.gather(*fetches, return_exceptions=True)
        return errors

    errors = with_fetcher(engine, work)
    assert {error.label for error in errors} == {"login"}
    message = f"login at {members.url}login failed: the page after it shows the form again"
    assert {error.message for error in errors} == {message}
    assert len(members.requests("/login", "POST")) == 2
    assert members.requests("/a") == []


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        (lambda _: Answer(status=500), "the server answered 500"),
        (lambda _: Answer(body="Welcome"), "the server set no cookie"),
        (lambda _: redirect("/loop", status=307), "asks to send the form elsewhere"),
        (
            lambda _: Answer(
                body="<form action='https://elsewhere.example/'><input name=email><input name=password></form>"
            ),
            "not an address of this outlet",
        ),
    ],
)
def test_a_failed_login_says_why(engine: Engine, members: MembersSite, login: Any, reason: str) -> None:
    members.routes["/login"] = login
    (error,) = fetch(engine, outlet(members), members.members_page("/a", STORY))
    assert error.label == "login"
    assert reason in error.message
    assert MembersSite.PASSWORD not in error.message


def test_success_names_an_element_of_the_page_after_the_login(engine: Engine, members: MembersSite) -> None:
    url = members.members_page("/a", STORY)
    members.page("/", "<a class='logout'>Log out</a>")
    assert fetch(engine, outlet(members, success="a.logout"), url) == [STORY]
    (error,) = fetch(engine, outlet(members, success="a.missing"), url)
    assert "the page after it has no element a.missing" in error.message


def test_an_address_without_a_page_gets_the_form_itself(engine: Engine, members: MembersSite) -> None:
    def login(request: Any) -> Answer:
        if request.method == "GET":
            return Answer(status=405)
        members.valid_session = "secret"
        return Answer(body="{}", headers=[("Set-Cookie", "sid=secret; Path=/")], content_type="application/json")

    members.routes["/login"] = login
    assert fetch(engine, outlet(members), members.members_page("/a", STORY)) == [STORY]


def test_a_form_answer_that_redirects_to_another_site_sends_nothing_there(engine: Engine, members: MembersSite) -> None:
    with DynamicSite("127.0.0.2") as other:

        def login(request: Any) -> Answer:
            if request.method == "GET":
                return Answer(body="<form method=post><input name=email><input name=password></form>")
            members.valid_session = "secret"
            return redirect(f"{other.url}welcome", ("Set-Cookie", "sid=secret; Path=/"))

        members.routes["/login"] = login
        assert fetch(engine, outlet(members), members.members_page("/a", STORY)) == [STORY]
        assert other.received == []


def test_sources_on_other_sites_are_read_without_a_login(engine: Engine, members: MembersSite) -> None:
    with DynamicSite("127.0.0.2") as other:
        feed = other.page("/feed.xml", "<rss/>", "application/rss+xml")
        daily = outlet(members).model_copy(update={"feeds": (feed,)})
        assert with_fetcher(engine, lambda fetcher: fetcher.fetch_source(daily, feed)).page.body == b"<rss/>"
    assert members.received == []
