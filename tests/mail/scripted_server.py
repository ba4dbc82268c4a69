"""A mail server that speaks as a test scripts it, for replies that a correct server never sends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

#: The bytes to send, or a function that uses the connection itself; the connection is closed if it returns True.
Reply: TypeAlias = bytes | Callable[[socket.socket], bool]

DEFAULT_REPLIES: dict[str, Reply] = {
    "connect": b"220 hello\r\n",
    "EHLO": b"250 hello\r\n",
    "MAIL": b"250 ok\r\n",
    "RCPT": b"250 ok\r\n",
    "DATA": b"354 go\r\n",
    "content": b"250 kept\r\n",
    "RSET": b"250 ok\r\n",
    "NOOP": b"250 ok\r\n",
    "QUIT": b"221 bye\r\n",
}


@dataclass
class ScriptedServer:
    """Replies by the first word of each command, "connect" for the greeting and "content" after the mail."""

    port: int
    replies: dict[str, Reply] = field(default_factory=lambda: dict(DEFAULT_REPLIES))
    mails: list[bytes] = field(default_factory=list)  # all contents that arrived completely
    commands: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(mail, policy=policy.default) for mail in self.mails]

    def serve(self, connection: socket.socket) -> None:
        self.connections += 1
        with connection, suppress(OSError), connection.makefile("rb") as lines:
            if self._reply(connection, "connect"):
                return
            while line := lines.readline():
                word = line.split()[0].decode().upper()
                self.commands.append(line.decode().strip())
                if self._reply(connection, word) or word == "QUIT":
                    return
                if word == "DATA" and self.replies["DATA"] == DEFAULT_REPLIES["DATA"]:
                    content = []
                    while (part := lines.readline()) != b".\r\n":
                        if not part:
                            return
                        content.append(part)
                    self.mails.append(b"".join(content))
                    if self._reply(connection, "content"):
                        return

    def _reply(self, connection: socket.socket, event: str) -> bool:
        reply = self.replies.get(event, b"502 no such command\r\n")
        if callable(reply):
            return reply(connection)
        connection.sendall(reply)
        return False


def drop(_connection: socket.socket) -> bool:
    """Closes the connection without a reply."""
    return True


def endless(line: bytes, *, pause: float = 0.01, seconds: float = 60.0) -> Callable[[socket.socket], bool]:
    """Sends a line again and again."""

    def reply(connection: socket.socket) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection.sendall(line)
            time.sleep(pause)
        return True

    return reply


def after(released: threading.Event, reply: bytes) -> Callable[[socket.socket], bool]:
    """Sends a reply when the event is set, after a minute at most."""

    def reply_later(connection: socket.socket) -> bool:
        released.wait(60)
        connection.sendall(reply)
        return False

    return reply_later


@contextmanager
def scripted_server(*, host: str = "127.0.0.1", port: int = 0, **replies: Reply) -> Iterator[ScriptedServer]:
    """Runs a server in a thread, each of its connections in another."""
    with socket.create_server((host, port)) as listener:
        server = ScriptedServer(listener.getsockname()[1])
        server.replies |= replies

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
