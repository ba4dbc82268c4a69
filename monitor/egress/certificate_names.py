"""Refuses a certificate without readable names: Twisted logs a traceback for it, and then accepts it for any host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service_identity import VerificationError
from service_identity.exceptions import CertificateError
from service_identity.pyopenssl import extract_patterns
from twisted.internet import _sslverify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from OpenSSL.crypto import X509
    from service_identity.hazmat import CertificatePattern

NO_NAME_MESSAGE = "no subjectAltName"


class NamesRefused(VerificationError):
    """A certificate has no name that a host could be compared with."""

    def __init__(self, message: str) -> None:
        super().__init__(errors=[])
        self.message = message

    def __str__(self) -> str:
        return f"VerificationError: {self.message}"


def install() -> None:
    """Makes all verified connections of Twisted refuse such certificates."""
    _sslverify.extract_patterns = _certificate_names  # type: ignore[assignment, attr-defined]  # no parameter chooses it


def _certificate_names(certificate: X509) -> Sequence[CertificatePattern]:
    """Returns the names of a certificate.  Raises NamesRefused, which ends the connection, if it has none."""
    try:
        names = extract_patterns(certificate)
    except (CertificateError, ValueError) as error:
        raise NamesRefused(f"unreadable subjectAltName: {error}") from error
    if not names:
        raise NamesRefused(NO_NAME_MESSAGE)
    return names
