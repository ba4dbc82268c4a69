"""The team's store: the same commands on a real Elasticsearch, several processes at once, and servers that die."""

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

from monitor.demo.newsroom import PROFILES, Newsroom
from monitor.demo.stories import bundled, model_story
from servers import elasticsearch_node, missing

from .harness import SBERBANK, Monitor, dispatch, end_group, settings, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config.schema import StoreSettings
    from monitor.demo.sink import MailSink
    from monitor.demo.stories import DemoStory

pytestmark = [pytest.mark.elasticsearch, pytest.mark.timeout(900)]

LEASE = 30  # seconds, so that a test need not wait minutes for one to run out
OUTLETS, STORIES = 30, 20
ALERTS = [SBERBANK]

SHORT_LEASES = f"""
import datetime, monitor.crawl.lease
monitor.crawl.lease.LEASE_TERM = datetime.timedelta(seconds={LEASE})
from monitor.cli import main
main()
"""


class Team(Monitor):
    """A monitor on Elasticsearch whose processes lease outlets for a short while."""

    def member(self, name: str) -> subprocess.Popen[bytes]:
        """One more `run`, as on another machine; its output is in ``NAME.log``."""
        with (self.base / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", SHORT_LEASES, "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
            )


def on(store: StoreSettings | str, newsroom: Newsroom, sink: MailSink) -> dict[str, Any]:
    """A monitor.yaml with this store, whose outlets are polled every few seconds."""
    where = {"url": store} if isinstance(store, str) else {"url": store.url.get_secret_value(), "prefix": store.prefix}
    # A process takes as many outlets at a time as it may have requests: few, so that there are some for all, and few
    # pages are on their way when it is killed.
    crawl = {"delay": "0s", "timeout": "5s", "concurrency": 2}
    values = settings(newsroom, sink.url, store=where, alerts=ALERTS, crawl=crawl)
    for outlet in values["outlets"]:
        outlet["every"] = "5s"
    return values


def town(outlets: int, each: int) -> tuple[list[Any], list[DemoStory]]:
    """So many outlets with so many stories each, of which every fourth is for the alert."""
    profiles = [replace(PROFILES[0], key=f"house{n}", name=f"House {n}") for n in range(outlets)]
    return profiles, [dispatch(p.key, n, word="" if n % 4 else "Sberbank") for p in profiles for n in range(each)]


@contextmanager
def ended(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Ends whatever of these processes still lives."""
    try:
        yield
    finally:
        for process in processes:
            end_group(process)


def wait_for_mail(stories: list[DemoStory], sink: MailSink) -> None:
    """Returns when as much was mailed as there is to mail."""
    expected = sum("Sberbank" in story.text for story in stories)
    wait_for(lambda: sum(mail.text.count("What the ") for mail in sink.received) >= expected, seconds=120)


def assert_each_once(monitor: Monitor, stories: list[DemoStory], sink: MailSink) -> None:
    assert Counter(story["title"] for story in monitor.stories()) == Counter(story.title for story in stories)
    # A process killed between the server's yes and its own note sends the same Message-ID again.
    mails = {mail.message["Message-ID"]: mail for mail in sink.received}.values()
    titles = {story.title for story in stories}
    mailed = Counter(line for mail in mails for line in mail.text.splitlines() if line in titles)
    assert mailed == Counter(story.title for story in stories if "Sberbank" in story.text)


def test_the_model_story_is_found_by_search_and_by_a_query_as_kibana_sends_it(
    tmp_path: Path, sink: MailSink, elasticsearch_store: StoreSettings
) -> None:
    profile = PROFILES[0]
    stories = [story for story in bundled() if story.outlet == profile.key]
    with Newsroom([profile], stories) as newsroom:
        where = {"url": elasticsearch_store.url.get_secret_value(), "prefix": elasticsearch_store.prefix}
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, store=where))
        monitor("crawl")
        story = monitor.story(model_story().title)
        assert set(story["alerts"]) == {"sberbank", "brics-ai"}
        assert [each["id"] for each in monitor("search", "BRICS AI", "--json").objects] == [story["id"]]
        assert monitor("search", '"BRICS AI"', "--json").objects == []
        about_it = [mail for mail in sink.received if model_story().title in mail.text]
        assert len(about_it) == 2

    def kibana(text: str, index: str = "stories") -> list[str]:
        """What Kibana's search bar finds, in Lucene's syntax."""
        query = {"query": {"query_string": {"query": text, "analyze_wildcard": True, "time_zone": "UTC"}}}
        request = urllib.request.Request(
            f"{where['url']}/{where['prefix']}-{index}/_search",
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


def test_three_processes_share_the_work_though_one_is_killed_and_one_sleeps_past_its_lease(
    tmp_path: Path, sink: MailSink, elasticsearch_store: StoreSettings
) -> None:
    profiles, stories = town(OUTLETS, STORIES)
    with Newsroom(profiles, stories) as newsroom:
        for house in newsroom.houses.values():
            house.site.delay = 0.1
        monitor = Team(tmp_path, on(elasticsearch_store, newsroom, sink))
        killed, sleeper, steady = members = [monitor.member(name) for name in ("killed", "sleeper", "steady")]
        with ended(members):
            wait_for(lambda: newsroom.story_requests() > len(stories) // 4, seconds=240)
            killed.kill()
            sleeper.send_signal(signal.SIGSTOP)
            time.sleep(LEASE * 1.5)
            sleeper.send_signal(signal.SIGCONT)
            wait_for(lambda: len(monitor.stories()) == len(stories), seconds=400, every=2)
            wait_for_mail(stories, sink)
            for process in (sleeper, steady):
                process.send_signal(signal.SIGTERM)
            assert [process.wait(timeout=60) for process in (sleeper, steady)] == [0, 0]
        assert_each_once(monitor, stories, sink)
        twice = newsroom.story_requests() - len(stories)
        print(f"{len(stories)} stories, {twice} pages fetched twice")
        assert twice < len(stories) / 20
        for name in ("sleeper", "steady"):
            assert "Traceback" not in monitor.log(name)
            assert " stored " in monitor.log(name), "all had a share of the work"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[elasticsearch_node.Node]]:
    """Servers of this test's own, to be killed; filled by the test."""
    started: list[elasticsearch_node.Node] = []
    yield started
    for node in started:
        node.kill()


def test_a_server_killed_four_times_costs_no_story_and_no_mail(
    tmp_path: Path, sink: MailSink, nodes: list[elasticsearch_node.Node]
) -> None:
    try:
        node = elasticsearch_node.single(tmp_path / "es")
    except elasticsearch_node.Missing as reason:
        missing(str(reason))
    nodes.append(node)
    profiles, stories = town(8, STORIES)
    with Newsroom(profiles, stories) as newsroom:
        for house in newsroom.houses.values():
            house.site.delay = 0.2
        monitor = Team(tmp_path, on(node.url, newsroom, sink))
        members = [monitor.member("run") for _ in range(2)]
        with ended(members):
            for number in range(1, 5):
                wait_for(lambda n=number: newsroom.story_requests() > n * len(stories) // 6, seconds=240)
                node.kill()
                time.sleep(20)
                asked = newsroom.story_requests()
                time.sleep(2)
                assert newsroom.story_requests() == asked, "pages are fetched that cannot be stored"
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


def test_of_three_nodes_one_may_die(tmp_path: Path, sink: MailSink, nodes: list[elasticsearch_node.Node]) -> None:
    try:
        nodes += elasticsearch_node.cluster(tmp_path / "es", 3)
    except elasticsearch_node.Missing as reason:
        missing(str(reason))
    profiles, stories = town(6, STORIES)
    with Newsroom(profiles, stories) as newsroom:
        for house in newsroom.houses.values():
            house.site.delay = 0.1
        monitor = Team(tmp_path, on(",".join(node.url for node in nodes), newsroom, sink))
        monitor("setup")
        health = f"{nodes[0].url}/_cluster/health?wait_for_status=green&timeout=60s"
        urllib.request.urlopen(health).close()
        member = monitor.member("run")
        with ended([member]):
            wait_for(lambda: newsroom.story_requests() > len(stories) // 3, seconds=240)
            nodes[1].kill()
            wait_for(lambda: len(monitor.stories()) == len(stories), seconds=300, every=2)
            wait_for_mail(stories, sink)
            member.send_signal(signal.SIGTERM)
            assert member.wait(timeout=60) == 0
        assert_each_once(monitor, stories, sink)
