"""Makes the pictures of alert mails in this directory: five languages, on a narrow, a wide and a dark screen.

    .venv/bin/python docs/images/mail_pictures.py

Needs an installed Chromium with fonts for Arabic, Hebrew and Chinese.  All outlets and stories are made up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

from monitor.config import Alert, Config, MailSettings, Outlet
from monitor.mail import compose
from monitor.models import Notification, Story
from monitor.notify.channel import Message
from monitor.rendering.browser import find_chromium

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
DIRECTORY = Path(__file__).parent
WIDTHS = (390, 1000)  # pixels
TO = ("desk@example.org",)
DARK_LANGUAGES = ("en", "ar")  # that are also shown on a dark screen, the narrow one


class Sample(NamedTuple):
    language: str
    query: str
    outlet: str
    other_outlet: str  # prints the story under another title
    author: str
    title: str
    other_title: str
    text: str


SAMPLES = (
    Sample(
        "en",
        '"export controls" OR chip',
        "The Harbour Courier",
        "صحيفة المرفأ",
        "Ines Carrow",
        "Norvia ties chip sales to new export controls",
        "نورفيا تربط بيع الرقائق بضوابط جديدة",
        "Norvia's parliament passed new export controls on Tuesday.\n\nEvery chip above the limit now needs a licence, "
        "said the minister, Ada Holm (קול החוף reported it first).",
    ),
    Sample(
        "ru",
        "чип OR санкция",
        "Портовый вестник",
        "The Harbour Courier",
        "Анна Лесова",
        "Норвия вводит санкции против поставщиков чипов",
        "Norvia sanctions chip suppliers",
        "Парламент Норвии во вторник одобрил санкции против трёх поставщиков.\n\nКаждый чип дороже порога теперь "
        "требует лицензии, сказала министр Ада Холм.",
    ),
    Sample(
        "zh",
        "芯片 OR 出口管制",
        "港湾日报",
        "The Harbour Courier",
        "林安",
        "诺维亚对芯片实施新的出口管制",
        "Norvia ties chip sales to new export controls",
        "诺维亚议会周二通过新的出口管制法案。\n\n部长阿达·霍尔姆表示，超过上限的每一块芯片现在都需要许可证 "
        "(Harbour Courier)。",
    ),
    Sample(
        "ar",
        "رقائق OR OpenGrid",
        "صحيفة المرفأ",
        "The Harbour Courier",
        "سلمى الهادي",
        "OpenGrid توقّع اتفاقًا لبيع رقائق Norvia-5 في 2027",
        "OpenGrid signs deal for Norvia-5 chips",
        "أعلنت شركة OpenGrid (نورفيا) يوم الثلاثاء اتفاقًا بقيمة 4.5 مليار.\n\nوقالت الوزيرة آدا هولم إن كل رقائق "
        "Norvia-5 تحتاج الآن إلى ترخيص.",
    ),
    Sample(
        "he",
        "שבב OR OpenGrid",
        "קול החוף",
        "The Harbour Courier",
        "נועה ארז",
        "OpenGrid חתמה על הסכם: שבב Norvia-5 יימכר ב-2027",
        "OpenGrid signs deal for Norvia-5 chips",
        "חברת OpenGrid (נורביה) הודיעה ביום שלישי על הסכם בשווי 4.5 מיליארד.\n\nכל שבב מסוג Norvia-5 דורש עכשיו "
        "רישיון, אמרה השרה אדה הולם.",
    ),
)


def mail_html(sample: Sample) -> str:
    """Returns the HTML of a mail with a story in the sample's language and its near-duplicate in another."""
    alert = Alert(name="chips", query=sample.query, to=TO, timezone="Asia/Jerusalem")
    return _html({alert: _stories(sample, cluster=0)})


def digest_html() -> str:
    """Returns the HTML of a digest of two alerts with the stories of all samples."""
    common = {"to": TO, "timezone": "Asia/Jerusalem", "deliver": "daily 09:00"}
    chips = Alert(name="chips", query=" OR ".join(sample.query for sample in SAMPLES), max_entries=4, **common)
    parliament = Alert(name="parliament", query="parliament OR парламент", **common)
    stories = [_stories(sample, cluster=number) for number, sample in enumerate(SAMPLES)]
    return _html({chips: [story for pair in stories for story in pair], parliament: stories[0] + stories[1]})


def _html(stories_by_alert: dict[Alert, list[Story]]) -> str:
    config = Config(
        mail=MailSettings(sender="monitor@example.org"),
        outlets=tuple(
            Outlet(name=name, url="https://courier.example/")
            for name in {name for each in SAMPLES for name in each[2:4]}
        ),
        alerts=tuple(stories_by_alert),
    )
    notifications = [
        Notification(
            alert=alert.name, story=story.id, version=1, channel="email", targets=TO, due_at=NOW, created_at=NOW
        )
        for alert, stories in stories_by_alert.items()
        for story in stories
    ]
    stories = {story.id: story for matching in stories_by_alert.values() for story in matching}
    raw = compose.alert_mail(config, Message.alone("<1@example.org>", notifications), stories, {}, at=NOW)
    body = message_from_bytes(raw, policy=policy.default).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def _stories(sample: Sample, *, cluster: int) -> list[Story]:
    """Returns the sample's story and its near-duplicate."""
    return [
        _story(sample, sample.outlet, sample.title, sample.language, cluster=cluster, number=0),
        _story(sample, sample.other_outlet, sample.other_title, None, cluster=cluster, number=1),
    ]


def _story(sample: Sample, outlet: str, title: str, language: str | None, *, cluster: int, number: int) -> Story:
    return Story(
        id=f"{cluster}-{number}",
        url=f"https://courier.example/{cluster}/{number}",
        outlet=outlet,
        title=title,
        text=sample.text,
        authors=(sample.author,),
        published_at=NOW - timedelta(hours=2 + number, minutes=20),
        first_seen_at=NOW,
        fetched_at=NOW,
        updated_at=NOW,
        language=language,
        cluster=f"{cluster}-0",
        flags=("paywall",),
    )


def take_picture(browser: Browser, html: str, name: str, *, width: int, is_dark: bool = False) -> None:
    page = browser.new_page(
        viewport={"width": width, "height": 100}, color_scheme="dark" if is_dark else "light", java_script_enabled=False
    )
    page.set_content(html)
    page.screenshot(path=DIRECTORY / f"mail-{name}-{width}.png", full_page=True)
    page.close()


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(None))
        for sample in SAMPLES:
            html = mail_html(sample)
            for width in WIDTHS:
                take_picture(browser, html, sample.language, width=width)
            if sample.language in DARK_LANGUAGES:
                take_picture(browser, html, f"{sample.language}-dark", width=WIDTHS[0], is_dark=True)
        for width in WIDTHS:
            take_picture(browser, digest_html(), "digest", width=width)
        browser.close()


if __name__ == "__main__":
    main()
