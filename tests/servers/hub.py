"""A WebSub hub on the site of an outlet: it verifies subscriptions, and pushes to those that it has verified."""

from __future__ import annotations

import hmac
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

if TYPE_CHECKING:
    from monitor.demo.web import Site


class Hub:
    """Takes requests at ``/hub`` of a site."""

    def __init__(self, site: Site, *, lease_seconds: int = 864_000) -> None:
        self.lease_seconds = lease_seconds
        self.status = 202  # of the response to a request; of 300 and more, the hub ignores the request
        self.denial = ""  # the reason with which the hub denies every subscription
        self.is_silent = False  # True: accepts requests and never verifies them
        self.requests: list[dict[str, str]] = []
        self.verifications: list[tuple[str, int]] = []  # URL of each verification that was sent, and its status
        self.secrets: dict[tuple[str, str], str] = {}  # of verified subscriptions, by topic and callback
        self.url = site.put_post_handler("/hub", self._take_request)

    def link_headers(self, topic: str) -> tuple[tuple[str, str], ...]:
        """Returns the headers with which a feed names this hub."""
        return (("Link", f'<{self.url}>; rel="hub"'), ("Link", f'<{topic}>; rel="self"'))

    def push(
        self, topic: str, body: bytes = b"<feed/>", *, signature: str | None = None, method: str = "sha256"
    ) -> int:
        """Pushes to each subscription of the topic; returns the status of the last response.

        ``signature`` replaces the valid header; an empty one sends none.
        """
        status = 0
        for (subscribed, callback), secret in list(self.secrets.items()):
            if subscribed == topic:
                valid = f"{method}={hmac.new(secret.encode(), body, method).hexdigest()}"
                header = valid if signature is None else signature
                headers = {"Content-Type": "application/atom+xml", **({"X-Hub-Signature": header} if header else {})}
                status = send(callback, body, headers)[0]
        return status

    def _take_request(self, body: bytes) -> int:
        request = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        self.requests.append(request)
        if self.status < 300 and not self.is_silent:
            threading.Thread(target=self._answer, args=(request,), daemon=True).start()
        return self.status

    def _answer(self, request: dict[str, str]) -> None:
        """Denies or verifies a subscription, as the hub decides after its response."""
        mode, topic, callback = (request[f"hub.{name}"] for name in ("mode", "topic", "callback"))
        if self.denial:
            send(f"{callback}?{urlencode({'hub.mode': 'denied', 'hub.topic': topic, 'hub.reason': self.denial})}")
            return
        challenge = f"challenge-{len(self.verifications)}"
        fields = {"hub.mode": mode, "hub.topic": topic, "hub.challenge": challenge}
        if mode == "subscribe":
            fields["hub.lease_seconds"] = str(self.lease_seconds)
        url = f"{callback}?{urlencode(fields)}"
        status, body = send(url)
        self.verifications.append((url, status))
        if status == 200 and body == challenge.encode():
            if mode == "subscribe":
                self.secrets[topic, callback] = request["hub.secret"]
            else:
                self.secrets.pop((topic, callback), None)


def send(url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Sends GET, or POST with a body; returns status and body of the response, status 0 if there was none."""
    request = urllib.request.Request(url, data=body, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""
