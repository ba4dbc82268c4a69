"""Who runs the monitor is told of outlets that have failed for long: when it begins, and once a week while it lasts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import MailError
from monitor.mail import compose
from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.config import Config
    from monitor.mail.smtp import Connection
    from monitor.models import OutletState
    from monitor.store import Store

CHECK_INTERVAL = timedelta(minutes=10)
MIN_FAILING_TIME = timedelta(days=1)  # without a success
MIN_FAILED_FIRST_POLLS = 5  # failures of an outlet that never succeeded
REMINDER_INTERVAL = timedelta(days=7)

_CHECKED = "ops/looked"
_REPORTED = "ops/failing/"  # and the outlet's name


def report_failing_outlets(store: Store, config: Config, connection: Connection, *, now: datetime) -> str | None:
    """Looks now and then, whichever process comes first, and mails what is new.  Returns why it could not, if so."""
    if not config.mail.ops or not _claim_check(store, now):
        return None
    failing = {state.name: state for state in _failing(store, config, now)}
    told = {key.removeprefix(_REPORTED): value for key, value in store.settings(_REPORTED).items()}
    for name in told.keys() - failing.keys():
        store.put_setting(_REPORTED + name, None)  # it came back; the next time is news again
    fresh = [
        state
        for name, state in failing.items()
        if name not in told or from_rfc3339(told[name]["at"]) + REMINDER_INTERVAL <= now
    ]
    if not fresh:
        return None
    before = {state.name: told[state.name]["at"] for state in fresh if state.name in told}
    message = compose.failing_outlets_mail(config, fresh, before, at=now)
    try:
        connection.open()
        connection.send(message, sender=compose.box(config.mail.sender), to=config.mail.ops)
    except MailError as error:
        return f"mail.ops could not be told of failing outlets: {error}"
    for state in fresh:
        store.put_setting(_REPORTED + state.name, {"at": rfc3339(now)})
    return None


def _claim_check(store: Store, now: datetime) -> bool:
    """Whether nobody has looked for a while; from now on somebody has.  Of several who ask at once, one is told so."""
    looked = store.settings(_CHECKED).get(_CHECKED)
    if looked and from_rfc3339(looked["at"]) + CHECK_INTERVAL > now:
        return False
    return store.compare_and_set(_CHECKED, looked, {"at": rfc3339(now)})


def _failing(store: Store, config: Config, now: datetime) -> Iterable[OutletState]:
    configured = {outlet.name for outlet in config.outlets}
    for state in store.outlets():
        if state.name not in configured or not state.failures:
            continue
        never = state.last_ok_at is None and state.failures >= MIN_FAILED_FIRST_POLLS
        if never or (state.last_ok_at is not None and state.last_ok_at + MIN_FAILING_TIME <= now):
            yield state
