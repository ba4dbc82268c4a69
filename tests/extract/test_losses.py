"""Sentences of a story are not mistaken for the text around it, because an alert may depend on any of them."""

# ruff: noqa: E501  sentences of many languages, on one line each

from __future__ import annotations

import json

import pytest

from monitor.extract import ExtractionOptions, boilerplate, extract_article, phrases
from monitor.extract.boilerplate import Boilerplate
from monitor.models import Article, Page, now

TITLE = "Ministers agree on rules for machines"
MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905  a list of words is easier to read in one string


def paragraphs(first: int, last: int) -> str:
    return "".join(
        f"<p>In paragraph {n} the ministers say that talks about chips and the rules for artificial intelligence go on in "
        f"{MONTHS[n]}, and that nobody will be asked to leave the table.</p>"
        for n in range(first, last)
    )


def text_of(body: str, *, head: str = "", body_class: str = "article-body", title: str = TITLE) -> str:
    html = (
        f"<html lang='en'><head><meta charset='utf-8'><meta property='og:title' content='{title}'>{head}</head>"
        f"<body><article><h1>{title}</h1><div class='{body_class}'>{body}</div></article></body></html>"
    )
    story = extract_article(
        Page(url="https://tech.example/2026/a-story", body=html.encode(), fetched_at=now()), ExtractionOptions()
    )
    assert isinstance(story, Article), story
    return story.text


@pytest.mark.parametrize("body_class", ["article-body", "x1"])
@pytest.mark.parametrize(
    "sentence",
    [
        "“We will never sell our stake in Sberbank,” he told Reuters.",
        "Sberbank will pay the fine next week, the ministry told TASS.",
        "Sberbank declined to comment (Reuters).",
        "Credit default swaps on Sberbank widened after the ministers had met.",
        "Video from Moscow showed Sberbank offices on fire on Monday.",
        "Video-sharing apps and Sberbank said that they would leave.",
        "More investment by Sberbank is due before the year ends.",
    ],
)
def test_sentence_in_the_middle_is_kept(sentence: str, body_class: str) -> None:
    text = text_of(f"{paragraphs(0, 5)}<p>{sentence}</p>{paragraphs(5, 10)}", body_class=body_class)
    assert sentence in text


@pytest.mark.parametrize(
    "sentence",
    [
        "Telegram founder Pavel Durov met the head of Sberbank on Monday, the company said.",
        "Already a leader in AI, Sberbank will open two more data centres next year.",
        "Copyright law will be changed so that banks may train models on their own texts.",
        "This story is far from over, and Sberbank will be named again in the hearing.",
        "Telegram did not immediately respond to our request for comment.",
        "Telegram-канал Baza сообщил об этом нам в среду, и никто в банке этого не отрицал.",
        "Copyright holders in the US may still sue.",
        "Comments by the US envoy angered Beijing.",
        "Subscribers in the US will lose access to Sberbank Online.",
        "Delays in our shipments to Huawei are possible, TSMC said.",
        "Delaware told us it would sue Huawei.",
        "“Help us,” the mayor of Kherson told NATO.",
        "Подписание договора нам обещали в марте, сказал Греф.",
        "Комментарии Сбербанка наша редакция не получила.",
        "По материалам дела нас обманули, сказал Греф.",
        "Обсудить наши предложения министры должны в марте.",
        "Contact the two sides have had since spring has not led to talks about chips.",
        "शेयर बाजार में सोमवार को गिरावट रही और सबसे ज्यादा गिरावट बैंकों में दर्ज की गई, अधिकारियों ने बताया।",
        "شارك في الاجتماع وزراء من عشرين دولة وناقشوا قضايا الذكاء الاصطناعي والبنوك في المنطقة.",
        "關注組發言人表示，俄羅斯儲蓄銀行將於下月在北京開設新的研究中心，並與當地大學合作。",
        "Jaakko Virtanen sanoo, että pankki ei aio myydä osuuttaan tänä vuonna eikä ensi vuonna.",
        "Følgende virksomheder er omfattet af de nye regler om eksport af chips til Rusland.",
        "Seguirà un incontro tra i ministri delle finanze la prossima settimana a Bruxelles.",
        "Cet article du traité interdit la vente de puces aux banques russes depuis deux ans.",
    ],
)
def test_last_sentence_is_kept(sentence: str) -> None:
    assert text_of(f"{paragraphs(0, 6)}<p>{sentence}</p>").endswith(sentence)


@pytest.mark.parametrize(
    "line",
    [
        "Sign up for our newsletter to get the day's stories in your inbox every morning.",
        "Reporting by Jane Doe in London; Editing by John Roe and others in the newsroom.",
        "Follow us on Facebook",
        "FOLLOW US ON FACEBOOK",
        "Follow them on Facebook",
        "Copyright 2026 Tech Example. All rights reserved, and nothing may be copied without our consent.",
        "Copyright by Tech Example. You may not copy it without our consent, nor print any part of it.",
        "По материалам РИА Новости",
        "По материалам зарубежных СМИ",
        "Обсудить на форуме",
        "Подпишитесь на наш канал, чтобы первыми узнавать новости о технологиях и рынках.",
        "Telegram: @techexample",
        "Telegram-канал нашей редакции: подписывайтесь, чтобы ничего не пропустить.",
        "Подписывайтесь на наш канал, чтобы первыми узнавать новости о технологиях и рынках.",
        "Abonnieren Sie unseren Newsletter, damit Ihnen keine Nachricht mehr entgeht, jeden Morgen.",
    ],
)
def test_appeal_to_readers_is_dropped(line: str) -> None:
    assert line not in text_of(f"{paragraphs(0, 6)}<p>{line}</p>")


@pytest.mark.parametrize(
    "line", ["Jewels in a hall, installation views, photos © Inexample, 2018", "Photo: Jane Doe", "Photo by Jane Doe/Reuters", "A bridge at night (Photo by J. Doe/AFP)", "© Reuters. A bridge"]
)  # fmt: skip
def test_photo_credit_is_dropped(line: str) -> None:
    assert phrases.is_picture_credit(line)
    assert line not in text_of(f"{paragraphs(0, 3)}<p>{line}</p>{paragraphs(3, 7)}")


@pytest.mark.parametrize(
    "heading",
    ["More investment in chips by Chinese state banks", "Recommended safeguards for banks", "More on the talks", "Latest on the talks"],
)  # fmt: skip
def test_story_continues_after_a_heading_in_its_middle(heading: str) -> None:
    text = text_of(
        f"{paragraphs(0, 5)}<h2>{heading}</h2><p>Then Sberbank was named by all of them.</p>{paragraphs(5, 10)}"
    )
    assert "Sberbank" in text
    assert MONTHS[9] in text


def test_list_of_other_stories_after_a_heading_is_dropped() -> None:
    links = "".join(f"<li><a href='/{n}'>A bank in town {n} closes its doors to robots</a></li>" for n in range(6))
    assert "closes its doors" not in text_of(f"{paragraphs(0, 8)}<h2>More on the talks</h2><ul>{links}</ul>")


def test_pull_quote_is_dropped_and_its_paragraph_kept() -> None:
    quote = "“We were told to hand over the data within a week, and nobody in the ministry asked any question at all,” she said"
    text = text_of(
        f"{paragraphs(0, 4)}<blockquote><p>{quote}</p></blockquote><p>{quote}. Later it was said that Sberbank had the "
        f"data already and would not give them back before spring.</p>{paragraphs(4, 8)}"
    )
    assert "Sberbank had the data" in text
    assert text.count("nobody in the ministry") == 1


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<p>Banks on the list are:</p><ul><li>Sberbank</li><li>VTB</li></ul>", ["Sberbank", "VTB"]),
        ("<table><tr><td>Sberbank</td><td>12</td></tr><tr><td>VTB</td><td>9</td></tr></table>", ["Sberbank", "VTB"]),
        ("<p>He was 83.</p>", ["He was 83."]),
        ("<p>Huawei declined.</p><p>So did we.</p>", ["Huawei declined.", "So did we."]),
        ("<p><b>Will you sell?</b></p><p>No.</p><p><b>To nobody?</b></p><p>Nobody.</p>", ["Will you sell?", "No.", "Nobody."]),
        ("<h2>What Sberbank bought</h2><ul><li>Yandex Eats</li><li>Huawei Cloud</li></ul>", ["What Sberbank bought", "Eats", "Cloud"]),
        ("<dl><dt>Sberbank</dt><dd>Fined twice</dd><dt>VTB</dt><dd>Let go</dd></dl>", ["Sberbank", "Fined twice", "VTB", "Let go"]),
        ("<table><tr><th>Sberbank</th><td>12</td></tr><tr><th>VTB</th><td>9</td></tr></table>", ["Sberbank", "VTB", "12"]),
        ("<p>Shares of <stock-ticker>Sberbank</stock-ticker> fell when the ministry spoke.</p>", ["of Sberbank fell"]),
        ("<p>The bank <button class='gloss'>Sberbank</button> was fined by the ministry.</p>", ["bank Sberbank was"]),
        ("<p>Shares of Sberbank<span class='sr-only'> (opens in new tab)</span> fell again.</p>", ["Sberbank fell"]),
        ("<p><ruby>東<rp>(</rp><rt>とう</rt><rp>)</rp>京<rp>(</rp><rt>きょう</rt><rp>)</rp></ruby>で会議が開かれた。</p>", ["東京で"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("behind", ["", paragraphs(6, 9)], ids=["at the end", "in the middle"])
@pytest.mark.parametrize("body_class", ["article-body", "x1"])
def test_words_in_lists_tables_and_inline_elements_are_kept(
    body_class: str, behind: str, markup: str, words: list[str]
) -> None:
    text = text_of(paragraphs(0, 6) + markup + behind, body_class=body_class)
    assert all(word in text for word in words), text[-300:]


@pytest.mark.parametrize(
    "sentence",
    [
        "รัฐมนตรีเห็นพ้องกันเรื่องกฎสำหรับปัญญาประดิษฐ์และการเจรจาเรื่องชิปจะดำเนินต่อไปในเดือนพฤษภาคม ธนาคารไม่ได้ให้ความเห็น",
        "የባንኩ ኃላፊዎች ስለ ሰው ሰራሽ አስተውሎት ሕጎች ተወያይተዋል፣ ውይይቱም በሚቀጥለው ወር እንደሚቀጥል አስታውቀዋል።",
    ],
)
def test_scripts_without_latin_full_stops_are_running_text(sentence: str) -> None:
    text = text_of("".join(f"<div>{n} {sentence}</div>" for n in range(8)), body_class="x1")
    assert sentence in text


def test_partial_json_ld_body_does_not_replace_the_text() -> None:
    start = " ".join(paragraphs(0, 5).replace("</p>", "").split("<p>")).strip()
    data = json.dumps({"@type": "NewsArticle", "headline": TITLE, "articleBody": start})
    text = text_of(paragraphs(0, 10), head=f"<script type='application/ld+json'>{data}</script>")
    assert MONTHS[9] in text


@pytest.mark.parametrize("shown_paragraphs", [0, 2])
@pytest.mark.parametrize("markup", ["\n\n", "</p><p>", "<br/>"])
def test_text_that_is_only_in_json_ld_is_used(markup: str, shown_paragraphs: int) -> None:
    texts = [text.removeprefix("<p>") for text in paragraphs(0, 8).split("</p>") if text]
    item = {
        "@type": "NewsArticle",
        "headline": TITLE,
        "url": "https://tech.example/2026/a-story",
        "articleBody": markup.join(texts),
    }
    head = f"<script type='application/ld+json'>{json.dumps(item)}</script>"
    html = f"<html><head><title>{TITLE}</title>{head}</head><body><div id='__next'>{paragraphs(0, shown_paragraphs)}</div></body></html>"
    story = extract_article(
        Page(url="https://tech.example/2026/a-story", body=html.encode(), fetched_at=now()), ExtractionOptions()
    )
    assert isinstance(story, Article)
    assert story.text.split("\n\n") == texts
    assert story.method == "json-ld"
    assert story.flags == ()


def test_short_story_with_related_ones_in_json_ld_is_a_story() -> None:
    graph = [{"@type": "NewsArticle", "headline": TITLE, "datePublished": "2026-11-20T10:00:00Z"}]
    graph += [{"@type": "NewsArticle", "headline": f"Another story of the day, number {n}"} for n in range(8)]
    links = "".join(f"<p><a href='/{n}'>Another story of the day, number {n}</a></p>" for n in range(12))
    head = f"<script type='application/ld+json'>{json.dumps({'@graph': graph})}</script>"
    assert MONTHS[3] in text_of(paragraphs(0, 4) + f"<div class='related'>{links}</div>", head=head)


def test_form_letters_keep_their_own_sentences() -> None:
    outlet_boilerplate = Boilerplate()
    form = "".join(
        f"<p>Rule {n} of this court says that who is named in a notice has ten days to answer it.</p>" for n in range(8)
    )
    for number in range(10):
        sentence = f"<p>The court names Sberbank{number} and asks that it pay what it owes to the town.</p>"
        html = (
            f"<html><head><meta property='og:title' content='Court notice number {number} of the town'></head><body><article>"
            f"<h1>Court notice number {number} of the town</h1><p class='standfirst'>Who is named in this notice, the {number}th, is to answer.</p>"
            f"<div class='txt'>{sentence}{form}</div></article></body></html>"
        )
        page = Page(url=f"https://court.example/notices/{number}", body=html.encode(), fetched_at=now())
        story = extract_article(page, ExtractionOptions(boilerplate=outlet_boilerplate.hashes()))
        assert isinstance(story, Article)
        assert f"Sberbank{number}" in story.text
        outlet_boilerplate.learn(story)
    assert boilerplate.dropped_text_samples(outlet_boilerplate.memory), "by now, the form itself is boilerplate"


@pytest.mark.parametrize(
    ("title", "site"),
    [
        ("Israel - Hamas war: what we know", "Israel Hayom"),
        ("China – US trade talks resume in Geneva", "China Daily"),
        ("New sanctions - European Union hits Sberbank", "Europe"),
        ("AI regulation – timeline of events", "Time"),
    ],
)
def test_title_keeps_words_that_start_like_the_site_name(title: str, site: str) -> None:
    html = (
        f"<html><head><title>{title}</title><meta property='og:title' content='{title}'>"
        f"<meta property='og:site_name' content='{site}'></head><body><article>{paragraphs(0, 6)}</article></body></html>"
    )
    story = extract_article(
        Page(url="https://news.example/a-story", body=html.encode(), fetched_at=now()), ExtractionOptions()
    )
    assert isinstance(story, Article)
    assert story.title == title


def test_long_comments_do_not_replace_a_short_story() -> None:
    comments = "".join(
        f"<div class='comment_content'><p>Reader {n} does not think that the ministers know what they talk about, and "
        f"would rather see Sberbank asked, as it was in {MONTHS[n]}, when nobody listened either.</p></div>"
        for n in range(12)
    )
    text = text_of(f"<div>{paragraphs(0, 4)}</div><div class='article_footer_comments'>{comments}</div>")
    assert "In paragraph 3" in text
    assert "Sberbank" not in text


CAPTION = "Ministers leave the hall in which Sberbank was named three times on Monday."


@pytest.mark.parametrize("alt_text", [CAPTION, CAPTION + " (Jane Doe)", CAPTION[:50]])
@pytest.mark.parametrize(
    "image", ["<div><img alt='{}'></div><p>{}</p>", "<p><img alt='{}'><br>{}</p>", "<div>{1}</div><img alt='{0}'>"]
)
def test_text_that_repeats_the_alt_text_is_a_caption(alt_text: str, image: str) -> None:
    text = text_of(f"{paragraphs(0, 3)}{image.format(alt_text, CAPTION)}{paragraphs(3, 7)}", body_class="x1")
    assert "Sberbank" not in text
    assert "paragraph 6" in text


def test_text_far_from_its_image_and_standfirst_are_kept() -> None:
    image = f"<div><img alt='{CAPTION}'></div>"
    assert CAPTION in text_of(f"{image}{paragraphs(0, 6)}<p>{CAPTION}</p>", body_class="x1")
    head = f"<meta name='description' content='{CAPTION}'>"
    assert CAPTION in text_of(f"{image}<p>{CAPTION}</p>{paragraphs(0, 6)}", head=head, body_class="x1")
