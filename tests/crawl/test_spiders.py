"""The spiders of the package `spiders`, and those that users add."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.crawler import Crawler

from monitor.errors import ConfigError
from spiders.federal_register import FederalRegisterSpider
from spiders.outlets import OutletSpider


def parse(*_: Any) -> None:
    """Stands for the method of a spider."""


def test_a_spider_with_the_old_name_of_parse_source_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        type("GazetteSpider", (OutletSpider,), {"name": "gazette", "listing": parse})
    (fault,) = caught.value.faults
    assert "GazetteSpider: the method `listing` is called `parse_source` now" in fault
    assert "\n" not in fault


def test_an_unknown_argument_of_scrapy_crawl_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        OutletSpider.from_crawler(Crawler(OutletSpider), outlet="Meridian")
    assert ended.value.code == 2
    assert capsys.readouterr().err == 'no argument "outlet"; did you mean "outlets"?\n'


def test_a_spider_that_overrides_parse_source_is_accepted() -> None:
    type("GazetteSpider", (FederalRegisterSpider,), {"name": "gazette", "parse_source": parse})
    type("GazetteSpider", (OutletSpider,), {"name": "gazette", "parse_source": parse, "listing": parse})
