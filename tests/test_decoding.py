"""Pages decode to the text that was written, whatever they declare."""

from __future__ import annotations

import time

import pytest

from monitor.decoding import decode_page, decode_start


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("gbk", "人工智能实验室"), ("windows-1251", "Сбербанк открыл"), ("shift_jis", "人工知能の研究所")],
)
@pytest.mark.parametrize("header", ["iso-8859-1", "windows-1252"])
def test_page_encoding_overrides_a_server_default_in_the_header(encoding: str, text: str, header: str) -> None:
    page = f"<html><head><meta charset='{encoding}'></head><body>{text}</body></html>"
    assert decode_page(page.encode(encoding), header) == page


def test_header_encoding_is_used_if_page_encoding_does_not_fit() -> None:
    page = "<html><head><meta charset='utf-8'></head><body>Über Künstliche Intelligenz</body></html>"
    assert decode_page(page.encode("cp1252"), "iso-8859-1") == page


def test_header_encoding_other_than_a_default_overrides_the_page() -> None:
    page = "<html><head><meta charset='iso-8859-1'></head><body>Сбербанк открыл лабораторию</body></html>"
    assert decode_page(page.encode("cp1251"), "windows-1251") == page


def test_one_long_run_of_accented_letters_is_decoded_in_linear_time() -> None:
    body = b"\xe9" * 1_000_000
    assert decode_page(body, "iso-8859-1") == "\xe9" * 1_000_000


def test_cyrillic_in_a_page_that_declares_latin_is_recognized() -> None:
    text = "Сбербанк открыл лабораторию искусственного интеллекта, сообщила пресс-служба банка. " * 5
    assert decode_page(text.encode("cp1251"), "iso-8859-1") == text


@pytest.mark.parametrize(
    "encoding", ["punycode", "idna", "undefined", "unicode_escape", "rot13", "utf-7", "hex", "cp037"]
)
def test_codecs_that_are_no_encoding_of_the_web_are_not_used(encoding: str) -> None:
    body = "<p>caf\u00e9 \\u0041 +AEE-".encode("cp1252")
    assert decode_page(body, encoding) == decode_page(body)
    declared = f"<meta charset='{encoding}'>"
    assert decode_page(declared.encode() + body).removeprefix(declared) == decode_page(body)
    assert decode_start(body[:4], encoding) == "<p>c"


def test_a_long_page_that_is_declared_as_punycode_takes_little_time() -> None:
    """The codec takes 19 seconds for a tenth of it."""
    started_at = time.process_time()
    decode_page(b"<html>\xff-" + b"a" * 2_000_000, "punycode")
    assert time.process_time() - started_at < 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "windows-1251", "shift_jis"])
def test_the_start_of_a_page_is_decoded_as_declared(encoding: str) -> None:
    text = "<title>" + ("人工" if encoding == "shift_jis" else "Сбербанк")
    assert decode_start(text.encode(encoding), encoding) == text
