"""The packs that ship with the program: complete, usable in any query, and silent on everyday texts."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
import yaml

from monitor.models import Story, now, rfc3339
from monitor.query import packs as packs_package
from monitor.query import parse
from monitor.query.fragments import PACKS_ONLY, Fragments, name_fault
from monitor.query.matcher import AnalysedStory, analysed_story, matches
from monitor.query.packs import pack_terms, packs
from monitor.query.parse import parse_fragment
from monitor.query.snippets import highlighted_field
from monitor.query.syntax import Node, Or, Phrase, Word
from query.everyday_texts import EVERYDAY_TEXTS

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
NOW = now()


def story(text: str, language: str | None = None) -> Story:
    times = dict.fromkeys(("first_seen_at", "fetched_at", "updated_at"), rfc3339(NOW))
    values = {"id": "", "url": "", "outlet": "", "title": "", "text": text, "language": language}
    return Story.from_json({**values, **times})


def aliases(name: str) -> tuple[Node, ...]:
    """Returns the alternatives of an entry, each by itself; none for a group of entries."""
    if "@" in pack_terms()[name]:
        return ()
    node = parse_fragment(name, PACKS_ONLY)
    return node.nodes if isinstance(node, Or) else (node,)


@cache
def everyday_stories() -> list[AnalysedStory]:
    return [analysed_story(story(text, language)) for language, texts in EVERYDAY_TEXTS.items() for text in texts]


@cache
def corpus_stories() -> list[AnalysedStory]:
    """Returns the texts of the shared corpus of real news pages."""
    truth = json.loads((CORPUS / "article-extraction-benchmark" / "ground-truth.json").read_text("utf-8"))
    pages = json.loads((CORPUS / "dev" / "truth.json").read_text("utf-8"))
    texts = [(page.get("articleBody"), "en") for page in truth.values()]
    texts += [
        (page.get("body"), page.get("language")) for page in (pages.values() if isinstance(pages, dict) else pages)
    ]
    return [analysed_story(story(text, language)) for text, language in texts if text]


def test_the_packs_have_at_least_150_entries_with_different_names() -> None:
    names = [name for pack in packs().values() for name in pack]
    assert len(names) == len(set(names)) == len(pack_terms())
    assert len(names) >= 150
    assert [name for name in pack_terms() if name_fault(name)] == []
    assert {"pack.ai", "pack.china", "pack.sberbank", "pack.chip-makers"} <= pack_terms().keys()


def test_each_pack_says_how_to_replace_an_entry() -> None:
    for file in resources.files(packs_package).iterdir():
        if file.name.endswith(".yaml"):
            head = file.read_text("utf-8").partition("\n\n")[0]
            assert head.startswith("# ")
            assert "terms:" in file.read_text("utf-8")


@pytest.mark.parametrize("name", packs()["states"])
def test_a_state_has_names_in_four_scripts(name: str) -> None:
    text = " ".join(str(node) for node in [parse(f"@pack.{name}")])
    for script in ("[a-z]", "[а-яё]|raw:[А-Я]", "[\u4e00-\u9fff]", "[\u0600-\u06ff]"):
        assert re.search(script, text), script


@pytest.mark.parametrize("name", pack_terms())
def test_an_entry_stands_in_any_place_of_a_query(name: str) -> None:
    parse(f"@{name} chip", positive=True)
    parse(f"title:@{name}")
    parse(f"China NEAR/10 @{name}")


@pytest.mark.parametrize("name", [name for name in pack_terms() if aliases(name)])
def test_no_alias_is_written_twice(name: str) -> None:
    nodes = aliases(name)
    assert len(set(nodes)) == len(nodes)


@pytest.mark.parametrize("name", [name for name in pack_terms() if aliases(name) and name != "pack.curbs"])
def test_no_alias_matches_an_everyday_text(name: str) -> None:
    noise = [
        f"{alias}: {each.story.text}"
        for alias in aliases(name)
        for each in everyday_stories()
        if matches(alias, each, NOW)
    ]
    assert noise == []


@pytest.mark.parametrize("name", [name for name in pack_terms() if aliases(name)])
def test_a_name_matches_no_uncapitalised_word_of_real_news(name: str) -> None:
    if not CORPUS.is_dir():
        pytest.skip("needs the corpus of news pages beside the repository (../shared/corpus)")
    noise = [
        f"{alias}: {word}"
        for alias in aliases(name)
        if isinstance(alias, Word | Phrase) and alias.text[:1].isupper()
        for each in corpus_stories()
        if matches(alias, each, NOW)
        for word in marked_words(alias, each)
        if word[:1].islower() and not re.match(r"\w+['’]", word)  # an elided article: l'Iran
    ]
    assert noise == []


def marked_words(node: Node, document: AnalysedStory) -> list[str]:
    snippet = highlighted_field(node, document.story, "text")
    return [snippet.text[start:end] for start, end in snippet.marks]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Sber builds a model", "sberbank"),
        ("Сбер показал модель", "sberbank"),
        ("по словам Путина", "russian-leaders"),
        ("Meta released Llama 5 as open weights", "meta-ai"),
        ("Anthropic's Claude writes code", "anthropic"),
        ("The Fed raised its rates", "fed"),
        ("Intel's new chip is made by TSMC", "intel"),
        ("国家网信办发布规定", "china-cac"),
        ("أعلنت الصين عن قيود", "china"),
        ("возможности искусственного интеллекта", "ai"),
        ("the EU tariff plan of the bloc", "eu"),
        ("Georgia's parliament in Tbilisi", "georgia"),
        ("в Саудовской Аравии", "saudi-arabia"),
    ],
)
def test_an_entry_finds_its_subject(text: str, name: str) -> None:
    assert matches(parse(f"@pack.{name}"), analysed_story(story(text)), NOW)


def test_the_examples_of_the_documentation_load() -> None:
    page = (Path(__file__).parents[2] / "docs" / "query-language.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        data = yaml.safe_load(block)
        fragments = Fragments(data.get("terms"))
        queries = [*data.get("terms", {}).values(), *data.get("topics", {}).values()]
        for query in [*queries, *(alert["query"] for alert in data["alerts"])]:
            parse(query, positive=True, fragments=fragments)
        assert [fault for name in data.get("terms", {}) if (fault := name_fault(name))] == []
