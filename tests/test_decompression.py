"""Tests of `monitor.decompression`: the same output as the reference decoders, and the bounds."""

from __future__ import annotations

import gzip
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decompression import MAX_MEMBERS, Decompressed, DecompressionLimitExceeded, gunzip, unzstd

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MEGABYTES = 1_000_000
PARTS = st.lists(st.binary(max_size=2000).map(lambda data: data * 3000), min_size=1, max_size=4)


@given(PARTS)
def test_gzip_members_are_joined(parts: list[bytes]) -> None:
    packed = b"".join(map(gzip.compress, parts))
    assert gunzip(packed, max_bytes=100 * MEGABYTES) == Decompressed(b"".join(parts))


@given(PARTS)
def test_zstandard_frames_are_joined(parts: list[bytes]) -> None:
    packed = b"".join(map(zstd.compress, parts))
    assert unzstd(packed, max_bytes=100 * MEGABYTES) == Decompressed(b"".join(parts))


def test_bytes_after_the_last_gzip_member_are_ignored() -> None:
    assert gunzip(gzip.compress(b"text") + b"\x00\x00", max_bytes=10) == Decompressed(b"text")


def test_output_before_a_broken_gzip_member_is_kept() -> None:
    unpacked = gunzip(gzip.compress(b"text") + gzip.compress(b"more")[:10] + b"\xff" * 20, max_bytes=10)
    assert unpacked.data == b"text"
    assert "invalid" in unpacked.fault


def test_output_of_a_cut_body_is_kept() -> None:
    text = bytes(range(256)) * 100
    assert text.startswith(gunzip(gzip.compress(text)[:-20], max_bytes=MEGABYTES).data[:-300])
    assert unzstd(zstd.compress(text)[:-5], max_bytes=MEGABYTES).fault == ""


@pytest.mark.parametrize("unpack", [gunzip, unzstd])
def test_a_body_of_another_kind_has_a_fault(unpack: object) -> None:
    assert callable(unpack)
    assert unpack(b"<html>", max_bytes=10).fault


def test_output_beyond_the_bound_is_refused() -> None:
    for unpack, packed in ((gunzip, gzip.compress(bytes(11))), (unzstd, zstd.compress(bytes(11)))):
        assert unpack(packed, max_bytes=11).data == bytes(11)
        with pytest.raises(DecompressionLimitExceeded, match="unpacks to more than"):
            unpack(packed, max_bytes=10)


def test_the_number_of_empty_members_is_bounded() -> None:
    for unpack, empty in ((gunzip, gzip.compress(b"")), (unzstd, zstd.compress(b""))):
        assert unpack(empty * MAX_MEMBERS, max_bytes=10).data == b""
        with pytest.raises(DecompressionLimitExceeded, match="10,000 compressed members"):
            unpack(empty * (MAX_MEMBERS + 1), max_bytes=10)


def test_a_zstandard_window_larger_than_http_allows_is_a_fault() -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    packed = zstd.ZstdCompressor(options=options)
    assert "memory" in unzstd(packed.compress(bytes(20 * MEGABYTES)) + packed.flush(), max_bytes=MEGABYTES).fault
