"""Faults between the store and a cluster: each raises the right kind of error, with a hint for the user."""

from __future__ import annotations

import hashlib
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from monitor.config.schema import StoreSettings
from monitor.errors import StoreRefused, StoreUnavailable
from monitor.models import Candidate, now
from monitor.query import parse
from monitor.store.elasticsearch import ElasticsearchStore, bulk, client, schema
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.client import displayed_hosts
from servers import certificate
from servers.faulty import PRODUCT, Answer, Faulty, Request, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def opened(url: str, **settings: Any) -> ElasticsearchStore:
    store = ElasticsearchStore.open(StoreSettings(url=url, **{"timeout": "2s", **settings}))
    store.cluster._set_up_kinds = set(schema.DOCUMENT_KINDS)  # the servers of these tests do not list their indices
    return store


def error(kind: str, reason: str, **more: Any) -> dict[str, Any]:
    cause = {"type": kind, "reason": reason, **more}
    return {"error": {"root_cause": [cause], **cause}, "status": 400}


def test_a_wrong_password_is_refused_and_never_shown() -> None:
    body = error("security_exception", "unable to authenticate user [ada] for REST request [/]")
    with serve(lambda _: Answer(401, body)) as server:
        store = opened(server.url, username="ada", password="geheim-7")
        with pytest.raises(StoreRefused, match=r"refuses the credentials.*ada.*password") as caught:
            store.setup()
    assert "geheim-7" not in str(caught.value)
    assert "geheim-7" not in repr(caught.value.__cause__)


def test_an_expired_api_key_says_that_it_expired() -> None:
    body = error(
        "security_exception",
        "unable to authenticate with provided credentials and anonymous access is not allowed for this request",
        additional_unsuccessful_credentials="API key: api key is expired",
    )
    with serve(lambda _: Answer(401, body)) as server, pytest.raises(StoreRefused, match=r"has expired.*--api-key"):
        opened(server.url, api_key="abc").setup()


def test_the_error_names_a_missing_privilege() -> None:
    reason = "action [indices:admin/create] is unauthorized for API key id [x] on indices [monitor-urls-v1]"
    expected = pytest.raises(StoreRefused, match=r"does not allow this.*indices:admin/create.*--api-key")
    with serve(lambda _: Answer(403, error("security_exception", reason))) as server, expected:
        opened(server.url).setup()


NOT_READY = error("security_exception", "unable to authenticate with provided credentials")
EXPIRED = error("security_exception", "unable to authenticate", additional_unsuccessful_credentials="key is expired")


def test_refused_credentials_are_retried_if_they_were_accepted_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A starting cluster refuses them; after `MAX_STARTUP_REFUSAL_SECONDS` the refusal counts."""
    responses = [Answer(200, {"docs": []})]
    with serve(lambda _: responses[-1]) as server:
        store = opened(server.url, api_key="abc")
        store.cluster.get_documents("stories", ["a"])
        responses.append(Answer(401, NOT_READY))
        with pytest.raises(StoreUnavailable, match="accepted before"):
            store.cluster.get_documents("stories", ["a"])
        responses.append(Answer(200, {"docs": []}))
        assert store.cluster.get_documents("stories", ["a"]) == {}
        responses.append(Answer(401, EXPIRED))
        with pytest.raises(StoreRefused, match="expired"):
            store.cluster.get_documents("stories", ["a"])
        monkeypatch.setattr(client, "MAX_STARTUP_REFUSAL_SECONDS", 0.0)
        responses.append(Answer(401, NOT_READY))
        with pytest.raises(StoreRefused, match="refuses the credentials"):
            store.cluster.get_documents("stories", ["a"])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(404, b"<p>Not found</p>", {"Content-Type": "text/html"}), r"not Elasticsearch \(it answers 404\)"),
        (Answer(404, {"detail": "no such page"}, {}), r"not Elasticsearch \(it answers 404\)"),
        (Answer(200, [1, 2], {}), "not Elasticsearch"),
        (Answer(200, b"hello", {"Content-Type": "text/plain"}), "not Elasticsearch"),
        (Answer(301, b"", {"Location": "https://es.example/"}), r"another address \(301\).*https"),
    ],
)
def test_another_web_server_is_reported_as_not_elasticsearch(answer: Answer, message: str) -> None:
    with serve(lambda _: answer) as server, pytest.raises(StoreRefused, match=message):
        opened(server.url).setup()


def test_opensearch_is_refused_by_name() -> None:
    expected = pytest.raises(StoreRefused, match=r"not Elasticsearch.*X-Elastic-Product.*OpenSearch")
    with serve(lambda _: Answer(200, {}, {})) as server, expected:
        opened(server.url).setup()


def test_a_proxys_error_page_makes_the_store_unavailable() -> None:
    page = Answer(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})
    with serve(lambda _: page) as server, pytest.raises(StoreUnavailable, match="Bad gateway"):
        opened(server.url).setup()


def test_a_login_page_makes_the_store_unavailable() -> None:
    page = Answer(200, b"<html>Sign in</html>", {"Content-Type": "application/json", **PRODUCT})
    with serve(lambda _: page) as server, pytest.raises(StoreUnavailable, match="sends no JSON"):
        opened(server.url).setup()


def test_an_unreachable_server_makes_the_store_unavailable() -> None:
    with serve(lambda _: Answer(200, {})) as server:
        stopped = server.url
    with pytest.raises(StoreUnavailable, match="does not answer"):
        opened(stopped).setup()


def test_one_reachable_host_of_several_suffices() -> None:
    with serve(lambda _: Answer(200, {})) as server:
        stopped = server.url
    with serve(lambda _: Answer(200, {"docs": []})) as server:
        store = opened(f"{stopped},{server.url}")
        for _ in range(4):
            assert store.cluster.get_documents("stories", ["a"]) == {}


def test_the_client_requests_the_api_of_version_8() -> None:
    with serve(lambda _: Answer(200, {"docs": []})) as server:
        opened(server.url, api_key="abc").cluster.get_documents("stories", ["a"])
    headers = server.requests[0].headers
    assert "compatible-with=8" in headers["accept"]
    assert "compatible-with=8" in headers["content-type"]
    assert headers["authorization"] == "ApiKey abc"


def test_user_and_password_may_be_part_of_the_url() -> None:
    with serve(lambda _: Answer(200, {"docs": []})) as server:
        url = server.url.replace("//", "//ada:p%40ss@")
        store = opened(url)
        store.cluster.get_documents("stories", ["a"])
    assert server.requests[0].headers["authorization"] == "Basic YWRhOnBAc3M="
    assert store.displayed_hosts == server.url


def test_a_url_without_a_port_gets_the_default_port() -> None:
    assert (
        displayed_hosts(StoreSettings(url="http://es-1,https://u:p@es-2/path")) == "http://es-1:9200, https://es-2:443"
    )


def test_a_missing_ca_file_is_refused_before_any_request(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="ca_file"):
        opened("https://localhost:9200", ca_file=str(tmp_path / "missing.pem"))


def test_a_certificate_for_another_host_is_said_so_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pem = certificate.make(tmp_path, "elsewhere.example")
    message = r"not for the host in store\.url: hostname '127\.0\.0\.1' doesn't match"
    with (
        serve(lambda _: Answer(200, {"docs": []}), tls=certificate.context(pem)) as server,
        pytest.raises(StoreRefused, match=message),
    ):
        opened(server.url, ca_file=str(pem)).setup()
    assert caplog.records == []


def test_a_certificate_without_subject_alt_name_is_said_so(tmp_path: Path) -> None:
    pem = certificate.make_without_names(tmp_path)
    with (
        serve(lambda _: Answer(200, {"docs": []}), tls=certificate.context(pem)) as server,
        pytest.raises(StoreRefused) as caught,
    ):
        opened(server.url, ca_file=str(pem)).setup()
    assert str(caught.value) == (
        "the store's certificate has no subjectAltName (its owner must have it issued again with one)"
    )


def test_a_certificate_of_an_unknown_authority_needs_its_ca_file(tmp_path: Path) -> None:
    pem = certificate.make(tmp_path, "localhost")
    with serve(lambda _: Answer(200, {"docs": []}), tls=certificate.context(pem)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(StoreRefused, match=r"certificate is not accepted.*store\.ca_file"):
            opened(url).cluster.get_documents("stories", ["a"])
        store = ElasticsearchStore.open(StoreSettings(url=url, ca_file=pem.name), tmp_path)
        assert store.cluster.get_documents("stories", ["a"]) == {}


def test_a_pinned_certificate_is_accepted_and_no_other(tmp_path: Path) -> None:
    pem, other = certificate.make(tmp_path, "elsewhere.example"), certificate.make(tmp_path, "localhost")
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate_text(pem))).hexdigest()
    with serve(lambda _: Answer(200, {"docs": []}), tls=certificate.context(pem)) as server:
        store = opened(server.url, fingerprint=":".join(fingerprint[i : i + 2] for i in range(0, 64, 2)).upper())
        assert store.cluster.get_documents("stories", ["a"]) == {}
    with (
        serve(lambda _: Answer(200, {"docs": []}), tls=certificate.context(other)) as server,
        pytest.raises(StoreRefused, match=r"certificate is another one.*Change store\.fingerprint"),
    ):
        opened(server.url, fingerprint=fingerprint).cluster.get_documents("stories", ["a"])


def certificate_text(pem: Path) -> str:
    """Returns the certificate of a PEM file that has its key too."""
    text = pem.read_text()
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return text[text.index(begin) : text.index(end) + len(end)]


def test_tls_and_its_absence_have_their_own_hints(tmp_path: Path) -> None:
    with (
        serve(lambda _: Answer(200, {})) as server,
        pytest.raises(StoreRefused, match=r"has no TLS at this port \(http:// instead of https://\?\)"),
    ):
        opened(server.url.replace("http:", "https:")).setup()
    tls = certificate.context(certificate.make(tmp_path, "localhost"))
    with (
        serve(lambda _: Answer(200, {}), tls=tls) as server,
        pytest.raises(StoreUnavailable, match=r"\(https:// instead of http://\?\)"),
    ):
        opened(server.url.replace("https:", "http:")).setup()


def test_serverless_and_opensearch_are_refused_in_one_line() -> None:
    reason = "Settings [index.number_of_shards] are not available when running in serverless mode"
    with (
        serve(lambda _: Answer(400, error("illegal_argument_exception", reason))) as server,
        pytest.raises(StoreRefused, match="is Elasticsearch Serverless, which has no settings"),
    ):
        opened(server.url).cluster.get_documents("stories", ["a"])
    answer = Answer(406, {"version": {"distribution": "opensearch"}}, headers={"X-Elastic-Product": ""})
    with (
        serve(lambda _: answer) as server,
        pytest.raises(StoreRefused, match=r"is not Elasticsearch.*OpenSearch is not supported"),
    ):
        opened(server.url).cluster.get_documents("stories", ["a"])


def test_an_unavailable_shard_makes_the_store_unavailable() -> None:
    item = {"_id": "a", "error": error("no_shard_available_action_exception", "No shard available for [get]")["error"]}
    expected = pytest.raises(StoreUnavailable, match=r"not ready.*No shard available")
    with serve(lambda _: Answer(200, {"docs": [item]})) as server, expected:
        opened(server.url).cluster.get_documents("stories", ["a"])
    partial = {"count": 3, "_shards": {"total": 1, "successful": 0, "skipped": 0, "failed": 1}}
    with serve(lambda _: Answer(200, partial)) as server, pytest.raises(StoreUnavailable, match="could not count"):
        opened(server.url).cluster.count_documents("stories", {"match_all": {}})


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        (lambda store: store.cluster.get_documents("stories", ["a"]), "docs"),
        (lambda store: list(store.scan(now=now())), "hits"),
        (lambda store: store.cluster.count_documents("stories", {"match_all": {}}), "_shards"),
        (lambda store: store.put_setting("key", {"a": 1}), "items"),
    ],
)
def test_an_unexpected_response_makes_the_store_unavailable(
    call: Callable[[ElasticsearchStore], object], missing: str
) -> None:
    expected = pytest.raises(StoreUnavailable, match=f"response .* is not Elasticsearch's.*{missing}")
    with serve(lambda _: Answer(200, {})) as server, expected:
        call(opened(server.url))


# ---- a search after a write


class Refreshing:
    """A server whose first refresh lasts until ``let_go`` is set."""

    def __init__(self) -> None:
        self.began, self.let_go = threading.Event(), threading.Event()
        self.requests: list[str] = []

    def __call__(self, request: Request) -> Answer:
        if "_bulk" in request.path:
            return bulk_response(request, {})
        self.requests.append("refresh" if "_refresh" in request.path else "search")
        if "_refresh" in request.path and not self.began.is_set():
            self.began.set()
            assert self.let_go.wait(10)
        return Answer(200, {"hits": {"hits": []}})


def search(store: ElasticsearchStore) -> None:
    list(store.cluster.find("urls", {"match_all": {}}, sort=[{"id": "asc"}]))


def test_a_search_waits_for_a_refresh_that_another_thread_started() -> None:
    respond = Refreshing()
    with serve(respond) as server, ThreadPoolExecutor(2) as threads:
        store = opened(server.url, timeout="20s")
        store.cluster.write_documents([DocumentWrite(kind="urls", id="a", document={})])
        first = threads.submit(search, store)
        assert respond.began.wait(10)
        second = threads.submit(search, store)
        assert not wait([second], timeout=0.5).done
        assert respond.requests == ["refresh"]
        respond.let_go.set()
        wait([first, second])
    assert respond.requests == ["refresh", "search", "search"]


def test_a_write_during_a_refresh_needs_another_refresh() -> None:
    respond = Refreshing()
    with serve(respond) as server, ThreadPoolExecutor(2) as threads:
        store = opened(server.url, timeout="20s")
        store.cluster.write_documents([DocumentWrite(kind="urls", id="a", document={})])
        first = threads.submit(search, store)
        assert respond.began.wait(10)
        store.cluster.write_documents([DocumentWrite(kind="urls", id="b", document={})])
        respond.let_go.set()
        wait([first])
        search(store)
    assert respond.requests == ["refresh", "search", "refresh", "search"]


# ---- a search that takes too long


STOPPED = "the search took too long and was stopped by Elasticsearch"
TIMEOUT_ERROR = {"root_cause": [], "type": "search_timeout_exception", "reason": "Time exceeded"}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"timed_out": True, "hits": {"hits": [], "total": {"value": 3}}, "aggregations": {"values": {}}}),
        Answer(504, {"error": TIMEOUT_ERROR, "status": 504}),
    ],
)
@pytest.mark.parametrize("method", ["search", "facets", "daily_counts"])
def test_a_search_that_the_server_stopped_is_refused_with_a_hint(answer: Answer, method: str) -> None:
    requests: list[Request] = []

    def respond(request: Request) -> Answer:
        requests.append(request)
        return answer

    with serve(respond) as server:
        store = ElasticsearchStore.open(StoreSettings(url=server.url))
        with pytest.raises(StoreRefused, match=STOPPED) as raised:
            getattr(store, method)(None, now=now())
        assert raised.value.hint.startswith("ask for rarer words")
    assert [orjson.loads(request.body).get("timeout") for request in requests] == ["10000ms"]


# ---- bulk responses


def items(request: Request) -> list[tuple[str, dict[str, Any]]]:
    """Returns the actions of a bulk request, without their documents."""
    lines = [orjson.loads(line) for line in request.body.splitlines()]
    return [next(iter(line.items())) for line in lines if set(line) & {"create", "index", "update", "delete"}]


def bulk_response(request: Request, results: dict[str, tuple[int, dict[str, Any] | None]]) -> Answer:
    """Returns a response with the status and the error of each id, by default 201."""
    result_items = []
    for op, action in items(request):
        status, reason = results.get(action["_id"], (201, None))
        result_items.append({op: {"_id": action["_id"], "status": status, **({"error": reason} if reason else {})}})
    return Answer(200, {"items": result_items})


FULL = {"type": "es_rejected_execution_exception", "reason": "rejected execution, queue capacity = 1"}


def enqueue(server: Faulty, count: int = 3) -> list[str]:
    """Enqueues candidates and returns the last characters of the new URLs."""
    candidates = [Candidate(url=f"https://a.example/{number}", outlet="A") for number in range(count)]
    return [entry.candidate.url[-1] for entry in opened(server.url).enqueue(candidates, now=now())]


def test_only_the_items_refused_for_lack_of_room_are_sent_again() -> None:
    bulks: list[Request] = []

    def respond(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        bulks.append(request)
        refused = {action["_id"]: (429, FULL) for _, action in items(request)[1:]}
        return bulk_response(request, refused)

    with serve(respond) as server:
        assert enqueue(server) == ["0", "1", "2"]
    assert [len(items(request)) for request in bulks] == [3, 2, 1]


def test_a_server_that_stays_full_makes_the_store_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_BULK_RETRY_SECONDS", 0.5)

    def respond(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        return Answer(429, error("es_rejected_execution_exception", "rejected execution"))

    with serve(respond) as server, pytest.raises(StoreUnavailable, match=r"no room for 3 writes.*rejected execution"):
        enqueue(server)
    assert len(server.requests) > 3


def test_a_request_that_is_too_large_for_a_proxy_is_split() -> None:
    def respond(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        if len(items(request)) > 1:
            return Answer(413, b"<html>Request Entity Too Large</html>", {"Content-Type": "text/html"})
        return bulk_response(request, {})

    with serve(respond) as server:
        assert enqueue(server) == ["0", "1", "2"]


@pytest.mark.parametrize("limit", [2000, 100])
def test_a_document_that_is_too_large_for_a_proxy_leaves_its_reason(
    limit: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The other documents are written.  With the lower limit not even the reason passes."""
    kept: list[Any] = []

    def respond(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        if len(request.body) > limit:
            return Answer(413, b"<html>Request Entity Too Large</html>", {"Content-Type": "text/html"})
        if b"failed" in request.body:
            kept.append(orjson.loads(request.body.splitlines()[1]))
        return bulk_response(request, {})

    big = Candidate(url="https://a.example/big", outlet="A", title="word " * 1000)
    with serve(respond) as server:
        assert opened(server.url).enqueue([big], now=now()) == []
    assert "413" in caplog.text or "Too Large" in caplog.text
    assert [(letter["body"], "Too Large" in letter["reason"]) for letter in kept] == (
        [("", True)] if limit == 2000 else []
    )


def test_a_full_disk_makes_the_store_unavailable_with_the_reason() -> None:
    reason = "index [monitor-urls-v1] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark];"
    block = {"type": "cluster_block_exception", "reason": reason}

    def respond(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        return bulk_response(request, {action["_id"]: (429, block) for _, action in items(request)})

    with serve(respond) as server, pytest.raises(StoreUnavailable, match=r"flood-stage.*disk is full"):
        enqueue(server)


def test_a_query_that_matches_too_many_words_is_refused_at_once() -> None:
    reason = "Automaton [ba*] expanded to too many terms (limit 4096)"

    def respond(_request: Request) -> Answer:
        return Answer(500, error("illegal_state_exception", reason))

    with serve(respond) as server, pytest.raises(StoreRefused, match=r"too many words.*longer prefixes"):
        opened(server.url).search(parse("ba* NEAR/5 chips"), now=now())
    assert len([request for request in server.requests if "_search" in request.path]) == 1


def test_half_a_surrogate_pair_does_not_stop_a_bulk() -> None:
    assert orjson.loads(bulk.json_bytes({"title": "a\ud800b"})) == {"title": "a?b"}
