"""The results of a message that a channel sends to each target separately."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import DeliveryRefused, DeliveryUnavailable, DeliveryUnknown
from monitor.notify.channel import Refusals

if TYPE_CHECKING:
    from concurrent.futures import Future


class TargetResults:
    """Collects which targets have received a message, and why the others have not."""

    def __init__(self) -> None:
        self._errors: dict[str, DeliveryUnavailable | DeliveryRefused] = {}
        self._is_accepted = False

    def add(self, target: str, result: Future[None]) -> None:
        """Waits for a target's result, which is a DeliveryError if it has not received the message."""
        try:
            result.result()
        except (DeliveryUnavailable, DeliveryRefused) as error:
            self._errors[target] = error
        else:
            self._is_accepted = True

    def refusals(self) -> Refusals:
        """Returns the targets that have not received the message.

        Raises DeliveryUnavailable if no target can have received it, so that its entries may join later ones.
        """
        errors = self._errors
        is_unsent = all(
            isinstance(error, DeliveryUnavailable) and not isinstance(error, DeliveryUnknown)
            for error in errors.values()
        )
        if errors and is_unsent and not self._is_accepted:
            first = next(iter(errors.values()))
            raise DeliveryUnavailable(first.message, hint=first.hint, retry_after=self._retry_after())
        return Refusals(
            retry_after=self._retry_after(),
            temporarily={t: str(error) for t, error in errors.items() if isinstance(error, DeliveryUnavailable)},
            permanently={t: str(error) for t, error in errors.items() if isinstance(error, DeliveryRefused)},
        )

    def _retry_after(self) -> timedelta:
        waits = [error.retry_after for error in self._errors.values() if isinstance(error, DeliveryUnavailable)]
        return max(waits, default=timedelta())
