"""Loading monitor.yaml and the environment: a Config, or all faults at once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.app import main
from monitor.config import Config, load
from monitor.config.document import YamlError, parse_yaml
from monitor.config.types import to_timedelta
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMPLETE = """\
store: {url: "sqlite:monitor.db"}
mail:
  url: "smtp://user:secret@mail.example.org:587?starttls=required"
  sender: monitor@example.org
  ops: ["ops@example.org"]
crawl: {user_agent: "...", delay: 1s, concurrency: 64, workers: auto, obey_robots: true}
keep: matching                         # or all
topics:
  ai-geopolitics: '(raw:AI OR "artificial intelligence" OR ИИ OR 人工智能) AND (China OR Russia OR sanction OR export)'
outlets:
  - name: National Technology News
    url: https://www.nationaltechnology.co.uk/
    feeds: [https://www.nationaltechnology.co.uk/rss.xml]
    language: en
    country: GB
    every: 15m
    render: none
alerts:
  - name: sberbank
    query: 'Sberbank OR Сбербанк'
    to: [desk@example.org]
    deliver: instant
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "monitor.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def faults(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    return [fault.replace(f"{path.parent}/", "") for fault in caught.value.faults]


def test_a_complete_configuration_is_read(write: Callable[[str], Path]) -> None:
    config = load(write(COMPLETE), {})
    assert config.mail.url is not None
    assert config.mail.url.get_secret_value().startswith("smtp://user:secret@")
    assert config.outlets[0].every == timedelta(minutes=15)
    assert config.alerts[0].to == ("desk@example.org",)
    assert "secret" not in repr(config)


def test_an_empty_file_is_all_defaults(write: Callable[[str], Path]) -> None:
    assert load(write("# nothing yet\n"), {}) == Config()


ALERT = "alerts:\n  - name: a\n    to: [a@example.org]\n    query: "
OUTLET = "outlets:\n  - name: A\n    url: https://a.example/\n"

# The text of a file, and the beginning of its one fault.
BROKEN = {
    "unbalanced bracket": (ALERT + "'(Sberbank OR AI'", 'monitor.yaml:4: alerts[0].query: unmatched "(" at column 1'),
    "unbalanced quote": (ALERT + "'\"Sberbank'", "monitor.yaml:4: alerts[0].query: "),
    "unknown query field": (ALERT + "'titel:Sberbank'", "monitor.yaml:4: alerts[0].query: "),
    "leading wildcard": (ALERT + "'*bank'", "monitor.yaml:4: alerts[0].query: "),
    "nothing positive": (ALERT + "'NOT Sberbank'", "monitor.yaml:4: alerts[0].query: nothing in this query has to be"),
    "empty query": (ALERT + "''", "monitor.yaml:4: alerts[0].query: the query is empty at column 1"),
    "topic that does not parse": ("topics:\n  a: x\n  b: 'x AND'\n", "monitor.yaml:3: topics.b: "),
    "query unquoted": (ALERT + '"BRICS AI"~10', "monitor.yaml:4: not YAML: "),
    "query with a tag's !": (
        ALERT + "!Sberbank x",
        "monitor.yaml:4: a YAML tag is not allowed; if a query or password begins with !",
    ),
    "query with an alias's *": (
        ALERT + "*bank",
        "monitor.yaml:4: not YAML: found undefined alias; if a value begins with *",
    ),
    "query as list": (ALERT + "[a, b]", "monitor.yaml:4: alerts[0].query: must be text"),
    "unknown key": (
        OUTLET + "    feed: https://a.example/rss",
        'monitor.yaml:4: outlets[0].feed: unknown key "feed"; did you mean "feeds"?',
    ),
    "unknown section": ("outlts: []\n", 'monitor.yaml:1: outlts: unknown key "outlts"; did you mean "outlets"?'),
    "missing key": ("outlets:\n  - url: https://a.example/\n", "monitor.yaml:2: outlets[0].name: is missing"),
    "double outlet": (
        OUTLET + "  - name: a\n    url: https://b.example/\n",
        'monitor.yaml:4: outlets[1].name: "a" is the name of outlets[0]',
    ),
    "double alert": (
        ALERT + "x\n  - {name: A, to: a@example.org, query: y}\n",
        'monitor.yaml:5: alerts[1].name: "A" is the name of',
    ),
    "double key": ("keep: all\nkeep: matching\n", "monitor.yaml:2: keep: appears twice, first on line 1"),
    "double topic": ("topics: {a: x, A: y}\n", "monitor.yaml:1: topics.A: another topic has the same name"),
    "address with a line break": (
        'alerts:\n  - {name: a, query: x, to: ["a@example.org\\nBcc: b@example.org"]}\n',
        "monitor.yaml:2: alerts[0].to[0]: contains the control character",
    ),
    "sender with a line break": (
        'mail: {sender: "a@example.org\\r\\nBcc: b@x.org"}\n',
        "monitor.yaml:1: mail.sender: contains the control character",
    ),
    "name with a line break": (
        'outlets:\n  - {name: "A\\nB", url: "https://a.example/"}\n',
        "monitor.yaml:2: outlets[0].name: contains the control",
    ),
    "not an address": (
        "alerts:\n  - {name: a, query: x, to: desk}\n",
        "monitor.yaml:2: alerts[0].to: 'desk' is not an e-mail address",
    ),
    "two addresses in one": (
        "alerts:\n  - {name: a, query: x, to: 'a@b.org, c@d.org'}\n",
        "monitor.yaml:2: alerts[0].to: ",
    ),
    "nobody to mail": ("alerts:\n  - {name: a, query: x, to: []}\n", "monitor.yaml:2: alerts[0].to: must not be empty"),
    "ftp": (
        "outlets:\n  - {name: A, url: 'ftp://a.example/'}\n",
        "monitor.yaml:2: outlets[0].url: 'ftp://a.example/' is not an address",
    ),
    "file address": ("outlets:\n  - {name: A, url: 'file:///etc/passwd'}\n", "monitor.yaml:2: outlets[0].url: "),
    "address with a password": (
        "outlets:\n  - {name: A, url: 'https://u:p@a.example/'}\n",
        "monitor.yaml:2: outlets[0].url: must not contain a user",
    ),
    "address with a space": (
        OUTLET + "    feeds: ['https://a.example/r s']\n",
        "monitor.yaml:4: outlets[0].feeds[0]: contains a space",
    ),
    "host with a scheme": (OUTLET + "    hosts: [https://b.example/]\n", "monitor.yaml:4: outlets[0].hosts[0]: "),
    "port out of range": (
        "outlets:\n  - {name: A, url: 'https://a.example:99999/'}\n",
        "monitor.yaml:2: outlets[0].url: ",
    ),
    "duration": (
        OUTLET + "    every: 15 minutes\n",
        "monitor.yaml:4: outlets[0].every: '15 minutes' is not a duration; write",
    ),
    "endless duration": (OUTLET + "    every: 99999999999999d\n", "monitor.yaml:4: outlets[0].every: "),
    "no duration": (OUTLET + "    every: 0s\n", "monitor.yaml:4: outlets[0].every: must be greater than zero"),
    "country": (
        OUTLET + "    country: UK\n",
        "monitor.yaml:4: outlets[0].country: the code of the United Kingdom is GB",
    ),
    "language": (OUTLET + "    language: english!\n", "monitor.yaml:4: outlets[0].language: "),
    "engine": (
        OUTLET + "    render: chrome\n",
        "monitor.yaml:4: outlets[0].render: must be 'none', 'splash', 'playwright' or",
    ),
    "selector": (OUTLET + "    article: 'div[['\n", "monitor.yaml:4: outlets[0].article: not a CSS selector"),
    "regular expression": (
        OUTLET + "    include: ['(']\n",
        "monitor.yaml:4: outlets[0].include[0]: not a regular expression",
    ),
    "delivery": (
        ALERT + "x\n    deliver: dayly 07:00\n",
        "monitor.yaml:5: alerts[0].deliver: 'dayly 07:00' is not a delivery time",
    ),
    "hour alone": (
        ALERT + "x\n    deliver: daily 6\n",
        "monitor.yaml:5: alerts[0].deliver: 'daily 6' is not a delivery time; write daily 06:00",
    ),
    "hour of a canary": (
        "canary: weekly Monday 6\n",
        "monitor.yaml:1: canary: 'weekly Monday 6' is not a delivery time; write weekly monday 06:00",
    ),
    "time of a canary": (
        "canary: at six\n",
        "monitor.yaml:1: canary: 'at six' is not a delivery time; write hourly, daily 07:00 or weekly mon 07:00",
    ),
    "time of day": (
        ALERT + "x\n    deliver: daily 25:00\n",
        "monitor.yaml:5: alerts[0].deliver: 25:00 is not a time of day",
    ),
    "weekday": (ALERT + "x\n    deliver: weekly 07:00\n", "monitor.yaml:5: alerts[0].deliver: weekly needs a day"),
    "time zone": (ALERT + "x\n    timezone: Mars/Base\n", "monitor.yaml:5: alerts[0].timezone: "),
    "digest": (ALERT + "x\n    digest: none\n", "monitor.yaml:5: alerts[0].digest: "),
    "entries": (ALERT + "x\n    max_entries: 0\n", "monitor.yaml:5: alerts[0].max_entries: "),
    "rest": (ALERT + "x\n    rest: instant\n", "monitor.yaml:5: alerts[0].rest: instant is no time of a digest"),
    "repeat": (ALERT + "x\n    repeat: never\n", "monitor.yaml:5: alerts[0].repeat: "),
    "quiet hours": (ALERT + "x\n    quiet_hours: 22-7\n", "monitor.yaml:5: alerts[0].quiet_hours: '22-7' are no quiet"),
    "limit": (ALERT + "x\n    max_per_hour: 0\n", "monitor.yaml:5: alerts[0].max_per_hour: "),
    "late": (ALERT + "x\n    late_after: soon\n", "monitor.yaml:5: alerts[0].late_after: 'soon' is not a duration"),
    "mail scheme": ("mail: {url: 'http://mail.example.org'}\n", "monitor.yaml:1: mail.url: it must begin with smtp://"),
    "mail option": (
        "mail: {url: 'smtp://m.example.org?starttls=maybe'}\n",
        "monitor.yaml:1: mail.url: starttls=maybe must be",
    ),
    "password with a slash": ("mail: {url: 'smtp://u:pa/ss@m.example.org'}\n", "monitor.yaml:1: mail.url: "),
    "store": ("store: {url: 'postgres://x'}\n", "monitor.yaml:1: store.url: must be sqlite:FILE or https://HOST:9200"),
    "store without a file": ("store: {url: 'sqlite:'}\n", "monitor.yaml:1: store.url: it names no file"),
    "index prefix": ("store: {prefix: 'My Index'}\n", "monitor.yaml:1: store.prefix: must be lower-case"),
    "two logins": (
        "store: {api_key: a, username: b, password: c}\n",
        "monitor.yaml:1: store.api_key: give an api_key, or",
    ),
    "user without password": ("store:\n  username: b\n", "monitor.yaml:2: store.username: needs a password too"),
    "number": ("crawl: {concurrency: many}\n", "monitor.yaml:1: crawl.concurrency: must be a whole number"),
    "number too large": ("crawl: {concurrency: 100000}\n", "monitor.yaml:1: crawl.concurrency: must be at most 1000"),
    "workers": ("crawl: {workers: 0}\n", "monitor.yaml:1: crawl.workers: '0' is not auto or a number from 1 to 256"),
    "truth": ("crawl: {obey_robots: perhaps}\n", "monitor.yaml:1: crawl.obey_robots: must be true or false"),
    "keep": ("keep: some\n", "monitor.yaml:1: keep: must be 'matching' or 'all'"),
    "a list instead of keys": ("- a\n- b\n", "monitor.yaml:1: must be keys and values"),
    "text instead of a section": ("crawl: fast\n", "monitor.yaml:1: crawl: must be keys and values"),
    "an address instead of an outlet": (
        "outlets: [https://a.example/]\n",
        'monitor.yaml:1: outlets[0]: must be keys and values: {name: A, url: "https://a.example/"}',
    ),
    "an address instead of a store": (
        "store: sqlite:monitor.db\n",
        'monitor.yaml:1: store: must be keys and values: {url: "sqlite:monitor.db"}',
    ),
    "a list of topics": (
        "topics: [a]\n",
        "monitor.yaml:1: topics: must be keys and values: {chips: 'chip AND export'}",
    ),
    "a list of terms": (
        "terms: [a]\n",
        "monitor.yaml:1: terms: must be keys and values: {russia-banks: 'Sberbank OR VTB'}",
    ),
    "name of a term": (
        "terms: {russia banks: Sberbank}\n",
        "monitor.yaml:1: terms.russia banks: a name consists of letters, digits, _ and -; queries use it as @name",
    ),
    "pack entry that does not exist": (
        "terms: {pack.nowhere: a}\n",
        'monitor.yaml:1: terms.pack.nowhere: no pack has "pack.nowhere"; only its entries can be replaced',
    ),
    "text of a term": (
        "terms:\n  banks: '(Sberbank'\n  all: '@banks OR VTB'\n" + ALERT + "'@all x'\n",
        'monitor.yaml:2: terms.banks: unmatched "(" at column 1 (add a ")")',
    ),
    "terms that use each other": (
        "terms:\n  a: x OR @b\n  b: '@a'\n",
        "monitor.yaml:2: terms.a: a fragment cannot use itself: @a uses @b uses @a at column 6 (remove @b from its",
    ),
    "unknown term": (
        "terms: {russia-banks: Sberbank}\n" + ALERT + "'@russia-bank x'\n",
        "monitor.yaml:5: alerts[0].query: unknown fragment @russia-bank at column 1 (did you mean @russia-banks",
    ),
    "term twice": (
        "terms: {a: x, A: y}\n",
        "monitor.yaml:1: terms.A: another term has the same name in another case",
    ),
    "key out of line": (
        OUTLET + "   every: 5m\n",
        "monitor.yaml:4: not YAML: wrong indentation",
    ),
    "bracket left open": ("outlets: [a, b\nalerts: []\n", "monitor.yaml:1: not YAML: a [ is not closed"),
    "quote left open": ("keep: 'all\nmail:\n", "monitor.yaml:1: not YAML: a quote is not closed"),
    "key without colon": ("keep: all\nfoo\n", "monitor.yaml:2: not YAML: a key needs a colon after it"),
    "keys instead of a list": ("outlets: {name: A}\n", "monitor.yaml:1: outlets: must be a list"),
    "Python object": (
        "store: !!python/object/apply:os.system [echo]\n",
        "monitor.yaml:1: a YAML tag is not allowed;",
    ),
    "merge key": ("a: &a {keep: all}\n<<: *a\n", 'monitor.yaml:1: a: unknown key "a"'),
    "two documents": ("keep: all\n---\nkeep: all\n", "monitor.yaml:2: a second document begins here"),
    "tab": ("crawl:\n\tdelay: 1s\n", "monitor.yaml:2: not YAML: "),
    "alias in itself": ("topics: &a [*a]\n", "monitor.yaml:1: an alias (*) contains itself"),
    "control character": ("keep: all\nmail: {sender: \x07}\n", "monitor.yaml:2: "),
    "list as key": ("? [a, b]\n: c\n", "monitor.yaml:1: a key must be a word"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_fault_is_reported_with_its_line_and_key(kind: str, write: Callable[[str], Path]) -> None:
    text, expected = BROKEN[kind]
    assert faults(write(text))[0].startswith(expected)


@pytest.mark.parametrize("kind", BROKEN)
def test_check_refuses_a_broken_file_with_status_2(
    kind: str, write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(BROKEN[kind][0])
    with pytest.raises(SystemExit) as exit_:
        main(["check", "--config", str(path)])
    captured = capsys.readouterr()
    assert exit_.value.code == 2
    assert captured.err.startswith(str(path))
    assert "Traceback" not in captured.err
    assert not list(path.parent.glob("*.db")), "nothing was started"


def test_the_fault_of_a_term_is_reported_once_where_it_is_written(write: Callable[[str], Path]) -> None:
    path = write("terms:\n  a: '(x'\n  b: '@a y'\ntopics: {t: '@b'}\n" + ALERT + "'@a'\n")
    assert faults(path) == ['monitor.yaml:2: terms.a: unmatched "(" at column 1 (add a ")")']


def test_a_pack_entry_made_invalid_by_a_term_is_reported_at_its_use(write: Callable[[str], Path]) -> None:
    many_words = " OR ".join(f"word{number}" for number in range(990))
    path = write(f"terms: {{pack.ai: {many_words}}}\n" + ALERT + "'@pack.ai-everywhere'\n")
    (fault,) = faults(path)
    assert fault == (
        "monitor.yaml:5: alerts[0].query: the text of @pack.ai-everywhere is invalid: "
        "more than 1,000 words and phrases at its column 13 at column 1"
    )


def test_queries_use_terms_that_are_written_below_them(write: Callable[[str], Path]) -> None:
    config = load(write(ALERT + "'@banks NEAR/3 raw:AI'\nterms: {banks: Sberbank OR VTB}\n"), {})
    assert config.alerts[0].query == "@banks NEAR/3 raw:AI"
    assert config.fragments.text("banks") == "Sberbank OR VTB"


def test_a_term_can_come_from_the_environment(write: Callable[[str], Path]) -> None:
    path = write(ALERT + "'@banks'\n")
    assert load(path, {"MONITOR_TERMS__banks": "Sberbank OR VTB"}).terms == {"banks": "Sberbank OR VTB"}
    assert faults(path, {"MONITOR_TERMS__banks": "(a"}) == [
        'MONITOR_TERMS__banks: terms.banks: unmatched "(" at column 1 (add a ")")'
    ]


def test_all_faults_are_reported_at_once_in_the_order_of_the_file(write: Callable[[str], Path]) -> None:
    reported = faults(
        write(f"keep: some\ncrawl: {{delay: x}}\n{OUTLET}    country: Norway\n{ALERT}'(a'\n    dliver: hourly\n")
    )
    assert [fault.split(": ")[0] for fault in reported] == [f"monitor.yaml:{n}" for n in (1, 2, 6, 10, 11)]


def test_scalars_are_read_as_text(write: Callable[[str], Path]) -> None:
    config = load(
        write(
            "outlets:\n  - {name: 007, url: 'https://a.example/', country: NO, language: no, every: 1:30}\n".replace(
                ", every: 1:30", ""
            )
        ),
        {},
    )
    assert (config.outlets[0].name, config.outlets[0].country, config.outlets[0].language) == ("007", "NO", "no")


def test_a_list_may_be_written_as_its_only_item(write: Callable[[str], Path]) -> None:
    config = load(write("alerts:\n  - {name: a, query: x, to: a@example.org}\n"), {})
    assert config.alerts[0].to == ("a@example.org",)


def test_a_key_without_a_value_has_its_default(write: Callable[[str], Path]) -> None:
    assert load(write(f"mail:\n  url:\ncrawl:\ntopics:\n{OUTLET}    feeds:\n"), {}).outlets[0].feeds == ()


def test_yaml_aliases_are_expanded(write: Callable[[str], Path]) -> None:
    text = "alerts:\n  - {name: a, query: x, to: &desk [a@example.org]}\n  - {name: b, query: y, to: *desk}\n"
    assert load(write(text), {}).alerts[1].to == ("a@example.org",)


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(YamlError) as caught:
        parse_yaml("\n".join(lines).encode())
    assert "aliases make more than" in caught.value.faults[0].message


@pytest.mark.parametrize("text", ["[" * 50_000, "{a: " * 50_000, "- " * 50_000 + "a"])
def test_deep_nesting_is_refused_at_once(text: str, write: Callable[[str], Path]) -> None:
    assert "nested more than" in faults(write(text))[0]


def test_text_that_is_not_utf_8_is_reported_with_its_line(write: Callable[[bytes], Path]) -> None:
    assert faults(write("keep: all\ntopics: {a: Сбербанк}\n".encode("windows-1251")))[0].startswith(
        "monitor.yaml:2: not UTF-8"
    )
    assert "not UTF-8" in faults(write("keep: all".encode("utf-16")))[0]


def test_a_file_too_large_or_missing_is_refused(tmp_path: Path, write: Callable[[bytes], Path]) -> None:
    assert "larger than" in faults(write(b"#" * 9_000_000))[0]
    assert "init" in faults(tmp_path / "nowhere.yaml")[0]
    assert "cannot be read" in faults(tmp_path)[0]


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_arbitrary_bytes_raise_no_other_error_than_document_error(raw: bytes) -> None:
    try:
        parse_yaml(raw)
    except YamlError as error:
        assert error.faults  # noqa: PT017  either outcome is right


# ---- the environment


def test_the_environment_overrides_the_file(write: Callable[[str], Path], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("smtp://u:p%40ss@mail.example.org:587\n")
    config = load(
        write(COMPLETE),
        {
            "MONITOR_STORE__URL": "https://es:9200",
            "MONITOR_STORE__CA_FILE": "/etc/ca.pem",
            "MONITOR_MAIL__URL_FILE": str(secret),
            "MONITOR_MAIL__OPS": "[a@example.org, b@example.org]",
            "MONITOR_CRAWL__CONCURRENCY": "7",
            "MONITOR_KEEP": "all",
            "MONITOR_OUTLETS__0__FEEDS__1": "https://www.nationaltechnology.co.uk/two.xml",
            "MONITOR_OUTLETS__1": "{name: B, url: 'https://b.example/'}",
            "MONITOR_ALERTS__0__DELIVER": "hourly",
            "MONITOR_TOPICS__Chips": "chip",
            "MONITOR_CONFIG": "elsewhere.yaml",
            "MONITOR_PORT": "tcp://10.0.0.1:80",
            "PATH": "/bin",
        },
    )
    assert config.store.url.get_secret_value() == "https://es:9200"
    assert config.store.ca_file == "/etc/ca.pem"
    assert config.mail.url is not None
    assert config.mail.url.get_secret_value() == "smtp://u:p%40ss@mail.example.org:587"
    assert config.mail.ops == ("a@example.org", "b@example.org")
    assert config.crawl.concurrency == 7
    assert config.keep == "all"
    assert len(config.outlets[0].feeds) == 2
    assert config.outlets[1].name == "B"
    assert config.alerts[0].deliver == "hourly"
    assert config.topics["Chips"] == "chip"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MONITOR_STORE__URLL", "x", 'unknown key "urll"; did you mean "url"?'),
        ("MONITOR_STROE__URL", "x", 'unknown key "stroe"; did you mean "store"?'),
        ("MONITOR_CRAWL__DELAY", "soon", "crawl.delay: 'soon' is not a duration"),
        ("MONITOR_ALERTS__3__NAME", "x", "there is no item 3: the list has 1, and the next to add is 1"),
        ("MONITOR_ALERTS__0__QUERY", "(a", 'alerts[0].query: unmatched "(" at column 1'),
        ("MONITOR_MAIL__OPS", "[a@example.org", "not YAML"),
        ("MONITOR_MAIL__OPS", "[a, b", "not YAML"),
        ("MONITOR_MAIL__URL_FILE", "/nowhere/at/all", "/nowhere/at/all cannot be read"),
        ("MONITOR_MAIL__URL", "smtp://u:sesame@m.example.org?x=y", "mail.url: unknown option 'x'"),
        ("MONITOR_KEEP__X", "1", "there is no key keep.x"),
        ("MONITOR_STORE_URL", "sqlite:x.db", "did you mean MONITOR_STORE__URL? Two underscores separate keys"),
        ("MONITOR_CRAWL_MAX_SIZE", "1MB", "did you mean MONITOR_CRAWL__MAX_SIZE?"),
    ],
)
def test_a_fault_of_the_environment_names_the_variable(
    variable: str, value: str, message: str, write: Callable[[str], Path]
) -> None:
    (fault,) = faults(write(COMPLETE), {variable: value})
    assert fault.startswith(f"{variable}: {message}")
    assert "sesame" not in fault


def test_two_variables_for_one_value_are_a_fault(write: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "s").write_text("smtp://a.example")
    both = {"MONITOR_MAIL__URL": "smtp://b.example", "MONITOR_MAIL__URL_FILE": str(tmp_path / "s")}
    assert faults(write(""), both) == ["MONITOR_MAIL__URL_FILE: MONITOR_MAIL__URL sets the same; keep one of them"]


def test_no_fault_ever_shows_a_secret(write: Callable[[str], Path]) -> None:
    text = "store: {url: 'x://u:sesame@h', api_key: [sesame], password: sesame}\nmail: {url: 'smtp://u:ses/ame@h'}\n"
    reported = "\n".join(faults(write(text)))
    assert "sesame" not in reported
    assert "ses/ame" not in reported


@pytest.mark.parametrize("key", ["ses ame", "sesame\nsesame", "sesame\r\nx-sesame: y", "sésame", "sesame\x07", "", " "])
@pytest.mark.parametrize("origin", ["file", "variable", "document"])
def test_an_invalid_api_key_is_a_fault_that_does_not_show_the_key(
    key: str, origin: str, write: Callable[[str], Path], tmp_path: Path
) -> None:
    """A key that cannot be sent in a header; the fault names the variable or line that it comes from."""
    secret = tmp_path / "key"
    secret.write_bytes(key.encode())
    (fault,) = {
        "file": lambda: faults(write(""), {"MONITOR_STORE__API_KEY_FILE": str(secret)}),
        "variable": lambda: faults(write(""), {"MONITOR_STORE__API_KEY": key}),
        "document": lambda: faults(write(f"store:\n  api_key: {json.dumps(key)}\n")),
    }[origin]()
    named = {"file": "MONITOR_STORE__API_KEY_FILE", "variable": "MONITOR_STORE__API_KEY", "document": "monitor.yaml:2"}
    assert fault.startswith(f"{named[origin]}: store.api_key: must be one line of ASCII without spaces")
    assert "same" not in fault


def test_spaces_are_stripped_from_an_api_key_but_not_from_a_password(
    write: Callable[[str], Path], tmp_path: Path
) -> None:
    for name, text in {"key": "\ufeff\n \tc2VzYW1l=\t\r\n\r\n", "password": "\ufeff\n open sesame \r\n"}.items():
        (tmp_path / name).write_bytes(text.encode())
    store = load(write(""), {"MONITOR_STORE__API_KEY_FILE": str(tmp_path / "key")}).store
    assert store.api_key is not None
    assert store.api_key.get_secret_value() == "c2VzYW1l="
    environ = {"MONITOR_STORE__USERNAME": "ada", "MONITOR_STORE__PASSWORD_FILE": str(tmp_path / "password")}
    store = load(write(""), environ).store
    assert store.password is not None
    assert store.password.get_secret_value() == " open sesame "
    store = load(write("store: {username: ada, password: ' open sesame '}\n"), {}).store
    assert store.password is not None
    assert store.password.get_secret_value() == " open sesame "


def test_a_password_with_a_line_break_is_a_fault_that_hides_it(write: Callable[[str], Path]) -> None:
    (fault,) = faults(write(""), {"MONITOR_STORE__USERNAME": "ada", "MONITOR_STORE__PASSWORD": "sesame\nsesame"})
    assert fault.startswith("MONITOR_STORE__PASSWORD: store.password: contains the control character")
    assert "same" not in fault


@pytest.mark.parametrize("password", ["12/sesame", "12#sesame", "12?sesame", "12/@sesame", "/sesame", "Ab/sesame"])
@pytest.mark.parametrize("key", ["store", "mail"])
def test_an_unencoded_password_in_a_url_is_refused_and_not_shown(
    key: str, password: str, write: Callable[[str], Path]
) -> None:
    """Without percent-encoding, a part of the password would be read as port or path."""
    scheme = {"store": "https", "mail": "smtp"}[key]
    (fault,) = faults(write(f"{key}: {{url: '{scheme}://user:{password}@h.example'}}\n"))
    assert fault.startswith(f"monitor.yaml:1: {key}.url: ")
    assert "percent-encode" in fault
    assert "sesame" not in fault


# ---- types of values


@pytest.mark.parametrize(
    ("text", "seconds"), [("15m", 900), ("1h30m", 5400), ("7d", 604800), ("250ms", 0.25), ("3", 3), ("1.5h", 5400)]
)
def test_a_duration_is_a_number_with_a_unit_or_several(text: str, seconds: float) -> None:
    assert to_timedelta(text) == timedelta(seconds=seconds)


@given(st.text(max_size=20))
def test_arbitrary_text_is_a_duration_or_refused_with_a_hint(text: str) -> None:
    try:
        assert isinstance(to_timedelta(text), timedelta)
    except ValueError as error:
        assert "write" in str(error) or "longer" in str(error)  # noqa: PT017  either outcome is right


def test_the_starter_configuration_is_valid_and_never_overwritten(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["init", str(tmp_path)])
    assert exit_.value.code == 0
    config = load(tmp_path / "monitor.yaml", {})
    assert len(config.outlets) >= 25
    assert {"en", "ru", "zh"} <= {outlet.language for outlet in config.outlets}
    assert len(config.topics) >= 3
    assert len(config.alerts) >= 3
    before = (tmp_path / "monitor.yaml").read_bytes()
    with pytest.raises(SystemExit) as exit_:
        main(["init", str(tmp_path)])
    assert exit_.value.code == 1
    assert (tmp_path / "monitor.yaml").read_bytes() == before
