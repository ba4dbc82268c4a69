"""Tokens with which feed readers fetch the feeds of one user.

A token is a random secret of 256 bits; the store keeps only its SHA-256 hash, which is as hard to invert for such a
secret as a slow hash is for a password.  A user has one token; a new one replaces it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.store.protocol import Settings

_KEY_PREFIX = "feeds/token/"  # + user -> {"hash": SHA-256 of the token, "made_at": time}
_NO_HASH = hashlib.sha256(secrets.token_bytes(32)).hexdigest()  # compared with if a user has no token


def make_token(store: Settings, user: str, *, at: datetime) -> str:
    """Returns a new token of the user, in place of the one before; it cannot be read again."""
    token = secrets.token_urlsafe(32)
    store.put_setting(f"{_KEY_PREFIX}{user}", {"hash": _hash(token), "made_at": rfc3339(at)})
    return token


def revoke_token(store: Settings, user: str) -> bool:
    """Ends the user's token at once; returns False if there is none."""
    has_token = token_made_at(store, user) is not None
    store.put_setting(f"{_KEY_PREFIX}{user}", None)
    return has_token


def token_made_at(store: Settings, user: str) -> datetime | None:
    """Returns when the user's token was made; None if there is none."""
    stored = store.setting(f"{_KEY_PREFIX}{user}")
    return from_rfc3339(stored["made_at"]) if stored else None


def is_token_of(store: Settings, user: str, token: str) -> bool:
    """Returns True if this is the user's token.  The comparison takes as long for any token."""
    stored = store.setting(f"{_KEY_PREFIX}{user}")
    is_same = hmac.compare_digest(_hash(token), stored["hash"] if stored else _NO_HASH)
    return is_same and stored is not None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
