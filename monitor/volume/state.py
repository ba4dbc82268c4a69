"""What a volume alert remembers between two looks, in the store's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import Json

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
