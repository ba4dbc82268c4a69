"""Freed page bodies do not stay in the memory of the process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Frees a large block, then smaller ones that lie between blocks that stay.
PROGRAM = """
from pathlib import Path
from monitor.malloc import return_freed_blocks

def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

return_freed_blocks()
bytearray(b"x") * 30_000_000
before = resident_bytes()
bodies = [(bytearray(b"x") * 5_000_000, bytearray(b"x") * 1000) for _ in range(40)]
kept = [small for _, small in bodies]
del bodies
print(resident_bytes() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
def test_freed_bodies_return_to_the_system() -> None:
    grown = int(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, timeout=60).stdout)
    assert grown < 10_000_000
