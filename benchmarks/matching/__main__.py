# ruff: noqa: E501  lists of words read better as they are
"""Stories a second against 10, 1,000 and 10,000 alerts, the cost of each part, and Lucene Monitor beside it.

    nice .venv/bin/python -m benchmarks.matching [--corpus DIR] [--rules 10 1000 10000] [--rounds 3] [--no-lucene]

The corpus (or MONITOR_CORPUS) is a directory with article-extraction-benchmark/ground-truth.json; without it the
stories are made up.  Alerts are drawn from the stories' own words: a third single words, the rest AND, OR, NOT,
phrases, NEAR and wildcards.  Lucene Monitor (TermFilteredPresearcher, one thread) gets the same alerts and stories
where Maven and a JDK of 21 or newer are there; its analysis is StandardTokenizer, folding and Snowball, for two fields.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.models import Story
from monitor.query import parse
from monitor.query.analysis import Form, tokens
from monitor.query.matcher import Document
from monitor.query.rules import RuleSet

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BOUND = 2.0  # milliseconds a story


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=os.environ.get("MONITOR_CORPUS"))
    parser.add_argument("--rules", type=int, nargs="+", default=[10, 1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-lucene", action="store_true")
    options = parser.parse_args()

    bodies = real(options.corpus) if options.corpus else made_up(300)
    stories = [story(number, body) for number, body in enumerate(bodies)]
    lengths = [len(tokens(body)) for body in bodies]
    print(
        f"{len(stories)} stories of {sum(lengths) / len(lengths):.0f} tokens, one core; CPU time, best of {options.rounds} rounds"
    )
    parts(bodies, options.rounds)

    failed = False
    for count in options.rules:
        rules = drawn(bodies, count)
        failed |= not compared(rules, stories, options)
    return int(failed)


def parts(bodies: list[str], rounds: int) -> None:
    """What it costs to make tokens of a story, and to look its words up."""
    analysed = [tokens(body) for body in bodies]

    def positions() -> None:
        for text in map(tokens, bodies):
            for form in (Form.STEM, Form.EXACT):
                text.positions(form)

    cut = best(lambda: [tokens(body) for body in bodies], rounds) / len(bodies) * 1000
    looked_up = best(positions, rounds) / len(bodies) * 1000
    print(f"  tokens {cut:.2f} ms a story, their positions by form {looked_up - cut:.2f} ms more")
    assert len(analysed) == len(bodies)


def compared(rules: list[tuple[str, str]], stories: list[Story], options: argparse.Namespace) -> bool:
    """Prints one row; whether the bound is kept."""
    began = time.process_time()
    found = RuleSet(topics={}, alerts={f"{number}": parse(query) for number, (query, _) in enumerate(rules)})
    made = time.process_time() - began
    hits = sum(len(found.match(one, now=NOW).alerts) for one in stories)
    seconds = best(lambda: [found.match(one, now=NOW) for one in stories], options.rounds)
    index = found._of_alerts  # noqa: SLF001  how many rules are asked is not for anybody else to know
    asked = sum(index.candidates(Document(one)) for one in stories) / len(stories)
    rate, cost = len(stories) / seconds, seconds / len(stories) * 1000
    print(
        f"{len(rules):6,} alerts: {rate:7.0f} stories a second, {cost:.2f} ms each ({cost / BOUND:.2f} of the bound), "
        f"{asked:.0f} asked, {hits / len(stories):.1f} hits a story; made in {made:.1f} s"
    )
    if not options.no_lucene and (other := lucene(rules, stories, options.rounds)):
        theirs, hits = other
        ratio = f"ours is {rate / theirs:.2f} of it"
        print(f"{'':6}  Lucene: {theirs:7.0f} stories a second, {hits / len(stories):.1f} hits; {ratio}")
    return cost <= BOUND


def best(work: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


# ---- stories and alerts


def real(corpus: Path) -> list[str]:
    found = json.loads((corpus / "article-extraction-benchmark" / "ground-truth.json").read_text())
    return [" ".join(entry["articleBody"].split()) for entry in found.values()]


def made_up(count: int) -> list[str]:
    chance = random.Random(7)
    syllables = [
        "an",
        "ber",
        "ci",
        "dor",
        "el",
        "fra",
        "gu",
        "hin",
        "im",
        "jo",
        "ka",
        "lor",
        "men",
        "no",
        "or",
        "pra",
        "qui",
        "res",
        "san",
        "tion",
        "um",
        "ver",
        "wa",
        "xen",
        "yl",
        "zo",
    ]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(20_000)]
    weights = [1 / (rank + 5) for rank in range(len(words))]
    return [" ".join(chance.choices(words, weights, k=chance.randint(200, 1_000))) for _ in range(count)]


def story(number: int, body: str) -> Story:
    name = str(number)
    return Story(
        id=name, url=f"https://a.example/{name}", outlet="A", title="", text=body,
        first_seen_at=NOW, fetched_at=NOW, updated_at=NOW,
    )  # fmt: skip


def drawn(bodies: list[str], count: int) -> list[tuple[str, str]]:
    """Alerts as queries of ours, with the same in words for Lucene."""
    chance = random.Random(count)
    seen: Counter[str] = Counter()
    pairs: list[tuple[str, str]] = []
    for body in bodies:
        text = tokens(body)
        exact = [text[place].exact for place in range(len(text))]
        seen.update({word for word in exact if word.isalpha() and len(word) > 3})
        pairs += [(one, other) for one, other in pairwise(exact) if len(one + other) > 8]
    names = sorted(word for word, number in seen.items() if number == 1)  # what most alerts are about
    themes = sorted(word for word, number in seen.items() if 1 < number <= len(bodies) // 10)
    pairs = [pair for pair in sorted(set(pairs)) if pair[0].isalpha() and pair[1].isalpha()]

    def stem(word: str) -> str:
        return tokens(word)[0].stem

    def rule() -> tuple[str, str]:
        name, other, third = chance.choice(names), chance.choice(names), chance.choice(names)
        theme, second = chance.choice(themes), chance.choice(themes)
        match chance.randrange(9):
            case 0 | 1 | 2:
                return name, f"word\t{stem(name)}"
            case 3:
                return f"{theme} AND {second}", f"and\t{stem(theme)}\t{stem(second)}"
            case 4:
                return f"{name} OR {other} OR {third}", f"or\t{stem(name)}\t{stem(other)}\t{stem(third)}"
            case 5:
                return f"{name} AND NOT {theme}", f"not\t{stem(name)}\t{stem(theme)}"
            case 6:
                pair = chance.choice(pairs)
                return f'"{pair[0]} {pair[1]}"', f"phrase\t{pair[0]}\t{pair[1]}"
            case 7:
                gap = chance.choice((3, 5, 10))
                return f"{theme} NEAR/{gap} {name}", f"near\t{gap}\t{stem(theme)}\t{stem(name)}"
            case _:
                start = name[: max(5, len(name) - 2)]
                return f"{start}*", f"prefix\t{start}"

    return [rule() for _ in range(count)]


# ---- Lucene Monitor


def lucene(rules: list[tuple[str, str]], stories: list[Story], rounds: int) -> tuple[float, int] | None:
    """Stories a second and hits, or None where it cannot run."""
    java, maven = jdk(), shutil.which("mvn")
    if java is None or maven is None:
        print("        Lucene: not run, for it needs Maven and a JDK of 21 or newer", file=sys.stderr)
        return None
    recipe = hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-monitor"
    libraries = cache / f"lucene-monitor-{recipe}"
    if not any(libraries.glob("lucene-monitor-*.jar")):
        copy = [maven, "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
        if subprocess.run([*copy, f"-DoutputDirectory={libraries}"], check=False).returncode:
            return None
    with tempfile.TemporaryDirectory() as directory:
        queries, texts = Path(directory) / "rules", Path(directory) / "stories"
        queries.write_text("\n".join(words for _, words in rules))
        texts.write_text(
            "\n".join(one.text.replace("\n", " ").replace("\u2028", " ").replace("\x85", " ") for one in stories)
        )
        command = [java, "-XX:+UseSerialGC", "-Xmx1g", "-cp", f"{libraries}/*", str(HERE / "Match.java")]
        command = ["taskset", "-c", "0", *command] if shutil.which("taskset") else command  # one core, as ours
        environment = {name: value for name, value in os.environ.items() if name != "JAVA_TOOL_OPTIONS"}
        done = subprocess.run(
            [*command, str(queries), str(texts), str(rounds + 2)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    rate, hits = done.stdout.split()
    return float(rate), int(hits)


def jdk() -> str | None:
    for home in sorted(Path("/usr/lib/jvm").glob("*"), reverse=True):
        java = home / "bin" / "java"
        if java.is_file() and (home / "bin" / "javac").is_file():
            said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
            if int(said.split('version "')[-1].split(".")[0].split('"')[0] or 0) >= 21:
                return str(java)
    return None


if __name__ == "__main__":
    sys.exit(main())
