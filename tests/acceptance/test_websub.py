"""Hubs on loopback push stories to ``run``."""

from __future__ import annotations

import signal
import socket
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, DemoOutlet, Newsroom
from monitor.models import from_rfc3339, now
from servers.hub import Hub, send

from .harness import Monitor, demo_story, end_group, settings, wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.demo.sink import MailSink

FEED_PATH = "/rss.xml"


class PushedOutlet:
    """A demo outlet with one story, whose feed names a hub, and a monitor that subscribes to it."""

    def __init__(self, outlet: DemoOutlet, monitor: Monitor, lease_seconds: int) -> None:
        self.outlet, self.monitor = outlet, monitor
        self.hub = Hub(outlet.site, lease_seconds=lease_seconds)
        self.topic = outlet.site.url + FEED_PATH.removeprefix("/")
        headers = self.hub.link_headers(self.topic)
        outlet.site.put(FEED_PATH, outlet._source_document, "application/rss+xml", headers=headers, conditional=True)

    @property
    def status(self) -> dict[str, Any]:
        (outlet,) = self.monitor.outlets().values()
        return outlet

    @property
    def subscription(self) -> dict[str, Any]:
        (subscription,) = (self.status["pushes"] or {"subscriptions": [{"status": ""}]})["subscriptions"]
        return subscription

    def polls(self) -> int:
        return self.outlet.site.count(FEED_PATH)

    def time_to_next_poll(self) -> timedelta:
        return from_rfc3339(self.status["next_poll_at"]) - now()

    @contextmanager
    def run(self, *, clock_ahead: timedelta = timedelta(0)) -> Iterator[subprocess.Popen[bytes]]:
        """Runs the monitor and ends it cleanly."""
        process = self.monitor.start("run", clock_ahead=clock_ahead)
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
        finally:
            end_group(process)
        assert "Traceback" not in self.monitor.log("run")


@pytest.fixture
def pushed(tmp_path: Path, sink: MailSink, request: pytest.FixtureRequest) -> Iterator[PushedOutlet]:
    with Newsroom(OUTLET_PROFILES[:1], [demo_story("meridian", 1)]) as newsroom, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{unused.getsockname()[1]}"
        unused.close()
        values = settings(newsroom, sink.url)
        values["crawl"] |= {"callback": f"http://{listen}/websub", "callback_listen": listen}
        yield PushedOutlet(newsroom["meridian"], Monitor(tmp_path, values), getattr(request, "param", 864_000))


def test_a_pushed_story_is_mailed_and_polls_become_rare(pushed: PushedOutlet, sink: MailSink) -> None:
    hub = pushed.hub
    with pushed.run():
        wait_for(lambda: hub.secrets)
        wait_for(lambda: pushed.status["last_poll_at"], every=0.5)
        assert pushed.subscription["status"] == "verified"
        assert pushed.time_to_next_poll() > timedelta(minutes=3)
        ((callback, secret),) = [(callback, secret) for (_, callback), secret in hub.secrets.items()]
        assert (len(hub.requests), secret) == (1, hub.requests[0]["hub.secret"])

        # Neither an unknown token nor a false or missing signature causes a poll; a verification is answered once.
        last = callback[-1]
        assert send(callback[:-1] + ("0" if last != "0" else "1"), b"<feed/>")[0] == 404
        assert [hub.push(pushed.topic, signature=text) for text in ("", "sha256=00", "md5=00")] == [200] * 3
        assert send(hub.verifications[0][0])[0] == 404
        assert send(callback.rpartition("/")[0] + "/")[0] == 404
        assert (pushed.subscription["pushes"], pushed.subscription["false_signatures"]) == (0, 3)
        assert pushed.polls() == 1

        story = demo_story("meridian", 2, word="Sberbank")
        pushed.outlet.publish(story)
        assert hub.push(pushed.topic) == 200
        wait_for(lambda: sink.received, seconds=60)
        assert story.title in sink.received[0].text
        wait_for(lambda: pushed.time_to_next_poll() > timedelta(hours=3), seconds=30, every=0.5)
        assert pushed.polls() == 2
        pushes = pushed.status["pushes"]
        assert (pushes["proved"], pushes["announced"], pushes["missed"]) == (True, 1, 0)
        shown = pushed.monitor("outlets", pushed.status["name"]).out
        assert "1 story by pushes, 0 missed; polls are rare" in " ".join(shown.split())
        assert secret not in shown + pushed.monitor("outlets", "--json").out + pushed.monitor.log("run")
    assert "after a push" in pushed.monitor.log("run")


def test_a_restart_keeps_the_subscription(pushed: PushedOutlet, sink: MailSink) -> None:
    with pushed.run():
        wait_for(lambda: pushed.hub.secrets)
        wait_for(lambda: pushed.status["last_poll_at"], every=0.5)
    polls = pushed.polls()
    with pushed.run():
        pushed.outlet.publish(demo_story("meridian", 2, word="Sberbank"))
        wait_for(lambda: pushed.hub.push(pushed.topic) == 200)
        wait_for(lambda: sink.received, seconds=60)
    assert (pushed.polls(), len(pushed.hub.requests)) == (polls + 1, 1)


@pytest.mark.parametrize("pushed", [3600], indirect=True)
def test_a_subscription_is_renewed_before_its_lease_ends(pushed: PushedOutlet) -> None:
    with pushed.run():
        wait_for(lambda: pushed.hub.secrets)
        wait_for(lambda: pushed.status["last_poll_at"], every=0.5)
    first = pushed.subscription["lease_until"]
    with pushed.run(clock_ahead=timedelta(minutes=20)):
        wait_for(lambda: pushed.polls() == 2)
    assert len(pushed.hub.requests) == 1
    with pushed.run(clock_ahead=timedelta(minutes=45)):
        wait_for(lambda: len(pushed.hub.verifications) == 2)
    assert pushed.hub.requests[0] == pushed.hub.requests[1]
    assert from_rfc3339(pushed.subscription["lease_until"]) > from_rfc3339(first) + timedelta(minutes=40)


@pytest.mark.parametrize("fault", ["away", "silent", "denies"])
def test_a_hub_that_fails_leaves_polls_as_they_are(pushed: PushedOutlet, fault: str) -> None:
    hub = pushed.hub
    hub.status, hub.is_silent, hub.denial = (
        503 if fault == "away" else 202,
        fault == "silent",
        "full" * (fault == "denies"),
    )
    with pushed.run():
        wait_for(lambda: hub.requests)
        wait_for(lambda: pushed.status["last_poll_at"], every=0.5)
        wait_for(lambda: pushed.subscription["error"] or fault == "silent", every=0.5)
    assert len(pushed.monitor.stories()) == 1
    assert pushed.status["status"] == "ok"
    assert pushed.time_to_next_poll() < timedelta(minutes=16)
    with pushed.run(clock_ahead=timedelta(minutes=20)):
        wait_for(lambda: len(hub.requests) == 2)
        wait_for(lambda: pushed.polls() == 2)
        expected = {"away": "503", "silent": "did not verify", "denies": "denied the subscription: full"}
        wait_for(lambda: expected[fault] in pushed.subscription["error"], every=0.5)
    assert pushed.subscription["attempts"] == 2
