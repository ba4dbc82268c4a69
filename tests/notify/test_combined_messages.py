"""A person gets one message for all alerts that are due, and each entry under one id only, whatever fails."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.config import Alert, Config
from monitor.errors import DeliveryRefused, DeliveryUnavailable, DeliveryUnknown
from monitor.models import Candidate, Disposition, FrontierEntry, Notification, Outcome, PageCommit, Story
from monitor.notify.batches import connected_groups, messages_of_batch, new_messages
from monitor.notify.channel import Message, Refusals
from monitor.notify.claims import CLAIM_TERM
from monitor.notify.dispatcher import Dispatcher
from monitor.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.models import Hit
    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
Entry = tuple[str, str]  # alert and story


@dataclass
class Server:
    """A channel to a made-up server, which keeps what each target has received, by message id."""

    received: list[tuple[str, str, tuple[Entry, ...]]] = field(default_factory=list)  # target, message id, entries
    answers: Callable[[str, tuple[str, ...]], Refusals] = lambda _id, _targets: Refusals()
    server_settings: str = "made up"

    def open(self) -> None:
        pass

    def compose(
        self, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
    ) -> bytes:
        return json.dumps([message.id, [(each.alert, each.story) for each in message.notifications]]).encode()

    @staticmethod
    def describe(target: str) -> str:
        return target

    def send(self, content: bytes, *, targets: Sequence[str]) -> Refusals:
        message_id, entries = json.loads(content)
        refusals = self.answers(message_id, tuple(targets))
        self.accepts(message_id, entries, targets, refusals)
        return refusals

    def accepts(self, message_id: str, entries: list[list[str]], targets: Sequence[str], refusals: Refusals) -> None:
        for target in targets:
            if target not in refusals.temporarily | refusals.permanently:
                self.received.append((target, message_id, tuple((alert, story) for alert, story in entries)))

    def close(self) -> None:
        pass

    def entries_of(self, target: str) -> list[list[Entry]]:
        return [list(entries) for receiver, _, entries in self.received if receiver == target]


def config_of(alerts: dict[str, str], *, deliver: str = "daily 07:00", **more: Any) -> Config:
    """Returns a configuration; ``alerts`` maps names to targets, as ``x y``."""
    return Config(
        alerts=tuple(
            Alert(name=name, query="bank", to=tuple(f"{to}@example.org" for to in targets.split()), deliver=deliver)
            for name, targets in alerts.items()
        )
    )


def queue(store: Store, config: Config, story: str, *alerts: str, cluster: str = "", at: datetime = NOW) -> None:
    """Commits a story with a notification of each alert."""
    stored = Story(
        id=story,
        url=f"https://outlet.example/{story}",
        outlet="Outlet",
        title=story,
        text="bank",
        first_seen_at=NOW,
        fetched_at=NOW,
        updated_at=NOW,
        cluster=cluster or story,
    )
    entry = FrontierEntry(
        id=story, candidate=Candidate(url=stored.url, outlet="Outlet"), first_seen_at=NOW, next_at=None, story=story
    )
    targets = {alert.name: alert.to for alert in config.alerts}
    notifications = [
        Notification(
            alert=alert, story=story, version=1, channel="email", targets=targets[alert], due_at=at, created_at=at
        )
        for alert in alerts
    ]
    outcome = Outcome(disposition=Disposition.STORED)
    store.commit([PageCommit(entry=entry, outcome=outcome, story=stored, notifications=tuple(notifications))])


def deliver(store: Store, config: Config, server: Server, *, at: datetime = NOW) -> Any:
    return Dispatcher(store, config, {"email": server}, now=lambda: at).deliver().of("email")


def test_a_person_gets_one_message_for_all_alerts(store: Store) -> None:
    config, server = config_of({"a": "x", "b": "x", "c": "x"}), Server()
    queue(store, config, "s1", "a", "b")
    queue(store, config, "s2", "c")
    report = deliver(store, config, server)
    assert (report.messages, report.notifications) == (1, 3)
    assert server.entries_of("x@example.org") == [[("a", "s1"), ("b", "s1"), ("c", "s2")]]
    assert store.outbox() == []


def test_persons_with_different_alerts_get_a_message_each(store: Store) -> None:
    config, server = config_of({"a": "x y", "b": "x", "c": "z"}), Server()
    for alert in "abc":
        queue(store, config, f"s{alert}", alert)
    assert deliver(store, config, server).messages == 3
    assert server.entries_of("x@example.org") == [[("a", "sa"), ("b", "sb")]]
    assert server.entries_of("y@example.org") == [[("a", "sa")]]
    assert server.entries_of("z@example.org") == [[("c", "sc")]]
    assert len({message_id for _, message_id, _ in server.received}) == 3
    assert (store.outbox(), store.settings("outbox/")) == ([], {})


def test_separate_alerts_have_messages_of_their_own(store: Store) -> None:
    config, server = config_of({"a": "x", "b": "x", "c": "x"}), Server()
    separate = config.alerts[1].model_copy(update={"digest": "separate"})
    config = config.model_copy(update={"alerts": (config.alerts[0], separate, config.alerts[2])})
    queue(store, config, "s1", "a", "b", "c")
    deliver(store, config, server)
    assert sorted(server.entries_of("x@example.org")) == [[("a", "s1"), ("c", "s1")], [("b", "s1")]]


def test_an_event_of_several_instant_alerts_is_one_message(store: Store) -> None:
    config, server = config_of({"a": "x", "b": "x"}, deliver="instant"), Server()
    queue(store, config, "s1", "a", "b")
    queue(store, config, "s2", "b", cluster="s1")
    queue(store, config, "s3", "a")
    deliver(store, config, server)
    assert server.entries_of("x@example.org") == [[("a", "s1"), ("b", "s1"), ("b", "s2")], [("a", "s3")]]


def test_many_events_at_once_share_a_message_if_the_same_alerts_match(store: Store) -> None:
    config, server = config_of({"a": "x", "b": "x"}, deliver="instant"), Server()
    for number in range(6):
        queue(store, config, f"a{number}", "a")
        queue(store, config, f"ab{number}", "a", "b")
    queue(store, config, "b0", "b")
    assert deliver(store, config, server).messages == 3
    assert sorted(map(len, server.entries_of("x@example.org"))) == [1, 6, 12]


def test_instant_mail_does_not_wait_in_a_digest(store: Store) -> None:
    config, server = config_of({"a": "x", "b": "x"}), Server()
    instant = config.alerts[0].model_copy(update={"deliver": "instant"})
    config = config.model_copy(update={"alerts": (instant, config.alerts[1])})
    queue(store, config, "s1", "a", "b")
    deliver(store, config, server)
    assert sorted(server.entries_of("x@example.org")) == [[("a", "s1")], [("b", "s1")]]


def test_a_refused_person_delays_no_other_and_keeps_its_id(store: Store) -> None:
    config, server = config_of({"a": "x y", "b": "x"}), Server()
    queue(store, config, "s1", "a", "b")
    ids: list[tuple[str, tuple[str, ...]]] = []

    def busy(message_id: str, targets: tuple[str, ...]) -> Refusals:
        ids.append((message_id, targets))
        return Refusals(temporarily={"x@example.org": "450 busy"}) if "x@example.org" in targets else Refusals()

    server.answers = busy
    report = deliver(store, config, server)
    assert report.errors == ["alerts a, b: x@example.org: 450 busy"]
    assert [(each.alert, each.targets, each.error) for each in store.outbox()] == [
        ("a", ("x@example.org",), "x@example.org: 450 busy"),
        ("b", ("x@example.org",), "x@example.org: 450 busy"),
    ]
    queue(store, config, "later", "a", at=NOW + HOUR)
    server.answers = lambda _id, _targets: Refusals()
    deliver(store, config, server, at=NOW + HOUR)
    assert server.entries_of("y@example.org") == [[("a", "s1")], [("a", "later")]]
    assert server.entries_of("x@example.org") == [[("a", "s1"), ("b", "s1")], [("a", "later")]]
    (attempted,) = {message_id for message_id, targets in ids if "x@example.org" in targets}
    assert attempted in {message_id for target, message_id, _ in server.received if target == "x@example.org"}
    assert (store.outbox(), store.settings("outbox/")) == ([], {})


def test_a_permanent_refusal_of_one_person_is_not_tried_with_the_rest(store: Store) -> None:
    config, server = config_of({"a": "x y", "b": "x"}), Server()
    queue(store, config, "s1", "a", "b")
    server.answers = lambda _id, targets: Refusals(permanently={t: "550 gone" for t in targets if t[0] == "y"})
    deliver(store, config, server)
    (kept,) = store.outbox()
    assert (kept.alert, kept.targets, kept.due_at) == ("a", ("y@example.org",), NOW + timedelta(days=1))
    assert server.entries_of("x@example.org") == [[("a", "s1"), ("b", "s1")]]


def test_a_corrected_address_makes_all_of_its_batch_due(store: Store) -> None:
    config, server = config_of({"a": "x", "b": "x y"}), Server()
    queue(store, config, "s1", "a", "b")
    server.answers = lambda _id, targets: Refusals(permanently={t: "550 gone" for t in targets if t[0] == "x"})
    deliver(store, config, server)
    server.answers = lambda _id, _targets: Refusals()
    corrected = config_of({"a": "z", "b": "z y"})
    deliver(store, corrected, server, at=NOW + timedelta(minutes=5))
    assert server.entries_of("z@example.org") == [[("a", "s1"), ("b", "s1")]]
    assert server.entries_of("y@example.org") == [[("b", "s1")]]
    assert store.outbox() == []


def test_a_snoozed_alert_does_not_hold_the_rest_of_its_message(store: Store) -> None:
    """The result of the first attempt is unknown, so both parts are repeated; the other alert's part at once."""
    config, server = config_of({"a": "x", "b": "x"}), Server()
    queue(store, config, "s1", "a", "b")

    def lost(message_id: str, targets: tuple[str, ...]) -> Refusals:
        raise DeliveryUnknown("no answer")

    server.answers = lost
    deliver(store, config, server)
    server.answers = lambda _id, _targets: Refusals()
    store.snooze("a", NOW + timedelta(days=7))
    deliver(store, config, server, at=NOW + HOUR)
    assert server.entries_of("x@example.org") == [[("b", "s1")]]
    assert [each.alert for each in store.outbox()] == ["a"]
    deliver(store, config, server, at=NOW + timedelta(days=7, hours=1))
    assert server.entries_of("x@example.org") == [[("b", "s1")], [("a", "s1")]]


def notification(alert: str, targets: str, story: str = "s") -> Notification:
    return Notification(
        alert=alert,
        story=story,
        version=1,
        channel="email",
        targets=tuple(targets.split()),
        due_at=NOW,
        created_at=NOW,
    )


def test_a_chain_of_common_targets_connects_notifications() -> None:
    queued = [notification(str(n), targets) for n, targets in enumerate(("a b", "c", "d", "b c", "e d", "f"))]
    groups = [[int(each.alert) for each in group] for group in connected_groups(queued)]
    assert groups == [[0, 1, 3], [2, 4], [5]]


def test_the_only_message_of_a_batch_has_its_id() -> None:
    (message,) = new_messages([notification("a", "x y")], domain="example.org")
    assert message.id == message.batch.id
    assert message.id.endswith("@example.org>")
    assert message.targets == ("x", "y")
    (repeated,) = messages_of_batch(message.id, [notification("a", "y")])
    assert (repeated.id, repeated.targets) == (message.id, ("y",))


def test_the_last_message_of_a_split_batch_keeps_its_own_id() -> None:
    messages = new_messages([notification("a", "x y"), notification("b", "x")], domain="example.org")
    ids = {message.targets: message.id for message in messages}
    assert ids.keys() == {("x",), ("y",)}
    batch = messages[0].batch
    assert batch.id not in ids.values()
    (last,) = messages_of_batch(batch.id, [notification("a", "y")])
    assert last.id == ids["y",]
    assert [each.id for each in messages_of_batch(batch.id, [notification("a", "x"), notification("b", "x")])] == [
        ids["x",]
    ]


class Killed(BaseException):
    """Simulates a kill of the process."""


FAULTS = [
    "accepted",
    "temporary",
    "permanent",
    "away",
    "refused",
    "lost",
    "taken and lost",
    "killed",
    "taken and killed",
]


class FaultyServer(Server):
    """A server whose answer to each message is drawn from a list; after the last one, it accepts all."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__()
        self.faults = faults

    def send(self, content: bytes, *, targets: Sequence[str]) -> Refusals:
        message_id, entries = json.loads(content)
        fault = self.faults.pop() if self.faults else "accepted"
        refusals = Refusals()
        if fault == "temporary":
            refusals = Refusals(temporarily={targets[-1]: "450 busy"})
        if fault == "permanent":
            refusals = Refusals(permanently={targets[0]: "550 gone"})
        if fault in {"accepted", "temporary", "permanent"} or fault.startswith("taken"):
            self.accepts(message_id, entries, targets, refusals)
        if fault == "away":
            raise DeliveryUnavailable("away")
        if fault == "refused":
            raise DeliveryRefused("554 no")
        if fault.endswith("lost"):
            raise DeliveryUnknown("no answer")
        if fault.endswith("killed"):
            raise Killed
        return refusals


_alerts = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True).map(" ".join),
    min_size=1,
)
_stories = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True), min_size=1, max_size=6)


@example(alerts={"a": "x", "b": "x y"}, stories=[["a", "b"]], faults=["killed", "accepted"], deliver="daily 07:00")
@given(
    alerts=_alerts,
    stories=_stories,
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
    deliver=st.sampled_from(["daily 07:00", "instant"]),
)
@settings(max_examples=50)
def test_whatever_fails_each_person_gets_each_entry_under_one_id(
    alerts: dict[str, str], stories: list[list[str]], faults: list[str], deliver: str
) -> None:
    """Stories are queued between deliveries, which servers refuse, lose or never answer, or which are killed."""
    store, config, server = MemoryStore(), config_of(alerts, deliver=deliver), FaultyServer(faults)
    store.setup()
    expected: set[tuple[str, Entry]] = set()
    at = NOW
    for number, matching in enumerate(stories):
        names = [name for name in matching if name in alerts]
        queue(store, config, f"s{number}", *names, at=at)
        expected |= {(f"{to}@example.org", (name, f"s{number}")) for name in names for to in alerts[name].split()}
        at = _deliver_killed(store, config, server, at)
    for _ in range(40):
        if not store.outbox():
            break
        at = _deliver_killed(store, config, server, at + timedelta(days=1))
    assert store.outbox() == []
    assert store.settings("outbox/") == {}
    assert {(target, entry) for target, _, entries in server.received for entry in entries} == expected
    ids: dict[tuple[str, Entry], set[str]] = defaultdict(set)
    entries_by_id: dict[tuple[str, str], set[tuple[Entry, ...]]] = defaultdict(set)
    for target, message_id, entries in server.received:
        entries_by_id[target, message_id].add(tuple(sorted(entries)))
        for entry in entries:
            ids[target, entry].add(message_id)
    assert [key for key, message_ids in ids.items() if len(message_ids) > 1] == []
    assert [key for key, contents in entries_by_id.items() if len(contents) > 1] == []


def _deliver_killed(store: Store, config: Config, server: Server, at: datetime) -> datetime:
    """Delivers once, which may be killed; returns the time when another process may take its claims over."""
    try:
        deliver(store, config, server, at=at)
    except Killed:
        return at + CLAIM_TERM
    return at + timedelta(minutes=1)


@pytest.mark.parametrize("step", ["claim", "assign_message_ids", "mark_sent", "put_setting"])
@pytest.mark.parametrize("call", [0, 1])
def test_after_a_kill_each_person_gets_the_same_messages(
    step: str, call: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, server = config_of({"a": "x y", "b": "x", "c": "y z"}), Server()
    queue(store, config, "s1", "a", "b", "c")
    real, calls = getattr(store, step), iter(range(100))

    def dies(*args: Any, **kwargs: Any) -> Any:
        result = real(*args, **kwargs)
        if next(calls) == call:
            raise Killed
        return result

    with monkeypatch.context() as patched:
        patched.setattr(store, step, dies)
        _deliver_killed(store, config, server, NOW)
    queue(store, config, "s2", "a", at=NOW + CLAIM_TERM)
    deliver(store, config, server, at=NOW + CLAIM_TERM)
    assert store.outbox() == []
    by_target: dict[str, dict[str, set[tuple[Entry, ...]]]] = defaultdict(lambda: defaultdict(set))
    for target, message_id, entries in server.received:
        by_target[target][message_id].add(entries)
    assert all(len(contents) == 1 for messages in by_target.values() for contents in messages.values())
    entries_of_target = {
        target: sorted(e for c in messages.values() for es in c for e in es) for target, messages in by_target.items()
    }
    assert entries_of_target == {
        "x@example.org": [("a", "s1"), ("a", "s2"), ("b", "s1")],
        "y@example.org": [("a", "s1"), ("a", "s2"), ("c", "s1")],
        "z@example.org": [("c", "s1")],
    }
