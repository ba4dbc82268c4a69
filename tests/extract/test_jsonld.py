"""JSON-LD as pages really carry it."""

from __future__ import annotations

import pytest

from monitor.extract import jsonld

PLAIN = '{"@context":"https://schema.org","@type":"NewsArticle","headline":"Chips run short","author":{"name":"M. L."}}'


@pytest.mark.parametrize(
    "script",
    [
        PLAIN,
        f"[{PLAIN}]",
        f'{{"@graph":[{{"@type":"WebSite"}},{PLAIN}]}}',
        f"<!-- {PLAIN} -->",
        f"//<![CDATA[\n{PLAIN}\n//]]>",
        PLAIN + ";",
        PLAIN.replace("}}", "},}"),
        PLAIN.replace("short", "sh\tort").replace("sh\tort", "short"),
        PLAIN.replace('"', "&quot;"),
        PLAIN.replace('"NewsArticle"', '["NewsArticle","schema:Thing"]'),
        PLAIN.replace('"NewsArticle"', '"http://schema.org/NewsArticle"'),
        PLAIN.replace('"Chips run short"', '{"@value":"Chips run short"}'),
        PLAIN[:-1] + ', "broken": "a "quoted" word"}',
        f'{{"@type":"WebPage","mainEntity":{PLAIN}}}',
    ],
)
def test_an_article_is_read_however_it_is_wrapped_or_broken(script: str) -> None:
    articles = [thing for thing in jsonld.items([script]) if jsonld.is_article(thing)]
    assert [jsonld.property_text(thing["headline"]) for thing in articles] == ["Chips run short"]
    assert jsonld.property_text(articles[0]["author"]) == "M. L."


def test_a_reference_is_followed_even_to_another_script() -> None:
    article = '{"@type":"NewsArticle","headline":"Chips run short","author":{"@id":"#m"}}'
    (thing, *_) = jsonld.items([article, '{"@type":"Person","@id":"#m","name":"Marta Lindqvist"}'])
    assert jsonld.property_text(thing["author"]) == "Marta Lindqvist"


def test_stories_that_it_only_mentions_are_left_out() -> None:
    listed = f'{{"@type":"ItemList","itemListElement":[{PLAIN}],"mentions":{PLAIN}}}'
    assert not [thing for thing in jsonld.items([listed]) if jsonld.is_article(thing)]


@pytest.mark.parametrize(
    "script",
    [
        "",
        "null",
        "7",
        '"text"',
        "[" * 100_000,
        '{"@type":' * 50_000,
        '{"a":' * 2000 + "1" + "}" * 2000,
        '{"@id":"a",' * 9,
    ],
)
def test_what_is_no_json_ld_is_nothing_and_does_no_harm(script: str) -> None:
    assert not [thing for thing in jsonld.items([script]) if jsonld.is_article(thing)]


def test_a_thing_that_refers_to_itself_ends() -> None:
    (thing, *_) = jsonld.items(['{"@type":"NewsArticle","@id":"#a","author":{"@id":"#a"},"headline":"Chips"}'])
    assert jsonld.is_article(thing)
