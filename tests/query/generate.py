"""Random stories and queries over the whole language, in many scripts, made so that they often meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from monitor.models import Story

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
    "می\u200cشود",
    "میشود",
]
WORDS = (*ENGLISH, *EUROPEAN, *CYRILLIC, *EAST, *OTHER)
SEPARATORS = (" ", " ", " ", " ", ", ", ". ", "\n\n", "-", " — ", "", "'", "\u00a0", "\u202f", "/", " (", ") ", "_")

OUTLETS = ("Daily News", "daily news 2", "ΣΙΓΜΑΣ", "İstanbul Post")
LANGUAGES = ("en", "ru", "zh", None)
COUNTRIES = ("GB", "NO", "ru", None)
NAMES = ("ai-geopolitics", "Chips", "éxport", "BRICS")
AUTHORS = ("Jane Smith", "Jean d'Arc", "Иван Петров", "王小明", "Smith Jane-Marie")
PATHS = ("", "politics/2026/ai-chips.html", "Politics/a_b?id=12&x=export", "новости/сбербанк", "live")
MOMENTS = (
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

_letters = st.text(st.sampled_from("aiАИé中テ한'’-.,_:&1 \u0301\u200d😀"), max_size=6)
_piece = st.one_of(*[st.sampled_from(WORDS)] * 9, _letters)


@st.composite
def texts(draw: st.DrawFn, longest: int = 25) -> str:
    pieces = draw(st.lists(st.tuples(_piece, st.sampled_from(SEPARATORS)), max_size=longest))
    return "".join(word + separator for word, separator in pieces)


@st.composite
def stories(draw: st.DrawFn, identity: str = "0") -> Story:
    moments = st.sampled_from([moment for moment in MOMENTS if moment])
    text = draw(texts())
    return Story(
        id=identity,
        url=f"https://www.outlet.example/{draw(st.sampled_from(PATHS))}#{identity}",
        outlet=draw(st.sampled_from(OUTLETS)),
        title=draw(texts(5)),
        text=text,
        authors=tuple(draw(st.lists(st.sampled_from(AUTHORS), max_size=2, unique=True))),
        first_seen_at=draw(moments),
        fetched_at=draw(moments),
        updated_at=draw(moments),
        published_at=draw(st.sampled_from(MOMENTS)),
        modified_at=draw(st.sampled_from(MOMENTS)),
        language=draw(st.sampled_from(LANGUAGES)),
        country=draw(st.sampled_from(COUNTRIES)),
        topics=tuple(draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))),
        alerts=tuple(draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))),
        word_count=draw(st.sampled_from((0, 10, 300, 301))),
        cluster=identity,
    )


@st.composite
def corpora(draw: st.DrawFn, count: int) -> list[Story]:
    """So many stories, each with an id of its own."""
    return [draw(stories(str(number))) for number in range(count)]


# ---- queries, as people write them

_searchable = [word for word in WORDS if not set(word) & set(":()/+") and word not in {"OR", "🚀"}]
_bare = st.sampled_from([word for word in _searchable if word[0] not in "-!"])
_wild = st.sampled_from(
    [
        "chip*",
        "sanct*",
        "Sber*",
        "ex?ort*",
        "cont?ols",
        "ch?p*",
        "uni*al",
        "Сбер*",
        "санкци?",
        "эл*",
        "Ély*",
        "stra*",
        "テス*",
        "한국*",
        "인공*",
        "GPT-4*",
        "ai*",
        "im*t",
        "export-cont*",
        "бр?к*",
    ]
)
_fuzzy = st.sampled_from(
    ["sbrebank~1", "sanctoin~1", "exportt~2", "controlls~2", "Сбрбанк~1", "сакнции~1", "елысеей~2", "unversity~2"]
)
_phrase = st.lists(st.sampled_from([word for word in WORDS if '"' not in word]), min_size=1, max_size=3).map(
    lambda words: f'"{" ".join(words)}"'
)
_sloppy = st.tuples(
    st.lists(
        st.sampled_from(("AI", "BRICS", "chips", "the", "of", "Сбербанк", "中")), min_size=2, max_size=3, unique=True
    ),
    st.integers(0, 6),
).map(lambda drawn: f'"{" ".join(drawn[0])}"~{drawn[1]}')
_positional = st.one_of(
    _bare, _bare, _bare, _wild, _fuzzy, _phrase, _bare.map("raw:{}".format), _phrase.map("raw:{}".format)
)


def _or_group(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(items, min_size=2, max_size=3).map(lambda drawn: f"({' OR '.join(drawn)})")


_operator = st.tuples(st.sampled_from(("NEAR", "ONEAR")), st.integers(0, 6)).map(lambda drawn: f"{drawn[0]}/{drawn[1]}")
_operand = st.one_of(_positional, _positional, _or_group(_positional))
_near = st.tuples(_operand, _operator, _operand).map(" ".join)
_nested = st.tuples(_near.map("({})".format), _operator, _operand).map(" ".join)
_date = st.sampled_from(
    [
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
)
_range = st.one_of(
    st.tuples(
        st.sampled_from(("published_at", "first_seen_at", "updated_at", "fetched_at", "modified_at")),
        st.sampled_from("[{"),
        _date,
        _date,
        st.sampled_from("]}"),
    ).map(lambda drawn: f"{drawn[0]}:{drawn[1]}{drawn[2]} TO {drawn[3]}{drawn[4]}"),
    st.tuples(st.sampled_from((">=", "<=", ">", "<", "")), _date.filter(lambda date: date != "*")).map(
        lambda drawn: f"published_at:{drawn[0]}{drawn[1]}"
    ),
    st.sampled_from(("word_count:>=300", "word_count:[10 TO 300]", "word_count:{10 TO 301}", "word_count:0")),
)
_value = st.one_of(
    st.sampled_from(OUTLETS).map('outlet:"{}"'.format),
    st.sampled_from(("en", "RU", "zh", "de")).map("language:{}".format),
    st.sampled_from(("gb", "NO", "RU")).map("country:{}".format),
    st.sampled_from((*NAMES, "ÉXPORT", "chips")).flatmap(
        lambda name: st.sampled_from((f"topic:{name}", f"alert:{name}", f'topic:"{name}"'))
    ),
)
_other_field = st.sampled_from(
    [
        "author:smith",
        'author:"Jane',
        'Smith"',
        "author:Sm*",
        "author:jane-marie",
        'author:"小明"',
        "author:Arc",
        "author:петров~1",
        "url:politics",
        "url:outlet.example",
        "url:export",
        "url:сбербанк",
        "url:chip*",
        "url:a_b",
        "url:live",
    ]
).filter(lambda text: text.count('"') != 1)
_authors = st.sampled_from(('author:"Jane Smith"', "author:(jane OR иван)", 'url:"politics/2026"'))
leaf = st.one_of(
    *[_positional] * 6,
    _near,
    _near,
    _near,
    _nested,
    _sloppy,
    _range,
    _value,
    _other_field,
    _authors,
    st.tuples(st.sampled_from(("title", "text")), st.one_of(_positional, _near.map("({})".format))).map(":".join),
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def joined(sign: str) -> st.SearchStrategy[str]:
        return st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({sign.join(parts)})")

    return st.one_of(
        joined(" AND "), joined(" "), joined(" OR "), inner.map("NOT {}".format), inner.map("-({})".format)
    )


queries = st.recursive(leaf, _combined, max_leaves=5)
