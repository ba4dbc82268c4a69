"""Computes how long an outlet whose stories hubs push may wait for its next poll.  No I/O."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.crawl.websub.state import MIN_PUSHED_PAUSE

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.crawl.websub.state import OutletPushes

MAX_PUSHED_PAUSE = timedelta(hours=4)  # between two polls of an outlet whose pushes have announced its last stories


def pause_with_pushes(
    planned: timedelta,
    pushes: OutletPushes,
    *,
    now: datetime,
    every: timedelta | None = None,
    time_until_retry: timedelta | None = None,
    spread: float = 1.0,
) -> timedelta:
    """Returns the pause after a poll that read every source; ``planned`` is the pause of an outlet without hubs.

    ``every``, the configured upper bound, and the time until a failed page is fetched again still hold.  ``spread``
    shortens the long pause, so that outlets do not wait in step.
    """
    pause = planned
    active = [each for each in pushes.subscriptions if each.is_active(now)]
    if pushes.is_proved(now):
        pause = max(pause, min(every or MAX_PUSHED_PAUSE, MAX_PUSHED_PAUSE) * spread)
        lease_end = min(each.lease_until for each in active if each.lease_until)
        pause = min(pause, max(lease_end - now, planned))
        if time_until_retry is not None:
            pause = min(pause, max(time_until_retry, planned))
    if pushes.has_pending_push():
        pause = min(pause, MIN_PUSHED_PAUSE)
    # The next poll renews the subscription.  A renewal that failed is left to the polls that come anyway.
    renewals = [each.next_request_at for each in active if not each.attempts]
    if renewals:
        pause = min(pause, max(min(renewals) - now, MIN_PUSHED_PAUSE))
    return pause
