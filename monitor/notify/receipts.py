"""Which targets of a message have received it, kept in the store's settings while other targets have not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.store.protocol import Settings

_KEY_PREFIX = "outbox/received/"  # + message id -> {"targets": [the targets that received the message]}


class Receipts:
    """Records the targets that received a message, so that a repeated message goes only to the others."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def by_message(self) -> dict[str, frozenset[str]]:
        """Returns the targets that received each recorded message, by message id."""
        stored = self._settings.settings(_KEY_PREFIX)
        return {key.removeprefix(_KEY_PREFIX): frozenset(value["targets"]) for key, value in stored.items()}

    def add(self, message_id: str, targets: Sequence[str]) -> None:
        """Records further targets of a message.  Repeating the call has no effect."""
        key = _KEY_PREFIX + message_id
        stored = self._settings.settings(key).get(key, {"targets": []})["targets"]
        self._settings.put_setting(key, {"targets": list(dict.fromkeys([*stored, *targets]))})

    def delete(self, message_id: str) -> None:
        """Deletes the record of a message that no target waits for."""
        self._settings.put_setting(_KEY_PREFIX + message_id, None)
