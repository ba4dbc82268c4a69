"""Self-signed certificates for servers of the tests."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(directory: Path, host: str = "127.0.0.1") -> Path:
    """Creates a PEM file with the certificate of an address or a name and its key, and returns its path."""
    name = f"IP:{host}" if host[0].isdigit() else f"DNS:{host}"
    return _make(directory / f"{host}.pem", "/CN=test", "-addext", f"subjectAltName={name}")


def make_without_names(directory: Path, host: str = "127.0.0.1") -> Path:
    """Creates a PEM file as `make` does, whose certificate has the host as common name, and no subjectAltName."""
    return _make(directory / f"{host}.pem", f"/CN={host}")


def _make(pem: Path, subject: str, *extensions: str) -> Path:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(pem)]
    command = ["openssl", "req", "-x509", "-days", "2", "-subj", subject, *extensions, *key]
    completed = subprocess.run(command, check=True, capture_output=True, text=True)
    with pem.open("a") as file:
        file.write(completed.stdout)
    return pem


def context(pem: Path) -> ssl.SSLContext:
    """Returns the TLS context of a server with that certificate."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(pem)
    return server_context
