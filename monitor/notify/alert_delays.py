"""How long each alert's stories took from publication to the acceptance of their messages, in the store's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.delays import Delays

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.store.protocol import Settings

_KEY_PREFIX = "alert-delays/"  # + name of the alert -> JSON of `Delays`


class AlertDelays:
    """Records the delays of delivered notifications; two processes that record at once may lose some."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def by_alert(self, *, now: datetime) -> dict[str, Delays]:
        """Returns the recorded delays by the name of the alert."""
        stored = self._settings.settings(_KEY_PREFIX)
        return {key.removeprefix(_KEY_PREFIX): Delays.from_json(value, now=now) for key, value in stored.items()}

    def add(self, alert: str, published: Iterable[datetime | None], *, accepted_at: datetime) -> None:
        """Records stories of one message that was accepted, by their times of publication."""
        key = _KEY_PREFIX + alert
        delays = Delays.from_json(self._settings.settings(key).get(key), now=accepted_at)
        self._settings.put_setting(key, delays.with_stories((time, accepted_at) for time in published).to_json())
