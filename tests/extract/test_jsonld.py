"""JSON-LD is read in the forms in which pages carry it."""

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
def test_article_is_read_from_wrapped_or_invalid_json(script: str) -> None:
    articles = [item for item in jsonld.objects_in_scripts([script]) if jsonld.is_article_object(item)]
    assert [jsonld.property_text(item["headline"]) for item in articles] == ["Chips run short"]
    assert jsonld.property_text(articles[0]["author"]) == "M. L."


def test_references_are_resolved_across_scripts() -> None:
    article = '{"@type":"NewsArticle","headline":"Chips run short","author":{"@id":"#m"}}'
    (item, *_) = jsonld.objects_in_scripts([article, '{"@type":"Person","@id":"#m","name":"Marta Lindqvist"}'])
    assert jsonld.property_text(item["author"]) == "Marta Lindqvist"


def test_listed_and_mentioned_articles_are_left_out() -> None:
    item_list = f'{{"@type":"ItemList","itemListElement":[{PLAIN}],"mentions":{PLAIN}}}'
    assert not [item for item in jsonld.objects_in_scripts([item_list]) if jsonld.is_article_object(item)]


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
def test_invalid_json_ld_yields_no_article(script: str) -> None:
    assert not [item for item in jsonld.objects_in_scripts([script]) if jsonld.is_article_object(item)]


def test_the_items_of_all_scripts_together_are_limited() -> None:
    script = "[" + ",".join(['{"@type":"Thing"}'] * 400) + "]"
    assert len(jsonld.objects_in_scripts([script] * 10)) == jsonld.MAX_OBJECTS_PER_PAGE


def test_self_reference_ends() -> None:
    (item, *_) = jsonld.objects_in_scripts(
        ['{"@type":"NewsArticle","@id":"#a","author":{"@id":"#a"},"headline":"Chips"}']
    )
    assert jsonld.is_article_object(item)
