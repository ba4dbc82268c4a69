"""Decides when a number of stories is a spike or a flatline; benchmarks/volume_alerts.py measures its false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from monitor.volume.habit import usual_count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VolumeKind: TypeAlias = Literal["spike", "flatline"]

MAX_PROBABILITY = 1e-5  # of a number that begins an episode
END_PROBABILITY = 0.01  # an episode ends with a number that is more likely than this
MIN_SPIKE_STORIES = 5
MIN_SPIKE_RATIO = 2.0  # to the mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """The number of stories in the last hours beside the usual one."""

    count: int
    mean: float
    probability: float  # of the number or one further from the mean

    def is_unusual(self, kind: VolumeKind) -> bool:
        """Returns True if an episode begins with this number."""
        if kind == "spike" and (self.count < MIN_SPIKE_STORIES or self.count < MIN_SPIKE_RATIO * self.mean):
            return False
        return self.probability < MAX_PROBABILITY

    @property
    def is_usual(self) -> bool:
        """True if an episode ends with this number."""
        return self.probability > END_PROBABILITY


def measure(hourly: NDArray[np.int64], *, kind: VolumeKind, window: int) -> Measurement | None:
    """Returns how unusual the last ``window`` hours are; None while there is no habit to compare them with."""
    usual = usual_count(hourly, window=window)
    if usual is None:
        return None
    count = int(hourly[-window:].sum())
    tail = usual.probability_of_at_least(count) if kind == "spike" else usual.probability_of_at_most(count)
    return Measurement(count=count, mean=usual.mean, probability=tail)
