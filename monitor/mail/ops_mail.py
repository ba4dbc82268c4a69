"""Reports to ``mail.ops``: refused targets at once; failing outlets when they start to fail, then once a week;
suspect outlets when a new suspicion arises."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import DeliveryError
from monitor.mail import CHANNEL_NAME, ops_reports
from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import OutletState, Story
    from monitor.notify.channel import Channel, Message
    from monitor.store import Store

FAILURE_CHECK_INTERVAL = timedelta(minutes=10)  # between two searches for failing outlets, over all processes
MIN_CHECK_PAUSE = timedelta(minutes=1)  # for which a process does not read the time of the last search again
MIN_FAILING_TIME = timedelta(days=1)  # since an outlet's last successful poll, before a failing outlet is reported
MIN_FAILED_FIRST_POLLS = 5  # in a row, before an outlet without any successful poll is reported
REMINDER_INTERVAL = timedelta(days=7)  # between two reports about the same failing outlet
MIN_RECURRENCE = timedelta(days=1)  # between two reports of a suspicion that comes and goes

_LAST_CHECK_KEY = "ops/looked"  # store setting: {"at": time of the last search for failing outlets}
_REPORTED_AT_KEY_PREFIX = "ops/failing/"  # + outlet name -> {"at": time of the last report about the outlet}
# + outlet name -> {"kinds": {kind that was reported and still holds, or was reported lately: time of the report}}
_REPORTED_SUSPICIONS_KEY_PREFIX = "ops/suspect/"


class OpsMail:
    """Implements `monitor.notify.channel.OperatorReports` through the e-mail channel."""

    def __init__(self, config: Config, channel: Channel) -> None:
        self._config = config
        self._channel = channel
        self._checked_at: datetime | None = None  # when this process last asked whether a check is due

    channel = CHANNEL_NAME

    def report_refused_targets(
        self,
        message: Message,
        stories: Mapping[str, Story],
        reasons: Mapping[str, str],
        *,
        channel: Channel,
        at: datetime,
    ) -> list[str]:
        """Reports permanently refused targets by mail to the ``mail.ops`` addresses that were not refused too.

        ``reasons`` maps each refused target of the message's channel to the server's reply.  Returns the errors of
        sending the report; empty if the report was sent, or if there is no address to send it to.
        """
        to = tuple(address for address in self._config.mail.ops if address not in reasons)
        if not to:
            return []
        replies = [(channel.describe(target), reason) for target, reason in reasons.items()]
        content = ops_reports.refused_targets_mail(self._config, message, stories, replies, at=at)
        try:
            self._channel.open()
            refusals = self._channel.send(content, targets=to)
        except DeliveryError as error:
            return [f"the mail to mail.ops failed: {error}"]
        failed = refusals.temporarily | refusals.permanently
        return [f"the mail to mail.ops failed: {address}: {reason}" for address, reason in failed.items()]

    def report_unhealthy_outlets(self, store: Store, *, now: datetime) -> list[str]:
        """Reports failing and suspect outlets by mail to ``mail.ops``.

        Checks at most once per `FAILURE_CHECK_INTERVAL` over all processes.  Returns the errors of the mails that could
        not be sent.  Raises StoreError.
        """
        is_checked = self._checked_at is not None and timedelta() <= now - self._checked_at < MIN_CHECK_PAUSE
        if not self._config.mail.ops or is_checked:
            return []
        self._checked_at = now
        if not _claim_failure_check(store, now):
            return []
        configured = {outlet.name for outlet in self._config.outlets}
        states = [state for state in store.outlets() if state.name in configured]
        errors = [self._report_failing_outlets(store, states, now), self._report_suspect_outlets(store, states, now)]
        return [error for error in errors if error]

    def _report_failing_outlets(self, store: Store, states: Sequence[OutletState], now: datetime) -> str:
        """Reports failing outlets: new ones at once, others again after `REMINDER_INTERVAL`.

        Returns the error if the mail could not be sent, else "".
        """
        failing = {state.name: state for state in states if _has_failed_long(state, now)}
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
            return ""
        reported_before = {state.name: reported[state.name]["at"] for state in to_report if state.name in reported}
        content = ops_reports.failing_outlets_mail(self._config, to_report, reported_before, at=now)
        if error := self._send_report(content):
            return f"the report of failing outlets to mail.ops failed: {error}"
        for state in to_report:
            store.put_setting(_REPORTED_AT_KEY_PREFIX + state.name, {"at": rfc3339(now)})
        return ""

    def _report_suspect_outlets(self, store: Store, states: Sequence[OutletState], now: datetime) -> str:
        """Reports outlets with a kind of suspicion that the last report about them did not have.

        A kind that ends and arises again within `MIN_RECURRENCE` of its report is not reported again.  Returns the
        error if the mail could not be sent, else "".
        """
        prefix = _REPORTED_SUSPICIONS_KEY_PREFIX
        reported = {key.removeprefix(prefix): value["kinds"] for key, value in store.settings(prefix).items()}
        current = {state.name: state.memory.suspicions for state in states}
        for name, kinds in reported.items():
            kept = {
                kind: at
                for kind, at in kinds.items()
                if kind in current.get(name, ()) or from_rfc3339(at) + MIN_RECURRENCE > now
            }
            if kept != kinds:
                store.put_setting(prefix + name, {"kinds": kept} if kept else None)
                reported[name] = kept
        to_report = [state for state in states if current[state.name].keys() - reported.get(state.name, {}).keys()]
        if not to_report:
            return ""
        if error := self._send_report(ops_reports.suspect_outlets_mail(self._config, to_report, at=now)):
            return f"the report of suspect outlets to mail.ops failed: {error}"
        for state in to_report:
            new = dict.fromkeys(current[state.name], rfc3339(now))
            store.put_setting(prefix + state.name, {"kinds": new | reported.get(state.name, {})})
        return ""

    def _send_report(self, content: bytes) -> str:
        """Sends a mail to ``mail.ops``.  Returns the error if it could not be sent, else ""."""
        try:
            self._channel.open()
            self._channel.send(content, targets=self._config.mail.ops)
        except DeliveryError as error:
            return str(error) or repr(error)
        return ""


def _claim_failure_check(store: Store, now: datetime) -> bool:
    """Claims the next search for failing outlets.  Returns True for exactly one caller per `FAILURE_CHECK_INTERVAL`."""
    last_check = store.setting(_LAST_CHECK_KEY)
    if last_check and from_rfc3339(last_check["at"]) + FAILURE_CHECK_INTERVAL > now:
        return False
    return store.compare_and_set(_LAST_CHECK_KEY, last_check, {"at": rfc3339(now)})


def _has_failed_long(state: OutletState, now: datetime) -> bool:
    """Returns True if the outlet has failed for `MIN_FAILING_TIME`, or in all of `MIN_FAILED_FIRST_POLLS` polls."""
    if state.last_ok_at is None:
        return state.failures >= MIN_FAILED_FIRST_POLLS
    return state.failures > 0 and state.last_ok_at + MIN_FAILING_TIME <= now
