"""The commands on a real Elasticsearch, with several processes and with servers that are killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom
from monitor.demo.stories import bundled_stories, model_story
from servers import elasticsearch_node, missing

from .harness import SBERBANK, Monitor, demo_story, end_group, settings, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config.schema import StoreSettings
    from monitor.demo.sink import MailSink
    from monitor.demo.stories import DemoStory

pytestmark = [pytest.mark.elasticsearch, pytest.mark.timeout(900)]

LEASE_SECONDS = 30  # short, so that tests need not wait minutes until a lease expires
OUTLETS, STORIES = 20, 15
CONCURRENCY = 2  # requests of a process, and so the outlets that it leases at a time
ALERTS = [SBERBANK]

SHORT_LEASE_PROGRAM = f"""
import datetime, monitor.crawl.lease
monitor.crawl.lease.LEASE_TERM = datetime.timedelta(seconds={LEASE_SECONDS})
from monitor.cli import main
main()
"""


class Team(Monitor):
    """A monitor on Elasticsearch whose processes lease outlets for LEASE_SECONDS."""

    def member(self, name: str) -> subprocess.Popen[bytes]:
        """Starts another `run`, as on another machine, with its output in ``NAME.log``."""
        with (self.base / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", SHORT_LEASE_PROGRAM, "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
            )


def settings_with_store(store: StoreSettings | str, newsroom: Newsroom, sink: MailSink) -> dict[str, Any]:
    """Returns a configuration with this store, whose outlets are polled every five seconds."""
    store_settings = (
        {"url": store} if isinstance(store, str) else {"url": store.url.get_secret_value(), "prefix": store.prefix}
    )
    # A process leases as many outlets as it may have requests: few, so that all processes get some, and few pages are
    # under way when a process is killed.
    crawl = {"delay": "0s", "timeout": "5s", "concurrency": CONCURRENCY}
    values = settings(newsroom, sink.url, store=store_settings, alerts=ALERTS, crawl=crawl)
    for outlet in values["outlets"]:
        outlet["every"] = "5s"
    return values


def many_outlets(outlets: int, stories_each: int) -> tuple[list[Any], list[DemoStory]]:
    """Returns profiles and stories for this many outlets; every fourth story matches the alert."""
    profiles = [replace(OUTLET_PROFILES[0], key=f"outlet{n}", name=f"Outlet {n}") for n in range(outlets)]
    return profiles, [
        demo_story(p.key, n, word="" if n % 4 else "Sberbank") for p in profiles for n in range(stories_each)
    ]


@contextmanager
def ending(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Kills those of these processes that still run, on exit."""
    try:
        yield
    finally:
        for process in processes:
            end_group(process)


def wait_for_mail(stories: list[DemoStory], sink: MailSink) -> None:
    """Returns when all stories that match the alert were mailed."""
    titles = {story.title for story in stories if "Sberbank" in story.text}
    wait_for(lambda: titles <= {line for mail in sink.received for line in mail.text.splitlines()}, seconds=270)


def are_requests_made_in(newsroom: Newsroom, *, seconds: float) -> bool:
    """Returns True if a story is requested in the next ``seconds``."""
    requests = newsroom.count_story_requests()
    time.sleep(seconds)
    return newsroom.count_story_requests() > requests


def assert_each_once(monitor: Monitor, stories: list[DemoStory], sink: MailSink) -> None:
    assert Counter(story["title"] for story in monitor.stories()) == Counter(story.title for story in stories)
    # A process killed between the server's acceptance and its own record sends the same Message-ID again.
    mails = {mail.message["Message-ID"]: mail for mail in sink.received}.values()
    titles = {story.title for story in stories}
    mailed = Counter(line for mail in mails for line in mail.text.splitlines() if line in titles)
    assert mailed == Counter(story.title for story in stories if "Sberbank" in story.text)


def test_the_model_story_is_found_by_search_and_by_kibanas_query(
    tmp_path: Path, sink: MailSink, elasticsearch_store: StoreSettings
) -> None:
    profile = OUTLET_PROFILES[0]
    stories = [story for story in bundled_stories() if story.outlet == profile.key]
    with Newsroom([profile], stories) as newsroom:
        store = {"url": elasticsearch_store.url.get_secret_value(), "prefix": elasticsearch_store.prefix}
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, store=store))
        monitor("crawl")
        story = monitor.story(model_story().title)
        assert set(story["alerts"]) == {"sberbank", "brics-ai"}
        assert [hit["id"] for hit in monitor("search", "BRICS AI", "--json").objects] == [story["id"]]
        assert monitor("search", '"BRICS AI"', "--json").objects == []
        (mail,) = [mail for mail in sink.received if model_story().title in mail.text]
        assert all(name in mail.text for name in ("sberbank", "brics-ai"))

    def kibana(text: str, index: str = "stories") -> list[str]:
        """Returns the titles that Kibana's search bar finds, in Lucene syntax."""
        query = {"query": {"query_string": {"query": text, "analyze_wildcard": True, "time_zone": "UTC"}}}
        request = urllib.request.Request(
            f"{store['url']}/{store['prefix']}-{index}/_search",
            json.dumps(query).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            return [hit["_source"]["title"] for hit in json.load(response)["hits"]["hits"]]

    title = model_story().title
    assert title in kibana("Sberbank")
    assert title in kibana("BRICS AND AI")
    assert title in kibana('"BRICS AI"~10')
    assert title not in kibana('text:"BRICS AI"')
    assert title in kibana('alerts:"brics-ai"')
    assert kibana("alert:sberbank", "hits") == [title]


def test_processes_share_outlets_when_one_is_killed_and_one_suspended(
    tmp_path: Path, sink: MailSink, elasticsearch_store: StoreSettings
) -> None:
    """Of three processes, one is killed and one is suspended beyond its leases' term."""
    profiles, stories = many_outlets(OUTLETS, STORIES)
    with Newsroom(profiles, stories) as newsroom:
        for outlet in newsroom.outlets.values():
            outlet.site.delay = 0.1
        monitor = Team(tmp_path, settings_with_store(elasticsearch_store, newsroom, sink))
        killed, sleeper, steady = members = [monitor.member(name) for name in ("killed", "sleeper", "steady")]
        with ending(members):
            wait_for(lambda: newsroom.count_story_requests() > len(stories) // 4, seconds=240)
            killed.kill()
            sleeper.send_signal(signal.SIGSTOP)
            time.sleep(LEASE_SECONDS * 1.5)
            sleeper.send_signal(signal.SIGCONT)
            wait_for(lambda: len(monitor.stories()) == len(stories), seconds=400, every=2)
            wait_for_mail(stories, sink)
            for process in (sleeper, steady):
                process.send_signal(signal.SIGTERM)
            assert [process.wait(timeout=60) for process in (sleeper, steady)] == [0, 0]
        assert_each_once(monitor, stories, sink)
        fetched_twice = newsroom.count_story_requests() - len(stories)
        print(f"{len(stories)} stories, {fetched_twice} pages fetched twice")
        assert fetched_twice <= 2 * CONCURRENCY * STORIES, "more than the outlets that the two processes had leased"
        for name in ("sleeper", "steady"):
            assert "Traceback" not in monitor.log(name)
            assert '"stored":' in monitor.log(name), "each process stored stories"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[elasticsearch_node.Node]]:
    """A list for the test's own servers, which are killed at the end."""
    started: list[elasticsearch_node.Node] = []
    yield started
    for node in started:
        node.kill()


def test_a_server_killed_twice_loses_no_story_and_no_mail(
    tmp_path: Path, sink: MailSink, nodes: list[elasticsearch_node.Node]
) -> None:
    try:
        node = elasticsearch_node.single(tmp_path / "es")
    except elasticsearch_node.Missing as reason:
        missing(str(reason))
    nodes.append(node)
    profiles, stories = many_outlets(8, STORIES)
    with Newsroom(profiles, stories) as newsroom:
        for outlet in newsroom.outlets.values():
            outlet.site.delay = 0.2
        monitor = Team(tmp_path, settings_with_store(node.url, newsroom, sink))
        members = [monitor.member("run") for _ in range(2)]
        with ending(members):
            for number in range(1, 3):
                wait_for(lambda n=number: newsroom.count_story_requests() > n * len(stories) // 4, seconds=240)
                node.kill()
                # Else pages are fetched that cannot be stored.  Each outlet has a page every 0.2 s.
                wait_for(lambda: not are_requests_made_in(newsroom, seconds=4), seconds=20, every=0)
                node.start()
                node.wait()
            wait_for(lambda: len(monitor.stories()) == len(stories), seconds=300, every=2)
            wait_for_mail(stories, sink)
            for process in members:
                process.send_signal(signal.SIGTERM)
            assert [process.wait(timeout=60) for process in members] == [0, 0]
        assert_each_once(monitor, stories, sink)
        log = monitor.log("run")
        assert "crawling pauses until the store is back" in log
        assert "the store is back" in log
        assert "Traceback" not in log


def test_one_of_three_nodes_may_be_killed(tmp_path: Path, sink: MailSink, nodes: list[elasticsearch_node.Node]) -> None:
    try:
        nodes += elasticsearch_node.cluster(tmp_path / "es", 3)
    except elasticsearch_node.Missing as reason:
        missing(str(reason))
    profiles, stories = many_outlets(6, STORIES)
    with Newsroom(profiles, stories) as newsroom:
        for outlet in newsroom.outlets.values():
            outlet.site.delay = 0.1
        monitor = Team(tmp_path, settings_with_store(",".join(node.url for node in nodes), newsroom, sink))
        monitor("setup")
        health = f"{nodes[0].url}/_cluster/health?wait_for_status=green&timeout=60s"
        urllib.request.urlopen(health).close()
        member = monitor.member("run")
        with ending([member]):
            wait_for(lambda: newsroom.count_story_requests() > len(stories) // 3, seconds=240)
            nodes[1].kill()
            wait_for(lambda: len(monitor.stories()) == len(stories), seconds=300, every=2)
            wait_for_mail(stories, sink)
            member.send_signal(signal.SIGTERM)
            assert member.wait(timeout=60) == 0
        assert_each_once(monitor, stories, sink)
