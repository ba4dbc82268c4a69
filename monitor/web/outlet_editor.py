"""Adds an outlet by its address: shows what would be read of the site before it is saved to monitor.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor import config_edit
from monitor.config.load import load_bytes
from monitor.config.types import valid_web_url
from monitor.discovery.publishers import Publishers
from monitor.errors import ConfigError, MonitorError
from monitor.models import Story, from_rfc3339
from monitor.web.config_file import faults_of_entry, file_text
from monitor.web.forms import read_form, text_field
from monitor.web.pages import render
from monitor.web.services import services_of, user_of

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.config import CrawlSettings
    from monitor.models import Json
    from monitor.web.site_search import SiteSearch

REFRESH_SECONDS = 2  # while a site is searched
SOURCE_KINDS = ("feed", "sitemap", "section")
TEXT_FIELDS = ("name", "language", "country", "every")


def add_page(request: Request) -> Response:
    """Shows the form for an address, or the search of a site: its progress, or what it has found."""
    key = request.query_params.get("search", "")
    if not key:
        return _address_page(request, request.query_params.get("url", "")[:2000])
    search = _find_search(request, key)
    if search.is_running:
        response = render(request, "outlet_search.html", {"section": "Outlets", "search": search})
        response.headers["Refresh"] = str(REFRESH_SECONDS)
        return response
    if search.result is None:
        return _address_page(request, search.url, fault=search.error)
    result = search.result
    fields = {"name": result["name"], "language": _language_of(result), "country": result["country"] or "", "every": ""}
    chosen = [number for number, source in enumerate(result["sources"]) if source["is_polled"]]
    digest = config_edit.digest_of(file_text(services_of(request).config_file))
    return _editor_page(request, search, fields, chosen, digest=digest)


async def start_search(request: Request) -> Response:
    """Starts the search of the site at an address."""
    form = await read_form(request)
    return await run_in_threadpool(_start_search, request, text_field(form, "url"))


def _start_search(request: Request, text: str) -> Response:
    url = text if "://" in text or not text else f"https://{text}/"
    try:
        valid_web_url(url)
    except ValueError as error:
        return _address_page(request, text[:2000], fault=str(error))
    search = services_of(request).site_searches.start(url, user=user_of(request).name)
    return RedirectResponse(f"/outlet/add?search={search.key}", 303)


async def save_outlet(request: Request) -> Response:
    """Shows the lines that would be added to the file, or adds them."""
    form = await read_form(request)
    return await run_in_threadpool(_save, request, form)


def _save(request: Request, form: FormData) -> Response:
    services, search = services_of(request), _find_search(request, text_field(form, "search"))
    if search.result is None:
        raise HTTPException(404, "The site is still searched, or could not be.")
    fields = {key: text_field(form, key) for key in TEXT_FIELDS}
    ticked = set(form.getlist("source"))
    chosen = [number for number in range(len(search.result["sources"])) if str(number) in ticked]
    digest = text_field(form, "digest")
    path, environ = services.config_file.path, services.config_file.environ
    try:
        text = file_text(services.config_file)
        changed = config_edit.text_with_outlet(
            text, _file_values(search.result, fields, chosen, crawl=services.config.crawl)
        )
        if text_field(form, "action") == "save":
            config_edit.write_config(path, changed, environ=environ, expected_digest=digest)
            return RedirectResponse(f"/outlet?name={quote(fields['name'], safe='')}", 303)
        load_bytes(changed.encode(), path, environ)
        lines = config_edit.changed_lines(text, changed)
    except ConfigError as error:
        return _editor_page(request, search, fields, chosen, digest=digest, faults=faults_of_entry(error))
    except MonitorError as error:
        return _editor_page(request, search, fields, chosen, digest=digest, faults=[str(error)])
    return _editor_page(request, search, fields, chosen, digest=digest, lines=lines)


def _file_values(result: Json, fields: dict[str, str], chosen: list[int], *, crawl: CrawlSettings) -> Json:
    """Returns the entry of the file.  It may not connect to private addresses: an editor has no right to do that."""
    sources = [result["sources"][number] for number in chosen]
    values: Json = {"name": fields["name"], "url": result["url"]}
    for kind in SOURCE_KINDS:
        values[f"{kind}s"] = [source["url"] for source in sources if source["kind"] == kind] or None
    values |= {key: fields[key] or None for key in ("language", "country", "every")}
    values["render"] = "auto" if _is_rendered(result, crawl) else None
    return {**values, "public_only": True}


def _is_rendered(result: Json, crawl: CrawlSettings) -> bool:
    """Returns True if the outlet's pages need a script, and may be rendered.

    Splash without the monitor's proxy would let the site's scripts connect to private addresses.
    """
    return bool(result["script_reason"]) and crawl.splash_proxy != "off"


def _address_page(request: Request, url: str, *, fault: str = "") -> Response:
    values = {"section": "Outlets", "url": url, "fault": fault}
    return render(request, "outlet_address.html", values, status=400 if fault else 200)


def _editor_page(
    request: Request,
    search: SiteSearch,
    fields: dict[str, str],
    chosen: list[int],
    *,
    digest: str,
    faults: list[str] | None = None,
    lines: list[str] | None = None,
) -> Response:
    services, result = services_of(request), search.result
    assert result is not None
    owner = Publishers(services.config.outlets).outlet_of(result["url"])
    values: dict[str, Any] = {
        "section": "Outlets",
        "search": search,
        "result": result,
        "sources": {
            kind: [(number, each) for number, each in enumerate(result["sources"]) if each["kind"] == kind]
            for kind in SOURCE_KINDS
        },
        "samples": [_shown_sample(sample) for sample in result["stories"]],
        "fields": fields,
        "chosen": chosen,
        "digest": digest,
        "is_rendered": _is_rendered(result, services.config.crawl),
        "owner": owner,
        "faults": faults or [],
        "lines": lines,
        "config_path": services.config_file.path.name,
    }
    return render(request, "outlet_editor.html", values, status=400 if faults else 200)


def _shown_sample(sample: Json) -> Json:
    story = Story.from_json(sample["story"]) if sample["story"] else None
    return {
        **sample,
        "time": from_rfc3339(sample["published_at"]) if sample["published_at"] else None,
        "story": story,
    }


def _language_of(result: Json) -> str:
    """Returns the language of the stories that were read, if they agree."""
    languages = {sample["story"]["language"] for sample in result["stories"] if sample["story"]}
    return (languages.pop() or "") if len(languages) == 1 else ""


def _find_search(request: Request, key: str) -> SiteSearch:
    search = services_of(request).site_searches.find(key, user=user_of(request).name)
    if search is None:
        raise HTTPException(404, "There is no such search any more.  Enter the address again.")
    return search
