"""The starter configuration: its queries find the stories of the field and leave everyday stories alone."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.config import load
from monitor.models import Story, now, rfc3339
from monitor.query.lint import lint_config
from monitor.query.rules import RuleSet
from query.everyday_texts import EVERYDAY_TEXTS

if TYPE_CHECKING:
    from monitor.config import Config

STARTER = Path(str(resources.files("monitor.cli") / "starter.yaml"))


@cache
def starter() -> Config:
    return load(STARTER, {})


@cache
def rules() -> RuleSet:
    return RuleSet.of(starter())


def matching_rules(text: str, language: str) -> set[str]:
    """Returns the names of the starter's topics and alerts that match a story with this text."""
    times = dict.fromkeys(("first_seen_at", "fetched_at", "updated_at"), rfc3339(now()))
    values = {"id": "", "url": "", "outlet": "", "title": "", "text": text, "language": language}
    matched = rules().match(Story.from_json({**values, **times}))
    return {*matched.topics, *matched.alerts}


def language_of(text: str) -> str:
    """Returns the language of one of the texts below."""
    everyday = next((language for language, texts in EVERYDAY_TEXTS.items() if text in texts), None)
    return everyday or ("ru" if re.search("[а-я]", text) else "en" if text.isascii() else "zh")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Washington announces new curbs on chips.", {"chip-controls"}),
        ("The ministry issued a licence for H20 sales by Nvidia.", {"chip-controls"}),
        ("Nvidia may smuggle nothing, but a dealer was caught smuggling GPUs.", {"chip-controls"}),
        ("The Netherlands tightened export controls on ASML machines.", {"chip-controls"}),
        ("China put a maker of semiconductors on its entity list.", {"chip-controls", "export-controls"}),
        ("Сбер показал новую модель.", {"sberbank"}),
        ("Акции Сбера выросли.", {"sberbank"}),
        ("Sberbank's chairman met BRICS partners and other countries to advance AI.", {"sberbank", "brics-ai"}),
        ("Путин поручил развивать искусственный интеллект вместе с Китаем.", {"ai-power"}),
        ("The army tests AI at the border.", {"ai-power"}),
        ("政府发布人工智能治理框架。", {"ai-power", "ai-governance"}),
        ("The EU delays parts of the AI Act.", {"ai-governance"}),
        ("A deepfake of the candidate spread before the vote.", {"influence-operations"}),
        ("Дрон с ИИ нашёл цель.", {"military-ai"}),
        ("DeepSeek released its weights.", {"chinese-models"}),
        ("Police use facial recognition at the stadium.", {"surveillance"}),
        ("The state-backed operator builds a supercomputer.", {"sovereign-compute"}),
        ("The government pays for a new data centre.", {"sovereign-compute"}),
    ],
)
def test_a_query_of_the_starter_finds_its_subject(text: str, names: set[str]) -> None:
    assert matching_rules(text, language_of(text)) == names


@pytest.mark.parametrize(
    "text",
    [
        "A state-of-the-art data centre opens in Leeds.",
        "The state of the art in data centre cooling is water.",
        "The council banned fish and chips at the pier.",
        "The licence of the fish and chips shop expires.",
        "A ban on chips with salt and vinegar at school.",
        "Casino chips are restricted to the ground floor.",
        "Правительство и мэрия обсудили ремонт дорог и парков.",
        "БПЛА и ракеты сбиты ночью.",
        "Путин и Трамп поговорили по телефону о Гренландии.",
        "The Apple-sanctioned repair shop swaps the GPU of a laptop.",
        *[text for texts in EVERYDAY_TEXTS.values() for text in texts],
    ],
)
def test_no_query_of_the_starter_finds_an_everyday_text(text: str) -> None:
    assert matching_rules(text, language_of(text)) == set()


def test_the_queries_of_the_starter_have_no_lints() -> None:
    assert lint_config(starter()) == []
