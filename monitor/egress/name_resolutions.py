"""Tells an outage of the monitor's own network from a host name that does not exist."""

from __future__ import annotations

import ipaddress

MIN_FAILED_NAMES = 3  # different names that must fail in a row, or all names if the process has asked for fewer
MAX_REMEMBERED_NAMES = 10_000


class NameResolutions:
    """The host names that the process has resolved, and those that failed since the last success."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._failed_names: set[str] = set()

    @property
    def are_all_failing(self) -> bool:
        """True if no name can be resolved any more: the network is probably down."""
        return len(self._failed_names) >= min(MIN_FAILED_NAMES, max(len(self._names), 1))

    def record(self, name: str, *, has_address: bool) -> None:
        """Counts one resolution.  An IP address and localhost, which need no network, are ignored."""
        if name == "localhost" or _is_ip_address(name):
            return
        if len(self._names) >= MAX_REMEMBERED_NAMES:
            self._names.clear()
        self._names.add(name)
        if has_address:
            self._failed_names.clear()
        else:
            self._failed_names.add(name)


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


#: The resolutions of this process; `monitor.egress.resolver` records them.
name_resolutions = NameResolutions()
