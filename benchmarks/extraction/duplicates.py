"""Are reprints found, and only they?  Pairs made from real texts as desks edit them, against unrelated stories.

    python -m benchmarks.extraction.duplicates [--corpus DIR] [--stories N]

A reprint keeps a share of a story's sentences (cut from the end, or lifted from the middle into a story of another
desk), gets a new lead and house style (numbers, spelling, quotation marks).  The others are pairs of different
stories, half of them with the same paragraph of agency boilerplate at the end.  Last, the time of one lookup in an
index of many synthetic stories, against that of fetching rows by the same number of random keys.
"""

# ruff: noqa: E501  a table of house styles

from __future__ import annotations

import argparse
import random
import re
import time

import apsw

from benchmarks.extraction import corpus
from monitor.similarity import MIN_REPRINT_SIMILARITY, bands, signature, similarity

STYLE = [
    ("per cent", "percent"), ("%", " percent"), ("“", '"'), ("”", '"'), ("’", "'"), ("U.S.", "US"), ("U.K.", "UK"),
    ("organis", "organiz"), ("realis", "realiz"), ("colour", "color"), ("favour", "favor"), ("programme", "program"),
    (" said ", " told reporters "), (" also ", " "), (" Monday", " on Monday"), (" million", "m"), ("President ", "Pres. "),
    ("Mr. ", ""), ("Ms. ", ""), (" however,", ""), (" about ", " around "), (" for example", ""), (" do not ", " don't "),
]  # fmt: skip
BOILERPLATE = (
    "Reporting by the agency's bureau in London, with additional reporting by its correspondents abroad; editing by the "
    "desk. Our standards: the trust principles. This material may not be published, broadcast, rewritten or "
    "redistributed without permission of the agency."
)
_SENTENCES = re.compile(r"(?<=[.!?。！？])\s*")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_corpus_argument(parser)
    parser.add_argument("--stories", type=int, default=1_000_000, help="in the index whose lookups are timed")
    options = parser.parse_args()
    chance = random.Random(1)
    samples = [*corpus.public_samples(options.corpus), *corpus.dev_samples(options.corpus)]
    texts = list(dict.fromkeys(sample.body for sample in samples if sample.body and len(sample.body) > 800))
    print(f"{len(texts)} stories; a pair is a reprint from a likeness of {MIN_REPRINT_SIMILARITY} on")
    signed = {text: signature(text) for text in texts}

    apart = []
    for _ in range(20_000):
        one, other = chance.sample(texts, 2)
        if chance.random() < 0.5:
            apart.append((signature(one + " " + BOILERPLATE), signature(other + " " + BOILERPLATE)))
        else:
            apart.append((signed[one], signed[other]))
    false = sum(_found(one, other) for one, other in apart)
    print(f"unrelated pairs: {len(apart)}, taken for reprints: {false}")
    print("kept     pairs   recall   precision (as many unrelated pairs as reprints)   indexed")
    for kept in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        pairs = [(signed[text], signature(_reprint(text, kept, texts, chance))) for text in texts for _ in range(3)]
        hits = sum(_found(one, other) for one, other in pairs)
        indexed = sum(bool(set(bands(one)) & set(bands(other))) for one, other in pairs)
        wrong = false / len(apart) * len(pairs)
        print(
            f"{kept:4.0%} {len(pairs):9} {hits / len(pairs):8.3f} {hits / (hits + wrong):11.4f} {indexed / len(pairs):42.3f}"
        )
    _lookup(options.stories, chance)


def _found(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """As ingest finds it: by a shared band first."""
    return bool(set(bands(one)) & set(bands(other))) and similarity(one, other) >= MIN_REPRINT_SIMILARITY


def _reprint(text: str, kept: float, texts: list[str], chance: random.Random) -> str:
    sentences = [sentence for sentence in _SENTENCES.split(text) if sentence]
    count = max(1, round(len(sentences) * kept))
    start = 0 if chance.random() < 0.6 else chance.randrange(max(1, len(sentences) - count))
    body = " ".join(sentences[start : start + count])
    for before, after in chance.sample(STYLE, len(STYLE) * 2 // 3):
        body = body.replace(before, after)
    other = [sentence for sentence in _SENTENCES.split(chance.choice(texts)) if sentence]
    lead = " ".join(other[: chance.randint(1, 3)])[:400]
    tail = " ".join(other[-2:])[:300] if chance.random() < 0.5 else ""
    return f"{lead} {body} {tail}"


def _lookup(stories: int, chance: random.Random) -> None:
    """Bands in a table of (band, story), as SQLite keeps them."""
    database = apsw.Connection(":memory:")
    database.execute("CREATE TABLE bands (band INTEGER, story INTEGER, PRIMARY KEY (band, story)) WITHOUT ROWID")
    keys = [chance.getrandbits(46) for _ in range(24)]
    with database:
        rows = ((chance.getrandbits(46), story) for story in range(stories) for _ in range(24))
        database.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", rows)
    marks = ",".join("?" * 24)
    started = time.perf_counter()
    for _ in range(500):
        keys = [chance.getrandbits(46) for _ in range(24)]
        list(database.execute(f"SELECT story, count(*) FROM bands WHERE band IN ({marks}) GROUP BY story", keys))
    banded = (time.perf_counter() - started) / 500
    started = time.perf_counter()
    for _ in range(500):
        for key in range(24):
            list(database.execute("SELECT 1 FROM bands WHERE band = ?", (key,)))
    bound = (time.perf_counter() - started) / 500
    print(f"lookup among {stories:,} stories: {banded * 1e3:.3f} ms, {banded / bound:.2f} times 24 single reads")


if __name__ == "__main__":
    main()
