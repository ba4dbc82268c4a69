"""The way to the cluster: the official client from the settings, and its errors in the user's words."""

from __future__ import annotations

import logging
import ssl
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import elastic_transport
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError
from elasticsearch.serializer import OrjsonSerializer

from monitor.errors import StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.schema import StoreSettings

CONNECTIONS_PER_NODE = 8  # threads of one process that may ask at the same time
HEADERS = ("accept", "content-type")
STARTUP_REFUSAL_SECONDS = 300.0  # seconds that a cluster may refuse good credentials for while it starts
_KEY_IS_GONE = ("expired", "invalidated")
_TOO_WIDE = ("too many terms", "too_many_clauses", "too_many_nested_clauses", "too_complex_to_determinize")


class UnrecognizedServer(elastic_transport.ConnectionError):
    """The server refuses credentials that it took before: its security index may not be ready."""


class CompatibleTransport(elastic_transport.Transport):
    """Asks for the API of version 8, which servers of version 8 speak natively and those of version 9 as well.

    For a while it takes a refusal of credentials that were good before for a server that starts.
    """

    _admitted = False
    _refused_since: float | None = None

    def perform_request(self, *args: Any, headers: Any = None, **kwargs: Any) -> Any:
        asked = elastic_transport.HttpHeaders(headers or {})
        for name in HEADERS:
            if name in asked:
                asked[name] = asked[name].replace("compatible-with=9", "compatible-with=8")
        answer = super().perform_request(*args, headers=asked, **kwargs)
        if answer.meta.status != 401:
            self._admitted, self._refused_since = self._admitted or answer.meta.status < 300, None
        elif self._admitted and not any(sign in str(answer.body) for sign in _KEY_IS_GONE):
            self._refused_since = self._refused_since or time.monotonic()
            if time.monotonic() - self._refused_since < STARTUP_REFUSAL_SECONDS:
                raise UnrecognizedServer(_reason(answer.body))
        return answer


def connect(settings: StoreSettings, base: Path = Path()) -> Elasticsearch:
    """The client for ``settings.url``: one or more addresses, separated by commas, which may carry a user.

    A relative ``ca_file`` is one below ``base``.
    It retries nothing but on another host: whoever calls knows what may be repeated.  Raises StoreRefused.
    """
    # It logs every failed try with a traceback; whoever pauses says so once, and goes on saying what is wrong.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    credentials = _credentials(settings)
    if settings.cloud_id:
        target: dict[str, Any] = {"cloud_id": settings.cloud_id}
    else:
        target = {"hosts": [_node(url) for url in _addresses(settings)]}
        if any(host["scheme"] == "https" for host in target["hosts"]):
            target["verify_certs"] = settings.verify
            target["ssl_show_warn"] = False  # `check` says it, once
            if settings.ca_file:
                target["ca_certs"] = str(_readable(base / Path(settings.ca_file).expanduser()))
    try:
        return Elasticsearch(
            **target,
            **credentials,
            serializers={"application/json": OrjsonSerializer()},
            transport_class=CompatibleTransport,
            connections_per_node=CONNECTIONS_PER_NODE,
            request_timeout=settings.timeout.total_seconds(),
            max_retries=max(1, len(target.get("hosts", "_")) - 1),
            retry_on_status=(),
            max_dead_node_backoff=10,
            http_compress=bool(settings.cloud_id),
        )
    except ValueError as error:
        raise StoreRefused(
            f"the store's settings make no connection: {error}", hint="look at store.cloud_id"
        ) from error


def addresses(settings: StoreSettings) -> str:
    """The hosts as they may be shown: without user and password."""
    if settings.cloud_id:
        return f"cloud {settings.cloud_id.split(':')[0]}"
    return ", ".join(f"{n['scheme']}://{n['host']}:{n['port']}" for n in map(_node, _addresses(settings)))


def _addresses(settings: StoreSettings) -> list[str]:
    return [url.strip() for url in settings.url.get_secret_value().split(",") if url.strip()]


def _node(url: str) -> dict[str, Any]:
    """One address, whose form the configuration has made sure of, as the client wants it."""
    parts = urlsplit(url)
    node: dict[str, Any] = {
        "scheme": parts.scheme,
        "host": parts.hostname,
        "port": parts.port or (443 if parts.scheme == "https" else 9200),
    }
    if parts.path.strip("/"):
        node["path_prefix"] = parts.path.rstrip("/")
    return node


def _readable(path: Path) -> Path:
    """The file of certificates, tried once here lest every request fails on it."""
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise StoreRefused(f"store.ca_file: {path}: {error.strerror or error}", hint="it must be a PEM file") from error
    return path


def _credentials(settings: StoreSettings) -> dict[str, Any]:
    """The API key, else user and password from the settings or else from the address."""
    if settings.api_key:
        return {"api_key": settings.api_key.get_secret_value()}
    if settings.username:
        return {"basic_auth": (settings.username, settings.password.get_secret_value() if settings.password else "")}
    if not settings.cloud_id:
        for url in _addresses(settings):
            parts = urlsplit(url)
            if parts.username:
                return {"basic_auth": (unquote(parts.username), unquote(parts.password or ""))}
    return {}


# ---- errors


@contextmanager
def explained() -> Iterator[None]:
    """Turns the client's errors into StoreUnavailable and StoreRefused that say what to do."""
    try:
        yield
    except UnsupportedProductError as error:
        raise not_elasticsearch() from error
    except ApiError as error:
        if _is_foreign(error.meta):
            raise not_elasticsearch(error.meta.status) from error
        raise refusal(error.meta.status, _reason(error.body) or str(error.message)) from error
    except elastic_transport.TlsError as error:
        cause = str(error.errors[0] if error.errors else error)
        raise StoreRefused(
            f"the store's certificate is not accepted: {cause}",
            hint="store.ca_file names the authority that signed it",
        ) from error
    except UnrecognizedServer as error:
        raise StoreUnavailable(
            f"Elasticsearch refuses credentials that it took before: {_short(error.message)}",
            hint="as it does while it starts; after five minutes it is taken at its word",
        ) from error
    except (elastic_transport.ConnectionTimeout, elastic_transport.ConnectionError) as error:
        cause = str(error.errors[0] if error.errors else error)
        raise StoreUnavailable(
            f"Elasticsearch does not answer: {_short(cause)}", hint="is it running, and store.url right?"
        ) from error
    except elastic_transport.SerializationError as error:
        raise StoreUnavailable(
            f"what answers at store.url speaks no JSON: {_short(str(error))}", hint="a proxy's error page?"
        ) from error


def not_elasticsearch(status: int | None = None) -> StoreRefused:
    """The error of something else at the address."""
    if status is not None and 300 <= status < 400:
        return StoreRefused(
            f"what answers at store.url redirects to another address ({status})", hint="https:// instead of http://?"
        )
    told = f" (it answers {status})" if status else ""
    return StoreRefused(
        f"what answers at store.url is not Elasticsearch{told}",
        hint="it sends no X-Elastic-Product header: OpenSearch is not supported, and a proxy must pass it on",
    )


def _is_foreign(meta: elastic_transport.ApiResponseMeta) -> bool:
    """Whether no Elasticsearch can have given an answer; a proxy before one has errors of its own."""
    ours = meta.headers.get("x-elastic-product") == "Elasticsearch"
    return not ours and (300 <= meta.status < 400 or meta.status in {400, 404, 405, 501})


def refusal(status: int, reason: str) -> StoreUnavailable | StoreRefused:
    """The error that a status and reason of the server amount to."""
    if "cluster_block_exception" in reason or "blocked by: [" in reason:
        if "flood-stage" in reason or "disk usage exceeded" in reason:
            hint = "a node's disk is full: free space, and writing goes on by itself"
        else:
            hint = "an index is read-only, while it is migrated or by its settings: writing goes on when that ends"
        return StoreUnavailable(f"Elasticsearch takes no writes: {_short(reason)}", hint=hint)
    if status == 401:
        if "expired" in reason:
            return StoreRefused(
                "the API key of the store has expired", hint="make another: media-monitor setup --api-key"
            )
        return StoreRefused(
            f"Elasticsearch refuses the credentials: {_short(reason)}",
            hint="store.api_key, or store.username and password",
        )
    if status == 403:
        return StoreRefused(
            f"Elasticsearch does not allow this: {_short(reason)}",
            hint="the privileges that are needed: media-monitor setup --api-key",
        )
    if status == 404 and "index_not_found" in reason:
        return StoreRefused(f"the store is not set up: {_short(reason)}", hint="media-monitor setup")
    if status == 429:
        return StoreUnavailable(f"Elasticsearch has too much to do: {_short(reason)}")
    if status in (408, 502, 503, 504):
        return StoreUnavailable(f"Elasticsearch is not ready: {_short(reason)}")
    if status == 400 and "media_type_header_exception" in reason:
        return StoreRefused(f"this Elasticsearch is too old: {_short(reason)}", hint="versions 8 and 9 are supported")
    if any(sign in reason for sign in _TOO_WIDE):
        return StoreRefused(
            "the query's wildcards or misspellings stand for too many words of the stories",
            hint="write longer beginnings, most of all beside NEAR and in phrases",
        )
    if status >= 500:
        return StoreUnavailable(f"Elasticsearch failed ({status}): {_short(reason)}")
    return StoreRefused(f"Elasticsearch refuses this ({status}): {_short(reason)}")


def part(answer: Any, *names: str) -> Any:
    """What an answer holds under these names.  StoreUnavailable where it does not: a proxy answered."""
    for name in names:
        try:
            answer = answer[name]
        except (KeyError, TypeError) as error:
            raise StoreUnavailable(
                f"what answers at store.url is not Elasticsearch's answer: it has no {name!r}", hint="a proxy's?"
            ) from error
    return answer


def reason_of(error: Any) -> str:
    """An error object of the server as ``type: reason``, with what caused it."""
    if not isinstance(error, dict):
        return str(error)
    parts = [f"{error.get('type', 'error')}: {error.get('reason')}"]
    parts += [
        f"{root.get('type')}: {root.get('reason')}"
        for root in error.get("root_cause", [])[:1]
        if root.get("reason") != error.get("reason")
    ]
    cause = error.get("caused_by")
    if isinstance(cause, dict) and cause.get("reason"):
        parts.append(str(cause["reason"]))
    if tried := error.get("additional_unsuccessful_credentials"):  # why each of them failed: "API key: ... expired"
        parts.append(str(tried))
    return "; ".join(parts)


def _reason(body: Any) -> str:
    if isinstance(body, dict) and "error" in body:
        return reason_of(body["error"])
    return "" if body is None else str(body)


def _short(text: str, length: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1]}…"
