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


def install() -> None:
    """Makes all verified connections of Twisted refuse such certificates."""
    _sslverify.extract_patterns = _certificate_names  # type: ignore[attr-defined]  # no parameter chooses it


def _certificate_names(certificate: X509) -> Sequence[CertificatePattern]:
    """Returns the names of a certificate.  Raises VerificationError, which ends the connection, if it has none."""
    try:
        names = extract_patterns(certificate)
    except (CertificateError, ValueError) as error:
        raise VerificationError(errors=[f"unreadable subjectAltName: {error}"]) from error
    if not names:
        raise VerificationError(errors=[NO_NAME_MESSAGE])
    return names
