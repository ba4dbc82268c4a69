"""The settings of a crawl."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from scrapy import Spider
from monitor.crawl.process import _new_crawler_process
crawler = _new_crawler_process().create_crawler(Spider)
crawler._apply_settings()
print(*sorted(type(extension).__name__ for extension in crawler.extensions.middlewares))
print("aiohttp" in sys.modules)
"""


def test_no_extension_of_scrapy_opens_a_server() -> None:
    """Nor is the library imported with which one of them would."""
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == [
        "CoreStats HostRests LogCount MediaFilter MemoryUsage Rendering",
        "False",
    ]
