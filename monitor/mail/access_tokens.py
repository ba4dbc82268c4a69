"""Access tokens of OAuth 2, with which mail servers of large providers take logins in place of passwords.

A token is valid for about an hour, so it is read again for each login: from a file that another program renews, or from
a command that prints it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import DeliveryUnavailable

COMMAND_TIMEOUT_SECONDS = 30.0
MAX_TOKEN_BYTES = 100_000
_TOKEN_PATTERN = re.compile(r"[!-~]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenSource:
    """Where access tokens come from: a file or a command."""

    file: str | None = None
    command: str | None = None

    def read(self) -> str:
        """Returns a token.  Blocks up to `COMMAND_TIMEOUT_SECONDS`.  Raises DeliveryUnavailable without the token."""
        token = self._of_file(self.file) if self.file else _of_command(self.command or "")
        if not _TOKEN_PATTERN.fullmatch(token):
            source = "mail.token_file" if self.file else "mail.token_command"
            raise DeliveryUnavailable(f"{source} has no token", hint="it must be one line of ASCII without spaces")
        return token

    @staticmethod
    def _of_file(name: str) -> str:
        try:
            with Path(name).open("rb") as file:
                return file.read(MAX_TOKEN_BYTES).decode("ascii", "replace").strip()
        except OSError as error:
            raise DeliveryUnavailable(f"mail.token_file: {name} cannot be read: {error.strerror}") from None


def _of_command(command: str) -> str:
    """Returns what a command prints; it is run without a shell."""
    try:
        completed = subprocess.run(  # noqa: S603  the operator's own command
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"mail.token_command takes more than {COMMAND_TIMEOUT_SECONDS:.0f} seconds"
        raise DeliveryUnavailable(message, hint="it must not ask for anything") from None
    except (OSError, ValueError) as error:
        raise DeliveryUnavailable(f"mail.token_command cannot be run: {error}") from None
    if completed.returncode:
        lines = completed.stderr.decode("utf-8", "replace").strip().splitlines()
        said = f": {lines[-1][:200]}" if lines else ""
        raise DeliveryUnavailable(f"mail.token_command ends with status {completed.returncode}{said}")
    return completed.stdout[:MAX_TOKEN_BYTES].decode("ascii", "replace").strip()
