"""The way of the bundle into a Kibana, against a server that answers as its API for saved objects does."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from monitor.config.schema import StoreSettings
from monitor.errors import KibanaError
from monitor.kibana import bundle, import_bundle
from servers.faulty import Answer, Faulty, Request, serve

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = StoreSettings(url="http://es:9200", prefix="desk", api_key="abc")


def kibana(
    version: str = "9.1.2",
    spaces: tuple[str, ...] = (),
    refuse: dict[str, dict[str, Any]] | None = None,
    elsewhere: dict[str, str] | None = None,
) -> Callable[[Request], Answer]:
    """What a Kibana answers that has these spaces, refuses some objects and gives others the ids in ``elsewhere``."""

    def answer(request: Request) -> Answer:
        if request.path == "/api/status":
            return Answer(200, {"version": {"number": version}, "status": {"overall": {"level": "available"}}})
        roots = ["", *(f"/s/{space}" for space in spaces)]
        if request.path not in [f"{root}/api/saved_objects/_import?overwrite=true" for root in roots]:
            return Answer(404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"})
        if "kbn-xsrf" not in request.headers:
            return Answer(400, {"message": "Request must contain a kbn-xsrf header."})
        _, _, rest = request.body.partition(b'filename="media-monitor.ndjson"')
        content = rest.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        objects = [orjson.loads(line) for line in content.splitlines()]
        errors = [
            {
                "id": one["id"],
                "type": one["type"],
                "meta": {"title": one["attributes"]["title"]},
                "error": refuse[one["id"]],
            }
            for one in objects
            if refuse and one["id"] in refuse
        ]
        taken = [
            {"id": one["id"], "type": one["type"], "meta": {"title": one["attributes"]["title"]}}
            | ({"destinationId": elsewhere[one["id"]]} if elsewhere and one["id"] in elsewhere else {})
            for one in objects
            if not refuse or one["id"] not in refuse
        ]
        said = {"success": not errors, "successCount": len(taken), "successResults": taken}
        return Answer(200, said | ({"errors": errors} if errors else {}))

    return answer


def test_every_object_is_imported_and_the_dashboard_is_named() -> None:
    with serve(kibana()) as server:
        imported = import_bundle(server.url, SETTINGS)
    assert imported.count == len(bundle("desk").splitlines())
    assert imported.version == "9.1.2"
    assert imported.dashboard == f"{server.url}/app/dashboards#/view/desk-dashboard"
    assert {request.headers["authorization"] for request in server.requests} == {"ApiKey abc"}


def test_a_space_gets_its_own() -> None:
    with serve(kibana(spaces=("desk",))) as server:
        imported = import_bundle(server.url, SETTINGS, space="desk")
    assert "/s/desk/app/dashboards" in imported.dashboard
    assert imported.count == len(bundle("desk").splitlines())


def test_the_dashboard_of_a_second_space_is_named_by_the_id_it_got_there() -> None:
    elsewhere = {"desk-search-hits": "0f1e", "desk-dashboard": "5d0c7a"}
    with serve(kibana(spaces=("desk",), elsewhere=elsewhere)) as server:
        imported = import_bundle(server.url, SETTINGS, space="desk")
    assert imported.dashboard == f"{server.url}/s/desk/app/dashboards#/view/5d0c7a"


def test_a_space_that_is_not_there_is_named() -> None:
    with serve(kibana()) as server, pytest.raises(KibanaError, match=r"/s/desk/api.*such a space"):
        import_bundle(server.url, SETTINGS, space="desk")


def test_objects_that_are_not_taken_are_named_with_the_reason() -> None:
    refuse: dict[str, dict[str, Any]] = {
        "desk-dashboard": {"type": "missing_references", "references": [{"type": "lens", "id": "desk-lens-x"}]},
        "desk-search-hits": {"type": "unsupported_type"},
    }
    with serve(kibana(refuse=refuse)) as server, pytest.raises(KibanaError) as caught:
        import_bundle(server.url, SETTINGS)
    message = str(caught.value)
    assert f"took {len(bundle('desk').splitlines()) - 2} objects" in message
    assert "dashboard Media monitor: refers to lens desk-lens-x, which is missing" in message
    assert "search Hits by alert: unsupported_type" in message


@pytest.mark.parametrize("version", ["7.17.0", "8.8.2"])
def test_a_kibana_that_is_too_old_is_refused_before_anything_is_sent(version: str) -> None:
    with serve(kibana(version)) as server, pytest.raises(KibanaError, match=f"{version} is too old"):
        import_bundle(server.url, SETTINGS)
    assert [request.path for request in server.requests] == ["/api/status"]


@pytest.mark.parametrize("version", ["8.9.0", "8.19.0", "9.0.0", "9.5.3", "9.6.0-SNAPSHOT"])
def test_a_kibana_that_takes_the_stamps_is_not(version: str) -> None:
    with serve(kibana(version)) as server:
        assert import_bundle(server.url, SETTINGS).version == version


def test_a_user_in_the_address_outweighs_the_stores_key_and_is_never_shown() -> None:
    with serve(kibana()) as server:
        imported = import_bundle(server.url.replace("//", "//ada:p%40ss@"), SETTINGS)
    assert server.requests[0].headers["authorization"] == "Basic YWRhOnBAc3M="
    assert "p%40ss" not in imported.dashboard


@pytest.mark.parametrize(
    "written",
    ["Ab1/cd", "Ab1#cd", "Ab1?cd", "12/cd", "12#cd", "12?cd", "/cd", "12/c@cd", "c@12/cd", "Ab1[cd", "Ab1\u2100cd"],
)
def test_an_address_that_a_password_cuts_short_is_refused_without_being_asked_or_shown(written: str) -> None:
    with serve(kibana()) as server, pytest.raises(KibanaError, match=r"percent-encode.*store's credentials") as caught:
        import_bundle(server.url.replace("//", f"//elastic:{written}@"), SETTINGS)
    assert server.requests == []
    assert not any(part in str(caught.value) for part in ("Ab1", "cd", "elastic:"))


def refused(status: int, body: object, headers: dict[str, str] | None = None) -> Faulty:
    with serve(lambda _: Answer(status, body, headers or {})) as server:
        import_bundle(server.url, SETTINGS)
    return server


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (401, "Unauthorized", r"refuses the credentials: Unauthorized.*store\.api_key"),
        (403, "Unable to bulk_create dashboard", r"does not allow.*Saved Objects Management"),
        (503, "Kibana server is not ready yet", r"not ready.*in a minute"),
        (500, "boom", r"answers 500: boom"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, said: str, expected: str) -> None:
    with pytest.raises(KibanaError, match=expected):
        refused(status, {"message": said})


def test_what_is_no_kibana_is_said_to_be_none() -> None:
    with pytest.raises(KibanaError, match="not Kibana"):
        refused(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})
    with pytest.raises(KibanaError, match="not Kibana"):
        refused(200, {"cluster_name": "elasticsearch"})
    with pytest.raises(KibanaError, match="not Kibana"):
        refused(200, {"version": "9.1"})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_named_and_the_key_does_not_follow_it(status: int) -> None:
    with serve(kibana()) as other:
        to = {"Location": f"{other.url}/login?next=%2F"}
        with pytest.raises(KibanaError, match=f"leads to {other.url}/login .*give that address"):
            refused(status, {}, to)
    assert other.requests == []


def test_what_speaks_no_http_is_said_to_be_no_kibana() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(KibanaError, match="not Kibana"):
            import_bundle(f"http://127.0.0.1:{server.getsockname()[1]}", SETTINGS)


@pytest.mark.parametrize(
    "said",
    [[], {}, {"success": False}, {"success": True}, {"success": False, "errors": []}, {"errors": "many"}],
    ids=str,
)
def test_an_answer_that_does_not_tell_what_became_of_the_import_is_not_taken_for_one(said: object) -> None:
    def answer(request: Request) -> Answer:
        return kibana()(request) if request.path == "/api/status" else Answer(200, said)

    with serve(answer) as server, pytest.raises(KibanaError, match="does not say what became of the import"):
        import_bundle(server.url, SETTINGS)


def test_a_kibana_that_is_away_is_said_to_be() -> None:
    with serve(kibana()) as server:
        gone = server.url
    with pytest.raises(KibanaError, match="does not answer"):
        import_bundle(gone, SETTINGS)
    with pytest.raises(KibanaError, match="not an address"):
        import_bundle("kibana:5601", SETTINGS)
