"""Detects that the server or login of a channel has changed, without storing them."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.store.protocol import Settings

_KEY_PREFIX = "delivery/server/"  # + channel -> {"salt": hex, "hash": hex} of the channel's server and login
_SCRYPT_COST = 2**14  # the settings contain a password, whose hash must be slow to compute: about 50 ms


def record_change(settings: Settings, channel: str, server_settings: str) -> bool:
    """Stores a salted hash of a channel's settings.  Returns True if the store had another one before."""
    key = _KEY_PREFIX + channel
    stored = settings.settings(key).get(key)
    if stored and _hash(server_settings, stored["salt"]) == stored["hash"]:
        return False
    salt = secrets.token_hex(16)
    settings.put_setting(key, {"salt": salt, "hash": _hash(server_settings, salt)})
    return stored is not None


def _hash(text: str, salt: str) -> str:
    return hashlib.scrypt(text.encode(), salt=bytes.fromhex(salt), n=_SCRYPT_COST, r=8, p=1).hex()
