"""An outlet with a spider of its own: the Federal Register of the United States lists its documents by a JSON API.

In monitor.yaml, the API's address is the outlet's section and the spider is named:

    - name: Federal Register
      url: https://www.federalregister.gov/
      sections: ["https://www.federalregister.gov/api/v1/documents.json?per_page=100&order=newest"]
      language: en
      country: US
      spider: federal-register

Only the reading of that list is written here.  Conditional requests, politeness, the frontier, retries and everything
that comes after are those of any outlet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.discovery.feed_dates import parse_time
from monitor.discovery.parsed_source import ParsedSource
from monitor.errors import FetchError
from monitor.models import Candidate
from spiders.outlets import OutletSpider

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config import Outlet
    from monitor.models import Page


class FederalRegisterSpider(OutletSpider):
    """Reads ``results`` of the API, each with html_url, title and publication_date."""

    name = "federal-register"

    def parse_source(self, kind: str, page: Page, outlet: Outlet, since: datetime) -> ParsedSource:
        if page.content_type != "application/json":
            return super().parse_source(kind, page, outlet, since)
        try:
            documents = orjson.loads(page.body)["results"]
            found = [
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
            raise FetchError(f"the API answers something new: {error!r}", kind="malformed") from error
        return ParsedSource(candidates=tuple(found), offered=len(found))
