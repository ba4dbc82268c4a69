"""Reports to ``mail.ops``: refused recipients at once; failing outlets when they start to fail, then once a week."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import DeliveryError
from monitor.mail import CHANNEL_NAME, compose
from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import OutletState, Story
    from monitor.notify.channel import Channel, Message
    from monitor.store import Store

FAILURE_CHECK_INTERVAL = timedelta(minutes=10)  # between two searches for failing outlets, over all processes
MIN_FAILING_TIME = timedelta(days=1)  # since an outlet's last successful poll, before a failing outlet is reported
MIN_FAILED_FIRST_POLLS = 5  # in a row, before an outlet without any successful poll is reported
REMINDER_INTERVAL = timedelta(days=7)  # between two reports about the same failing outlet

_LAST_CHECK_KEY = "ops/looked"  # store setting: {"at": time of the last search for failing outlets}
_REPORTED_AT_KEY_PREFIX = "ops/failing/"  # + outlet name -> {"at": time of the last report about the outlet}


class OpsMail:
    """Implements `monitor.notify.OperatorReports` through the e-mail channel."""

    def __init__(self, config: Config, channel: Channel) -> None:
        self._config = config
        self._channel = channel

    channel = CHANNEL_NAME

    def report_refused_targets(
        self, message: Message, stories: Mapping[str, Story], reasons: Mapping[str, str], *, at: datetime
    ) -> list[str]:
        """Reports permanently refused recipients by mail to the ``mail.ops`` addresses that were not refused too.

        ``reasons`` maps each refused recipient to the server's reply.  Returns the errors of sending the report; empty
        if the report was sent, or if there is no address to send it to.
        """
        to = tuple(address for address in self._config.mail.ops if address not in reasons)
        if not to:
            return []
        content = compose.refused_recipients_mail(self._config, message.notifications, stories, reasons, at=at)
        try:
            self._channel.open()
            refusals = self._channel.send(content, targets=to)
        except DeliveryError as error:
            return [f"the mail to mail.ops failed: {error}"]
        failed = refusals.temporarily | refusals.permanently
        return [f"the mail to mail.ops failed: {address}: {reason}" for address, reason in failed.items()]

    def report_failing_outlets(self, store: Store, *, now: datetime) -> str | None:
        """Reports failing outlets by mail to ``mail.ops``: new ones at once, others again after `REMINDER_INTERVAL`.

        Checks at most once per `FAILURE_CHECK_INTERVAL` over all processes.  Returns the error if the mail could not be
        sent, else None.  Raises StoreError.
        """
        if not self._config.mail.ops or not _claim_failure_check(store, now):
            return None
        failing = {state.name: state for state in _failing_outlets(store, self._config, now)}
        reported = {
            key.removeprefix(_REPORTED_AT_KEY_PREFIX): value
            for key, value in store.settings(_REPORTED_AT_KEY_PREFIX).items()
        }
        for name in reported.keys() - failing.keys():
            # The outlet recovered, so its next failure is reported at once.
            store.put_setting(_REPORTED_AT_KEY_PREFIX + name, None)
        to_report = [
            state
            for name, state in failing.items()
            if name not in reported or from_rfc3339(reported[name]["at"]) + REMINDER_INTERVAL <= now
        ]
        if not to_report:
            return None
        reported_before = {state.name: reported[state.name]["at"] for state in to_report if state.name in reported}
        content = compose.failing_outlets_mail(self._config, to_report, reported_before, at=now)
        try:
            self._channel.open()
            self._channel.send(content, targets=self._config.mail.ops)
        except DeliveryError as error:
            return f"the report of failing outlets to mail.ops failed: {error}"
        for state in to_report:
            store.put_setting(_REPORTED_AT_KEY_PREFIX + state.name, {"at": rfc3339(now)})
        return None


def _claim_failure_check(store: Store, now: datetime) -> bool:
    """Claims the next search for failing outlets.  Returns True for exactly one caller per `FAILURE_CHECK_INTERVAL`."""
    last_check = store.settings(_LAST_CHECK_KEY).get(_LAST_CHECK_KEY)
    if last_check and from_rfc3339(last_check["at"]) + FAILURE_CHECK_INTERVAL > now:
        return False
    return store.compare_and_set(_LAST_CHECK_KEY, last_check, {"at": rfc3339(now)})


def _failing_outlets(store: Store, config: Config, now: datetime) -> Iterable[OutletState]:
    """Yields configured outlets that failed for `MIN_FAILING_TIME`, or in `MIN_FAILED_FIRST_POLLS` first polls."""
    configured = {outlet.name for outlet in config.outlets}
    for state in store.outlets():
        if state.name not in configured or not state.failures:
            continue
        never_read = state.last_ok_at is None and state.failures >= MIN_FAILED_FIRST_POLLS
        if never_read or (state.last_ok_at is not None and state.last_ok_at + MIN_FAILING_TIME <= now):
            yield state
