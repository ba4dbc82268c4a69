"""The push subscriptions of an outlet: requests to hubs, their leases, and the pushes that came.  No I/O but the store.

They are a setting of the store and no part of `OutletState`: verifications and pushes arrive at any process, also while
another one holds the outlet's lease and would overwrite the outlet's state.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from monitor.models import Json
    from monitor.store.protocol import Settings

KEY_PREFIX = "websub:"
OUTLET_KEY_CHARACTERS, TOKEN_BYTES = 16, 16
PATH_CHARACTERS = OUTLET_KEY_CHARACTERS + 2 * TOKEN_BYTES  # of the last segment of a callback URL, hexadecimal digits

REQUESTED_LEASE = timedelta(days=10)
DEFAULT_LEASE = timedelta(days=1)  # of a hub that states none
MIN_LEASE, MAX_LEASE = timedelta(minutes=1), timedelta(days=30)  # bounds of what a hub states
MIN_RENEWAL_PAUSE = timedelta(minutes=30)  # a hub that grants very short leases must not cause a poll for each
RENEWAL_SHARE = 0.6  # of the lease, after which it is renewed: two polls and a retry fit into the rest
# After a request that the hub refused or did not verify; the last pause is repeated.
RETRY_PAUSES = (
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(days=1),
)
# A feed that names another hub or URL at each poll must not cause a request at each poll.
MIN_AGE_OF_REPLACED = timedelta(days=1)
MIN_AGE_OF_DOUBTFUL = timedelta(days=1)  # of the last request, before a subscription without pushes is renewed early
MIN_PUSHED_PAUSE = timedelta(minutes=1)  # between two polls that pushes cause
MAX_SUBSCRIPTIONS = 20  # of one outlet
MAX_COUNTED_STORIES = 20  # upper limit of `missed`, so that a broken hub may prove itself again within days
LATE_PUSH_TOLERANCE = timedelta(minutes=10)  # a push this long after a poll still announces the stories of that poll
MAX_ERROR_CHARACTERS = 300
_UNVERIFIED = "the hub did not verify"
_SIGNATURE_METHODS = frozenset({"sha1", "sha256", "sha384", "sha512"})


class SignatureCheck:
    """Checks the signature of a body that arrives in parts, as it may be large."""

    def __init__(self, secret: str, signature: str) -> None:
        """``signature`` is a header of the form ``sha256=HEX``; of any other form, it is invalid."""
        method, _, self._digest = signature.strip().lower().partition("=")
        self._hmac = hmac.new(secret.encode(), digestmod=method) if method in _SIGNATURE_METHODS else None

    def update(self, part: bytes) -> None:
        if self._hmac is not None:
            self._hmac.update(part)

    def is_valid(self) -> bool:
        """Returns True if the signature is that of the parts so far."""
        if self._hmac is None:
            return False
        return hmac.compare_digest(self._hmac.hexdigest().encode(), self._digest.strip().encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A subscription to one feed of an outlet at one hub, requested or verified."""

    source: str  # URL of the feed as the outlet's sources name it
    topic: str  # URL of the feed as the hub knows it
    hub: str
    callback: str  # URL that the hub was given, without its last segment
    path: str  # last segment of the callback's URL: the outlet's key and an unguessable token
    secret: str  # key of the signatures of pushes
    created_at: datetime
    next_request_at: datetime
    expects: str = ""  # the mode, subscribe or unsubscribe, of the request that the hub has not verified yet
    requested_at: datetime | None = None
    attempts: int = 0  # requests since the last verification
    verified_at: datetime | None = None
    lease_until: datetime | None = None  # None while the hub has verified no request
    is_ending: bool = False  # True if the feed names this hub or topic no more
    error: str = ""  # why the last request did not succeed
    last_push_at: datetime | None = None
    push_count: int = 0
    false_signature_count: int = 0  # pushes that were ignored because of a missing or false signature

    def is_active(self, now: datetime) -> bool:
        """Returns True if the hub has promised to send pushes at this time."""
        return self.lease_until is not None and self.lease_until > now and not self.is_ending

    def status(self, now: datetime) -> str:
        """Returns one word for people: ending, verified, requested or refused."""
        if self.is_ending:
            return "ending"
        if self.is_active(now):
            return "verified"
        return "requested" if self.expects else "refused"

    def has_path(self, path: str) -> bool:
        return hmac.compare_digest(self.path.encode(), path.encode())

    # ---- requests and the hub's answers

    def requested(self, now: datetime) -> Subscription:
        """Returns the subscription as it is before a request is sent; a repeated request is one that failed."""
        error = self.error
        if self.expects and (not error or error.startswith(_UNVERIFIED)):
            error = f"{_UNVERIFIED} the request of {self.requested_at:%Y-%m-%d %H:%M} UTC"
        return replace(
            self,
            expects="unsubscribe" if self.is_ending else "subscribe",
            requested_at=now,
            attempts=self.attempts + 1,
            next_request_at=now + RETRY_PAUSES[min(self.attempts, len(RETRY_PAUSES) - 1)],
            error=error,
        )

    def accepted(self) -> Subscription:
        """Returns the subscription after the hub has accepted a request; its answer may have come before."""
        return replace(self, error="") if self.expects and not self.error.startswith(_UNVERIFIED) else self

    def failed(self, reason: str) -> Subscription:
        """Returns the subscription after a request that could not be sent or that the hub refused."""
        return replace(self, error=reason[:MAX_ERROR_CHARACTERS])

    def verified(self, lease: timedelta | None, now: datetime) -> Subscription:
        """Returns the subscription after the hub has verified it for a time that it states, None if it states none."""
        lease = min(max(lease or DEFAULT_LEASE, MIN_LEASE), MAX_LEASE)
        return replace(
            self,
            expects="",
            attempts=0,
            error="",
            verified_at=now,
            lease_until=now + lease,
            next_request_at=now + max(lease * RENEWAL_SHARE, MIN_RENEWAL_PAUSE),
        )

    def denied(self, reason: str, now: datetime) -> Subscription:
        """Returns the subscription after the hub has refused or ended it."""
        pause = RETRY_PAUSES[min(max(self.attempts - 1, 0), len(RETRY_PAUSES) - 1)]
        return replace(
            self,
            expects="",
            lease_until=None,
            attempts=max(self.attempts, 1),
            next_request_at=max(self.next_request_at, now + pause) if self.attempts else now + pause,
            error=f"the hub denied the subscription: {reason or 'no reason given'}"[:MAX_ERROR_CHARACTERS],
        )

    # ---- pushes

    def signature_check(self, signature: str) -> SignatureCheck:
        """Returns a check of a push with this X-Hub-Signature header; its `update` takes the body."""
        return SignatureCheck(self.secret, signature)

    def pushed(self, now: datetime) -> Subscription:
        return replace(self, last_push_at=now, push_count=self.push_count + 1)

    def with_false_signature(self) -> Subscription:
        return replace(self, false_signature_count=self.false_signature_count + 1)

    # ---- stored form

    def to_json(self) -> Json:
        return _to_json(self)

    @classmethod
    def from_json(cls, data: Json) -> Subscription:
        """Reads what `to_json` returns.  Raises AttributeError, TypeError or ValueError for anything else."""
        return cls(**_from_json(cls, data))


@dataclass(frozen=True, kw_only=True, slots=True)
class OutletPushes:
    """The push subscriptions of one outlet, and how many of its new stories pushes have announced."""

    outlet: str
    subscriptions: tuple[Subscription, ...] = ()
    read_at: datetime | None = None  # when the last poll that read every source began
    pushed_poll_at: datetime | None = None  # when the last poll that a push caused began
    rest_until: datetime | None = None  # before which no push causes a poll: the outlet failed, or asked for a pause
    announced: int = 0  # new stories that a push had announced before a poll found them
    missed: int = 0  # new stories that a poll found unannounced, less those announced afterwards
    missed_at: datetime | None = None  # when the last of them were found
    is_push_unexplained: bool = False  # True if the last poll found nothing new although a push had come

    def subscription_of_path(self, path: str) -> Subscription | None:
        return next((each for each in self.subscriptions if each.has_path(path)), None)

    def changed(self, path: str, change: Callable[[Subscription], Subscription | None]) -> OutletPushes:
        """Returns a copy in which the subscription with this path is changed, or removed if ``change`` returns None."""
        changed = (change(each) if each.path == path else each for each in self.subscriptions)
        return replace(self, subscriptions=tuple(each for each in changed if each is not None))

    def has_pending_push(self) -> bool:
        """Returns True if a push has come since the last poll began."""
        return any(_is_after(each.last_push_at, self.read_at) for each in self.subscriptions)

    def is_proved(self, now: datetime) -> bool:
        """Returns True if pushes have announced the last new stories, and polls may therefore become rare."""
        is_active = any(each.is_active(now) for each in self.subscriptions)
        return is_active and self.announced > 0 and not self.missed and not self.is_push_unexplained

    def with_push(self, path: str, now: datetime) -> OutletPushes:
        """Returns the pushes after a valid one has come; it may announce what a poll has found just before."""
        is_late = self.missed_at is not None and now - self.missed_at < LATE_PUSH_TOLERANCE
        counted = replace(self, missed=0, missed_at=None) if is_late else self
        return counted.changed(path, lambda subscription: subscription.pushed(now))

    def with_attempt(self, *, began_at: datetime, rest_until: datetime) -> OutletPushes:
        """Returns the pushes after any poll, also one that failed; to be called before `with_poll`.

        ``rest_until`` is the time before which the outlet's servers must not be asked again.
        """
        pushed_poll_at = began_at if self.has_pending_push() else self.pushed_poll_at
        return replace(self, pushed_poll_at=pushed_poll_at, rest_until=rest_until)

    def earliest_pushed_poll(self, now: datetime) -> datetime:
        """Returns the time at which a push may cause the next poll."""
        after_last = self.pushed_poll_at + MIN_PUSHED_PAUSE if self.pushed_poll_at else now
        return max(now, after_last, self.rest_until or now)

    def with_poll(self, *, read_at: datetime, new_by_source: Mapping[str, int], new_count: int) -> OutletPushes:
        """Returns the pushes after a poll that began at ``read_at`` and read every source.

        ``new_by_source`` has the number of new stories that each source listed, ``new_count`` that of all sources.
        New stories of a source that was pushed since the poll before are announced.  Others are missed, unless no
        subscription was verified when the poll before began, after which they were published.
        """
        pushed = {each.source for each in self.subscriptions if _is_after(each.last_push_at, self.read_at)}
        announced = min(sum(new_by_source.get(source, 0) for source in pushed), new_count)
        could_be_announced = self.read_at is not None and any(
            each.verified_at and each.verified_at < self.read_at and each.is_active(read_at)
            for each in self.subscriptions
        )
        missed = new_count - announced if could_be_announced else 0
        return replace(
            self,
            read_at=read_at,
            announced=self.announced + announced,
            missed=min(max(self.missed - announced, 0) + missed, MAX_COUNTED_STORIES),
            missed_at=read_at if missed else self.missed_at,
            is_push_unexplained=bool(pushed) and not announced,
        )

    def with_sources(self, found: Iterable[tuple[str, str, str]], callback: str, *, now: datetime) -> OutletPushes:
        """Returns the pushes with a subscription for each (source, topic, hub) of ``found``; others are to end.

        A hub that is empty means that the source names none.  Sources whose document was not read this time have the
        topic and hub of their subscription.
        """
        wanted = {source: (topic, hub) for source, topic, hub in found if hub}
        subscriptions: list[Subscription] = []
        for each in self.subscriptions:
            if each.is_ending or each.callback != callback:
                # Pushes of an ending one are still answered until its lease ends; the hub then forgets it.
                if each.lease_until is not None and each.lease_until > now:
                    subscriptions.append(each if each.is_ending else _ending(each, now))
                continue
            is_same = wanted.get(each.source) == (each.topic, each.hub)
            if is_same or (each.source in wanted and now - each.created_at < MIN_AGE_OF_REPLACED):
                subscriptions.append(each)
                wanted.pop(each.source)
            elif each.lease_until is not None or each.expects:
                subscriptions.append(_ending(each, now))
        for source, (topic, hub) in wanted.items():
            if len(subscriptions) < MAX_SUBSCRIPTIONS:
                subscriptions.append(
                    Subscription(
                        source=source,
                        topic=topic,
                        hub=hub,
                        callback=callback,
                        path=outlet_key(self.outlet) + secrets.token_hex(TOKEN_BYTES),
                        secret=secrets.token_hex(32),
                        created_at=now,
                        next_request_at=now,
                    )
                )
        # A new hub has to prove itself.
        return replace(self, subscriptions=tuple(subscriptions), announced=0 if wanted else self.announced)

    def due_requests(self, now: datetime) -> tuple[Subscription, ...]:
        """Returns the subscriptions for which a request is to be sent.

        While stories come unannounced, subscriptions are renewed early: the hub may have forgotten them.
        """

        def is_doubtful(each: Subscription) -> bool:
            is_old = each.requested_at is not None and now - each.requested_at >= MIN_AGE_OF_DOUBTFUL
            return is_old and bool(self.missed) and not each.is_ending

        return tuple(each for each in self.subscriptions if each.next_request_at <= now or is_doubtful(each))

    # ---- stored form

    def to_json(self) -> Json:
        return {**_to_json(self), "subscriptions": [each.to_json() for each in self.subscriptions]}

    @classmethod
    def from_json(cls, data: Json) -> OutletPushes:
        """Reads what `to_json` returns; leaves out subscriptions that it cannot read, which are then requested anew."""
        subscriptions = []
        for each in data.get("subscriptions") or ():
            try:
                subscriptions.append(Subscription.from_json(each))
            except (AttributeError, TypeError, ValueError):
                continue
        values = {**_from_json(cls, data), "subscriptions": tuple(subscriptions)}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class StoredPushes:
    """Reads and changes the push subscriptions in the store.  All methods block and raise StoreError."""

    settings: Settings

    def read(self, key: str) -> OutletPushes | None:
        """Returns the subscriptions of the outlet with this key; None if it never had one."""
        stored = self.settings.setting(KEY_PREFIX + key)
        return OutletPushes.from_json(stored) if stored else None

    def read_all(self) -> list[OutletPushes]:
        return [OutletPushes.from_json(stored) for stored in self.settings.settings(KEY_PREFIX).values()]

    def change(
        self, key: str, change: Callable[[OutletPushes | None], OutletPushes | None]
    ) -> tuple[OutletPushes | None, OutletPushes | None]:
        """Stores what ``change`` returns for the stored subscriptions, None for no change; returns both.

        Repeats that when another process has changed them meanwhile, so ``change`` has no side effects.
        """
        while True:
            stored = self.settings.setting(KEY_PREFIX + key)
            before = OutletPushes.from_json(stored) if stored else None
            after = change(before)
            if after is None or self.settings.compare_and_set(KEY_PREFIX + key, stored, after.to_json()):
                return before, after


def outlet_key(name: str) -> str:
    """Returns the key of an outlet's subscriptions: part of callback URLs, so without the outlet's name."""
    return hashlib.sha256(name.encode()).hexdigest()[:OUTLET_KEY_CHARACTERS]


def _ending(subscription: Subscription, now: datetime) -> Subscription:
    return replace(subscription, is_ending=True, attempts=0, next_request_at=now, error="")


def _is_after(time: datetime | None, earlier: datetime | None) -> bool:
    return time is not None and (earlier is None or time > earlier)


def _to_json(model: Any) -> Json:
    values = {each.name: getattr(model, each.name) for each in fields(model)}
    return {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }


def _from_json(cls: type, data: Json) -> Json:
    """Returns the values of a class's fields; leaves out those of other versions."""
    known: set[str] = {each.name for each in fields(cls)}
    return {
        name: from_rfc3339(value) if name.endswith(("_at", "_until")) else value
        for name, value in data.items()
        if name in known
    }
