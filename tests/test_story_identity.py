"""Which pages are one story: by canonical URL, redirect, GUID and pager, in any order in which they are read."""

from __future__ import annotations

import asyncio
import itertools
import threading
from dataclasses import replace
from datetime import timedelta
from time import thread_time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingested_site import CONFIG, HOST, OUTLET, Newsroom, WebPage, prose
from monitor.config import Outlet
from monitor.errors import StoreError
from monitor.failures import FailureKind
from monitor.ingest.article_reader import contains_text_of
from monitor.ingest.story_of_article import story_from
from monitor.models import Article, Story
from monitor.retry_policy import RETRY_DELAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.models import CommitResult, PageCommit


# ---- canonical URLs


@pytest.mark.parametrize("polls", [["/a", "/b"], ["/b", "/a"], ["/a /b"]])
def test_a_page_that_claims_another_storys_address_keeps_its_own(polls: list[str]) -> None:
    room = Newsroom()
    room.put("/a", title="Ministers weigh Sberbank ban")
    room.put("/b", title="Floods close Sberbank road", canonical="/a")
    for urls in polls:
        room.read(*urls.split())
    assert [(story.title, story.url, story.version) for story in room.stories()] == [
        ("Ministers weigh Sberbank ban", f"{HOST}/a", 1),
        ("Floods close Sberbank road", f"{HOST}/b", 1),
    ]
    assert sorted(room.mails()) == [("Floods close Sberbank road", 1), ("Ministers weigh Sberbank ban", 1)]


@pytest.mark.parametrize("order", [("/a", "/b"), ("/b", "/a")])
@pytest.mark.parametrize("text", ["", "A short text about a bank."])
def test_a_second_address_of_a_story_is_stored_under_its_canonical_one(order: tuple[str, str], text: str) -> None:
    room = Newsroom()
    text = text or prose("one")
    room.put("/a", text, title="One")
    room.put("/b", text, title="One", canonical="/a")
    dispositions = [room.read(url)[-1][0] for url in order]
    assert room.urls() == ["/a"]
    assert dispositions[0] == "stored"
    assert room.stories()[0].version == 1


def test_short_unlike_texts_with_one_canonical_url_stay_two_stories() -> None:
    room = Newsroom()
    room.put("/a", "Rain falls.", title="Weather in the north today")
    room.put("/b", "Stocks rise.", title="Markets in the south at noon", canonical="/a")
    room.read("/a")
    room.read("/b")
    assert room.urls() == ["/a", "/b"]


def test_each_page_that_claims_the_next_storys_address_keeps_its_own() -> None:
    room = Newsroom()
    for number in range(5):
        room.put(f"/{number}", title=f"Sberbank opens branch {number}", canonical=f"/{(number + 1) % 5}")
    room.read(*(f"/{number}" for number in range(5)))
    room.read()
    assert room.urls() == [f"/{number}" for number in range(5)]
    assert {story.version for story in room.stories()} == {1}


@pytest.mark.parametrize("listed", [["/a", "/d"], ["/d", "/a"]])
def test_pages_that_claim_each_other_through_redirects_are_one_story(listed: list[str]) -> None:
    """The claims of /a and /d lead over /b and /c, which redirect to them."""
    room = Newsroom()
    first = room.put("/a", prose("one"), title="One", canonical="/b")
    last = room.put("/d", prose("one"), title="One more", canonical="/c")
    room.pages[f"{HOST}/b"] = WebPage(moved_to=last)
    room.pages[f"{HOST}/c"] = WebPage(moved_to=first)
    room.read(*listed)
    assert [(story.url, story.title) for story in room.stories()] == [(first, "One")]


def test_a_canonical_url_that_cannot_be_read_is_not_believed() -> None:
    room = Newsroom()
    room.put("/b", canonical="/gone")
    room.read("/b")
    assert room.urls() == ["/b"]


@pytest.mark.parametrize("kind", [FailureKind.TIMEOUT, FailureKind.HTTP_503, FailureKind.CANCELLED])
def test_a_page_waits_for_its_canonical_one_that_fails_once(kind: FailureKind) -> None:
    room = Newsroom()
    text = "Sberbank is named.\n\n" + prose("one")
    canonical = room.put("/a", text, title="One")
    room.put("/b", text, title="One", canonical="/a")
    page, room.pages[canonical] = room.pages[canonical], WebPage(failure=kind)
    assert room.read("/b") == [("failed", kind.label)]
    room.pages[canonical] = page
    room.read("/a")
    room.read()
    assert (room.urls(), room.mails()) == (["/a"], [("One", 1)])


@pytest.mark.parametrize("kind", [FailureKind.TIMEOUT, FailureKind.HTTP_403])
def test_a_canonical_page_that_keeps_failing_does_not_hide_a_story(kind: FailureKind) -> None:
    room = Newsroom()
    room.put("/b", canonical="/a")
    room.pages[f"{HOST}/a"] = WebPage(failure=kind)
    room.read("/b")
    room.read()
    assert room.urls() == ["/b"]


def test_a_host_of_another_outlet_is_never_claimed() -> None:
    room = Newsroom()
    room.put("https://sister.gazette.example/their-story", prose("same"), title="Same")
    room.put("/mine", prose("same"), title="Same", canonical="https://sister.gazette.example/their-story")
    room.read("/mine")
    assert room.urls() == ["/mine"]


# ---- moved stories


@pytest.mark.parametrize("signal", ["guid", "redirect", "both", "gone"])
def test_a_corrected_slug_makes_no_second_story_and_no_second_mail(signal: str) -> None:
    room = Newsroom()
    guid = "p=25585" if signal in {"guid", "both"} else ""
    text = "Sberbank is named.\n\n" + prose("slug")
    old = room.put("/trade-weights-ban", text, title="Ministry of trade weights Sberbank ban")
    room.read("/trade-weights-ban", guid=guid)
    new = room.put("/trade-weighs-ban", text, title="Ministry of trade weighs Sberbank ban")
    if signal in {"redirect", "both"}:
        room.pages[old] = WebPage(moved_to=new)
    elif signal == "gone":
        del room.pages[old]
    room.time -= timedelta(minutes=30)  # the old address is not due yet
    assert room.read("/trade-weighs-ban", guid=guid) == [("updated", "")]
    (story,) = room.stories()
    assert (story.title, story.url, story.version) == ("Ministry of trade weighs Sberbank ban", new, 2)
    assert room.mails() == [("Ministry of trade weights Sberbank ban", 1)]
    room.requested.clear()
    for _ in range(8):
        room.read()
    assert set(room.requested) <= {"/trade-weighs-ban"}, "the new address is rechecked"
    assert room.store.history(story.id)[-1].version == 2


@pytest.mark.parametrize("signal", ["guid", "redirect", "gone"])
@pytest.mark.parametrize("title", ["Ministry of trade weights Sberbank ban", "Ministry of trade weighs Sberbank ban"])
def test_a_kill_within_the_move_of_a_story_makes_no_second_one(
    signal: str, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Newsroom()
    guid = "p=25585" if signal == "guid" else ""
    text = "Sberbank is named.\n\n" + prose("slug")
    old = room.put("/trade-weights-ban", text, title="Ministry of trade weights Sberbank ban")
    room.read("/trade-weights-ban", guid=guid)
    new = room.put("/trade-weighs-ban", text, title=title)
    room.pages[old] = WebPage(moved_to=new) if signal == "redirect" else WebPage(failure=FailureKind.HTTP_404)
    room.time -= timedelta(minutes=30)  # the old address is not due yet
    results = [room.store.commit, None]

    def commit_once(commits: Sequence[PageCommit]) -> list[CommitResult]:
        write = results.pop(0)
        if write is None:
            raise StoreError("killed")
        return write(commits)

    with monkeypatch.context() as patch:
        patch.setattr(room.store, "commit", commit_once)
        with pytest.raises(StoreError):
            room.read("/trade-weighs-ban", guid=guid)
    room.ingest = room.new_ingest()
    room.read()
    assert [story.title for story in room.stories()] == [title]
    assert room.mails() == [("Ministry of trade weights Sberbank ban", 1)]
    room.requested.clear()
    for _ in range(8):
        room.read()
    assert set(room.requested) == {"/trade-weighs-ban"}, "the new address is rechecked"


def test_a_guid_of_several_entries_joins_no_stories() -> None:
    room = Newsroom()
    for number in range(4):
        room.put(
            f"/{number}", prose("form letter") + f"\n\nNumber {number}.", title=f"The daily letter number {number}"
        )
    room.read("/0", "/1", guid="https://gazette.example/blog/")
    room.read("/2", guid="https://gazette.example/blog/")
    room.read("/3", guid="https://gazette.example/blog/")
    assert len(room.stories()) == 4


def test_a_reused_guid_joins_no_unlike_stories() -> None:
    room = Newsroom()
    room.put("/a", title="Ministers weigh a ban on chips")
    room.put("/b", title="Floods close the harbour road")
    room.read("/a", guid="1")
    assert room.read("/b", guid="1")[0] == ("stored", "")
    assert len(room.stories()) == 2


def test_a_guid_of_all_entries_joins_no_similar_stories() -> None:
    """A weekly column with much text in common, listed one by one with the same GUID, is a story each week."""
    room = Newsroom()
    for number in range(3):
        text = prose("form letter", 6) + "\n\n" + prose(f"Sberbank {number}", 4) + "\n\nSberbank is named."
        room.put(f"/{number}", text, title=f"Letter {number}")
        assert room.read(f"/{number}", guid="https://gazette.example/blog/")[0] == ("stored", "")
    assert room.urls() == ["/0", "/1", "/2"]
    assert room.mails() == [(f"Letter {number}", 1) for number in range(3)]


def test_a_story_that_answers_at_both_addresses_is_one() -> None:
    room = Newsroom()
    for title, listed in (
        ("Ministry of trade weights ban", "/1/weights-ban"),
        ("Ministry weighs ban", "/1/weighs-ban"),
    ):
        for path in ("/1/weights-ban", "/1/weighs-ban"):
            room.put(path, prose("slug"), title=title)
        room.read(listed, guid="1")
    assert [(story.title, story.version) for story in room.stories()] == [("Ministry weighs ban", 2)]


def test_a_similar_story_is_another_if_its_address_still_answers() -> None:
    room = Newsroom()
    for number in range(2):
        room.put(f"/{number}", prose("form letter", 8) + f"\n\nNumber {number}.", title=f"The daily letter {number}")
        room.read(f"/{number}")
    assert room.urls() == ["/0", "/1"]


def test_a_permanent_redirect_is_remembered() -> None:
    room = Newsroom()
    new = room.put("/new")
    room.pages[f"{HOST}/old"] = WebPage(moved_to=new)
    room.read("/old")
    room.requested.clear()
    assert room.read() == [("unchanged", "")]
    assert room.requested == ["/new"]
    assert room.urls() == ["/new"]


def test_a_redirect_to_a_page_with_a_canonical_url_changes_no_story() -> None:
    """A story that was found through a redirect is rechecked at its canonical URL, not where the redirect leads."""
    room = Newsroom()
    room.put("/a", prose("one"), title="One")
    view = room.put("/b", prose("one"), title="One, as printed", canonical="/a")
    room.pages[f"{HOST}/c"] = WebPage(moved_to=view)
    assert room.read("/c") == [("stored", "")]
    room.requested.clear()
    assert room.read() == [("unchanged", "")]
    assert (room.requested, room.urls()) == (["/a"], ["/a"])


def test_an_address_that_comes_to_lead_to_another_story_keeps_its_story() -> None:
    room = Newsroom()
    room.put("/a", title="Ministers weigh a ban on chips")
    other = room.put("/b", title="Floods close the harbour road")
    room.read("/a")
    room.pages[f"{HOST}/a"] = WebPage(moved_to=other)
    assert room.read() == [("unchanged", "")]
    assert [story.title for story in room.stories()] == ["Ministers weigh a ban on chips"]
    assert room.read("/b")[-1][0] == "stored"


def test_an_address_that_leads_to_the_front_page_makes_no_story() -> None:
    room = Newsroom()
    home = room.put("/", title="Sberbank and all other news")
    room.put("/a", title="Sberbank opens a branch")
    room.read("/a")
    for path in ("/a", "/b"):
        room.pages[f"{HOST}{path}"] = WebPage(moved_to=home)
    assert sorted(room.read("/b")) == [("not-an-article", "index")] * 2
    assert room.urls() == ["/a"]


# ---- articles of several pages


def split_article(room: Newsroom, pages: int = 3, **fields: object) -> list[str]:
    """Puts an article of several pages, whose last one names the bank, on the site; returns the URLs of its pages."""
    urls = ["/report", *(f"/report/{number}" for number in range(2, pages + 1))]
    for number, url in enumerate(urls):
        texts = ["Mining in the north: this is the lead of the report.", prose(url)]
        texts += ["Sberbank lent the money."] if number == pages - 1 else []
        following = f"{HOST}{urls[number + 1]}" if number < pages - 1 else None
        first = f"{HOST}{urls[0]}" if number else None
        room.put(url, "\n\n".join(texts), title="A report", next_page=following, first_page=first, **fields)
    return urls


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_pages_of_one_article_are_one_story_in_any_order(order: tuple[int, ...]) -> None:
    room = Newsroom()
    urls = split_article(room)
    for index in order:
        room.read(urls[index])
    (story,) = room.stories()
    assert (story.url, story.version, story.flags) == (f"{HOST}/report", 1, ())
    assert [story.text.count(text) for text in ("the lead of the report", "Sberbank lent")] == [1, 1]
    assert room.mails() == [("A report", 1)]


def test_a_missing_page_flags_the_story_and_is_retried() -> None:
    room = Newsroom()
    urls = split_article(room)
    missing, room.pages[HOST + urls[1]] = room.pages[HOST + urls[1]], WebPage(failure=FailureKind.HTTP_500)
    assert room.read("/report") == [("stored", "")]
    (story,) = room.stories()
    assert (story.flags, room.mails()) == (("truncated",), [])
    (entry,) = room.store.due_entries(OUTLET.name, now=room.time, limit=10)
    assert entry.next_at - entry.first_seen_at == RETRY_DELAYS[0]
    assert entry.etag is None, "the retry is not conditional"
    room.pages[HOST + urls[1]] = missing
    assert room.read() == [("updated", "")]
    assert (room.stories()[0].flags, room.mails()) == ((), [("A report", 2)])


def test_an_off_topic_article_with_a_missing_page_is_read_again() -> None:
    room = Newsroom(config=CONFIG.model_copy(update={"keep": "matching"}))
    urls = split_article(room)
    missing, room.pages[HOST + urls[2]] = room.pages[HOST + urls[2]], WebPage(failure=FailureKind.HTTP_500)
    assert room.read("/report") == [("off-topic", "")]
    room.pages[HOST + urls[2]] = missing
    assert room.read() == [("stored", "")]
    assert room.mails() == [("A report", 1)]


def test_a_recheck_that_misses_a_page_does_not_shorten_the_text() -> None:
    room = Newsroom()
    urls = split_article(room)
    room.read("/report")
    room.pages[HOST + urls[2]] = WebPage(failure=FailureKind.TIMEOUT)
    assert room.read() == [("unchanged", "")]
    assert (room.stories()[0].version, "Sberbank" in room.stories()[0].text) == (1, True)


def test_a_next_link_to_another_story_is_not_joined() -> None:
    room = Newsroom()
    room.put("/report/part-two", title="Sberbank opens a branch")
    room.put("/report", title="A report", next_page=f"{HOST}/report/part-two")
    room.read("/report")
    assert "/report/part-two" not in room.urls()
    assert room.mails() == []
    assert room.read("/report/part-two")[0] == ("stored", "")


@pytest.mark.parametrize(
    ("first", "second"), [("/archives/12", "/archives/13"), ("/?p=1", "/?p=2"), ("/sberbank", "/sberbank-2")]
)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_stories_numbered_like_pages_stay_two(first: str, second: str, order: tuple[int, int]) -> None:
    room = Newsroom()
    urls = first, second
    room.put(first, title="Ministers weigh Sberbank ban", next_page=HOST + second)
    room.put(second, title="Floods close Sberbank road", first_page=HOST + first)
    assert [room.read(urls[index])[0] for index in order] == [("stored", "")] * 2
    assert [(story.url, story.version) for story in room.stories()] == [(HOST + first, 1), (HOST + second, 1)]


def test_the_view_on_one_page_is_preferred() -> None:
    room = Newsroom()
    urls = split_article(room)
    texts = ["Mining in the north: this is the lead of the report.", *map(prose, urls), "Sberbank lent the money."]
    complete = "\n\n".join(texts)
    room.put("/report?onglet=full", complete, title="A report")
    first = room.pages[f"{HOST}/report"].article
    assert isinstance(first, Article)
    room.pages[f"{HOST}/report"].article = replace(first, single_page=f"{HOST}/report?onglet=full")
    room.read("/report")
    assert room.requested == ["/report", "/report?onglet=full"]
    assert (room.urls(), "Sberbank" in room.stories()[0].text) == (["/report"], True)
    room.pages[f"{HOST}/report?onglet=full"] = WebPage(failure=FailureKind.HTTP_403)
    room.requested.clear()
    room.read()
    assert room.requested == ["/report", "/report?onglet=full", *urls[1:]]
    assert room.stories()[0].version == 1


def test_an_endless_pager_is_cut_and_flagged() -> None:
    room = Newsroom()
    split_article(room, 30)
    room.read("/report")
    assert (len(room.requested), room.stories()[0].flags) == (20, ("truncated",))


def test_comparing_the_view_on_one_page_takes_linear_time() -> None:
    """Two megabytes without a common paragraph take less than a second; in quadratic time they would take minutes."""
    first, complete = (
        Article(title="A report", text="\n\n".join(f"{part} {number} {'word' * 8}" for number in range(count)))
        for part, count in (("one", 40_000), ("another", 40_001))
    )
    started_at = thread_time()  # of the processor, as other programs may hold it for seconds
    assert not contains_text_of(complete, first)
    assert thread_time() - started_at < 10


def test_texts_are_compared_outside_of_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Analysing a text of megabytes takes seconds, so a page and its canonical one are compared in threads."""
    room = Newsroom()
    room.put("/a", prose("one"), title="One")
    room.put("/b", prose("one"), title="One", canonical="/a")
    threads = set()

    def story_in_thread(*arguments: Any) -> Story:
        threads.add(threading.current_thread())
        return story_from(*arguments)

    monkeypatch.setattr("monitor.ingest.story_from", story_in_thread)
    assert room.read("/b") == [("stored", "")]
    assert threads
    assert threading.main_thread() not in threads


# ---- aggregators

PUBLISHER = Outlet(name="Herald", url="https://herald.example/", country="FR", language="fr")
AGGREGATOR = Outlet(name="Digest", url="https://digest.example/", hosts=("any",), country="US")


def aggregating_newsroom() -> Newsroom:
    return Newsroom(config=CONFIG.model_copy(update={"outlets": (AGGREGATOR, PUBLISHER)}), outlet=AGGREGATOR)


@pytest.mark.parametrize("is_redirected", [False, True])
def test_a_story_of_an_aggregator_belongs_to_its_configured_publisher(is_redirected: bool) -> None:
    room = aggregating_newsroom()
    url = room.put("https://herald.example/story", publisher="The Herald Online")
    if is_redirected:
        room.pages["https://digest.example/articles/1"] = WebPage(moved_to=url)
    room.read("https://digest.example/articles/1" if is_redirected else url)
    (story,) = room.stories()
    assert (story.outlet, story.url, story.country) == ("Herald", url, "FR")


@pytest.mark.parametrize(("site_name", "expected"), [("The Sun Times", "The Sun Times"), ("", "suntimes.example")])
def test_an_unknown_publisher_is_named_as_its_pages_name_it(site_name: str, expected: str) -> None:
    room = aggregating_newsroom()
    room.put("https://www.suntimes.example/story", publisher=site_name)
    room.read("https://www.suntimes.example/story")
    assert [(story.outlet, story.country) for story in room.stories()] == [(expected, None)]


@pytest.mark.parametrize("site_name", ["Herald", " HERALD "])
def test_a_page_cannot_take_the_name_of_a_configured_outlet(site_name: str) -> None:
    room = aggregating_newsroom()
    room.put("https://www.false.example/story", publisher=site_name)
    room.read("https://www.false.example/story")
    assert [story.outlet for story in room.stories()] == ["false.example"]


def test_a_story_of_an_aggregator_and_of_its_publisher_is_one() -> None:
    room = aggregating_newsroom()
    url = room.put("https://herald.example/story", "Sberbank is named.\n\n" + prose("herald"))
    room.pages["https://digest.example/articles/1"] = WebPage(moved_to=url)
    room.read("https://digest.example/articles/1")
    room.outlet = PUBLISHER
    assert room.read(url) == []
    assert (len(room.stories()), len(room.mails())) == (1, 1)


def test_a_copy_never_claims_the_address_of_a_configured_outlet() -> None:
    room = aggregating_newsroom()
    own = room.put("https://herald.example/own", prose("same"), title="Same")
    copy = room.put("https://copy.example/theirs", prose("same"), title="Same", canonical=own)
    room.read(copy)
    assert [(story.outlet, story.url) for story in room.stories()] == [("copy.example", copy)]


VICTIM, THIEF = "https://daily.substack.com/story", "https://thief.substack.com/copy"


def put_in_both(room: Newsroom, **thief_fields: Any) -> None:
    """Puts a story of two publishers that are not configured and give their sites the same name."""
    text = prose("planet") + " Sberbank."
    room.put(VICTIM, text, title="A river that no map shows", publisher="Daily Planet")
    room.put(THIEF, **{"text": text, "title": "A river that no map shows", "publisher": "Daily Planet", **thief_fields})


@pytest.mark.parametrize("order", [(VICTIM, THIEF), (THIEF, VICTIM)])
def test_a_name_given_to_another_site_hides_no_story(order: tuple[str, str]) -> None:
    room = aggregating_newsroom()
    put_in_both(room)
    assert [room.read(url)[0] for url in order] == [("stored", ""), ("stored", "")]
    assert [(story.outlet, story.url) for story in room.stories()] == [
        ("Daily Planet", VICTIM),
        ("Daily Planet", THIEF),
    ]
    assert len(room.mails()) == 2


@pytest.mark.parametrize("thief", [WebPage(failure=FailureKind.HTTP_404), WebPage(moved_to=VICTIM)])
def test_a_gone_or_redirected_copy_takes_no_story_of_another_site(thief: WebPage) -> None:
    room = aggregating_newsroom()
    put_in_both(room, title="A river that no map shows yet")
    room.read(THIEF)
    room.pages[THIEF] = thief
    assert room.read(VICTIM)[0] == ("stored", "")
    assert VICTIM in [story.url for story in room.stories()]


@pytest.mark.parametrize("order", [(VICTIM, THIEF), (THIEF, VICTIM)])
def test_a_guid_joins_no_stories_of_two_sites(order: tuple[str, str]) -> None:
    room = aggregating_newsroom()
    put_in_both(room)
    assert [room.read(url, guid="story-7")[0] for url in order] == [("stored", ""), ("stored", "")]
    assert [(story.url, story.version) for story in room.stories()] == [(VICTIM, 1), (THIEF, 1)]


@pytest.mark.parametrize(
    ("urls", "second"),
    [
        (("https://medium.com/@alice/one", "https://medium.com/@bob/two"), "stored"),
        (("https://medium.com/@alice/one", "https://alice.medium.com/two"), "duplicate"),
        (("https://medium.com/p/one", "https://medium.com/p/two"), "stored"),
    ],
)
def test_publishers_on_one_root_have_stories_of_their_own(urls: tuple[str, str], second: str) -> None:
    """All pages of the root name one site, "Medium"."""
    room = aggregating_newsroom()
    for url in urls:
        room.put(url, prose("x"), title="X", publisher="Medium")
    assert [room.read(url)[0][0] for url in urls] == ["stored", second]


def test_a_guid_joins_no_headlines_of_two_sites() -> None:
    """Headlines have the aggregator's name, so the name does not tell their publishers apart."""
    room = aggregating_newsroom()
    for url in (VICTIM, THIEF):
        room.pages[url] = WebPage(failure=FailureKind.HTTP_403)
        room.read(url, guid="story-7", title="A river that no map shows", summary="It is long.")
    assert [(story.outlet, story.url) for story in room.stories()] == [("Digest", VICTIM), ("Digest", THIEF)]


def test_a_claimed_address_that_leads_to_another_site_joins_no_stories() -> None:
    room = aggregating_newsroom()
    put_in_both(room, canonical="https://thief.substack.com/claimed")
    room.pages["https://thief.substack.com/claimed"] = WebPage(moved_to=VICTIM)
    room.read("https://thief.substack.com/claimed")
    assert room.read(THIEF)[0] == ("stored", "")
    assert [story.url for story in room.stories()] == [VICTIM, THIEF]


def test_a_copy_at_a_further_address_of_its_site_is_a_duplicate() -> None:
    room = aggregating_newsroom()
    text = prose("planet") + " Sberbank."
    urls = [
        room.put(f"https://{host}.com/story", text, title="A river", publisher="Daily Planet")
        for host in ("www.daily-planet", "news.daily-planet")
    ]
    assert [room.read(url)[0] for url in urls] == [("stored", ""), ("duplicate", "")]


def test_a_configured_outlet_has_its_stories_on_all_its_sites() -> None:
    paper = PUBLISHER.model_copy(update={"hosts": ("herald-sport.example",)})
    room = Newsroom(config=CONFIG.model_copy(update={"outlets": (AGGREGATOR, paper)}), outlet=paper)
    urls = [room.put(f"https://{host}.example/x", prose("x"), title="X") for host in ("herald", "herald-sport")]
    assert [room.read(url)[0] for url in urls] == [("stored", ""), ("duplicate", "")]


def test_a_name_that_is_configured_later_claims_no_story_of_the_outlet() -> None:
    room = aggregating_newsroom()
    room.config = room.config.model_copy(update={"outlets": (AGGREGATOR,)})
    room.ingest = room.new_ingest()
    copy = room.put("https://copy.example/theirs", prose("same"), title="Same", publisher="Herald")
    own = room.put("https://herald.example/own", prose("same"), title="Same")
    room.read(copy)
    room.config = room.config.model_copy(update={"outlets": (AGGREGATOR, PUBLISHER)})
    room.ingest = room.new_ingest()
    assert room.read(own)[0] == ("stored", "")


# ---- any order


@st.composite
def sites(draw: st.DrawFn) -> tuple[list[tuple[str, str, str, str]], list[int]]:
    """Draws pages (path, text, canonical path, redirect target) and an order in which they are read."""
    count = draw(st.integers(2, 5))
    paths = [f"/page-{number}" for number in range(count)]
    pages = []
    for number, path in enumerate(paths):
        text = draw(st.sampled_from(["red", "blue"]))
        canonical = draw(st.sampled_from(["", *paths]))
        target = draw(st.sampled_from(["", "", *paths[:number]]))
        pages.append((path, text, canonical, target))
    return pages, draw(st.permutations(range(count)))


TITLES_DIFFER = [("/page-0", "red", "/page-1", ""), ("/page-1", "red", "", ""), ("/page-2", "red", "", "/page-0")]


@settings(max_examples=150, deadline=None)
@example(site=(TITLES_DIFFER, [2, 1, 0]), polls="one poll each", has_copies=False)
@given(sites(), st.sampled_from(["one poll each", "one poll", "at once"]), st.booleans())
def test_stories_and_mails_do_not_depend_on_the_order(
    site: tuple[list[tuple[str, str, str, str]], list[int]], polls: str, has_copies: bool
) -> None:
    """Pages with true and false canonical URLs and redirects give the same stories and mails in any order.

    Of pages with the same title and text (``has_copies``), the story has the address that is read first.
    """
    pages, order = site
    titles = {path: f"A {text} story" + ("" if has_copies else f" at {path}") for path, text, _, _ in pages}

    def read_in(order: Iterable[int]) -> tuple[list[tuple[str, str, str]], list[tuple[str, int]]]:
        room = Newsroom()
        for path, text, canonical, target in pages:
            room.put(path, f"Sberbank is named.\n\n{prose(text)}", title=titles[path], canonical=canonical)
            if target:
                room.pages[f"{HOST}{path}"] = WebPage(moved_to=f"{HOST}{target}")
        for index in order:
            if polls == "one poll each":
                room.read(pages[index][0])
            else:
                room.list_urls([f"{HOST}{pages[index][0]}"])
                room.time += timedelta(seconds=1)
        asyncio.run(room.poll(at_once=polls == "at once"))
        room.time += timedelta(hours=1)
        stories = sorted(("" if has_copies else story.url, story.title, story.text) for story in room.stories())
        return stories, sorted(room.mails())

    assert read_in(order) == read_in(range(len(pages)))
