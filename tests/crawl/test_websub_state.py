"""Push subscriptions: leases, retries, signatures, and the pauses that pushes allow."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.crawl.websub.schedule import MAX_PUSHED_PAUSE, pause_with_pushes
from monitor.crawl.websub.state import (
    KEY_PREFIX,
    MAX_SUBSCRIPTIONS,
    RETRY_PAUSES,
    OutletPushes,
    StoredPushes,
    Subscription,
    outlet_key,
)
from monitor.store.memory import MemoryStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FEED, TOPIC, HUB = "https://news.example/rss", "https://news.example/rss?all", "https://hub.example/"
CALLBACK = "https://monitor.example/websub"


def requested() -> OutletPushes:
    return OutletPushes(outlet="News").with_sources([(FEED, TOPIC, HUB)], CALLBACK, now=NOW)


def subscription() -> Subscription:
    (subscription,) = requested().subscriptions
    return subscription.requested(NOW)


def verified(lease: timedelta | None = 10 * DAY) -> OutletPushes:
    return replace(requested(), subscriptions=(subscription().verified(lease, NOW),))


def proved() -> OutletPushes:
    return replace(verified(), announced=1, read_at=NOW)


def path(pushes: OutletPushes) -> str:
    return pushes.subscriptions[0].path


# ---- requests and leases


def test_a_subscription_has_its_own_token_and_secret() -> None:
    first, second = subscription(), subscription()
    assert first.path.startswith(outlet_key("News"))
    assert len(first.path) == 48
    assert (first.path, first.secret) != (second.path, second.secret)
    assert (len({first.secret, first.path[16:], second.secret, second.path[16:]}), len(first.secret)) == (4, 64)


@pytest.mark.parametrize(
    ("stated", "lease"),
    [
        (10 * DAY, 10 * DAY),
        (HOUR, HOUR),
        (timedelta(seconds=1), MINUTE),
        (timedelta(0), DAY),
        (None, DAY),
        (400 * DAY, 30 * DAY),
    ],
)
def test_a_lease_is_renewed_well_before_it_ends(stated: timedelta | None, lease: timedelta) -> None:
    active = subscription().verified(stated, NOW)
    assert active.lease_until == NOW + lease
    assert active.next_request_at == NOW + max(0.6 * lease, 30 * MINUTE)
    assert (active.is_active(NOW + lease - timedelta(seconds=1)), active.is_active(NOW + lease)) == (True, False)


def test_requests_that_are_not_verified_are_repeated_ever_later() -> None:
    each, time = requested().subscriptions[0], NOW
    for pause in (*RETRY_PAUSES, RETRY_PAUSES[-1]):
        each = each.requested(time).accepted()
        assert each.next_request_at == time + pause
        time += pause
    assert "did not verify the request of 2026-11-2" in each.error
    assert (each.verified(DAY, time).error, each.verified(DAY, time).attempts) == ("", 0)


def test_an_accepted_request_forgets_an_earlier_failure() -> None:
    failed = subscription().failed("the hub answered 503")
    assert failed.requested(NOW).error == "the hub answered 503"
    assert failed.requested(NOW).accepted().error == ""


def test_a_denied_subscription_is_inactive_and_requested_later() -> None:
    denied = verified().subscriptions[0].denied("no", NOW)
    assert (denied.is_active(NOW), denied.status(NOW)) == (False, "refused")
    assert denied.next_request_at == NOW + RETRY_PAUSES[0]
    assert denied.error == "the hub denied the subscription: no"
    again = denied.requested(NOW + RETRY_PAUSES[0]).denied("", NOW + RETRY_PAUSES[0])
    assert again.next_request_at == NOW + RETRY_PAUSES[0] + RETRY_PAUSES[1]


# ---- the feeds and their hubs


def test_the_same_hub_and_topic_keep_their_subscription() -> None:
    pushes = verified()
    assert pushes.with_sources([(FEED, TOPIC, HUB)], CALLBACK, now=NOW + 9 * DAY) == pushes


def test_another_hub_ends_the_subscription_at_most_once_a_day() -> None:
    pushes, other = proved(), [(FEED, TOPIC, "https://other.example/")]
    assert pushes.with_sources(other, CALLBACK, now=NOW + HOUR) == pushes
    old, new = pushes.with_sources(other, CALLBACK, now=NOW + DAY).subscriptions
    assert (old.is_ending, old.path, new.hub) == (True, path(pushes), "https://other.example/")
    assert old.requested(NOW).expects == "unsubscribe"
    assert pushes.with_sources(other, CALLBACK, now=NOW + DAY).announced == 0


def test_a_feed_without_hub_or_no_longer_read_ends_the_subscription() -> None:
    for found in ([(FEED, FEED, "")], [("https://news.example/other", "", "")]):
        changed = verified().with_sources(found, CALLBACK, now=NOW + DAY)
        assert [each.is_ending for each in changed.subscriptions] == [True]
        assert changed.due_requests(NOW + DAY) == changed.subscriptions
        assert changed.with_sources(found, CALLBACK, now=NOW + 10 * DAY).subscriptions == ()


def test_a_changed_callback_is_subscribed_anew() -> None:
    old, new = verified().with_sources([(FEED, TOPIC, HUB)], "https://new.example", now=NOW).subscriptions
    assert (old.callback, old.is_ending) == (CALLBACK, True)
    assert (new.callback, new.next_request_at) == ("https://new.example", NOW)


def test_an_outlet_has_a_limited_number_of_subscriptions() -> None:
    many = [(f"{FEED}/{n}", TOPIC, HUB) for n in range(MAX_SUBSCRIPTIONS + 5)]
    assert len(OutletPushes(outlet="x").with_sources(many, CALLBACK, now=NOW).subscriptions) == MAX_SUBSCRIPTIONS


# ---- signatures


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
@given(body=st.binary(max_size=200))
def test_only_the_signature_of_the_body_is_valid(method: str, body: bytes) -> None:
    secret = "a" * 64
    one = Subscription(
        source="", topic="", hub="", callback="", path="", secret=secret, created_at=NOW, next_request_at=NOW
    )
    digest = hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()

    def is_valid(header: str, received: bytes = body) -> bool:
        check = one.signature_check(header)
        check.update(received[:7])
        check.update(received[7:])
        return check.is_valid()

    assert is_valid(f"{method}={digest}")
    assert is_valid(f" {method.upper()}={digest.upper()} ")
    assert not is_valid(f"{method}={digest}", body + b"x")
    for header in ("", digest, f"{method}=", f"{method}={digest[:-1]}", f"md5={digest}", f"{method}={digest}0", "=é"):
        assert not is_valid(header)


# ---- announced and missed stories


def test_stories_after_a_push_are_announced_and_others_missed() -> None:
    pushes = verified().with_poll(read_at=NOW + MINUTE, new_by_source={FEED: 60}, new_count=60)
    assert (pushes.announced, pushes.missed) == (0, 0)  # stories from before the subscription
    pushes = pushes.with_push(path(pushes), NOW + 5 * MINUTE)
    assert pushes.has_pending_push()
    pushes = pushes.with_poll(read_at=NOW + 6 * MINUTE, new_by_source={FEED: 2, "other": 3}, new_count=4)
    assert (pushes.announced, pushes.missed) == (2, 2)
    assert not pushes.has_pending_push()
    assert not pushes.is_proved(NOW)
    pushes = pushes.with_push(path(pushes), NOW + HOUR)
    pushes = pushes.with_poll(read_at=NOW + HOUR + MINUTE, new_by_source={FEED: 2}, new_count=2)
    assert (pushes.announced, pushes.missed, pushes.is_proved(NOW + HOUR)) == (4, 0, True)


def test_an_unannounced_story_ends_the_rare_polls() -> None:
    pushes = proved().with_poll(read_at=NOW + HOUR, new_by_source={FEED: 0}, new_count=0)
    assert pushes.is_proved(NOW + HOUR)
    pushes = replace(pushes, read_at=NOW + HOUR).with_poll(read_at=NOW + 2 * HOUR, new_by_source={FEED: 1}, new_count=1)
    assert (pushes.missed, pushes.is_proved(NOW + 2 * HOUR)) == (1, False)


def test_a_push_just_after_the_poll_still_announces_its_stories() -> None:
    missed = replace(proved(), missed=2, missed_at=NOW)
    assert missed.with_push(path(missed), NOW + 9 * MINUTE).missed == 0
    assert missed.with_push(path(missed), NOW + 11 * MINUTE).missed == 2


def test_a_push_without_a_new_story_keeps_the_usual_pause_once() -> None:
    pushes = proved()
    cached = pushes.with_push(path(pushes), NOW + MINUTE).with_poll(
        read_at=NOW + 2 * MINUTE, new_by_source={}, new_count=0
    )
    assert (cached.is_push_unexplained, cached.is_proved(NOW + HOUR)) == (True, False)
    assert cached.with_poll(read_at=NOW + HOUR, new_by_source={}, new_count=0).is_proved(NOW + HOUR)


def test_subscriptions_are_renewed_daily_while_stories_are_missed() -> None:
    pushes = verified()
    assert pushes.due_requests(NOW + 2 * DAY) == ()
    assert replace(pushes, missed=1).due_requests(NOW + 2 * DAY) == pushes.subscriptions
    assert replace(pushes, missed=1).due_requests(NOW + HOUR) == ()


# ---- pauses


def pause(pushes: OutletPushes, planned: timedelta = 15 * MINUTE, **options: timedelta) -> timedelta:
    return pause_with_pushes(planned, pushes, now=NOW, **options)  # type: ignore[arg-type]  # spread is not used


def test_only_proved_pushes_make_polls_rare() -> None:
    assert pause(proved()) == MAX_PUSHED_PAUSE
    for other in (verified(), replace(proved(), missed=1), replace(proved(), is_push_unexplained=True)):
        assert pause(other) == 15 * MINUTE
    assert pause_with_pushes(MINUTE, proved(), now=NOW + 11 * DAY) == MINUTE


def test_other_limits_of_the_pause_hold() -> None:
    assert pause(proved(), every=2 * HOUR) == 2 * HOUR
    assert pause(proved(), every=9 * HOUR, planned=8 * HOUR) == 8 * HOUR
    assert pause(proved(), time_until_retry=30 * MINUTE) == 30 * MINUTE
    assert pause(proved(), time_until_retry=MINUTE) == 15 * MINUTE
    assert pause_with_pushes(MINUTE, proved(), now=NOW, spread=0.5) == MAX_PUSHED_PAUSE / 2


def test_the_next_poll_is_in_time_for_the_renewal() -> None:
    short = replace(verified(HOUR), announced=1, read_at=NOW)
    assert pause(short) == 36 * MINUTE
    assert pause(replace(short, announced=0), planned=50 * MINUTE) == 36 * MINUTE
    assert pause_with_pushes(15 * MINUTE, short, now=NOW + 50 * MINUTE) == MINUTE
    failing = replace(short, subscriptions=(replace(short.subscriptions[0], attempts=1),))
    assert pause_with_pushes(5 * MINUTE, failing, now=NOW + 50 * MINUTE) == 10 * MINUTE  # until the lease ends


def test_a_push_during_the_poll_causes_another_a_minute_later() -> None:
    late = replace(proved(), subscriptions=(proved().subscriptions[0].pushed(NOW + MINUTE),))
    assert late.has_pending_push()
    assert pause(late) == MINUTE


def test_pushes_cause_one_poll_a_minute() -> None:
    assert verified().earliest_pushed_poll(NOW) == NOW
    scheduled = verified().with_attempt(began_at=NOW, rest_until=NOW)
    assert scheduled.earliest_pushed_poll(NOW) == NOW
    pushes = verified()
    pushed = pushes.with_push(path(pushes), NOW).with_attempt(began_at=NOW, rest_until=NOW)
    assert pushed.earliest_pushed_poll(NOW + 20 * timedelta(seconds=1)) == NOW + MINUTE
    assert pushed.earliest_pushed_poll(NOW + HOUR) == NOW + HOUR


def test_a_push_shortens_no_pause_that_the_outlet_asked_for() -> None:
    resting = verified().with_attempt(began_at=NOW, rest_until=NOW + HOUR)
    assert resting.with_push(path(resting), NOW).earliest_pushed_poll(NOW + MINUTE) == NOW + HOUR
    recovered = resting.with_attempt(began_at=NOW + HOUR, rest_until=NOW + HOUR)
    assert recovered.earliest_pushed_poll(NOW + HOUR) == NOW + HOUR


# ---- stored form


def test_pushes_are_stored_with_all_their_fields() -> None:
    pushes = replace(
        verified().with_push(path(verified()), NOW),
        pushed_poll_at=NOW,
        missed=3,
        missed_at=NOW,
        announced=2,
        read_at=NOW,
    )
    assert OutletPushes.from_json(pushes.to_json()) == pushes


def test_unreadable_subscriptions_and_unknown_fields_are_ignored() -> None:
    pushes = verified()
    stored = pushes.to_json()
    stored["subscriptions"][0]["later"] = stored["later"] = {"version": 9}
    assert OutletPushes.from_json(stored) == pushes
    stored["subscriptions"] = [{"source": FEED}, 7, *stored["subscriptions"]]
    assert len(OutletPushes.from_json(stored).subscriptions) == 1


def test_a_change_is_repeated_when_another_process_was_first() -> None:
    store, attempts = MemoryStore(), []
    stored = StoredPushes(store)
    stored.change("k", lambda _: verified())

    def change(pushes: OutletPushes | None) -> OutletPushes | None:
        assert pushes is not None
        attempts.append(pushes.announced)
        if len(attempts) == 1:
            store.put_setting(f"{KEY_PREFIX}k", replace(pushes, announced=5).to_json())
        return replace(pushes, missed=1)

    before, after = stored.change("k", change)
    assert before is not None
    assert after is not None
    assert (attempts, before.announced, after.announced, after.missed) == ([0, 5], 5, 5, 1)
    assert stored.read("k") == after
    assert stored.read("other") is None
