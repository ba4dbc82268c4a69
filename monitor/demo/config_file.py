"""Writes the demo's monitor.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONFIG_TEMPLATE = """\
# The demo's configuration.  Its outlets run on this machine and stop with the demo;
# `media-monitor init` writes a starter with real ones.

store: {url: "sqlite:monitor.db"}
mail: {url: "%s", sender: monitor@example.org, ops: [ops@example.org]}
crawl: {delay: 0s}        # no delay between requests, because the sites are local
keep: matching            # stories that match no topic and no alert are not stored

topics:
  # The technology by its names in five languages, with a country or an instrument of power.  `raw:` keeps the case:
  # "ai" is a preposition in Italian.
  ai-geopolitics: >-
    (raw:AI OR raw:IA OR "artificial intelligence" OR "intelligence artificielle" OR ИИ OR
    "искусственного интеллекта" OR 人工智能)
    AND (China OR Russia OR BRICS OR sanction OR export OR Chine OR Китай OR санкция OR экспорт
    OR 中国 OR 俄罗斯 OR 出口)
  chips: 'chip OR processor OR "graphics cards" OR puce OR видеокарта OR 芯片'

alerts:
  # Any inflected form, in Latin or Cyrillic letters: Sberbank's, Сбербанком.
  - name: sberbank
    query: 'Sberbank OR Сбербанк'
    to: [desk@example.org]
    deliver: instant
  # Close to each other in any order; the phrase "BRICS AI" itself is rare.
  - name: brics-ai
    query: 'BRICS NEAR/10 raw:AI'
    to: [desk@example.org]
    deliver: instant
  - name: export-controls
    query: '"export controls" OR 出口管制 OR "contrôles à l''exportation"'
    to: [research@example.org]
    deliver: daily 07:00
"""


def write_config(path: Path, *, outlets: Sequence[dict[str, Any]], mail_url: str) -> None:
    """Writes the demo's configuration to ``path``; ``outlets`` are entries of its ``outlets`` section."""
    outlets_yaml = yaml.safe_dump({"outlets": list(outlets)}, allow_unicode=True, sort_keys=False, width=110)
    path.write_text(f"{CONFIG_TEMPLATE % mail_url}\n{outlets_yaml}", encoding="utf-8")
