"""Example of an outlet-specific spider, for the JSON API of the United States Federal Register.

monitor.yaml gives the URL of the API as a section and names the spider:

    - name: Federal Register
      url: https://www.federalregister.gov/
      sections: ["https://www.federalregister.gov/api/v1/documents.json?per_page=100&order=newest"]
      language: en
      country: US
      spider: federal-register

The spider only parses the API's response.  Conditional requests, politeness, the frontier, retries, extraction and
storage are the same as for any outlet.
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
    """Turns each of the JSON API's ``results`` (html_url, title, publication_date) into a candidate."""

    name = "federal-register"

    def parse_source(self, kind: str, page: Page, outlet: Outlet, since: datetime) -> ParsedSource:
        """Returns the documents in a JSON response as candidates; parses any other page as the base class does."""
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
