"""Certificates that sign themselves, for servers of the tests."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(directory: Path, host: str = "127.0.0.1") -> Path:
    """A file with the certificate for an address or a name, and its key, made in ``directory``."""
    name = f"IP:{host}" if host[0].isdigit() else f"DNS:{host}"
    pem = directory / f"{host}.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(pem)]
    line = ["openssl", "req", "-x509", "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={name}", *key]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    with pem.open("a") as file:
        file.write(done.stdout)
    return pem


def context(pem: Path) -> ssl.SSLContext:
    """What a server speaks TLS with that has the certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    return made
