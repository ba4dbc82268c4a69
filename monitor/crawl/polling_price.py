"""The price of a request in this process: computed from the rates of all outlets, again every hour."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from monitor.polling.budget import PollDemand, request_price
from monitor.polling.publishing_rate import mean_rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config import Config, Outlet
    from monitor.models import OutletState
    from monitor.service import Service

REFRESH_SECONDS = 3600.0


class PollingPrice:
    """The price at which the polls of all configured outlets fit ``crawl.budget``, in story minutes."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._refreshed_at: float | None = None
        self.value = price_of_polls(config, {})

    async def refresh_if_due(self, service: Service) -> None:
        """Computes the price anew if it is older than REFRESH_SECONDS.  Raises StoreError."""
        if self._refreshed_at is None or monotonic() - self._refreshed_at > REFRESH_SECONDS:
            self._refreshed_at = monotonic()
            states = await service.call(service.store.outlets)
            self.value = price_of_polls(self._config, {state.name: state for state in states})


def price_of_polls(config: Config, states: Mapping[str, OutletState]) -> float:
    """Returns the price of a request in story minutes; ``states`` maps names of outlets that were polled before."""
    demands = [_demand(outlet, states.get(outlet.name)) for outlet in config.outlets]
    return request_price(config.crawl.budget, demands)


def _demand(outlet: Outlet, state: OutletState | None) -> PollDemand:
    rate, root = mean_rates(state.memory.publishing if state else None)
    request_count = len(state.sources) if state else 1
    return PollDemand.of_means(rate, root, request_count=request_count, every=outlet.every)
