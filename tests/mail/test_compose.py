"""The content of mails, and that text from the web injects no header or HTML."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import lxml.html
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.config import Alert, Config, MailSettings, Outlet
from monitor.digests.text import truncated
from monitor.mail import compose, mime, ops_reports
from monitor.models import Notification, Story
from monitor.notify.channel import Message

if TYPE_CHECKING:
    from email.message import EmailMessage

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STORY = Story(
    id="a" * 32,
    url="https://outlet.example/a?x=1&y=2",
    outlet="Outlet & Sons",
    title="Sberbank's <new> model",
    text="The bank opened a door.\n\nOn Monday Sberbank said its model & others were free. " + "More words. " * 40,
    authors=("Ines Carrow",),
    published_at=NOW - timedelta(hours=2),
    first_seen_at=NOW,
    fetched_at=NOW,
    updated_at=NOW,
    cluster="a" * 32,
    flags=("paywall",),
)

HEADERS = {
    "Message-ID",
    "Date",
    "From",
    "To",
    "Subject",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "List-Id",
    "MIME-Version",
    "Content-Type",
}


def config(*, deliver: str = "instant", timezone: str = "UTC", name: str = "sberbank") -> Config:
    alert = Alert(name=name, query="Sberbank", to=("desk@example.org",), deliver=deliver, timezone=timezone)
    outlets = tuple(Outlet(name=each, url="https://outlet.example/") for each in (STORY.outlet, "Other", "Third"))
    return Config(mail=MailSettings(sender="Monitor <monitor@example.org>"), outlets=outlets, alerts=(alert,))


def notification(story: Story, alert: str = "sberbank", **more: Any) -> Notification:
    return Notification(
        alert=alert,
        story=story.id,
        version=story.version,
        channel="email",
        targets=("desk@example.org",),
        due_at=NOW,
        created_at=NOW,
        **more,
    )


def mail(*stories: Story, settings: Config | None = None, alert: str = "sberbank") -> EmailMessage:
    return message_from_bytes(raw_mail(*stories, settings=settings, alert=alert), policy=policy.default)


def raw_mail(*stories: Story, settings: Config | None = None, alert: str = "sberbank") -> bytes:
    return compose.alert_mail(
        settings or config(),
        Message.alone("<id@example.org>", [notification(story, alert) for story in stories]),
        {story.id: story for story in stories},
        {},
        at=NOW,
    )


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_a_mail_has_title_outlet_time_query_and_context() -> None:
    message = mail(STORY)
    assert message["Subject"] == "[sberbank] Sberbank's <new> model - Outlet & Sons"
    assert message["From"] == "Monitor <monitor@example.org>"
    assert message["To"] == "desk@example.org"
    assert message["Message-ID"] == "<id@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "sberbank <sberbank.media-monitor.example.org>"
    text = part(message, "plain")
    assert text.startswith(
        "Sberbank's <new> model\n"
        "Outlet & Sons · 22 Nov 2026, 10:00 UTC · by Ines Carrow · paywall\n"
        "https://outlet.example/a?x=1&y=2\n"
    )
    assert "On Monday *Sberbank* said" in text
    assert "Alert sberbank: Sberbank" in text


def test_the_html_marks_matching_words_and_escapes_the_rest() -> None:
    tree = lxml.html.document_fromstring(part(mail(STORY), "html"))
    assert [mark.text for mark in tree.iter("mark")] == ["Sberbank's", "Sberbank"]
    (link,) = tree.xpath("//h2/a")
    assert link.text_content() == "Sberbank's <new> model"
    assert link.get("href") == STORY.url
    assert tree.xpath("//new") == []


def test_times_are_shown_in_the_time_zone_of_the_alert() -> None:
    assert "22 Nov 2026, 19:00 JST" in part(mail(STORY, settings=config(timezone="Asia/Tokyo")), "plain")


def test_the_subject_of_a_digest_names_its_period() -> None:
    other = replace(STORY, id="b" * 32, cluster="b" * 32, title="Another one")
    message = mail(STORY, other, settings=config(deliver="daily 07:00"))
    assert message["Subject"] == "[sberbank] daily digest, 22 Nov: 2 stories: Sberbank's <new> model and 1 more"


def test_a_correction_is_marked_as_such() -> None:
    assert "newly matches since the outlet changed it" in part(mail(replace(STORY, version=2)), "plain")


def test_the_subject_is_short_and_gives_the_number_of_stories() -> None:
    long = [replace(STORY, id=f"{n:032}", cluster=f"{n:032}", title="word " * 100) for n in range(3)]
    subject = str(mail(*long)["Subject"])
    assert len(subject) <= mime.MAX_SUBJECT_CHARACTERS
    assert subject.endswith("and 2 more")


_words = ["чат-боты", "Путин", "управлении", "одиннадцатиклассниками", "the", "U.S.", "3,000", "x@y.z", "=====", "_"]
_pieces = st.sampled_from([*_words, "人工智能出口管制", "café", "—", "“BRICS”", "🚀"])


@given(st.lists(_pieces, min_size=1, max_size=16).map(" ".join))
@example("чат-боты и ИИ в государственном управлении стран БРИКС и ШОС за рубежом")
@settings(deadline=None, max_examples=200)
def test_a_long_subject_decodes_unchanged_in_any_script(title: str) -> None:
    raw = raw_mail(replace(STORY, title=title)).partition(b"\r\n\r\n")[0]
    lines = raw[raw.index(b"Subject: ") + 9 :].split(b"\r\n")
    ours = [lines[0], *takewhile(lambda line: line.startswith(b" "), lines[1:])]
    assert max(map(len, ours)) <= 78
    subject = str(make_header(decode_header(b"".join(ours).decode("ascii"))))
    assert subject == truncated(f"[sberbank] {title} - Outlet & Sons", mime.MAX_SUBJECT_CHARACTERS)


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Media Monitor, Inc. <m@example.org>", "Media Monitor, Inc."),
        ('"Media Monitor, Inc." <m@example.org>', "Media Monitor, Inc."),
        ("Desk: AI (Berlin) <m@example.org>", "Desk: AI (Berlin)"),
        ("Überwachung, Büro für Künstliche Intelligenz und Sicherheit in der Außenpolitik <m@example.org>", None),
        ("Иван, Пётр <m@example.org>", None),
        ("m@example.org", ""),
    ],
)
def test_punctuation_in_the_senders_name_does_not_split_it(sender: str, name: str | None) -> None:
    settings = config().model_copy(update={"mail": MailSettings(sender=sender)})
    shown, address = parseaddr(message_from_bytes(raw_mail(STORY, settings=settings))["From"])
    wanted = sender.partition(" <")[0] if name is None else name
    assert (str(make_header(decode_header(shown))), address) == (wanted, "m@example.org")


@pytest.mark.parametrize("text", ["Sberbank kurz: ü.", "Sberbank. " + "字" * 2000, "Sberbank. " + "word " * 2000])
def test_a_mail_has_only_seven_bit_bytes_and_short_lines(text: str) -> None:
    raw = raw_mail(replace(STORY, title="Ü", text=text, outlet="Ö"))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "title",
    [
        "x\r\nBcc: victim@example.org",
        "x\nX-Evil: 1",
        "x\u2028Bcc: a@example.org",
        "x\x00\x1b[31m",
        "\u202egnirts",
        "=?utf-8?q?=0d=0aBcc:_a@example.org?=",
        "\ud800 alone",
        "<script>alert(1)</script>",
        "",
        "字" * 5000,
    ],
)
def test_no_title_injects_a_header_or_a_script(title: str) -> None:
    story = replace(STORY, title=title, outlet=title, authors=(title,), text=f"Sberbank {title}")
    message = mail(story)
    assert set(message.keys()) == HEADERS
    assert message.get_all("To") == ["desk@example.org"]
    assert "\u202e" not in str(message["Subject"])
    tree = lxml.html.document_fromstring(part(message, "html"))
    assert tree.xpath("//script") == []


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", 'https://a.example/"onclick="x'])
def test_only_web_addresses_become_links(url: str) -> None:
    tree = lxml.html.document_fromstring(part(mail(replace(STORY, url=url)), "html"))
    links = tree.xpath("//a/@href")
    assert links == ([url] if url.startswith("https") else [])
    assert tree.xpath("//@onclick") == []


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=200), st.text(max_size=80))
@settings(deadline=None, max_examples=200)
def test_any_text_yields_a_mail_with_the_same_headers(title: str, outlet: str, text: str, name: str) -> None:
    story = replace(STORY, title=title, outlet=outlet, text=f"{text} Sberbank {text}", flags=(name,))
    message = mail(story, alert="gone")
    assert message["To"] == "desk@example.org"
    assert set(message.keys()) == HEADERS
    assert part(message, "plain")


@given(st.text(alphabet="=?utf-8qb_0dA\r\n: ", max_size=60), st.text(alphabet="=?utf-8qb_0dA\r\n: ", max_size=60))
@settings(deadline=None)
def test_an_encoded_word_injects_no_header(title: str, name: str) -> None:
    message = mail(replace(STORY, title=title, outlet=name), alert=name or "x")
    assert set(message.keys()) == HEADERS


def test_alert_names_in_other_scripts_have_distinct_list_ids() -> None:
    ids = {
        str(mail(STORY, settings=config(name=name), alert=name)["List-Id"]) for name in ("Сбербанк", "人工智能", "a b")
    }
    assert len(ids) == 3
    assert all(each.isascii() for each in ids)


def refusal_report(channel: str, reply: tuple[str, str]) -> EmailMessage:
    raw = ops_reports.refused_targets_mail(
        config().model_copy(update={"mail": MailSettings(sender="m@example.org", ops=("ops@example.org",))}),
        Message.alone("<1@example.org>", [replace(notification(STORY), channel=channel)]),
        {STORY.id: STORY},
        [reply],
        at=NOW,
    )
    return message_from_bytes(raw, policy=policy.default)


def test_a_refusal_report_names_mailbox_reason_and_story() -> None:
    message = refusal_report("email", ("gone@example.org", "550 no such user"))
    assert message["To"] == "ops@example.org"
    assert message["Subject"] == "[media-monitor] mail of alert sberbank is refused"
    text = part(message, "plain")
    assert text.startswith("The mail server refuses a mail of the alert sberbank.\n")
    assert "gone@example.org: 550 no such user" in text
    assert STORY.url in text
    assert "Correct the address under alerts: sberbank in the configuration" in text


def test_a_refusal_report_names_another_channel_than_email() -> None:
    message = refusal_report("pager", ("number ending in 70", "unknown number"))
    assert message["Subject"] == "[media-monitor] message of alert sberbank by pager is refused"
    text = part(message, "plain")
    assert text.startswith("The channel pager refuses a message of the alert sberbank.\n")
    assert "number ending in 70: unknown number" in text
    assert "Correct the target of the channel pager under alerts: sberbank in the configuration" in text
    assert "mail server" not in text
    assert "address" not in text


def test_a_mail_says_that_a_headline_story_has_no_text() -> None:
    message = mail(replace(STORY, flags=("headline",)))
    assert "only title and summary could be read" in message.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("name", "url", "shown"),
    [
        ("Daily Planet", "https://www.planet.com/a", "Daily Planet (planet.com)"),
        ("Daily Planet", "https://thief.substack.com/a", "Daily Planet (thief.substack.com)"),
        ("Medium", "https://medium.com/@alice/a", "Medium (alice.medium.com)"),
        ("Medium", "https://medium.com/magazine/a", "Medium (medium.com/magazine)"),
        ("Daily Planet (planet.com)", "https://evil.com/a", "Daily Planet (planet.com) (evil.com)"),
        ("news.planet.com", "https://news.planet.com/a", "news.planet.com"),
        ("myplanet.com", "https://planet.com/a", "myplanet.com (planet.com)"),
        ("Daily Planet", "http://[", "Daily Planet"),
        ("Third", "https://www.third.com/a", "Third"),
    ],
)
def test_an_outlet_that_is_not_configured_has_its_domain_beside_its_name(name: str, url: str, shown: str) -> None:
    story = replace(STORY, outlet=name, url=url)
    other = replace(story, id="b" * 32, title="Reactor closed")
    message = mail(story, other)
    assert f"{shown} · 22 Nov 2026" in part(message, "plain")
    assert f"  {shown}: Reactor closed" in part(message, "plain")
    tree = lxml.html.document_fromstring(part(message, "html"))
    assert f"Also in: {shown}: Reactor closed" in tree.text_content()


def test_a_near_duplicate_is_listed_with_its_own_title() -> None:
    """A page that joins the cluster of another outlet's stories does not hide what they are about."""
    more = {"cluster": STORY.id, "flags": ()}
    other = replace(STORY, id="b" * 32, outlet="Other", title="Reactor <closed>", url="https://other.example/r", **more)
    same = replace(STORY, id="c" * 32, outlet="Third", title=STORY.title.upper(), url="https://third.example/s", **more)
    message = mail(STORY, other, same)
    lines = part(message, "plain").splitlines()
    start = lines.index("  Also in:")
    assert lines[start + 1 : start + 4] == [
        "  Other: Reactor <closed>",
        "    https://other.example/r",
        "  Third: https://third.example/s",
    ]
    links = lxml.html.document_fromstring(part(message, "html")).xpath("//p//a")
    assert [(link.text_content(), link.get("href")) for link in links] == [
        ("Other: Reactor <closed>", "https://other.example/r"),
        ("Third", "https://third.example/s"),
    ]
