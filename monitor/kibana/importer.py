"""Imports data views, searches and the dashboard into Kibana through Kibana's API for saved objects."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlunsplit

from monitor.config.types import parse_server_url
from monitor.errors import KibanaError
from monitor.kibana.bundle import bundle_ndjson

if TYPE_CHECKING:
    from monitor.config.schema import StoreSettings

MIN_KIBANA_VERSION = (8, 9)  # lower versions cannot import the saved objects of this package
REQUEST_TIMEOUT_SECONDS = 60.0  # long, because the first import waits until Kibana has created its own indices


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportResult:
    """How many saved objects were imported, by which version of Kibana, and where the dashboard is shown."""

    imported_objects: int
    kibana_version: str  # such as 9.1.0
    dashboard_url: str  # without credentials


def import_bundle(url: str, settings: StoreSettings, *, space: str | None = None, base: Path = Path()) -> ImportResult:
    """Imports data views, searches and the dashboard into the Kibana at ``url``; overwrites objects with the same ids.

    Sends the user and password in ``url``, or without them the store's credentials.  A relative ``store.ca_file`` is
    resolved against ``base``.  Raises KibanaError if Kibana is not available, refuses the import or is older than
    `MIN_KIBANA_VERSION`; the error names every object that was not imported.
    """
    kibana = _KibanaClient(url, settings, base)
    root = f"/s/{quote(space, safe='')}" if space else ""
    version = kibana.get_version()
    if _major_and_minor_version(version) < MIN_KIBANA_VERSION:
        raise KibanaError(f"Kibana {version} is too old for the dashboard", hint="the dashboard needs 8.9 or newer")
    response = kibana.post_file(f"{root}/api/saved_objects/_import?overwrite=true", bundle_ndjson(settings.prefix))
    match response:
        case {"success": True, "successCount": int(count)}:
            pass
        case {"success": False, "errors": [dict(), *_] as errors}:
            failures = [f"{error.get('type')} {_object_title(error)}: {_failure_reason(error)}" for error in errors]
            imported = response.get("successCount", 0)
            raise KibanaError(f"Kibana imported {imported} objects, but not these: " + "; ".join(failures))
        case _:
            raise KibanaError(f"the response from {kibana.displayed_url} does not state the result of the import")
    dashboard_id = _imported_dashboard_id(response, f"{settings.prefix}-dashboard")
    dashboard = f"{kibana.displayed_url}{root}/app/dashboards#/view/{quote(dashboard_id, safe='')}"
    return ImportResult(imported_objects=count, kibana_version=version, dashboard_url=dashboard)


class _NoRedirectHandler(urllib.request.HTTPRedirectHandler):
    """Makes urllib raise an HTTPError for a redirect instead of sending the credentials to another host."""

    def redirect_request(self, *_: object) -> None:
        return None


class _KibanaClient:
    """Sends requests with credentials to a Kibana server.  Raises KibanaError for each failure."""

    def __init__(self, url: str, settings: StoreSettings, base: Path) -> None:
        try:
            parts = parse_server_url(url)
        except ValueError as error:
            problem, _, hint = str(error).partition("; ")
            raise KibanaError(f"Kibana's address: {problem}", hint=f"{hint}; or use the store's credentials") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise KibanaError("this is not an address of Kibana", hint="write https://kibana.example.org:5601")
        host = parts.netloc.rpartition("@")[2]
        self.displayed_url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._headers = {"kbn-xsrf": "media-monitor", **_authorization_header(parts.username, parts.password, settings)}
        tls = [urllib.request.HTTPSHandler(context=_tls_context(settings, base))] if parts.scheme == "https" else []
        self._opener = urllib.request.build_opener(_NoRedirectHandler, *tls)

    def get_version(self) -> str:
        """Returns Kibana's version.  Raises KibanaError if the response has none."""
        status = self._request_json("/api/status")
        match status:
            case {"version": {"number": str(version)}}:
                return version
        hint = "check the address, and the credentials"
        raise KibanaError(f"the server at {self.displayed_url} is not Kibana, or hides its version", hint=hint)

    def post_file(self, path: str, content: bytes) -> Any:
        """Uploads an NDJSON file as multipart form data and returns the parsed JSON response."""
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="media-monitor.ndjson"\r\n'
            "Content-Type: application/ndjson\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return self._request_json(path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def _request_json(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(f"{self.displayed_url}{path}", body, {**self._headers, **(headers or {})})  # noqa: S310  http or https, see __init__
        try:
            with self._opener.open(request, timeout=REQUEST_TIMEOUT_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise self._kibana_error(error, path) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLError):
                hint = "store.ca_file names the authority that signed it"
                raise KibanaError(f"Kibana's certificate is not accepted: {reason}", hint=hint) from error
            raise KibanaError(f"Kibana does not answer at {self.displayed_url}: {reason}") from error
        except http.client.HTTPException as error:
            raise KibanaError(f"the server at {self.displayed_url} is not Kibana", hint="it sends no HTTP") from error
        except ValueError as error:
            raise KibanaError(f"the server at {self.displayed_url} is not Kibana", hint="it sends no JSON") from error

    def _kibana_error(self, error: urllib.error.HTTPError, path: str) -> KibanaError:
        """Returns the error for an HTTP error status, with Kibana's message and a hint for the user."""
        try:
            message = json.loads(error.read()).get("message", "")
        except (ValueError, AttributeError, OSError, http.client.HTTPException):
            message = ""
        suffix = f": {message}" if message else ""
        if 300 <= error.code < 400:
            target = urljoin(error.url, error.headers.get("Location", "")).partition("?")[0]
            hint = "use that address, if it is Kibana's: the credentials are not sent to another one"
            return KibanaError(f"{self.displayed_url} redirects to {target}", hint=hint)
        if error.code == 401:
            hint = "store.api_key, or user:password in the URL"
            return KibanaError(f"Kibana refuses the credentials{suffix}", hint=hint)
        if error.code == 403:
            hint = "the role needs Kibana's privilege for Saved Objects Management in this space"
            return KibanaError(f"Kibana does not allow the import{suffix}", hint=hint)
        if error.code == 404:
            hint = "does this space exist, and does the address contain server.basePath?"
            return KibanaError(f"Kibana has nothing at {self.displayed_url}{path.partition('?')[0]}{suffix}", hint=hint)
        if error.code == 503:
            return KibanaError(f"Kibana is not ready{suffix}", hint="try again in a minute")
        return KibanaError(f"Kibana answers {error.code}{suffix}")


def _authorization_header(user: str | None, password: str | None, settings: StoreSettings) -> dict[str, str]:
    """Returns the Authorization header for ``user``, else for the store's API key or user; {} without any."""
    if user is not None:
        pair = f"{unquote(user)}:{unquote(password or '')}"
    elif settings.api_key:
        return {"Authorization": f"ApiKey {settings.api_key.get_secret_value()}"}
    elif settings.username is not None:
        pair = f"{settings.username}:{settings.password.get_secret_value() if settings.password else ''}"
    else:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _tls_context(settings: StoreSettings, base: Path) -> ssl.SSLContext:
    """Returns the TLS context that ``store.ca_file`` and ``store.verify`` ask for.

    Raises KibanaError if ``store.ca_file`` is not a readable PEM file.
    """
    authority = base / Path(settings.ca_file).expanduser() if settings.ca_file else None
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise KibanaError(f"store.ca_file {settings.ca_file}: {error.strerror or error}") from error
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _major_and_minor_version(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split(".")[:2] if part.isdigit())


def _imported_dashboard_id(response: dict[str, Any], default: str) -> str:
    """Returns the id of the imported dashboard: ``default``, or the id that Kibana chose because of a conflict.

    Kibana chooses another id if an object in another space has the default one.
    """
    match response.get("successResults"):
        case [*imported]:
            for saved in imported:
                match saved:
                    case {"type": "dashboard", "destinationId": str(dashboard_id)}:
                        return dashboard_id
    return default


def _object_title(error: dict[str, Any]) -> str:
    return str(error.get("meta", {}).get("title") or error.get("title") or error.get("id"))


def _failure_reason(error: dict[str, Any]) -> str:
    """Returns why a saved object was not imported: its missing references, else Kibana's message or error type."""
    cause = error.get("error", {})
    if cause.get("type") == "missing_references":
        missing = ", ".join(
            f"{reference.get('type')} {reference.get('id')}" for reference in cause.get("references", [])
        )
        return f"refers to {missing}, which is missing"
    return str(cause.get("message") or cause.get("type") or "no reason given")
