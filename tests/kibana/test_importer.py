"""The import into Kibana, against a server that answers like its API for saved objects."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from monitor.config.schema import StoreSettings
from monitor.errors import KibanaError
from monitor.kibana import bundle_ndjson, import_bundle
from servers.faulty import Answer, Faulty, Request, serve

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = StoreSettings(url="http://es:9200", prefix="desk", api_key="abc")


def kibana(
    version: str = "9.1.2",
    spaces: tuple[str, ...] = (),
    refuse: dict[str, dict[str, Any]] | None = None,
    destination_ids: dict[str, str] | None = None,
) -> Callable[[Request], Answer]:
    """Returns the responses of a Kibana that has these spaces, refuses some objects and gives others new ids."""

    def respond(request: Request) -> Answer:
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
                "id": saved["id"],
                "type": saved["type"],
                "meta": {"title": saved["attributes"]["title"]},
                "error": refuse[saved["id"]],
            }
            for saved in objects
            if refuse and saved["id"] in refuse
        ]
        imported = [
            {"id": saved["id"], "type": saved["type"], "meta": {"title": saved["attributes"]["title"]}}
            | (
                {"destinationId": destination_ids[saved["id"]]}
                if destination_ids and saved["id"] in destination_ids
                else {}
            )
            for saved in objects
            if not refuse or saved["id"] not in refuse
        ]
        result = {"success": not errors, "successCount": len(imported), "successResults": imported}
        return Answer(200, result | ({"errors": errors} if errors else {}))

    return respond


def test_every_object_is_imported_and_the_dashboard_is_named() -> None:
    with serve(kibana()) as server:
        imported = import_bundle(server.url, SETTINGS)
    assert imported.imported_objects == len(bundle_ndjson("desk").splitlines())
    assert imported.kibana_version == "9.1.2"
    assert imported.dashboard_url == f"{server.url}/app/dashboards#/view/desk-dashboard"
    assert {request.headers["authorization"] for request in server.requests} == {"ApiKey abc"}


def test_objects_are_imported_into_the_named_space() -> None:
    with serve(kibana(spaces=("desk",))) as server:
        imported = import_bundle(server.url, SETTINGS, space="desk")
    assert "/s/desk/app/dashboards" in imported.dashboard_url
    assert imported.imported_objects == len(bundle_ndjson("desk").splitlines())


def test_the_dashboards_url_has_the_id_that_kibana_assigned() -> None:
    destination_ids = {"desk-search-hits": "0f1e", "desk-dashboard": "5d0c7a"}
    with serve(kibana(spaces=("desk",), destination_ids=destination_ids)) as server:
        imported = import_bundle(server.url, SETTINGS, space="desk")
    assert imported.dashboard_url == f"{server.url}/s/desk/app/dashboards#/view/5d0c7a"


def test_the_error_names_a_missing_space() -> None:
    with serve(kibana()) as server, pytest.raises(KibanaError, match=r"/s/desk/api.*this space exist"):
        import_bundle(server.url, SETTINGS, space="desk")


def test_the_error_names_rejected_objects_with_the_reason() -> None:
    refuse: dict[str, dict[str, Any]] = {
        "desk-dashboard": {"type": "missing_references", "references": [{"type": "lens", "id": "desk-lens-x"}]},
        "desk-search-hits": {"type": "unsupported_type"},
    }
    with serve(kibana(refuse=refuse)) as server, pytest.raises(KibanaError) as caught:
        import_bundle(server.url, SETTINGS)
    message = str(caught.value)
    assert f"imported {len(bundle_ndjson('desk').splitlines()) - 2} objects" in message
    assert "dashboard Media monitor: refers to lens desk-lens-x, which is missing" in message
    assert "search Hits by alert: unsupported_type" in message


@pytest.mark.parametrize("version", ["7.17.0", "8.8.2"])
def test_a_kibana_that_is_too_old_is_refused_before_the_import(version: str) -> None:
    with serve(kibana(version)) as server, pytest.raises(KibanaError, match=f"{version} is too old"):
        import_bundle(server.url, SETTINGS)
    assert [request.path for request in server.requests] == ["/api/status"]


@pytest.mark.parametrize("version", ["8.9.0", "8.19.0", "9.0.0", "9.5.3", "9.6.0-SNAPSHOT"])
def test_a_supported_version_of_kibana_is_accepted(version: str) -> None:
    with serve(kibana(version)) as server:
        assert import_bundle(server.url, SETTINGS).kibana_version == version


def test_a_user_in_the_url_overrides_the_stores_key_and_is_not_shown() -> None:
    with serve(kibana()) as server:
        imported = import_bundle(server.url.replace("//", "//ada:p%40ss@"), SETTINGS)
    assert server.requests[0].headers["authorization"] == "Basic YWRhOnBAc3M="
    assert "p%40ss" not in imported.dashboard_url


@pytest.mark.parametrize(
    "credentials",
    ["Ab1/cd", "Ab1#cd", "Ab1?cd", "12/cd", "12#cd", "12?cd", "/cd", "12/c@cd", "c@12/cd", "Ab1[cd", "Ab1\u2100cd"],
)
def test_an_unencoded_password_in_the_url_is_refused_and_not_shown(credentials: str) -> None:
    """No request is sent either."""
    with serve(kibana()) as server, pytest.raises(KibanaError, match=r"percent-encode.*store's credentials") as caught:
        import_bundle(server.url.replace("//", f"//elastic:{credentials}@"), SETTINGS)
    assert server.requests == []
    assert not any(part in str(caught.value) for part in ("Ab1", "cd", "elastic:"))


def import_from(status: int, body: object, headers: dict[str, str] | None = None) -> Faulty:
    """Imports into a server that answers every request with this response."""
    with serve(lambda _: Answer(status, body, headers or {})) as server:
        import_bundle(server.url, SETTINGS)
    return server


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (401, "Unauthorized", r"refuses the credentials: Unauthorized.*store\.api_key"),
        (403, "Unable to bulk_create dashboard", r"does not allow.*Saved Objects Management"),
        (503, "Kibana server is not ready yet", r"not ready.*in a minute"),
        (500, "boom", r"answers 500: boom"),
    ],
)
def test_a_refusal_has_a_hint(status: int, message: str, expected: str) -> None:
    with pytest.raises(KibanaError, match=expected):
        import_from(status, {"message": message})


def test_another_web_server_is_reported_as_not_kibana() -> None:
    with pytest.raises(KibanaError, match="not Kibana"):
        import_from(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})
    with pytest.raises(KibanaError, match="not Kibana"):
        import_from(200, {"cluster_name": "elasticsearch"})
    with pytest.raises(KibanaError, match="not Kibana"):
        import_from(200, {"version": "9.1"})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_key_is_not_sent_to_the_target_of_a_redirect(status: int) -> None:
    with serve(kibana()) as target:
        location = {"Location": f"{target.url}/login?next=%2F"}
        with pytest.raises(KibanaError, match=f"redirects to {target.url}/login .*use that address"):
            import_from(status, {}, location)
    assert target.requests == []


def test_a_server_without_http_is_reported_as_not_kibana() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def respond() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=respond, daemon=True).start()
        with pytest.raises(KibanaError, match="not Kibana"):
            import_bundle(f"http://127.0.0.1:{server.getsockname()[1]}", SETTINGS)


@pytest.mark.parametrize(
    "body",
    [[], {}, {"success": False}, {"success": True}, {"success": False, "errors": []}, {"errors": "many"}],
    ids=str,
)
def test_a_response_without_the_imports_result_is_an_error(body: object) -> None:
    def respond(request: Request) -> Answer:
        return kibana()(request) if request.path == "/api/status" else Answer(200, body)

    with serve(respond) as server, pytest.raises(KibanaError, match="does not state the result of the import"):
        import_bundle(server.url, SETTINGS)


def test_an_unreachable_kibana_is_reported() -> None:
    with serve(kibana()) as server:
        stopped = server.url
    with pytest.raises(KibanaError, match="does not answer"):
        import_bundle(stopped, SETTINGS)
    with pytest.raises(KibanaError, match="not an address"):
        import_bundle("kibana:5601", SETTINGS)
