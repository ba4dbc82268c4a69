"""Signatures of the Standard Webhooks specification: HMAC-SHA256 over id, time stamp and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

SECRET_PREFIX = "whsec_"  # noqa: S105  begins a secret, is none; the rest is base64
MIN_SECRET_BYTES = 16


def secret_key(secret: str) -> bytes:
    """Returns the key of a secret: ``whsec_`` and base64, or any other text as it is.

    Raises ValueError, without the secret, if it is shorter than `MIN_SECRET_BYTES` or not base64.
    """
    if secret.startswith(SECRET_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(f"what follows {SECRET_PREFIX} is not base64") from None
    else:
        key = secret.encode()
    if len(key) < MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes; `openssl rand -hex 32` makes one")
    return key


def signature(key: bytes, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Returns the value of the header ``webhook-signature``; ``timestamp`` is in seconds since 1970."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
