"""Example of an outlet-specific spider: the Federal Register of the United States lists its documents in a JSON API.

monitor.yaml names the API's address as a section, and the spider:

    - name: Federal Register
      url: https://www.federalregister.gov/
      sections: ["https://www.federalregister.gov/api/v1/documents.json?per_page=100&order=newest"]
      language: en
      country: US
      spider: federal-register

The spider only parses that list.  Conditional requests, politeness, the frontier, retries and all later steps are the
same as for any outlet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.discovery.feed_dates import parse_time
from monitor.discovery.parsed_source import ParsedSource
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import Candidate
from spiders.outlets import OutletSpider

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config import Outlet
    from monitor.models import Page


class FederalRegisterSpider(OutletSpider):
    """Parses the API's ``results``, each with html_url, title and publication_date."""

    name = "federal-register"

    def parse_source(self, kind: str, page: Page, outlet: Outlet, since: datetime) -> ParsedSource:
        if page.content_type != "application/json":
            return super().parse_source(kind, page, outlet, since)
        try:
            documents = orjson.loads(page.body)["results"]
            candidates = [
                Candidate(
                    url=document["html_url"],
                    outlet=outlet.name,
                    source=page.url,
                    title=document["title"] or "",
                    published_at=parse_time(document.get("publication_date")),
                )
                for document in documents
            ]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise FetchError(f"unexpected response of the API: {error!r}", kind=FailureKind.MALFORMED) from error
        return ParsedSource(candidates=tuple(candidates), offered=len(candidates))
