"""Creates the Elasticsearch client from the store's settings, and converts its errors to store errors with hints."""

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
from monitor.store.elasticsearch.watched_node import WatchedNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.schema import StoreSettings

CONNECTIONS_PER_NODE = 8  # requests that threads of one process may send to a node at the same time
MEDIA_TYPE_HEADERS = ("accept", "content-type")  # headers in which the client asks for a version of the API
MAX_STARTUP_REFUSAL_SECONDS = 300.0  # refusals of accepted credentials count as a restart for so long
# In the error of a client without TLS whose server expects it.
_CUT_CONNECTION_SIGNS = ("ConnectionResetError", "RemoteDisconnected", "BadStatusLine")
_INVALID_KEY_SIGNS = ("expired", "invalidated")  # in the response: the refusal of an API key is final
# Parts of the error types and messages for a query that expands to more terms than Elasticsearch allows.
_TOO_MANY_TERMS_SIGNS = ("too many terms", "too_many_clauses", "too_many_nested_clauses", "too_complex_to_determinize")
_STATE_BY_STATUS = {429: "overloaded", 408: "not ready", 502: "not ready", 503: "not ready", 504: "not ready"}
_SEARCH_STOPPED = (
    "the search took too long and was stopped by Elasticsearch",
    "ask for rarer words, or only for what is new: --since 30d",
)
_REFUSED_INDEX_SIGN = "forbids index auto creation"  # in the error for a write to an index that does not exist
_REFUSALS = (  # signs in the reason, message, hint
    (("search_timeout_exception", "Time exceeded"), *_SEARCH_STOPPED),
    (
        _TOO_MANY_TERMS_SIGNS,
        "the query's wildcards or fuzzy words match too many words of the stories",
        "write longer prefixes, above all in phrases and next to NEAR",
    ),
    (
        ("serverless mode",),
        "the server at store.url is Elasticsearch Serverless, which has no settings for shards and replicas",
        "use a hosted deployment or a server of your own, or a SQLite file",
    ),
    (
        (_REFUSED_INDEX_SIGN,),
        "an index with the mapping of this program does not exist",
        "has a newer media-monitor replaced it? Update this one; else media-monitor setup",
    ),
)


class CredentialsTemporarilyRefused(elastic_transport.ConnectionError):
    """The server refuses credentials that it has accepted before, probably because it is starting."""


class CompatibleTransport(elastic_transport.Transport):
    """Sends requests in the format of API version 8, which Elasticsearch 8 and 9 both understand.

    If the server refuses credentials (401) that it has accepted before, raises CredentialsTemporarilyRefused, as the
    server may be starting; after `MAX_STARTUP_REFUSAL_SECONDS` of refusals, returns the 401 response.
    """

    _accepted_before = False
    _refused_since: float | None = None  # monotonic time of the first refusal in a row

    def perform_request(self, *args: Any, headers: Any = None, **kwargs: Any) -> Any:
        compatible = elastic_transport.HttpHeaders(headers or {})
        for name in MEDIA_TYPE_HEADERS:
            if name in compatible:
                compatible[name] = compatible[name].replace("compatible-with=9", "compatible-with=8")
        response = super().perform_request(*args, headers=compatible, **kwargs)
        if response.meta.status != 401:
            self._accepted_before, self._refused_since = self._accepted_before or response.meta.status < 300, None
        elif self._accepted_before and not any(sign in str(response.body) for sign in _INVALID_KEY_SIGNS):
            self._refused_since = self._refused_since or time.monotonic()
            if time.monotonic() - self._refused_since < MAX_STARTUP_REFUSAL_SECONDS:
                raise CredentialsTemporarilyRefused(_response_error_reason(response.body))
        return response


def create_client(settings: StoreSettings, base: Path = Path()) -> Elasticsearch:
    """Returns a client for the servers in ``settings.url``, or for ``settings.cloud_id``.  Sends no request.

    ``settings.url`` holds one or more URLs, separated by commas, which may contain a user and password.  A relative
    ``ca_file`` is resolved against ``base``.  The client retries a failed request only on another host, because only
    the callers know which requests may be repeated.  If one of several hosts is silent, the others are asked within
    seconds; see `watched_node`.  Raises StoreRefused if the settings are invalid.
    """
    # The transport logs each failed attempt with a traceback, but the callers report errors themselves.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    logging.getLogger("urllib3.connection").setLevel(logging.CRITICAL)  # it logs certificates for other hosts
    credentials = _credential_arguments(settings)
    if settings.cloud_id:
        target: dict[str, Any] = {"cloud_id": settings.cloud_id}
    else:
        target = {"hosts": [_node_config(url) for url in _server_urls(settings)]}
        if len(target["hosts"]) > 1:
            target["node_class"] = WatchedNode
        if any(host["scheme"] == "https" for host in target["hosts"]):
            target["verify_certs"] = settings.verify
            target["ssl_show_warn"] = False  # media-monitor check warns about unverified certificates once
            if settings.fingerprint:
                target["ssl_assert_fingerprint"] = settings.fingerprint
            if settings.ca_file:
                target["ca_certs"] = str(_checked_ca_file(base / Path(settings.ca_file).expanduser()))
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
            f"no client can be made from the store's settings: {error}", hint="look at store.cloud_id"
        ) from error


def displayed_hosts(settings: StoreSettings) -> str:
    """Returns the servers in the settings for display, without user and password."""
    if settings.cloud_id:
        return f"cloud {settings.cloud_id.split(':')[0]}"
    nodes = map(_node_config, _server_urls(settings))
    return ", ".join(f"{node['scheme']}://{node['host']}:{node['port']}" for node in nodes)


def _server_urls(settings: StoreSettings) -> list[str]:
    return [url.strip() for url in settings.url.get_secret_value().split(",") if url.strip()]


def _node_config(url: str) -> dict[str, Any]:
    """Returns the arguments of the client for the server at a valid URL: scheme, host, port and path prefix."""
    parts = urlsplit(url)
    node: dict[str, Any] = {
        "scheme": parts.scheme,
        "host": parts.hostname,
        "port": parts.port or (443 if parts.scheme == "https" else 9200),
    }
    if parts.path.strip("/"):
        node["path_prefix"] = parts.path.rstrip("/")
    return node


def _checked_ca_file(path: Path) -> Path:
    """Returns ``path``.  Raises StoreRefused if it is not the path of a readable PEM file."""
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise StoreRefused(f"store.ca_file: {path}: {error.strerror or error}", hint="it must be a PEM file") from error
    return path


def _credential_arguments(settings: StoreSettings) -> dict[str, Any]:
    """Returns the client's credential arguments: the API key, else the user in the settings, else the user in the URL.

    Returns {} if there are no credentials.
    """
    if settings.api_key:
        return {"api_key": settings.api_key.get_secret_value()}
    if settings.username:
        return {"basic_auth": (settings.username, settings.password.get_secret_value() if settings.password else "")}
    if not settings.cloud_id:
        for url in _server_urls(settings):
            parts = urlsplit(url)
            if parts.username:
                return {"basic_auth": (unquote(parts.username), unquote(parts.password or ""))}
    return {}


# ---- errors


@contextmanager
def translated_errors() -> Iterator[None]:
    """Converts the client's errors to StoreUnavailable, if a retry may succeed, or StoreRefused, with a hint."""
    try:
        yield
    except UnsupportedProductError as error:
        raise not_elasticsearch_error() from error
    except ApiError as error:
        if _is_foreign_response(error.meta):
            raise not_elasticsearch_error(error.meta.status) from error
        raise store_error(error.meta.status, _response_error_reason(error.body) or str(error.message)) from error
    except elastic_transport.TlsError as error:
        raise _certificate_error(_tls_reason(error)) from error
    except CredentialsTemporarilyRefused as error:
        raise StoreUnavailable(
            f"Elasticsearch refuses credentials that it accepted before: {_shorten_text(error.message)}",
            hint="it may be starting; after five minutes this counts as a refusal",
        ) from error
    except (elastic_transport.ConnectionTimeout, elastic_transport.ConnectionError) as error:
        cause = str(error.errors[0] if error.errors else error)
        needs_tls = any(sign in cause for sign in _CUT_CONNECTION_SIGNS)
        raise StoreUnavailable(
            f"Elasticsearch does not answer: {_shorten_text(cause)}",
            hint="https:// instead of http://?" if needs_tls else "is it running, and store.url right?",
        ) from error
    except elastic_transport.SerializationError as error:
        raise StoreUnavailable(
            f"the server at store.url sends no JSON: {_shorten_text(str(error))}", hint="is it a proxy's error page?"
        ) from error


def _tls_reason(error: BaseException) -> str:
    """Returns the text of the error that caused a TLS error, without the texts of the libraries that passed it on."""
    while (inner := getattr(error, "errors", None)) or isinstance(error.args[0] if error.args else None, Exception):
        error = inner[0] if inner else error.args[0]
    return _shorten_text(str(error))


def _certificate_error(reason: str) -> StoreRefused:
    """Returns the error for a TLS connection that failed for this reason, in the words of OpenSSL or urllib3."""
    if "no appropriate subjectAltName" in reason:
        return StoreRefused(
            "the store's certificate has no subjectAltName", hint="its owner must have it issued again with one"
        )
    if "doesn't match" in reason:
        return StoreRefused(
            f"the store's certificate is not for the host in store.url: {reason}",
            hint="write a name that the certificate has, or have a certificate made for this one",
        )
    if "WRONG_VERSION_NUMBER" in reason or "record layer failure" in reason:
        return StoreRefused("the server at store.url has no TLS at this port", hint="http:// instead of https://?")
    if "Fingerprints did not match" in reason:
        return StoreRefused(
            f"the store's certificate is another one: {reason}", hint="has it been renewed? Change store.fingerprint"
        )
    if "has expired" in reason:
        return StoreRefused("the store's certificate has expired", hint="the server needs a new one")
    return StoreRefused(
        f"the store's certificate is not accepted: {reason}", hint="store.ca_file names the authority that signed it"
    )


def not_elasticsearch_error(status: int | None = None) -> StoreRefused:
    """Returns the error for a server that redirects or is not Elasticsearch; ``status`` is its HTTP status."""
    if status is not None and 300 <= status < 400:
        return StoreRefused(
            f"the server at store.url redirects to another address ({status})", hint="https:// instead of http://?"
        )
    suffix = f" (it answers {status})" if status else ""
    return StoreRefused(
        f"the server at store.url is not Elasticsearch{suffix}",
        hint="it sends no X-Elastic-Product header: OpenSearch is not supported, and a proxy must pass it on",
    )


def _is_foreign_response(meta: elastic_transport.ApiResponseMeta) -> bool:
    """Returns True if a response comes neither from Elasticsearch nor from a failing proxy in front of it."""
    from_elasticsearch = meta.headers.get("x-elastic-product") == "Elasticsearch"
    return not from_elasticsearch and (300 <= meta.status < 400 or meta.status in {400, 404, 405, 406, 501})


def store_error(status: int, reason: str) -> StoreUnavailable | StoreRefused:
    """Returns the error for an HTTP status and reason: StoreUnavailable if a retry may succeed, else StoreRefused."""
    for signs, message, hint in _REFUSALS:
        if any(sign in reason for sign in signs):
            return StoreRefused(message, hint=hint)
    if "cluster_block_exception" in reason or "blocked by: [" in reason:
        if "flood-stage" in reason or "disk usage exceeded" in reason:
            hint = "a node's disk is full: free space, and writing resumes by itself"
        else:
            hint = "an index is read-only, because it is migrated or by its settings: writing resumes when that ends"
        return StoreUnavailable(f"Elasticsearch takes no writes: {_shorten_text(reason)}", hint=hint)
    if status == 401:
        if "expired" in reason:
            return StoreRefused(
                "the API key of the store has expired", hint="make another: media-monitor setup --api-key"
            )
        return StoreRefused(
            f"Elasticsearch refuses the credentials: {_shorten_text(reason)}",
            hint="store.api_key, or store.username and password",
        )
    if status == 403:
        return StoreRefused(
            f"Elasticsearch does not allow this: {_shorten_text(reason)}",
            hint="media-monitor setup --api-key prints the privileges that are needed",
        )
    if status == 404 and "index_not_found" in reason and _REFUSED_INDEX_SIGN not in reason:
        return StoreRefused(f"the store is not set up: {_shorten_text(reason)}", hint="media-monitor setup")
    if state := _STATE_BY_STATUS.get(status):
        return StoreUnavailable(f"Elasticsearch is {state}: {_shorten_text(reason)}")
    if status == 400 and "media_type_header_exception" in reason:
        return StoreRefused(
            f"this Elasticsearch is too old: {_shorten_text(reason)}", hint="versions 8 and 9 are supported"
        )
    if status >= 500:
        return StoreUnavailable(f"Elasticsearch failed ({status}): {_shorten_text(reason)}")
    return StoreRefused(f"Elasticsearch refuses this ({status}): {_shorten_text(reason)}")


def search_stopped_error() -> StoreRefused:
    """Returns the error for a search that reached its time limit."""
    message, hint = _SEARCH_STOPPED
    return StoreRefused(message, hint=hint)


def nested_value(response: Any, *names: str) -> Any:
    """Returns the value of a JSON response under nested names.

    Raises StoreUnavailable if a name is missing, because then probably a proxy has answered.
    """
    value = response
    for name in names:
        try:
            value = value[name]
        except (KeyError, TypeError) as error:
            raise StoreUnavailable(
                f"the response from store.url is not Elasticsearch's: it has no {name!r}",
                hint="does a proxy answer?",
            ) from error
    return value


def error_type(error: ApiError) -> str:
    """Returns the type of an error of Elasticsearch, "" if it states none."""
    stated = error.body.get("error", {}) if isinstance(error.body, dict) else {}
    return str(stated.get("type", "")) if isinstance(stated, dict) else ""


def error_reason(error: Any) -> str:
    """Returns an error object of Elasticsearch as text: ``type: reason``, its root cause and its cause."""
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
    if failed_credentials := error.get("additional_unsuccessful_credentials"):  # such as "API key: api key is expired"
        parts.append(str(failed_credentials))
    return "; ".join(parts)


def _response_error_reason(body: Any) -> str:
    """Returns the error in a response body as text; a body without an error object as it is, "" for None."""
    if isinstance(body, dict) and "error" in body:
        return error_reason(body["error"])
    return "" if body is None else str(body)


def _shorten_text(text: str, length: int = 300) -> str:
    """Returns the text in one line, cut to ``length`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1]}…"
