"""The settings of a store in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.models import Json
    from monitor.store.memory.state import MemoryState


class Settings:
    """Keeps small JSON documents by key; implements `monitor.store.protocol.Settings`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def put_setting(self, key: str, value: Json | None) -> None:
        with self._state.lock:
            if value is None:
                self._state.settings.pop(key, None)
            else:
                self._state.settings[key] = json.dumps(value)

    def compare_and_set(self, key: str, old: Json | None, new: Json) -> bool:
        with self._state.lock:
            if json.loads(self._state.settings.get(key, "null")) != old:
                return False
            self._state.settings[key] = json.dumps(new)
            return True

    def setting(self, key: str) -> Json | None:
        with self._state.lock:
            value: Json | None = json.loads(self._state.settings.get(key, "null"))
        return value

    def settings(self, prefix: str = "") -> dict[str, Json]:
        with self._state.lock:
            selected = sorted(item for item in self._state.settings.items() if item[0].startswith(prefix))
        return {key: json.loads(value) for key, value in selected}
