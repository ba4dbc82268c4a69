"""What a volume alert remembers between two looks, in the store's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from monitor.models import from_rfc3339, rfc3339
from monitor.notify.delivery_times import local_time_text
from monitor.volume.habit import HOURS_A_WEEK, LEARNING_WEEKS

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import Json
    from monitor.store.protocol import Settings

LEARNING_TIME = timedelta(hours=LEARNING_WEEKS * HOURS_A_WEEK)
KEY_PREFIX = "volume-alert/"  # + name of the alert -> JSON of `VolumeState`


@dataclass(frozen=True, kw_only=True, slots=True)
class VolumeState:
    """The state of one volume alert; it begins anew when the alert's query changes."""

    query: str
    since: datetime  # when the query was first watched
    seed: dict[datetime, int] = field(default_factory=dict)  # stories by hour before `since`
    seed_since: datetime | None = None  # the first hour of the seed
    looked_until: datetime  # of a spike or flatline the end of the last window, of a first_seen the last look
    is_active: bool = False  # an episode has been told and goes on
    seen_stories: tuple[str, ...] = ()  # of the last look of a first_seen, which overlaps with the next

    @classmethod
    def of(cls, settings: Settings, alert: str) -> Self | None:
        """Returns the state of an alert; None before its first look."""
        stored = settings.setting(KEY_PREFIX + alert)
        return cls.from_json(stored) if stored else None

    def is_learning(self, at: datetime) -> bool:
        """Returns True while the alert has too little habit to find anything."""
        return at < self.habit_since

    @property
    def habit_since(self) -> datetime:
        """The time from which there is enough habit."""
        return (self.seed_since or self.since) + LEARNING_TIME

    def to_json(self) -> Json:
        return {
            "query": self.query,
            "since": rfc3339(self.since),
            "seed": {rfc3339(hour): count for hour, count in self.seed.items()},
            "seed_since": self.seed_since and rfc3339(self.seed_since),
            "looked_until": rfc3339(self.looked_until),
            "is_active": self.is_active,
            "seen_stories": [*self.seen_stories],
        }

    @classmethod
    def from_json(cls, data: Json) -> Self:
        return cls(
            query=data["query"],
            since=from_rfc3339(data["since"]),
            seed={from_rfc3339(hour): count for hour, count in data["seed"].items()},
            seed_since=from_rfc3339(data["seed_since"]) if data["seed_since"] else None,
            looked_until=from_rfc3339(data["looked_until"]),
            is_active=data["is_active"],
            seen_stories=tuple(data["seen_stories"]),
        )


def habit_text(state: VolumeState, timezone: str, *, at: datetime) -> str:
    """Returns a line about the habit of a volume alert."""
    looked = f"last look {local_time_text(state.looked_until, timezone)}"
    if state.is_learning(at):
        return f"learning until {local_time_text(state.habit_since, timezone)}; {looked}"
    return f"{'unusual now, told already' if state.is_active else 'known'}; {looked}"
