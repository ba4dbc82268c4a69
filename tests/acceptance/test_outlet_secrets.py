"""No secret of an outlet is in any output, log, export or file of the commands, whether they succeed or fail."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from servers.dynamic import Answer, MembersSite, RecordingProxy

from .harness import Monitor, demo_story, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SECRETS = {
    "header": "header-secret-1",
    "cookie": "cookie-secret-2",
    "user": "user-secret-3",
    "password": "password-secret-4",
    "proxy": "proxy-secret-5",
    "form": MembersSite.PASSWORD,
    "session": "session-secret",
    "basic auth": base64.b64encode(b"user-secret-3:password-secret-4").decode(),
    "proxy auth": base64.b64encode(b"reader:proxy-secret-5").decode(),
}


@dataclass
class Subscription:
    """A monitor whose one outlet has every kind of secret, its site and its proxy, and all output so far."""

    monitor: Monitor
    site: MembersSite
    proxy: RecordingProxy
    output: str = field(default="")

    def configure(self, **keys: Any) -> None:
        entry = {
            "name": "Daily",
            "url": self.site.url,
            "feeds": [f"{self.site.url}feed.xml"],
            "headers": {"X-Key": SECRETS["header"]},
            "cookies": {"region": SECRETS["cookie"]},
            "auth": {"basic": {"user": SECRETS["user"], "password": SECRETS["password"]}},
            "login": {
                "url": f"{self.site.url}login",
                "form": {"email": "reader@example.org", "password": SECRETS["form"]},
            },
            "proxy": f"http://reader:{SECRETS['proxy']}@127.0.0.1:{self.proxy.port}",
            **keys,
        }
        self.monitor.configure(settings([], None, outlets=[entry], alerts=[]))

    def run(self, *words: str, status: int | None = None) -> str:
        result = self.monitor(*words, status=status)
        self.output += result.out + result.err
        return result.out + result.err

    def scrapy(self) -> None:
        """Runs Scrapy's own command with its most detailed log and its statistics."""
        values = {"LOG_LEVEL": "DEBUG", "STATS_DUMP": "True"}
        options = [word for name, value in values.items() for word in ("-s", f"{name}={value}")]
        arguments = ["crawl", "outlets", "-a", f"config={self.monitor.config}", "-a", "ignore_schedule=1"]
        completed = subprocess.run(
            [sys.executable, "-m", "scrapy", *arguments, *options, "-O", "pages.jsonl"],
            cwd=self.monitor.base,
            env={**os.environ, "SCRAPY_SETTINGS_MODULE": "monitor.crawl.settings", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            timeout=120,
            check=False,
        )
        log = (completed.stdout + completed.stderr).decode()
        assert "monitor/polls" in log
        self.output += log

    def leaks(self) -> list[tuple[str, str]]:
        """Returns the secrets in the output and in the files beside monitor.yaml, with the place of each."""
        files = [path for path in self.monitor.base.rglob("*") if path.is_file() and path != self.monitor.config]
        assert any(path.name == "monitor.db" for path in files)
        contents = {"output": self.output.encode(), **{path.name: path.read_bytes() for path in files}}
        return [
            (name, place)
            for name, secret in SECRETS.items()
            for place, content in contents.items()
            if secret.encode() in content
        ]


@pytest.fixture
def subscription(tmp_path: Path) -> Iterator[Subscription]:
    with MembersSite() as site, RecordingProxy(f"reader:{SECRETS['proxy']}") as proxy:
        subscription = Subscription(Monitor(tmp_path, {}), site, proxy)
        subscription.configure()
        yield subscription


def publish(site: MembersSite) -> str:
    """Adds a feed with one story, both for members only; returns the story's title."""
    story = demo_story("daily", 1)
    paragraphs = "".join(f"<p>{text}</p>" for text in story.paragraphs)
    url = site.members_page(
        f"/{story.slug}", f"<html><body><article><h1>{story.title}</h1>{paragraphs}</article></body></html>"
    )
    item = f"<item><title>{story.title}</title><link>{url}</link></item>"
    site.members_page("/feed.xml", f"<rss version='2.0'><channel>{item}</channel></rss>", "application/rss+xml")
    return url


def test_a_successful_crawl_leaves_no_secret_anywhere(subscription: Subscription) -> None:
    url = publish(subscription.site)
    assert "Daily: has 1 header, 1 cookie, basic auth, the login at" in subscription.run("check", "--offline", status=0)
    assert "1 stored" in subscription.run("crawl", "--verbose", status=0)
    subscription.scrapy()
    for words in (("outlets",), ("outlets", "Daily"), ("outlets", "--json"), ("search",), ("export",)):
        subscription.run(*words, status=0)
    subscription.run("extract", "--verbose", url, status=0)
    subscription.run("discover", "--verbose", subscription.site.url)
    sent = subscription.site.requests(url.removeprefix(subscription.site.url[:-1]))
    assert sent
    for request in sent:
        assert request.headers["x-key"] == SECRETS["header"]
        assert request.headers["authorization"] == f"Basic {SECRETS['basic auth']}"
        assert request.cookies["region"] == SECRETS["cookie"]
    assert subscription.leaks() == []


def test_a_failed_login_is_an_error_of_the_outlet_without_secrets(subscription: Subscription) -> None:
    publish(subscription.site)
    subscription.site.routes["/login"] = lambda _: Answer(
        body=f"<p>{SECRETS['form']} is wrong</p><form method=post><input name=email><input name=password></form>"
    )
    assert "login" in subscription.run("crawl", "--verbose", status=1)
    subscription.scrapy()
    shown = subscription.run("outlets", "Daily")
    assert f"login at {subscription.site.url}login failed: the page after it shows the form again" in shown
    subscription.run("outlets", "--json")
    assert subscription.leaks() == []


@pytest.mark.parametrize("fault", ["proxy-login", "proxy-gone", "server-error", "redirects"])
def test_a_failure_names_no_secret(subscription: Subscription, fault: str) -> None:
    url = publish(subscription.site)
    match fault:
        case "proxy-login":
            subscription.configure(
                proxy=f"http://{SECRETS['user']}:{SECRETS['password']}@127.0.0.1:{subscription.proxy.port}"
            )
        case "proxy-gone":
            subscription.configure(proxy=f"http://reader:{SECRETS['proxy']}@127.0.0.1:1")
        case "server-error":
            subscription.site.routes["/feed.xml"] = lambda _: Answer(status=500)
        case "redirects":
            subscription.site.routes["/feed.xml"] = lambda _: Answer(status=302, headers=[("Location", "/feed.xml")])
    assert subscription.run("crawl", "--verbose", status=1)
    subscription.run("extract", "--verbose", url)
    subscription.run("outlets", "Daily")
    subscription.run("outlets", "--json")
    assert subscription.leaks() == []


def test_faults_of_the_configuration_name_no_secret(subscription: Subscription) -> None:
    subscription.configure(
        headers={"X-Key": f"{SECRETS['header']}\nX"},
        cookies=SECRETS["cookie"],
        auth={"basic": {"user": f"{SECRETS['user']}:", "password": f"{SECRETS['password']}\nX"}},
        proxy=f"ftp://{SECRETS['proxy']}",
        login={"url": "https://elsewhere.example/", "form": {"password": [SECRETS["form"]]}},
    )
    faults = subscription.run("check", status=2)
    for key in ("headers", "cookies", "auth.basic.user", "auth.basic.password", "proxy", "login.form.password"):
        assert f"outlets[0].{key}: " in faults
    assert not [secret for secret in SECRETS.values() if secret in faults]
