"""Random stories and queries in the full language and many scripts, built so that queries often match."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import strategies as st

from monitor.errors import QueryError
from monitor.models import Story
from monitor.query import folding, parse
from monitor.query.analysis import token_matchers
from monitor.query.fields import OPTIONAL_FIELDS, OPTIONAL_RANGE_FIELDS
from monitor.query.syntax import Phrase

NOW = datetime(2026, 11, 22, 12, 30, 15, 250_999, tzinfo=UTC)

ENGLISH = [
    "AI",
    "ai",
    "Ai",
    "chip",
    "chips",
    "chip's",
    "Chip’s",
    "sanction",
    "sanctions",
    "sanctioned",
    "export",
    "exports",
    "exported",
    "control",
    "controls",
    "BRICS",
    "Sberbank",
    "Sberbank’s",
    "sberbanks",
    "GPT-4",
    "GPT",
    "4",
    "AT&T",
    "U.S.",
    "3,000",
    "3.5",
    "state",
    "statements",
    "universal",
    "university",
    "import",
    "important",
    "add",
    "adding",
    "adds",
    "the",
    "of",
    "and",
    "OR",
    "not",
    "o'clock",
    "O’Brien",
    "snake_case",
    "co\xadoperation",
    "ﬁrm",
    "C++",
    "10:30",
    "a",
    "$NVDA",
    "NVDA",
    "#AI",
    "@openai",
    "Moody's",
    "Moody",
    "D’Souza",
    ".NET",
    "net",
    "Nvi\u200bdia",
    "Nvidia",
]
EUROPEAN = [
    "l'IA",
    "L’IA",
    "d’une",
    "IA",
    "Élysée",
    "elysee",
    "ELYSÉE",
    "Straße",
    "STRASSE",
    "naïve",
    "dell'arte",
    "İstanbul",
    "łódź",
    "ŁÓDŹ",
    "café",
]
CYRILLIC = [
    "Сбербанк",
    "Сбербанка",
    "Сбербанком",
    "СБЕРБАНК",
    "ИИ",
    "ии",
    "санкции",
    "санкций",
    "ёлка",
    "елка",
    "Ёлка",
    "Київ",
    "п’ять",
    "п'ять",
    "Пу́тин",
]
EAST = [
    "人工智能",
    "出口管制",
    "中国",
    "中",
    "国",
    "智能",
    "テスト",
    "テス",
    "ひらがな",
    "ＡＩ",
    "ｔｅｓｔ",
    "한국",
    "한국어",
    "인공지능",
    "人AI工",
]
OTHER = [
    "الذكاء",
    "أمريكا",
    "امريكا",
    "العقوبات",
    "الـذكاء",
    "בינה",
    "צה״ל",
    "भारत",
    "भारतीय",
    "தமிழ்",
    "ΑΘΗΝΑΣ",
    "Αθήνας",
    "αθηνασ",
    "🚀",
    "★",
    "ภาษาไทย",
    "ไทย",
    "ประเทศไทย",
    "ប្រទេស",
    "ទេ",
    'צה"ל',
    "می\u200cشود",
    "میشود",
]
SCRIPTS = (ENGLISH, ENGLISH, EUROPEAN, CYRILLIC, EAST, OTHER)
WORDS = (*ENGLISH, *EUROPEAN, *CYRILLIC, *EAST, *OTHER)
SEPARATORS = (" ", " ", " ", " ", ", ", ". ", "\n\n", "-", " — ", "", "'", "\u00a0", "\u202f", "/", " (", ") ", "_")

OUTLETS = ("Daily News", "daily news 2", "ΣΙΓΜΑΣ", "İstanbul Post")
LANGUAGES = ("en", "ru", "zh", None)
COUNTRIES = ("GB", "NO", "ru", None)
NAMES = ("ai-geopolitics", "Chips", "éxport", "BRICS")
AUTHORS = ("Jane Smith", "Jean d'Arc", "Иван Петров", "王小明", "Smith Jane-Marie")
PATHS = ("", "politics/2026/ai-chips.html", "Politics/a_b?id=12&x=export", "новости/сбербанк", "live")
TIMES = (
    NOW,
    NOW - timedelta(days=1),
    NOW - timedelta(days=7),
    NOW - timedelta(days=7, milliseconds=-1),
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 11, 2, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, tzinfo=UTC),
    None,
)

# ---- stories

_LETTERS = "aiАИé中テひ한'’-.,_:&1 \u0301😀"


def text(random: Random, max_words: int = 25) -> str:
    """Returns words of one or two scripts, so that a query often finds several of its words together."""
    words = [word for script in random.sample(SCRIPTS, random.randint(1, 2)) for word in script]
    pieces = []
    for _ in range(random.randint(0, max_words)):
        mixed_scripts = random.random() < 0.03
        pieces.append("".join(random.choices(_LETTERS, k=4)) if mixed_scripts else random.choice(words))
        pieces.append(random.choice(SEPARATORS))
    return "".join(pieces)


def story(random: Random, story_id: str) -> Story:
    times = [time for time in TIMES if time]
    return Story(
        id=story_id,
        url=f"https://www.outlet.example/{random.choice(PATHS)}#{story_id}",
        outlet=random.choice(OUTLETS),
        title=text(random, 5),
        text=text(random),
        authors=tuple(random.sample(AUTHORS, random.randint(0, 2))),
        first_seen_at=random.choice(times),
        fetched_at=random.choice(times),
        updated_at=random.choice(times),
        published_at=random.choice(TIMES),
        modified_at=random.choice(TIMES),
        language=random.choice(LANGUAGES),
        country=random.choice(COUNTRIES),
        topics=tuple(random.sample(NAMES, random.randint(0, 2))),
        alerts=tuple(random.sample(NAMES, random.randint(0, 2))),
        word_count=random.choice((0, 10, 300, 301)),
        cluster=story_id,
    )


# ---- queries

_SEARCHABLE = {
    name: [
        word
        for word in script
        if not set(word) & set(':()/+"') and not word.startswith("@") and word not in {"OR", "NOT", "not", "🚀"}
    ]
    for name, script in (
        ("english", ENGLISH),
        ("european", EUROPEAN),
        ("cyrillic", CYRILLIC),
        ("east", EAST),
        ("other", OTHER),
    )
}
_WILD = {
    "english": [
        "chip*",
        "sanct*",
        "Sber*",
        "ex?ort*",
        "cont?ols",
        "ch?p*",
        "uni*al",
        "GPT-4*",
        "ai*",
        "im*t",
        "export-cont*",
        "st*",
    ],
    "european": ["Ély*", "stra*", "na?ve", "ist*", "d’un*", "ÉL?SÉE"],
    "cyrillic": ["Сбер*", "санкци?", "эл*", "бр?к*", "ел?а", "п’я*"],
    "east": ["テス*", "한국*", "人工*", "te*t", "인공?능"],
    "other": ["الذ*", "भार*", "αθη*", "می*", "ภาษา*"],
}
_SIGNED = [
    *("C++", 'raw:"C++"', '"C++"', "#AI", "raw:#AI", "$nvda", "raw:$NVDA", '"@openai"', ".net", "raw:.NET"),
    *("Moody's", "raw:Moody's", '"D\'Souza"'),
]
_FUZZY = {
    "english": ["sbrebank~1", "sanctoin~1", "exportt~2", "controlls~2", "unversity~2"],
    "european": ["elsyee~1", "strase~1", "instanbul~2"],
    "cyrillic": ["Сбрбанк~1", "сакнции~1", "сбербаном~2", "пуитн~1"],
    "east": ["teest~1", "ｔｅｓｔ~1", "인공자능~1"],
    "other": ["العقوبت~1", "Αθηνα~1", "भरतीय~1"],
}
_DATES = [
    "2026-11-01",
    "2026-11",
    "2026",
    "now",
    "now-1d",
    "now-7d",
    "2026-11-01T23:59",
    "2026-11-22T12:30:15Z",
    "now-2w",
    "*",
]
_AUTHOR_AND_URL_CLAUSES = (
    *("author:smith", 'author:"Jane Smith"', "author:Sm*", "author:jane-marie", 'author:"小明"', "author:Arc"),
    *("author:петров~1", "author:(jane OR иван)", "url:politics", "url:outlet.example", "url:export", "url:сбербанк"),
    *("url:chip*", "url:a_b", "url:live", 'url:"politics/2026"', "url:новост*"),
)


def query(random: Random, depth: int = 2) -> str:
    """Returns a query that parses; nearly all of its words are of one script."""
    text = _clause(random, random.choice(list(_SEARCHABLE)), depth)
    try:
        parse(text)
    except QueryError as error:
        assert "expands to more than" in str(error), text  # noqa: PT017  the only limit that random queries exceed
        return query(random, depth)
    return text


def _clause(random: Random, script: str, depth: int) -> str:
    if depth and random.random() < 0.5:
        parts = [_clause(random, script, depth - 1) for _ in range(random.randint(2, 3))]
        match random.randrange(5):
            case 0:
                return f"({' AND '.join(parts)})"
            case 1:
                return f"({' '.join(parts)})"
            case 2 | 3:
                return f"({' OR '.join(parts)})"
            case _:
                return f"NOT {parts[0]}" if random.random() < 0.5 else f"-({parts[0]})"
    return _leaf(random, script)


def _leaf(random: Random, script: str) -> str:
    match random.randrange(23):
        case 20:
            return f"{random.choice(('', '-'))}exists:{random.choice(_OPTIONAL)}"
        case 21 | 22:
            return _not_near(random, script)
        case 0 | 1 | 2 | 3 | 4 | 5:
            return _words(random, script)
        case 6 | 7 | 8 | 9:
            return _near(random, script)
        case 10 | 11:
            return f"({_near(random, script)}) {_operator(random)} {_operand(random, script)}"
        case 12:
            return f"{_operand(random, script)} {_operator(random)} ({_near(random, script)})"
        case 13 | 14:
            unique = {
                folding.fold_case_and_diacritics(word): word
                for word in random.sample(_SEARCHABLE[script], 3)
                if word.isalpha()
            }
            words = list(unique.values())[: random.randint(2, 3)] or ["AI"]
            return f'"{" ".join(words)}"~{random.randint(0, 6)}' if _distinct(words) else "AI"
        case 15:
            return _range(random) if random.random() < 0.5 else _at_least(random, script)
        case 16:
            return _value(random)
        case 17:
            return random.choice(_AUTHOR_AND_URL_CLAUSES)
        case _:
            scoped = f"({_near(random, script)})" if random.random() < 0.5 else _words(random, script)
            return f"{random.choice(('title', 'text', 'lead'))}:{scoped}"


_OPTIONAL = (*OPTIONAL_FIELDS, *OPTIONAL_RANGE_FIELDS)


def _not_near(random: Random, script: str) -> str:
    operator = f"NOT {random.choice(('NEAR', 'ONEAR'))}/{random.choice((0, 1, 2, 5))}"
    clause = f"{_operand(random, script)} {operator} {_operand(random, script)}"
    field = random.choice(("", "", "title:", "text:", "lead:"))
    return f"{field}({clause})"


def _at_least(random: Random, script: list[str]) -> str:
    words = " OR ".join(_words(random, script) for _ in range(random.randint(1, 2)))
    field = random.choice(("", "", "title:", "text:", "lead:"))
    return f"{field}atleast{random.randint(1, 4)}({words})"


def _distinct(words: list[str]) -> bool:
    tokens = [token_match.value for token_match in token_matchers(Phrase(" ".join(words)))]
    return len(set(tokens)) == len(tokens)


def _words(random: Random, script: str) -> str:
    words = _SEARCHABLE[script]
    if script == "english" and random.random() < 0.1:
        return random.choice(_SIGNED)
    match random.randrange(10):
        case 0:
            return random.choice(_WILD[script])
        case 1:
            return random.choice(_FUZZY[script])
        case 2 | 3:
            return f'"{" ".join(random.choices(words, k=random.randint(1, 3)))}"'
        case 4:
            return f"raw:{random.choice(words)}"
        case 5:
            return f'raw:"{" ".join(random.choices(words, k=random.randint(1, 2)))}"'
        case _:
            return random.choice(words)


def _operand(random: Random, script: str) -> str:
    if random.random() < 0.35:
        return f"({' OR '.join(_words(random, script) for _ in range(random.randint(2, 3)))})"
    return _words(random, script)


def _operator(random: Random) -> str:
    return f"{random.choice(('NEAR', 'ONEAR'))}/{random.choice((0, 0, 1, 2, 3, 5, 9, 'S', 'S', 'P', 'P'))}"


def _near(random: Random, script: str) -> str:
    return f"{_operand(random, script)} {_operator(random)} {_operand(random, script)}"


def _range(random: Random) -> str:
    field = random.choice(("published_at", "first_seen_at", "updated_at", "fetched_at", "modified_at"))
    low, high = random.choice(_DATES), random.choice(_DATES)
    match random.randrange(3):
        case 0:
            return f"{field}:{random.choice('[{')}{low} TO {high}{random.choice(']}')}"
        case 1:
            return f"{field}:{random.choice(('>=', '<=', '>', '<', '', '='))}{random.choice(_DATES[:-1])}"
        case _:
            return random.choice(
                ("word_count:>=300", "word_count:[10 TO 300]", "word_count:{10 TO 301}", "word_count:0")
            )


def _value(random: Random) -> str:
    name = random.choice((*NAMES, "ÉXPORT", "chips"))
    outlet, language = random.choice(OUTLETS), random.choice(("en", "RU", "zh", "de"))
    country = random.choice(("gb", "NO", "RU"))
    return random.choice(
        (f'outlet:"{outlet}"', f"language:{language}", f"country:{country}", f"topic:{name}", f'alert:"{name.upper()}"')
    )


# ---- strategies: they draw a seed, because large trees drawn piece by piece vary too little

_seeds = st.integers(0, 2**64 - 1).map(Random)
queries = _seeds.map(query)
texts = _seeds.map(text)


def corpora(count: int) -> st.SearchStrategy[list[Story]]:
    """Draws ``count`` stories with different ids."""
    return _seeds.map(lambda random: [story(random, str(number)) for number in range(count)])


def many_queries(count: int) -> st.SearchStrategy[list[str]]:
    """Draws ``count`` queries."""
    return _seeds.map(lambda random: [query(random) for _ in range(count)])
