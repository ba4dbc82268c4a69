"""Readers that do to their worker what a page might."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from monitor.extract import pipeline

if TYPE_CHECKING:
    from monitor.extract import ExtractionOptions
    from monitor.models import Article, NotArticle, Page

HARM = b"<p>harm</p>"


def _else_read(page: Page, reading: ExtractionOptions) -> Article | NotArticle | None:
    return None if page.body == HARM else pipeline.extract_article(page, reading)


def hang(page: Page, reading: ExtractionOptions) -> Article | NotArticle:
    if story := _else_read(page, reading):
        return story
    while True:
        pass


def die(page: Page, reading: ExtractionOptions) -> Article | NotArticle:
    if story := _else_read(page, reading):
        return story
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def bloat(page: Page, reading: ExtractionOptions) -> Article | NotArticle:
    if story := _else_read(page, reading):
        return story
    hoard = [bytearray(10_000_000) for _ in range(1000)]
    raise AssertionError(len(hoard))


def fail(page: Page, reading: ExtractionOptions) -> Article | NotArticle:
    if story := _else_read(page, reading):
        return story
    raise ValueError("a parser's own fault")


def recurse(page: Page, reading: ExtractionOptions) -> Article | NotArticle:
    return _else_read(page, reading) or recurse(page, reading)


def children(page: Page, reading: ExtractionOptions) -> str:
    return str(os.getpid())
