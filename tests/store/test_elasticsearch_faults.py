"""What goes wrong between the store and a cluster, each with the message and the kind of error that says what to do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from monitor.config.schema import StoreSettings
from monitor.errors import StoreRefused, StoreUnavailable
from monitor.models import Candidate, now
from monitor.query import parse
from monitor.store.elasticsearch import ElasticsearchStore, bulk, client
from monitor.store.elasticsearch.bulk import Write
from monitor.store.elasticsearch.client import addresses
from servers import certificate
from servers.faulty import PRODUCT, Answer, Faulty, Request, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def opened(url: str, **settings: Any) -> ElasticsearchStore:
    return ElasticsearchStore.open(StoreSettings(url=url, timeout="2s", **settings))


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


def test_a_privilege_that_lacks_is_named() -> None:
    reason = "action [indices:admin/create] is unauthorized for API key id [x] on indices [monitor-urls-v1]"
    expected = pytest.raises(StoreRefused, match=r"does not allow this.*indices:admin/create.*--api-key")
    with serve(lambda _: Answer(403, error("security_exception", reason))) as server, expected:
        opened(server.url).setup()


NOT_READY = error("security_exception", "unable to authenticate with provided credentials")
EXPIRED = error("security_exception", "unable to authenticate", additional_unsuccessful_credentials="key is expired")


def test_credentials_that_were_good_are_waited_for_while_a_cluster_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [Answer(200, {"docs": []})]
    with serve(lambda _: answers[-1]) as server:
        store = opened(server.url, api_key="abc")
        store.get("stories", ["a"])
        answers.append(Answer(401, NOT_READY))
        with pytest.raises(StoreUnavailable, match="took before"):
            store.get("stories", ["a"])
        answers.append(Answer(200, {"docs": []}))
        assert store.get("stories", ["a"]) == {}
        answers.append(Answer(401, EXPIRED))
        with pytest.raises(StoreRefused, match="expired"):
            store.get("stories", ["a"])
        monkeypatch.setattr(client, "STARTUP_REFUSAL_SECONDS", 0.0)
        answers.append(Answer(401, NOT_READY))
        with pytest.raises(StoreRefused, match="refuses the credentials"):
            store.get("stories", ["a"])


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
def test_a_web_server_in_place_of_elasticsearch_is_told_apart(answer: Answer, message: str) -> None:
    with serve(lambda _: answer) as server, pytest.raises(StoreRefused, match=message):
        opened(server.url).setup()


def test_opensearch_is_refused_by_name() -> None:
    expected = pytest.raises(StoreRefused, match=r"not Elasticsearch.*X-Elastic-Product.*OpenSearch")
    with serve(lambda _: Answer(200, {}, {})) as server, expected:
        opened(server.url).setup()


def test_a_proxys_error_page_is_a_reason_to_wait() -> None:
    page = Answer(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})
    with serve(lambda _: page) as server, pytest.raises(StoreUnavailable, match="Bad gateway"):
        opened(server.url).setup()


def test_a_login_page_in_place_of_json_is_a_reason_to_wait_too() -> None:
    page = Answer(200, b"<html>Sign in</html>", {"Content-Type": "application/json", **PRODUCT})
    with serve(lambda _: page) as server, pytest.raises(StoreUnavailable, match="speaks no JSON"):
        opened(server.url).setup()


def test_a_server_that_is_away_is_a_reason_to_wait() -> None:
    with serve(lambda _: Answer(200, {})) as server:
        gone = server.url
    with pytest.raises(StoreUnavailable, match="does not answer"):
        opened(gone).setup()


def test_of_several_hosts_one_that_answers_is_enough() -> None:
    with serve(lambda _: Answer(200, {})) as server:
        gone = server.url
    with serve(lambda _: Answer(200, {"docs": []})) as server:
        store = opened(f"{gone},{server.url}")
        for _ in range(4):
            assert store.get("stories", ["a"]) == {}


def test_it_asks_for_the_api_that_versions_8_and_9_both_speak() -> None:
    with serve(lambda _: Answer(200, {"docs": []})) as server:
        opened(server.url, api_key="abc").get("stories", ["a"])
    headers = server.requests[0].headers
    assert "compatible-with=8" in headers["accept"]
    assert "compatible-with=8" in headers["content-type"]
    assert headers["authorization"] == "ApiKey abc"


def test_user_and_password_may_stand_in_the_address() -> None:
    with serve(lambda _: Answer(200, {"docs": []})) as server:
        url = server.url.replace("//", "//ada:p%40ss@")
        store = opened(url)
        store.get("stories", ["a"])
    assert server.requests[0].headers["authorization"] == "Basic YWRhOnBAc3M="
    assert store.where == server.url


def test_an_address_without_a_port_gets_the_usual_one() -> None:
    assert addresses(StoreSettings(url="http://es-1,https://u:p@es-2/path")) == "http://es-1:9200, https://es-2:443"


def test_a_missing_ca_file_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="ca_file"):
        opened("https://localhost:9200", ca_file=str(tmp_path / "missing.pem"))


def test_a_certificate_of_an_unknown_authority_is_refused_and_accepted_with_its_ca_file(tmp_path: Path) -> None:
    pem = certificate.make(tmp_path, "localhost")
    with serve(lambda _: Answer(200, {"docs": []}), tls=certificate.context(pem)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(StoreRefused, match=r"certificate is not accepted.*store\.ca_file"):
            opened(url).get("stories", ["a"])
        store = ElasticsearchStore.open(StoreSettings(url=url, ca_file=pem.name), tmp_path)
        assert store.get("stories", ["a"]) == {}


def test_a_shard_that_is_not_back_yet_is_a_reason_to_wait() -> None:
    item = {"_id": "a", "error": error("no_shard_available_action_exception", "No shard available for [get]")["error"]}
    expected = pytest.raises(StoreUnavailable, match=r"not ready.*No shard available")
    with serve(lambda _: Answer(200, {"docs": [item]})) as server, expected:
        opened(server.url).get("stories", ["a"])
    partial = {"count": 3, "_shards": {"total": 1, "successful": 0, "skipped": 0, "failed": 1}}
    with serve(lambda _: Answer(200, partial)) as server, pytest.raises(StoreUnavailable, match="could not count"):
        opened(server.url).count("stories", {"match_all": {}})


@pytest.mark.parametrize(
    ("ask", "lacks"),
    [
        (lambda store: store.get("stories", ["a"]), "docs"),
        (lambda store: list(store.scan(now=now())), "hits"),
        (lambda store: store.count("stories", {"match_all": {}}), "_shards"),
        (lambda store: store.put_setting("key", {"a": 1}), "items"),
    ],
)
def test_an_answer_that_is_not_the_servers_is_a_reason_to_wait(
    ask: Callable[[ElasticsearchStore], object], lacks: str
) -> None:
    expected = pytest.raises(StoreUnavailable, match=f"not Elasticsearch's answer.*{lacks}")
    with serve(lambda _: Answer(200, {})) as server, expected:
        ask(opened(server.url))


# ---- searching behind a write


class Refreshing:
    """A server whose first refresh lasts until it is let go."""

    def __init__(self) -> None:
        self.began, self.let_go = threading.Event(), threading.Event()
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Answer:
        if "_bulk" in request.path:
            return answered(request, {})
        self.asked.append("refresh" if "_refresh" in request.path else "search")
        if "_refresh" in request.path and not self.began.is_set():
            self.began.set()
            assert self.let_go.wait(10)
        return Answer(200, {"hits": {"hits": []}})


def look(store: ElasticsearchStore) -> None:
    list(store.find("urls", {"match_all": {}}, sort=[{"id": "asc"}]))


def test_a_search_waits_for_the_refresh_of_another_thread_that_shows_what_was_written() -> None:
    answer = Refreshing()
    with serve(answer) as server, ThreadPoolExecutor(2) as threads:
        store = ElasticsearchStore.open(StoreSettings(url=server.url, timeout="20s"))
        store.write([Write(kind="urls", id="a", document={})])
        first = threads.submit(look, store)
        assert answer.began.wait(10)
        second = threads.submit(look, store)
        assert not wait([second], timeout=0.5).done
        assert answer.asked == ["refresh"]
        answer.let_go.set()
        wait([first, second])
    assert answer.asked == ["refresh", "search", "search"]


def test_what_is_written_while_a_refresh_is_under_way_gets_one_of_its_own() -> None:
    answer = Refreshing()
    with serve(answer) as server, ThreadPoolExecutor(2) as threads:
        store = ElasticsearchStore.open(StoreSettings(url=server.url, timeout="20s"))
        store.write([Write(kind="urls", id="a", document={})])
        first = threads.submit(look, store)
        assert answer.began.wait(10)
        store.write([Write(kind="urls", id="b", document={})])
        answer.let_go.set()
        wait([first])
        look(store)
    assert answer.asked == ["refresh", "search", "refresh", "search"]


# ---- bulk answers


def items(request: Request) -> list[tuple[str, dict[str, Any]]]:
    """The actions of a bulk request, without their documents."""
    lines = [orjson.loads(line) for line in request.body.splitlines()]
    return [next(iter(line.items())) for line in lines if set(line) & {"create", "index", "update", "delete"}]


def answered(request: Request, status: dict[str, tuple[int, dict[str, Any] | None]]) -> Answer:
    made = []
    for op, action in items(request):
        code, why = status.get(action["_id"], (201, None))
        made.append({op: {"_id": action["_id"], "status": code, **({"error": why} if why else {})}})
    return Answer(200, {"items": made})


FULL = {"type": "es_rejected_execution_exception", "reason": "rejected execution, queue capacity = 1"}


def enqueue(server: Faulty, count: int = 3) -> list[str]:
    candidates = [Candidate(url=f"https://a.example/{number}", outlet="A") for number in range(count)]
    return [visit.candidate.url[-1] for visit in opened(server.url).enqueue(candidates, now=now())]


def test_items_refused_for_want_of_room_are_sent_again_and_only_they() -> None:
    bulks: list[Request] = []

    def answer(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        bulks.append(request)
        refused = {action["_id"]: (429, FULL) for _, action in items(request)[1:]}
        return answered(request, refused)

    with serve(answer) as server:
        assert enqueue(server) == ["0", "1", "2"]
    assert [len(items(request)) for request in bulks] == [3, 2, 1]


def test_a_server_that_stays_full_is_a_reason_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BULK_RETRY_SECONDS", 0.5)

    def answer(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        return Answer(429, error("es_rejected_execution_exception", "rejected execution"))

    with serve(answer) as server, pytest.raises(StoreUnavailable, match=r"no room for 3 writes.*rejected execution"):
        enqueue(server)
    assert len(server.requests) > 3


def test_a_request_that_a_proxy_finds_too_large_is_sent_in_pieces() -> None:
    def answer(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        if len(items(request)) > 1:
            return Answer(413, b"<html>Request Entity Too Large</html>", {"Content-Type": "text/html"})
        return answered(request, {})

    with serve(answer) as server:
        assert enqueue(server) == ["0", "1", "2"]


@pytest.mark.parametrize("limit", [2000, 100])
def test_a_document_larger_than_a_proxy_lets_pass_leaves_its_reason_and_the_rest_goes_on(
    limit: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With the lower limit not even the reason passes."""
    kept: list[Any] = []

    def answer(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        if len(request.body) > limit:
            return Answer(413, b"<html>Request Entity Too Large</html>", {"Content-Type": "text/html"})
        if b"failed" in request.body:
            kept.append(orjson.loads(request.body.splitlines()[1]))
        return answered(request, {})

    big = Candidate(url="https://a.example/big", outlet="A", title="word " * 1000)
    with serve(answer) as server:
        assert opened(server.url).enqueue([big], now=now()) == []
    assert "413" in caplog.text or "Too Large" in caplog.text
    assert [(one["body"], "Too Large" in one["reason"]) for one in kept] == ([("", True)] if limit == 2000 else [])


def test_a_full_disk_pauses_the_work_and_says_why() -> None:
    reason = "index [monitor-urls-v1] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark];"
    block = {"type": "cluster_block_exception", "reason": reason}

    def answer(request: Request) -> Answer:
        if "_mget" in request.path:
            return Answer(200, {"docs": []})
        return answered(request, {action["_id"]: (429, block) for _, action in items(request)})

    with serve(answer) as server, pytest.raises(StoreUnavailable, match=r"flood-stage.*disk is full"):
        enqueue(server)


def test_a_query_whose_wildcards_stand_for_too_many_words_is_refused_and_not_tried_again() -> None:
    reason = "Automaton [ba*] expanded to too many terms (limit 4096)"

    def answer(_request: Request) -> Answer:
        return Answer(500, error("illegal_state_exception", reason))

    with serve(answer) as server, pytest.raises(StoreRefused, match=r"too many words.*longer beginnings"):
        opened(server.url).search(parse("ba* NEAR/5 chips"), now=now())
    assert len([request for request in server.requests if "_search" in request.path]) == 1


def test_half_a_surrogate_pair_does_not_stop_a_bulk() -> None:
    assert orjson.loads(bulk.dumps({"title": "a\ud800b"})) == {"title": "a?b"}
