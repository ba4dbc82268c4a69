"""The example story of most matching tests."""

from datetime import UTC, datetime

from monitor.models import Story

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STORY = Story(
    id="1",
    url="https://www.outlet.example/politics/kremlin-ai_2026.html",
    outlet="National Technology News",
    title="Kremlin 'tells' ministries to work with China on AI",
    text=(
        "Sberbank’s chief said so on Friday.\n\nThe bank has asked BRICS partners and other countries to advance AI. "
        "С участием Сбербанка и других. 人工智能出口管制措施。 The chips were sanctioned, and the export\u00a0controls "
        "tightened. À l’Élysée d’une IA. AT&T and GPT-4 as well."
    ),
    first_seen_at=NOON,
    fetched_at=NOON,
    updated_at=NOON,
    published_at=NOON,
    language="en",
    country="GB",
    authors=("Jane Smith", "Ivan Petrov"),
    word_count=300,
    topics=("ai-geopolitics",),
)
