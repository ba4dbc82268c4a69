"""Measures how many reprints are found, and how many unrelated stories are taken for reprints.

    python -m benchmarks.extraction.duplicates [--corpus DIR] [--stories N]

A reprint is made from a real text as editors do.  It keeps a share of the sentences (cut from the end, or lifted from
the middle into another story) and gets a new lead and another style (numbers, spelling, quotation marks).  Unrelated
pairs are different stories, half of them with the same paragraph of an agency at the end.

Also measures the time of one lookup in an index of many synthetic stories, in relation to the time of fetching rows by
the same number of random keys.
"""

# ruff: noqa: E501  a table of style changes

from __future__ import annotations

import argparse
import random
import re
import time

import apsw

from benchmarks.extraction import corpus
from monitor.similarity import MIN_REPRINT_SIMILARITY, bands, is_reprint, signature

STYLE_CHANGES = [
    ("per cent", "percent"), ("%", " percent"), ("“", '"'), ("”", '"'), ("’", "'"), ("U.S.", "US"), ("U.K.", "UK"),
    ("organis", "organiz"), ("realis", "realiz"), ("colour", "color"), ("favour", "favor"), ("programme", "program"),
    (" said ", " told reporters "), (" also ", " "), (" Monday", " on Monday"), (" million", "m"), ("President ", "Pres. "),
    ("Mr. ", ""), ("Ms. ", ""), (" however,", ""), (" about ", " around "), (" for example", ""), (" do not ", " don't "),
]  # fmt: skip
AGENCY_PARAGRAPH = (
    "Reporting by the agency's bureau in London, with additional reporting by its correspondents abroad; editing by the "
    "desk. Our standards: the trust principles. This material may not be published, broadcast, rewritten or "
    "redistributed without permission of the agency."
)
_SENTENCE_BOUNDARY = re.compile(r"(?<=[.!?。！？])\s*")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_corpus_argument(parser)
    parser.add_argument("--stories", type=int, default=1_000_000, help="in the index whose lookups are timed")
    options = parser.parse_args()
    chance = random.Random(1)
    samples = [*corpus.public_samples(options.corpus), *corpus.dev_samples(options.corpus)]
    texts = list(dict.fromkeys(sample.body for sample in samples if sample.body and len(sample.body) > 800))
    print(f"{len(texts)} stories; a pair is a reprint from a similarity of {MIN_REPRINT_SIMILARITY} on")
    signatures = {text: signature(text) for text in texts}

    unrelated = []
    for _ in range(20_000):
        first, second = chance.sample(texts, 2)
        if chance.random() < 0.5:
            unrelated.append((signature(f"{first} {AGENCY_PARAGRAPH}"), signature(f"{second} {AGENCY_PARAGRAPH}")))
        else:
            unrelated.append((signatures[first], signatures[second]))
    false_reprints = sum(_is_reprint(first, second) for first, second in unrelated)
    print(f"unrelated pairs: {len(unrelated)}, taken for reprints: {false_reprints}")
    print("kept     pairs   recall   precision (as many unrelated pairs as reprints)   indexed")
    for kept in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        pairs = [(signatures[text], signature(_reprint(text, kept, texts, chance))) for text in texts for _ in range(3)]
        hits = sum(_is_reprint(first, second) for first, second in pairs)
        indexed = sum(bool(set(bands(first)) & set(bands(second))) for first, second in pairs)
        wrong = false_reprints / len(unrelated) * len(pairs)
        print(
            f"{kept:4.0%} {len(pairs):9} {hits / len(pairs):8.3f} {hits / (hits + wrong):11.4f} {indexed / len(pairs):42.3f}"
        )
    _time_lookups(options.stories, chance)


def _is_reprint(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Returns True if ingest would find the pair: by a shared band, then by similarity and length."""
    return bool(set(bands(first)) & set(bands(second))) and is_reprint(first, second)


def _reprint(text: str, kept: float, texts: list[str], chance: random.Random) -> str:
    sentences = [sentence for sentence in _SENTENCE_BOUNDARY.split(text) if sentence]
    count = max(1, round(len(sentences) * kept))
    start = 0 if chance.random() < 0.6 else chance.randrange(max(1, len(sentences) - count))
    body = " ".join(sentences[start : start + count])
    for before, after in chance.sample(STYLE_CHANGES, len(STYLE_CHANGES) * 2 // 3):
        body = body.replace(before, after)
    other_story = [sentence for sentence in _SENTENCE_BOUNDARY.split(chance.choice(texts)) if sentence]
    lead = " ".join(other_story[: chance.randint(1, 3)])[:400]
    tail = " ".join(other_story[-2:])[:300] if chance.random() < 0.5 else ""
    return f"{lead} {body} {tail}"


def _time_lookups(stories: int, chance: random.Random) -> None:
    """Times lookups in a table of (band, story), as the SQLite store has it."""
    database = apsw.Connection(":memory:")
    database.execute("CREATE TABLE bands (band INTEGER, story INTEGER, PRIMARY KEY (band, story)) WITHOUT ROWID")
    keys = [chance.getrandbits(46) for _ in range(24)]
    with database:
        rows = ((chance.getrandbits(46), story) for story in range(stories) for _ in range(24))
        database.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", rows)
    placeholders = ",".join("?" * 24)
    started = time.perf_counter()
    for _ in range(500):
        keys = [chance.getrandbits(46) for _ in range(24)]
        list(database.execute(f"SELECT story, count(*) FROM bands WHERE band IN ({placeholders}) GROUP BY story", keys))
    lookup_seconds = (time.perf_counter() - started) / 500
    started = time.perf_counter()
    for _ in range(500):
        for key in range(24):
            list(database.execute("SELECT 1 FROM bands WHERE band = ?", (key,)))
    reads_seconds = (time.perf_counter() - started) / 500
    print(
        f"lookup among {stories:,} stories: {lookup_seconds * 1e3:.3f} ms, {lookup_seconds / reads_seconds:.2f} times 24 single reads"
    )


if __name__ == "__main__":
    main()
