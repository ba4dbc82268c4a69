"""Measures stories per second against 10, 1,000 and 10,000 alerts, the cost of each part, and Lucene Monitor.

    nice .venv/bin/python -m benchmarks.matching [--corpus DIR] [--rules 10 1000 10000] [--repeat 3] [--no-lucene]

The corpus (or MONITOR_CORPUS) is a directory with article-extraction-benchmark/ground-truth.json; without it the
stories are generated.  Alerts use words of the stories: a third are single words, the rest AND, OR, NOT, phrases, NEAR
and wildcards.  Lucene Monitor (TermFilteredPresearcher, one thread) gets the same alerts and stories if Maven and a JDK
of version 21 or newer are installed; its analysis is StandardTokenizer, folding and Snowball, for two fields.
Exits with status 1 if a story takes more than MAX_MILLISECONDS_PER_STORY.
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
from monitor.query.analysis import Form, analysed_tokens
from monitor.query.matcher import AnalysedStory
from monitor.query.rules import RuleSet

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 22, tzinfo=UTC)
MAX_MILLISECONDS_PER_STORY = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=os.environ.get("MONITOR_CORPUS"))
    parser.add_argument("--rules", type=int, nargs="+", default=[10, 1_000, 10_000])
    parser.add_argument("--repeat", type=int, default=3, help="number of measurements; the fastest counts")
    parser.add_argument(
        "--rounds", dest="deprecated_repeat", type=int, help=argparse.SUPPRESS
    )  # the former name of --repeat
    parser.add_argument("--no-lucene", action="store_true")
    options = parser.parse_args()
    if options.deprecated_repeat is not None:
        print("--rounds is deprecated; use --repeat", file=sys.stderr)
        options.repeat = options.deprecated_repeat

    bodies = corpus_texts(options.corpus) if options.corpus else generated_texts(300)
    stories = [story(number, body) for number, body in enumerate(bodies)]
    lengths = [len(analysed_tokens(body)) for body in bodies]
    mean = sum(lengths) / len(lengths)
    print(f"{len(stories)} stories of {mean:.0f} tokens, one core; CPU time, best of {options.repeat} measurements")
    measure_analysis(bodies, options.repeat)

    failed = False
    for count in options.rules:
        rules = generated_rules(bodies, count)
        failed |= not measure_matching(rules, stories, options)
    return int(failed)


def measure_analysis(bodies: list[str], repeat: int) -> None:
    """Prints the cost of making a story's tokens and of indexing their positions."""
    analysed = [analysed_tokens(body) for body in bodies]

    def positions() -> None:
        for text in map(analysed_tokens, bodies):
            for form in (Form.STEM, Form.EXACT):
                text.positions(form)

    token_cost = best_seconds(lambda: [analysed_tokens(body) for body in bodies], repeat) / len(bodies) * 1000
    total_cost = best_seconds(positions, repeat) / len(bodies) * 1000
    print(f"  tokens {token_cost:.2f} ms a story, their positions by form {total_cost - token_cost:.2f} ms more")
    assert len(analysed) == len(bodies)


def measure_matching(rules: list[tuple[str, str]], stories: list[Story], options: argparse.Namespace) -> bool:
    """Prints one row.  Returns True if a story takes at most MAX_MILLISECONDS_PER_STORY."""
    started = time.process_time()
    rule_set = RuleSet(topics={}, alerts={f"{number}": parse(query) for number, (query, _) in enumerate(rules)})
    compile_seconds = time.process_time() - started
    hits = sum(len(rule_set.match(story, now=NOW).alerts) for story in stories)
    seconds = best_seconds(lambda: [rule_set.match(story, now=NOW) for story in stories], options.repeat)
    index = rule_set.alert_index
    selected = sum(index.count_selected(AnalysedStory(story)) for story in stories) / len(stories)
    rate, cost = len(stories) / seconds, seconds / len(stories) * 1000
    print(
        f"{len(rules):6,} alerts: {rate:7.0f} stories a second, {cost:.2f} ms each "
        f"({cost / MAX_MILLISECONDS_PER_STORY:.2f} of the bound), "
        f"{selected:.0f} evaluated, {hits / len(stories):.1f} hits a story; compiled in {compile_seconds:.1f} s"
    )
    if not options.no_lucene and (lucene_result := measure_lucene(rules, stories, options.repeat)):
        lucene_rate, hits = lucene_result
        ratio = f"this matcher's rate is {rate / lucene_rate:.2f} of it"
        print(f"{'':6}  Lucene: {lucene_rate:7.0f} stories a second, {hits / len(stories):.1f} hits; {ratio}")
    return cost <= MAX_MILLISECONDS_PER_STORY


def best_seconds(work: Callable[[], object], repeat: int) -> float:
    """Returns the CPU time of the fastest of ``repeat`` calls."""
    seconds = []
    for _ in range(repeat):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


# ---- stories and alerts


def corpus_texts(corpus: Path) -> list[str]:
    articles = json.loads((corpus / "article-extraction-benchmark" / "ground-truth.json").read_text())
    return [" ".join(article["articleBody"].split()) for article in articles.values()]


def generated_texts(count: int) -> list[str]:
    generator = random.Random(7)
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
    words = ["".join(generator.choices(syllables, k=generator.randint(1, 4))) for _ in range(20_000)]
    weights = [1 / (rank + 5) for rank in range(len(words))]
    return [" ".join(generator.choices(words, weights, k=generator.randint(200, 1_000))) for _ in range(count)]


def story(number: int, body: str) -> Story:
    return Story(
        id=f"{number}", url=f"https://a.example/{number}", outlet="A", title="", text=body,
        first_seen_at=NOW, fetched_at=NOW, updated_at=NOW,
    )  # fmt: skip


def generated_rules(bodies: list[str], count: int) -> list[tuple[str, str]]:
    """Returns alerts as queries, each with the same rule in the tab-separated form that Match.java reads."""
    generator = random.Random(count)
    story_counts: Counter[str] = Counter()
    pairs: list[tuple[str, str]] = []
    for body in bodies:
        text = analysed_tokens(body)
        exact = [text[position].exact for position in range(len(text))]
        story_counts.update({word for word in exact if word.isalpha() and len(word) > 3})
        pairs += [(first, second) for first, second in pairwise(exact) if len(first + second) > 8]
    names = sorted(word for word, number in story_counts.items() if number == 1)  # the subjects of most alerts
    themes = sorted(word for word, number in story_counts.items() if 1 < number <= len(bodies) // 10)
    pairs = [pair for pair in sorted(set(pairs)) if pair[0].isalpha() and pair[1].isalpha()]

    def stem(word: str) -> str:
        return analysed_tokens(word)[0].stem

    def rule() -> tuple[str, str]:
        name, second_name, third_name = generator.choice(names), generator.choice(names), generator.choice(names)
        theme, second_theme = generator.choice(themes), generator.choice(themes)
        match generator.randrange(9):
            case 0 | 1 | 2:
                return name, f"word\t{stem(name)}"
            case 3:
                return f"{theme} AND {second_theme}", f"and\t{stem(theme)}\t{stem(second_theme)}"
            case 4:
                lucene_rule = f"or\t{stem(name)}\t{stem(second_name)}\t{stem(third_name)}"
                return f"{name} OR {second_name} OR {third_name}", lucene_rule
            case 5:
                return f"{name} AND NOT {theme}", f"not\t{stem(name)}\t{stem(theme)}"
            case 6:
                pair = generator.choice(pairs)
                return f'"{pair[0]} {pair[1]}"', f"phrase\t{pair[0]}\t{pair[1]}"
            case 7:
                gap = generator.choice((3, 5, 10))
                return f"{theme} NEAR/{gap} {name}", f"near\t{gap}\t{stem(theme)}\t{stem(name)}"
            case _:
                prefix = name[: max(5, len(name) - 2)]
                return f"{prefix}*", f"prefix\t{prefix}"

    return [rule() for _ in range(count)]


# ---- Lucene Monitor


def measure_lucene(rules: list[tuple[str, str]], stories: list[Story], repeat: int) -> tuple[float, int] | None:
    """Returns stories per second and the number of hits, None if Lucene Monitor cannot run."""
    java, maven = find_java(), shutil.which("mvn")
    if java is None or maven is None:
        print("        Lucene: not run, because it needs Maven and a JDK of version 21 or newer", file=sys.stderr)
        return None
    pom_hash = hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-monitor"
    libraries = cache / f"lucene-monitor-{pom_hash}"
    if not any(libraries.glob("lucene-monitor-*.jar")):
        copy = [maven, "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
        if subprocess.run([*copy, f"-DoutputDirectory={libraries}"], check=False).returncode:
            return None
    with tempfile.TemporaryDirectory() as directory:
        queries, texts = Path(directory) / "rules", Path(directory) / "stories"
        queries.write_text("\n".join(words for _, words in rules))
        texts.write_text(
            "\n".join(story.text.replace("\n", " ").replace("\u2028", " ").replace("\x85", " ") for story in stories)
        )
        command = [java, "-XX:+UseSerialGC", "-Xmx1g", "-cp", f"{libraries}/*", str(HERE / "Match.java")]
        command = (
            ["taskset", "-c", "0", *command] if shutil.which("taskset") else command
        )  # one core, like this process
        environment = {name: value for name, value in os.environ.items() if name != "JAVA_TOOL_OPTIONS"}
        completed = subprocess.run(
            [*command, str(queries), str(texts), str(repeat + 2)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    if completed.returncode:
        print(completed.stderr[-2000:], file=sys.stderr)
        return None
    rate, hits = completed.stdout.split()
    return float(rate), int(hits)


def find_java() -> str | None:
    """Returns the path of the first java command of a JDK of version 21 or newer."""
    for home in sorted(Path("/usr/lib/jvm").glob("*"), reverse=True):
        java = home / "bin" / "java"
        if java.is_file() and (home / "bin" / "javac").is_file():
            version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
            if int(version.split('version "')[-1].split(".")[0].split('"')[0] or 0) >= 21:
                return str(java)
    return None


if __name__ == "__main__":
    sys.exit(main())
