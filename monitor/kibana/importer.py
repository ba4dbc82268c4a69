"""Puts the bundle into a Kibana through its API for saved objects."""

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

from monitor.config.types import server_address
from monitor.errors import KibanaError
from monitor.kibana.bundle import bundle

if TYPE_CHECKING:
    from monitor.config.schema import StoreSettings

OLDEST = (8, 9)  # that takes the stamps of the bundle
TIMEOUT_SECONDS = 60.0  # seconds; a first import waits for Kibana's own indices


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import brought: how many objects, into which Kibana, and where the dashboard is."""

    count: int
    version: str
    dashboard: str


def import_bundle(url: str, settings: StoreSettings, *, space: str | None = None, base: Path = Path()) -> Imported:
    """Imports data views, searches and the dashboard, in the place of those that are there under the same ids.

    ``url`` may carry a user; without one the store's credentials serve.  Raises KibanaError, which names every object
    that was not taken.
    """
    kibana = _Kibana(url, settings, base)
    root = f"/s/{quote(space, safe='')}" if space else ""
    version = kibana.version()
    if _number(version) < OLDEST:
        raise KibanaError(f"Kibana {version} is too old for the dashboard", hint="it takes 8.9 or newer")
    answer = kibana.post_file(f"{root}/api/saved_objects/_import?overwrite=true", bundle(settings.prefix))
    match answer:
        case {"success": True, "successCount": int(count)}:
            pass
        case {"success": False, "errors": [dict(), *_] as errors}:
            faults = [f"{one.get('type')} {_title(one)}: {_reason(one)}" for one in errors]
            taken = answer.get("successCount", 0)
            raise KibanaError(f"Kibana took {taken} objects and not these: " + "; ".join(faults))
        case _:
            raise KibanaError(f"what answers at {kibana.shown} does not say what became of the import")
    found = _destination(answer, f"{settings.prefix}-dashboard")
    dashboard = f"{kibana.shown}{root}/app/dashboards#/view/{quote(found, safe='')}"
    return Imported(count=count, version=version, dashboard=dashboard)


class _NotFurther(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would take the credentials along, to whatever host."""

    def redirect_request(self, *_: object) -> None:
        return None


class _Kibana:
    """An address, credentials, and how its errors are told."""

    def __init__(self, url: str, settings: StoreSettings, base: Path) -> None:
        try:
            parts = server_address(url)
        except ValueError as error:
            problem, _, hint = str(error).partition("; ")
            raise KibanaError(f"Kibana's address: {problem}", hint=f"{hint}; or use the store's credentials") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise KibanaError("that is not an address of Kibana", hint="write https://kibana.example.org:5601")
        host = parts.netloc.rpartition("@")[2]
        self.shown = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._headers = {"kbn-xsrf": "media-monitor", **_authorization(parts.username, parts.password, settings)}
        tls = [urllib.request.HTTPSHandler(context=_tls(settings, base))] if parts.scheme == "https" else []
        self._opener = urllib.request.build_opener(_NotFurther, *tls)

    def version(self) -> str:
        status = self._ask("/api/status")
        match status:
            case {"version": {"number": str(version)}}:
                return version
        hint = "check the address, and the credentials"
        raise KibanaError(f"what answers at {self.shown} is not Kibana, or hides its version", hint=hint)

    def post_file(self, path: str, content: bytes) -> Any:
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="media-monitor.ndjson"\r\n'
            "Content-Type: application/ndjson\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return self._ask(path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def _ask(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(f"{self.shown}{path}", body, {**self._headers, **(headers or {})})  # noqa: S310  http or https, see __init__
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise self._refusal(error, path) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLError):
                hint = "store.ca_file names the authority that signed it"
                raise KibanaError(f"Kibana's certificate is not accepted: {reason}", hint=hint) from error
            raise KibanaError(f"Kibana does not answer at {self.shown}: {reason}") from error
        except http.client.HTTPException as error:
            raise KibanaError(f"what answers at {self.shown} is not Kibana", hint="it sends no HTTP") from error
        except ValueError as error:
            raise KibanaError(f"what answers at {self.shown} is not Kibana", hint="it sends no JSON") from error

    def _refusal(self, error: urllib.error.HTTPError, path: str) -> KibanaError:
        try:
            said = json.loads(error.read()).get("message", "")
        except (ValueError, AttributeError, OSError, http.client.HTTPException):
            said = ""
        said = f": {said}" if said else ""
        if 300 <= error.code < 400:
            where = urljoin(error.url, error.headers.get("Location", "")).partition("?")[0]
            hint = "give that address, if it is Kibana's: the credentials go to no other"
            return KibanaError(f"{self.shown} leads to {where}", hint=hint)
        if error.code == 401:
            hint = "store.api_key, or user:password in the URL"
            return KibanaError(f"Kibana refuses the credentials{said}", hint=hint)
        if error.code == 403:
            hint = "the role needs Kibana's privilege for Saved Objects Management in this space"
            return KibanaError(f"Kibana does not allow the import{said}", hint=hint)
        if error.code == 404:
            hint = "is there such a space, and is server.basePath part of the address?"
            return KibanaError(f"Kibana knows nothing at {self.shown}{path.partition('?')[0]}{said}", hint=hint)
        if error.code == 503:
            return KibanaError(f"Kibana is not ready{said}", hint="try again in a minute")
        return KibanaError(f"Kibana answers {error.code}{said}")


def _authorization(user: str | None, password: str | None, settings: StoreSettings) -> dict[str, str]:
    if user is not None:
        pair = f"{unquote(user)}:{unquote(password or '')}"
    elif settings.api_key:
        return {"Authorization": f"ApiKey {settings.api_key.get_secret_value()}"}
    elif settings.username is not None:
        pair = f"{settings.username}:{settings.password.get_secret_value() if settings.password else ''}"
    else:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _tls(settings: StoreSettings, base: Path) -> ssl.SSLContext:
    authority = base / Path(settings.ca_file).expanduser() if settings.ca_file else None
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise KibanaError(f"store.ca_file {settings.ca_file}: {error.strerror or error}") from error
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split(".")[:2] if part.isdigit())


def _destination(answer: dict[str, Any], dashboard: str) -> str:
    """The dashboard's id in this space: Kibana makes up another where a second space has it."""
    match answer.get("successResults"):
        case [*taken]:
            for one in taken:
                match one:
                    case {"type": "dashboard", "destinationId": str(found)}:
                        return found
    return dashboard


def _title(error: dict[str, Any]) -> str:
    return str(error.get("meta", {}).get("title") or error.get("title") or error.get("id"))


def _reason(error: dict[str, Any]) -> str:
    """Why an object was not taken: ``conflict``, ``missing_references`` with what is missing, or what Kibana says."""
    cause = error.get("error", {})
    if cause.get("type") == "missing_references":
        missing = ", ".join(f"{one.get('type')} {one.get('id')}" for one in cause.get("references", []))
        return f"refers to {missing}, which is missing"
    return str(cause.get("message") or cause.get("type") or "no reason given")
