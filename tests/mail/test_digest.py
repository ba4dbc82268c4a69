"""A digest: alerts with their counts, events in order of weight, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import lxml.html
import pytest

from mail.test_compose import part
from monitor.config import Alert, Config, MailSettings, Outlet
from monitor.mail import compose
from monitor.models import Notification, Story
from monitor.notify.channel import Message

if TYPE_CHECKING:
    from email.message import EmailMessage

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
STORY = Story(
    id="plain",
    url="https://courier.example/plain",
    outlet="Courier",
    title="A day at the bank",
    text="The bank opened a door.",
    published_at=NOW - timedelta(hours=5),
    first_seen_at=NOW,
    fetched_at=NOW,
    updated_at=NOW,
    language="en",
    alerts=("banks", "chips"),
)
BANKS = Alert(name="banks", query='bank OR "export controls" OR chip', to=("d@example.org",), deliver="daily 07:00")
CHIPS = Alert(name="chips", query="chip", to=("d@example.org",), deliver="daily 07:00", timezone="Asia/Tokyo")


def story(name: str, **more: Any) -> Story:
    url = f"https://courier.example/{name}"
    return replace(STORY, id=name, url=url, **{"cluster": name, "title": f"Title of {name}", **more})


def digest_mail(matches: dict[str, list[Story]], *alerts: Alert, at: datetime = NOW) -> EmailMessage:
    """Returns the mail about stories by alert name."""
    config = Config(
        mail=MailSettings(sender="m@example.org"),
        outlets=tuple(Outlet(name=name, url="https://courier.example/") for name in ("Courier", "Herald")),
        alerts=alerts,
    )
    notifications = [
        Notification(
            alert=name,
            story=each.id,
            version=1,
            channel="email",
            targets=("d@example.org",),
            due_at=NOW,
            created_at=NOW,
        )
        for name, stories in matches.items()
        for each in stories
    ]
    stories = {each.id: each for matching in matches.values() for each in matching}
    raw = compose.alert_mail(config, Message.alone("<1@example.org>", notifications), stories, {}, at=at)
    return message_from_bytes(raw, policy=policy.default)


def titles(message: EmailMessage) -> list[str]:
    tree = lxml.html.document_fromstring(part(message, "html"))
    return [str(heading.text_content()) for heading in tree.xpath("//h2")]


def test_events_are_in_order_of_clauses_title_outlets_and_time() -> None:
    old = story("old", published_at=NOW - timedelta(hours=9))
    new = story("new", published_at=NOW - timedelta(hours=1))
    reprinted = story("reprinted", published_at=NOW - timedelta(hours=9))
    reprint = story("reprint", cluster="reprinted", outlet="Herald")
    in_title = story("titled", title="The bank")
    phrase = story("phrase", text="New export controls.")
    strong = story("strong", text="The bank pays for chips under export controls.")
    stories = [old, new, reprinted, reprint, in_title, phrase, strong]
    message = digest_mail({"banks": stories}, BANKS)
    assert titles(message) == [
        "Title of strong",
        "Title of phrase",
        "The bank",
        "Title of reprinted",
        "Title of new",
        "Title of old",
    ]
    assert message["Subject"] == "[banks] daily digest, 22 Nov: 6 stories: Title of strong and 5 more"
    assert part(message, "plain").startswith("6 events, 7 stories.\n\n\nTitle of strong\n")


def test_an_entry_says_language_flags_and_which_clauses_matched() -> None:
    russian = story(
        "r", title="Банк", text="The bank said: export controls.", language="ru", flags=("paywall",), authors=("A. B",)
    )
    lines = part(digest_mail({"banks": [russian]}, BANKS), "plain").splitlines()
    assert lines[:4] == [
        "Банк",
        "Courier · 22 Nov 2026, 02:00 UTC · Russian · by A. B · paywall",
        "https://courier.example/r",
        'Matched: bank; "export controls"',
    ]
    tree = lxml.html.document_fromstring(part(digest_mail({"banks": [russian]}, BANKS), "html"))
    assert 'Matched: bank; "export controls"' in tree.text_content()


def test_the_clause_of_a_query_with_one_clause_is_not_repeated() -> None:
    assert "Matched" not in part(digest_mail({"chips": [story("c", text="A chip.")]}, CHIPS), "plain")


def test_several_alerts_have_contents_with_counts_and_sections() -> None:
    chip, bank = story("chip", text="A chip."), story("bank")
    reprint = story("reprint", text="A chip.", cluster="chip", outlet="Herald")
    other = story("other", text="Another chip.", published_at=NOW - timedelta(hours=8))
    message = digest_mail({"chips": [chip, reprint, other], "banks": [chip, bank]}, BANKS, CHIPS)
    assert message["Subject"] == "[banks, chips] daily digest, 22 Nov: 3 stories: Title of chip and 2 more"
    assert message["List-Id"] == "alerts <digest.media-monitor.example.org>"
    text = part(message, "plain")
    assert text.startswith(
        "3 events, 4 stories:\n\n"
        "  banks: 2 events\n"
        "  chips: 2 events, 3 stories, 1 of them above\n\n\n"
        "== banks: 2 events ==\n\n\n"
        "Title of chip\n"
    )
    assert text.count("Title of chip\nCourier") == 1
    assert "Above, under banks: Title of chip\n" in text
    assert text.endswith(
        '-- \nAlert banks: bank OR "export controls" OR chip\nAlert chips: chip\n'
        "To hold an alert's messages: media-monitor alerts snooze NAME 2d\n"
    )
    tree = lxml.html.document_fromstring(part(message, "html"))
    assert [(link.text_content(), link.get("href")) for link in tree.xpath("//ul//a")] == [
        ("banks", "#alert-0"),
        ("chips", "#alert-1"),
    ]
    assert [(each.text_content(), each.get("id")) for each in tree.xpath("//h1")] == [
        ("banks: 2 events", "alert-0"),
        ("chips: 2 events, 3 stories", "alert-1"),
    ]


def test_each_section_has_the_time_zone_of_its_alert() -> None:
    chip, bank = story("chip", text="A chip."), story("bank")
    text = part(digest_mail({"banks": [bank], "chips": [chip]}, BANKS, CHIPS), "plain")
    assert "Title of bank\nCourier · 22 Nov 2026, 02:00 UTC · English" in text
    assert "Title of chip\nCourier · 22 Nov 2026, 11:00 JST · English" in text


def test_one_event_of_several_alerts_is_shown_once_without_contents() -> None:
    chip = story("chip", text="A chip of the bank.")
    message = digest_mail({"banks": [chip], "chips": [chip]}, BANKS, CHIPS)
    assert message["Subject"] == "[banks, chips] daily digest, 22 Nov: Title of chip - Courier"
    text = part(message, "plain")
    assert text.startswith("Title of chip\n")
    assert text.count("Title of chip") == 1
    assert "Alert chips: chip" in text
    tree = lxml.html.document_fromstring(part(message, "html"))
    assert tree.xpath("//h1 | //ul") == []


def test_more_events_than_max_entries_are_counted_and_can_be_listed() -> None:
    stories = [story(f"s{n}", published_at=NOW - timedelta(hours=n)) for n in range(5)]
    reprint = story("reprint", cluster="s4", outlet="Herald", published_at=NOW - timedelta(hours=30))
    last = story("s5", published_at=NOW - timedelta(hours=48))
    alert = BANKS.model_copy(update={"max_entries": 2})
    message = digest_mail({"banks": [*stories, reprint, last]}, alert)
    assert titles(message) == ["Title of s4", "Title of s0"]
    assert str(message["Subject"]).endswith("6 stories: Title of s4 and 5 more")
    command = """media-monitor search 'alert:"banks"' --since 2026-11-20T07:00 --limit 7"""
    assert f"\n\n\nAnd 4 more events (4 stories). To list them:\n  {command}\n" in part(message, "plain")
    tree = lxml.html.document_fromstring(part(message, "html"))
    assert tree.xpath("//code")[0].text_content() == command


def test_an_event_that_a_section_leaves_out_is_shown_for_the_next_alert() -> None:
    weak, strong = story("weak", text="A chip."), story("strong", text="Chip of a bank.")
    alert = BANKS.model_copy(update={"max_entries": 1})
    message = digest_mail({"banks": [weak, strong], "chips": [weak, strong]}, alert, CHIPS)
    assert titles(message) == ["Title of strong", "Title of weak"]
    assert "Above, under banks: Title of strong" in part(message, "plain")


def test_an_instant_mail_shows_all_its_events() -> None:
    alert = BANKS.model_copy(update={"max_entries": 1, "deliver": "instant"})
    assert len(titles(digest_mail({"banks": [story("a"), story("b")]}, alert))) == 2


def test_a_separate_mail_shows_all_its_events() -> None:
    alert = BANKS.model_copy(update={"max_entries": 1, "digest": "separate"})
    assert len(titles(digest_mail({"banks": [story("a"), story("b")]}, alert))) == 2


@pytest.mark.parametrize(
    ("names", "shown"),
    [(["a"], "[a]"), (["a", "b", "c"], "[a, b, c]"), (["a", "b", "c", "d", "e"], "[a, b and 3 more]")],
)
def test_a_subject_names_up_to_three_alerts(names: list[str], shown: str) -> None:
    alerts = [CHIPS.model_copy(update={"name": name, "deliver": "instant"}) for name in names]
    message = digest_mail({name: [story("c", text="A chip.")] for name in names}, *alerts)
    assert message["Subject"] == f"{shown} Title of c - Courier"


def test_digests_of_different_periods_say_only_digest() -> None:
    weekly = CHIPS.model_copy(update={"deliver": "weekly sun 07:00", "timezone": "UTC"})
    chip = story("c", text="A chip.")
    message = digest_mail({"banks": [chip], "chips": [chip]}, BANKS, weekly)
    assert message["Subject"] == "[banks, chips] digest, 22 Nov: Title of c - Courier"


def test_an_alert_that_is_no_longer_configured_comes_last() -> None:
    message = digest_mail({"gone": [story("a")], "banks": [story("b")]}, BANKS)
    assert message["Subject"] == "[banks, gone] daily digest, 22 Nov: 2 stories: Title of b and 1 more"
    assert part(message, "plain").count("Alert gone, no longer configured") == 1


@pytest.mark.parametrize(
    ("delay", "detail"),
    [
        (timedelta(hours=5), ""),
        (timedelta(hours=7), "late: found 7 hours after its publication"),
        (timedelta(days=3, hours=2), "late: found 3 days after its publication"),
    ],
)
def test_a_story_found_after_late_after_is_marked_late(delay: timedelta, detail: str) -> None:
    alert = CHIPS.model_copy(update={"late_after": timedelta(hours=6)})
    late = story("late", text="A chip.", published_at=NOW - delay)
    details = part(digest_mail({"chips": [late]}, alert), "plain").splitlines()[1].split(" · ")
    assert [each for each in details if each.startswith("late")] == ([detail] if detail else [])


def test_backfilled_events_are_listed_by_the_query_of_the_alert() -> None:
    """The stories were stored before the alert, so a search for its name does not find them."""
    stories = [story(f"s{n}", published_at=NOW - timedelta(hours=n), alerts=()) for n in range(2)]
    alert = BANKS.model_copy(update={"max_entries": 1, "languages": ("en",)})
    text = part(digest_mail({"banks": stories}, alert), "plain")
    query = '(bank OR "export controls" OR chip) AND (language:"en")'
    assert f"\n  media-monitor search '{query}' --since 2026-11-22T06:00 --limit 2\n" in text
