"""Right-to-left text keeps its order beside English text; mails suit dark and narrow screens."""

from __future__ import annotations

from dataclasses import replace

import lxml.html
import pytest

from mail.test_compose import STORY, config, mail, part
from monitor.config import Alert
from monitor.digests.direction import direction_of, isolated_line, isolated_pieces, isolated_query

ARABIC = replace(
    STORY,
    title="OpenAI توقّع اتفاقًا مع Sberbank",
    text="قال البنك يوم الاثنين إن نموذج Sberbank متاح للجميع.",
    outlet="جريدة المثال",
    authors=("سلمى",),
    language="ar",
    flags=(),
)


@pytest.mark.parametrize(
    ("text", "language", "direction"),
    [
        ("Sberbank opens", "en", "ltr"),
        ("قال البنك", "ar", "rtl"),
        ("קול המופת", None, "rtl"),
        ("OpenAI and Microsoft sign فقط", "ar", "rtl"),
        ("OpenAI and Microsoft sign فقط", None, "ltr"),
        ("قال البنك إن Sberbank", "en", "rtl"),
        ("GPT-5", "fa-IR", "ltr"),
        ("بانک مرکزی", "fa-IR", "rtl"),
        ("سائنس", "ur", "rtl"),
        ("", "he", "ltr"),
        ("2026", None, "ltr"),
    ],
)
def test_language_and_letters_give_the_direction(text: str, language: str | None, direction: str) -> None:
    assert direction_of(text, language) == direction


def test_isolates_surround_pieces_only_beside_rtl_letters() -> None:
    assert isolated_pieces(["Outlet", "22 Nov"]) == ["Outlet", "22 Nov"]
    assert isolated_pieces(["קול", "22 Nov"]) == ["\u2068קול\u2069", "\u206822 Nov\u2069"]
    assert isolated_line("OpenAI تطلق", "ar") == "\u2067OpenAI تطلق\u2069"
    assert isolated_line("OpenAI opens", "ar") == "OpenAI opens"
    assert isolated_query("בנק OR bank") == "\u2066בנק OR bank\u2069"
    assert isolated_query("bank OR БАНК") == "bank OR БАНК"


def test_an_arabic_entry_is_a_right_to_left_block_of_its_language() -> None:
    tree = lxml.html.document_fromstring(part(mail(ARABIC), "html"))
    assert tree.get("dir") == "ltr"
    assert [(block.get("lang"), block.get("dir")) for block in tree.xpath("//body/div")] == [("ar", "rtl")]
    other = replace(STORY, id="b" * 32, cluster="b" * 32, language="en")
    tree = lxml.html.document_fromstring(part(mail(ARABIC, other), "html"))
    assert [(block.get("lang"), block.get("dir")) for block in tree.xpath("//body/div")] == [
        ("ar", "rtl"),
        ("en", "ltr"),
    ]


def test_a_title_of_the_other_direction_than_its_text_keeps_its_order() -> None:
    hebrew = "בנק Sberbank פתח משרד חדש בירושלים (part 2)"
    html, plain = (part(mail(replace(STORY, title=hebrew)), kind) for kind in ("html", "plain"))
    tree = lxml.html.document_fromstring(html)
    assert tree.xpath("//body/div/@dir") == ["ltr"]
    assert tree.xpath("//h2/@dir") == ["rtl"]
    assert plain.splitlines()[0] == f"\u2067{hebrew}\u2069"
    assert lxml.html.document_fromstring(part(mail(STORY), "html")).xpath("//h2/@dir") == []


def test_names_in_a_line_of_html_are_isolated_from_each_other() -> None:
    other = replace(STORY, id="b" * 32, outlet="קול המופת", title="בנק חדש נפתח", url="https://other.example/b")
    tree = lxml.html.document_fromstring(part(mail(STORY, other), "html"))
    details, also = tree.xpath("//body/div/p[@class='meta']")
    assert [each.text for each in details.xpath("bdi")] == [
        "Outlet & Sons",
        "22 Nov 2026, 10:00 UTC",
        "by Ines Carrow",
        "paywall",
    ]
    assert [each.text for each in also.xpath(".//bdi[not(*)]")] == [
        "Also in:",
        "קול המופת (other.example)",
        "בנק חדש נפתח",
    ]
    assert also.xpath("bdi/@dir") == ["rtl"]


def test_the_plain_text_of_a_right_to_left_story_has_isolates() -> None:
    lines = part(mail(ARABIC), "plain").splitlines()
    assert lines[0] == "\u2067OpenAI توقّع اتفاقًا مع Sberbank\u2069"
    assert lines[1] == (
        "\u2068جريدة المثال (outlet.example)\u2069 · \u206822 Nov 2026, 10:00 UTC\u2069 · \u2068Arabic\u2069 · "
        "\u2068by سلمى\u2069"
    )
    assert lines[4] == "  \u2067قال البنك يوم الاثنين إن نموذج *Sberbank* متاح للجميع.\u2069"
    assert not {"\u2066", "\u2067", "\u2068", "\u2069"}.intersection(part(mail(STORY), "plain"))


def test_a_subject_with_a_right_to_left_title_has_isolates() -> None:
    assert mail(ARABIC)["Subject"] == (
        "[sberbank] \u2068OpenAI توقّع اتفاقًا مع Sberbank\u2069 - \u2068جريدة المثال (outlet.example)\u2069"
    )
    other = replace(STORY, id="b" * 32, cluster="b" * 32)
    assert (
        mail(ARABIC, other)["Subject"] == "[sberbank] 2 stories: \u2068OpenAI توقّع اتفاقًا مع Sberbank\u2069 and 1 more"
    )


def test_isolates_of_a_title_are_removed() -> None:
    """They could end the isolate around the title and reorder the rest of the line."""
    message = mail(replace(ARABIC, title="عنوان\u2069\u202e Sberbank"))
    assert part(message, "plain").splitlines()[0] == "\u2067عنوان Sberbank\u2069"
    assert str(message["Subject"]).startswith("[sberbank] \u2068عنوان Sberbank\u2069 - ")


def test_borders_margins_and_paddings_follow_the_direction() -> None:
    tree = lxml.html.document_fromstring(part(mail(ARABIC), "html"))
    styles = ";".join(tree.xpath("//@style"))
    assert "border-inline-start:3px solid" in styles
    assert not [side for side in ("left", "right") if side in styles]


def test_a_mail_states_its_colours_for_light_and_dark_screens() -> None:
    tree = lxml.html.document_fromstring(part(mail(STORY), "html"))
    assert tree.xpath("//meta[@name='color-scheme']/@content") == ["light dark"]
    (sheet,) = tree.xpath("//style/text()")
    assert "prefers-color-scheme:dark" in sheet
    coloured = {each.get("class") for each in tree.xpath("//*[contains(@style, '#')]")}
    assert coloured == {"body", "meta", "foot", "quote", "link", "mark"}
    assert [name for name in sorted(coloured) if f".{name}" not in sheet] == []


def test_a_narrow_screen_shows_a_mail_in_its_width() -> None:
    tree = lxml.html.document_fromstring(part(mail(STORY), "html"))
    assert tree.xpath("//meta[@name='viewport']/@content") == ["width=device-width, initial-scale=1"]
    assert "overflow-wrap:anywhere" in tree.xpath("//body/@style")[0]


def test_an_alert_with_a_hebrew_name_keeps_its_line_in_order() -> None:
    settings = config()
    alert = Alert(name="בנק", query="Sberbank", to=("desk@example.org",))
    message = mail(STORY, settings=settings.model_copy(update={"alerts": (alert,)}), alert="בנק")
    assert str(message["Subject"]).startswith("[\u2068בנק\u2069] ")
    assert "Alert \u2068בנק\u2069: Sberbank\n" in part(message, "plain")
