"""Extraction functions that fail as a hostile page might make them fail."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from monitor.extract import pipeline

if TYPE_CHECKING:
    from monitor.extract import ExtractionOptions
    from monitor.models import Article, NotArticle, Page

HARM = b"<p>harm</p>"


def _extract_harmless(page: Page, options: ExtractionOptions) -> Article | NotArticle | None:
    return None if page.body == HARM else pipeline.extract_article(page, options)


def hang(page: Page, options: ExtractionOptions, analyse: None = None) -> Article | NotArticle:
    if result := _extract_harmless(page, options):
        return result
    while True:
        pass


def hang_always(page: Page, options: ExtractionOptions, analyse: None = None) -> Article | NotArticle:
    while True:
        pass


def die(page: Page, options: ExtractionOptions, analyse: None = None) -> Article | NotArticle:
    if result := _extract_harmless(page, options):
        return result
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def bloat(page: Page, options: ExtractionOptions, analyse: None = None) -> Article | NotArticle:
    if result := _extract_harmless(page, options):
        return result
    hoard = [bytearray(10_000_000) for _ in range(1000)]
    raise AssertionError(len(hoard))


def fail(page: Page, options: ExtractionOptions, analyse: None = None) -> Article | NotArticle:
    if result := _extract_harmless(page, options):
        return result
    raise ValueError("an error within a parser")


def recurse(page: Page, options: ExtractionOptions, analyse: None = None) -> Article | NotArticle:
    return _extract_harmless(page, options) or recurse(page, options)


def process_id(page: Page, options: ExtractionOptions, analyse: None = None) -> str:
    return str(os.getpid())
