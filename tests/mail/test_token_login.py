"""Mail servers take an access token of OAuth 2 in place of a password."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mail.scripted_server import ScriptedServer, scripted_server
from monitor.config import load
from monitor.errors import ConfigError, DeliveryRefused, DeliveryUnavailable
from monitor.mail.access_tokens import TokenSource
from monitor.mail.channel import EmailChannel, token_source
from monitor.mail.mail_url import MailServer
from monitor.mail.smtp import SmtpConnection

if TYPE_CHECKING:
    import socket
    from pathlib import Path

REFUSAL = json.dumps({"status": "401", "schemes": "bearer", "scope": "https://mail.example/"}).encode()


def server(offered: str, *, takes: str | None = "ya29.token") -> Any:
    """Returns a scripted server that offers these mechanisms and takes this token."""

    def authenticate(connection: socket.socket) -> bool:
        given = base64.b64decode(commands[-1].split()[2]).decode()
        if takes is not None and f"auth=Bearer {takes}\x01" in given:
            connection.sendall(b"235 welcome\r\n")
            return False
        connection.sendall(b"334 " + base64.b64encode(REFUSAL) + b"\r\n")
        connection.recv(100)  # the client ends the exchange
        connection.sendall(b"535 5.7.8 not accepted\r\n")
        return False

    context = scripted_server(EHLO=f"250-hello\r\n250 AUTH {offered}\r\n".encode(), AUTH=authenticate)
    scripted: ScriptedServer = context.__enter__()
    commands = scripted.commands
    return context, scripted


def connect(port: int, tokens: TokenSource | None, *, password: str = "") -> None:
    address = MailServer(host="127.0.0.1", port=port, user="desk@mail.example", password=password, starttls="never")
    with SmtpConnection(address, timeout=5, tokens=tokens) as connection:
        connection.open()


def token_file(folder: Path, text: str = "ya29.token\n") -> TokenSource:
    (folder / "token").write_text(text)
    return TokenSource(file=str(folder / "token"))


@pytest.mark.parametrize(
    ("offered", "first_line"),
    [
        ("LOGIN PLAIN XOAUTH2 OAUTHBEARER", "n,a=desk@mail.example,\x01host=127.0.0.1\x01port={port}\x01"),
        ("LOGIN PLAIN XOAUTH2", "user=desk@mail.example\x01"),
    ],
)
def test_the_token_is_sent_in_the_form_that_the_server_offers(offered: str, first_line: str, tmp_path: Path) -> None:
    context, scripted = server(offered)
    try:
        connect(scripted.port, token_file(tmp_path))
    finally:
        context.__exit__(None, None, None)
    _, mechanism, message = next(line for line in scripted.commands if line.startswith("AUTH")).split()
    assert mechanism == ("OAUTHBEARER" if "OAUTHBEARER" in offered else "XOAUTH2")
    expected = first_line.format(port=scripted.port) + "auth=Bearer ya29.token\x01\x01"
    assert base64.b64decode(message).decode() == expected


def test_the_token_is_read_again_for_each_login(tmp_path: Path) -> None:
    context, scripted = server("XOAUTH2", takes="second")
    try:
        with pytest.raises(DeliveryRefused) as caught:
            connect(scripted.port, token_file(tmp_path, "first"))
        connect(scripted.port, token_file(tmp_path, "second"))
    finally:
        context.__exit__(None, None, None)
    assert str(caught.value) == (
        f"smtp://127.0.0.1:{scripted.port} refuses the access token of desk@mail.example: 535 5.7.8 not accepted "
        "(status 401) (the token is of another account, has expired, or lacks the right to send mail)"
    )
    assert "first" not in str(caught.value)


@pytest.mark.parametrize(
    ("offered", "has_token", "error"),
    [
        (
            "LOGIN PLAIN",
            True,
            "offers the login LOGIN, PLAIN, not OAUTHBEARER or XOAUTH2 (write a password in mail.url, without a token)",
        ),
        (
            "XOAUTH2",
            False,
            "offers the login XOAUTH2, not CRAM-MD5, PLAIN or LOGIN "
            "(it takes access tokens only: write mail.token_file or mail.token_command)",
        ),
        ("GSSAPI", False, "offers the login GSSAPI, not CRAM-MD5, PLAIN or LOGIN"),
    ],
)
def test_a_mechanism_that_the_server_lacks_is_named(offered: str, has_token: bool, error: str, tmp_path: Path) -> None:
    context, scripted = server(offered)
    try:
        with pytest.raises(DeliveryRefused) as caught:
            connect(scripted.port, token_file(tmp_path) if has_token else None, password="" if has_token else "secret")
    finally:
        context.__exit__(None, None, None)
    assert str(caught.value) == f"smtp://127.0.0.1:{scripted.port} {error}"


def test_a_command_prints_the_token() -> None:
    assert TokenSource(command=f"{sys.executable} -c 'print(\"ya29.token\")'").read() == "ya29.token"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import sys; sys.exit('no account')", "mail.token_command ends with status 1: no account"),
        ("print()", "mail.token_command has no token (it must be one line of ASCII without spaces)"),
        ("print('a b')", "mail.token_command has no token (it must be one line of ASCII without spaces)"),
        ("import time; time.sleep(9)", "mail.token_command takes more than 0 seconds (it must not ask for anything)"),
    ],
)
def test_a_command_that_fails_is_named(code: str, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "sleep" in code:
        monkeypatch.setattr("monitor.mail.access_tokens.COMMAND_TIMEOUT_SECONDS", 0.3)
    with pytest.raises(DeliveryUnavailable) as caught:
        TokenSource(command=f'{sys.executable} -c "{code}"').read()
    assert str(caught.value) == error


def test_a_missing_file_or_command_is_named() -> None:
    with pytest.raises(DeliveryUnavailable, match=r"mail\.token_file: /nowhere/token cannot be read: No such file"):
        TokenSource(file="/nowhere/token").read()
    with pytest.raises(DeliveryUnavailable, match=r"mail\.token_command cannot be run: .*No such file"):
        TokenSource(command="no-such-program --token").read()


def test_a_token_needs_an_encrypted_connection_with_a_verified_certificate(tmp_path: Path) -> None:
    context, scripted = server("XOAUTH2")
    try:
        address = MailServer(host="127.0.0.1", port=scripted.port, user="desk@mail.example")
        with (
            SmtpConnection(address, timeout=5, tokens=token_file(tmp_path)) as connection,
            pytest.raises(DeliveryRefused, match="offers no STARTTLS"),
        ):
            connection.open()
    finally:
        context.__exit__(None, None, None)


def test_the_file_of_the_configuration_starts_from_its_directory(tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text("mail: {url: 'smtp://desk@mail.example:587', token_file: secrets/token}\n")
    config = load(tmp_path / "monitor.yaml", {})
    assert token_source(config) == TokenSource(file=str(tmp_path / "secrets/token"))
    assert str(tmp_path / "secrets/token") in EmailChannel(config).server_settings


@pytest.mark.parametrize(
    ("mail", "fault"),
    [
        ("{url: 'smtp://h', token_file: a}", "mail.token_file: needs a user: write mail.url as smtp://user@host:587"),
        ("{url: 'smtp://u:p@h', token_file: a}", "mail.token_file: cannot be used with a password; write mail.url as"),
        ("{url: 'smtp://u@h', token_file: a, token_command: b}", "mail.token_command: give a token_file or a"),
    ],
)
def test_a_token_beside_a_password_is_a_fault(mail: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text(f"mail: {mail}\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "monitor.yaml", {})
    assert f"monitor.yaml:1: {fault}" in caught.value.faults[0]
