"""The claims of a delivery on notifications, which keep other processes from sending the same ones.

If the process is killed, its claimed notifications remain unsent in the outbox.  Another process on the same machine
detects that the holder of the claim died (process_identity.py); processes on other machines wait until the claim
expires.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.process_identity import current_process_identity, is_dead_process

if TYPE_CHECKING:
    from collections.abc import Iterator

# After this time another machine may claim the notifications of a killed process.  Sending one message takes less.
CLAIM_TERM = timedelta(minutes=15)

_running_holders: set[str] = set()  # the claim holders of the deliveries that run in this process


@contextmanager
def claim_holder() -> Iterator[str]:
    """Yields a name under which a delivery claims notifications until the block ends.

    The name is unique per delivery, because several threads of a process may deliver at the same time.
    """
    holder = f"{current_process_identity()}/{uuid.uuid4().hex[:8]}"
    _running_holders.add(holder)
    try:
        yield holder
    finally:
        _running_holders.discard(holder)


def is_abandoned_claim(holder: str) -> bool:
    """Returns True if the claim's holder is a dead process, or a delivery of this process that has ended."""
    process = holder.partition("/")[0]
    return is_dead_process(process) or (process == current_process_identity() and holder not in _running_holders)
