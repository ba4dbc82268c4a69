"""Bytes become the text that was written."""

from __future__ import annotations

import pytest

from monitor.extract.decoding import decode


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("gbk", "人工智能实验室"), ("windows-1251", "Сбербанк открыл"), ("shift_jis", "人工知能の研究所")],
)
@pytest.mark.parametrize("header", ["iso-8859-1", "windows-1252"])
def test_the_page_is_believed_over_a_header_that_is_a_server_s_default(encoding: str, text: str, header: str) -> None:
    page = f"<html><head><meta charset='{encoding}'></head><body>{text}</body></html>"
    assert decode(page.encode(encoding), header) == page


def test_the_header_is_believed_where_the_page_does_not_decode_as_it_says() -> None:
    page = "<html><head><meta charset='utf-8'></head><body>Über Künstliche Intelligenz</body></html>"
    assert decode(page.encode("cp1252"), "iso-8859-1") == page


def test_the_header_is_believed_over_the_page_where_it_is_no_default() -> None:
    page = "<html><head><meta charset='iso-8859-1'></head><body>Сбербанк открыл лабораторию</body></html>"
    assert decode(page.encode("cp1251"), "windows-1251") == page
