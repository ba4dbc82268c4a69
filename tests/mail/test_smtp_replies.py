"""Mail servers that are silent, slow, or reply out of the ordinary."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from mail.scripted_server import Reply, drop, endless, scripted_server
from mail.server import mail_server
from monitor.errors import DeliveryRefused, DeliveryUnavailable, DeliveryUnknown
from monitor.mail import mail_url, smtp, smtp_addresses
from monitor.mail.smtp import Refusals, SmtpConnection
from servers.certificate import make

if TYPE_CHECKING:
    from pathlib import Path

MAIL = b"Subject: x\r\n\r\nA line.\r\n"


def connection_to(port: int, *, timeout: float = 5, host: str = "127.0.0.1") -> SmtpConnection:
    return SmtpConnection(mail_url.parse_mail_url(f"smtp://{host}:{port}"), timeout=timeout)


def send(port: int, *, timeout: float = 5, to: tuple[str, ...] = ("desk@example.org",)) -> Refusals:
    with connection_to(port, timeout=timeout) as connection:
        return connection.send(MAIL, sender="monitor@example.org", to=to)


@pytest.mark.parametrize(
    "reply", [b"200 taken\r\n", b"251 will forward\r\n", b"252 perhaps\r\n", b"250-a\r\n250 b\r\n"]
)
def test_each_reply_that_begins_with_2_means_that_the_mail_was_taken(reply: bytes) -> None:
    with scripted_server(content=reply) as server:
        assert send(server.port) == Refusals()
        assert server.mails == [MAIL]


@pytest.mark.parametrize(
    "reply",
    [
        b"taken, thanks\r\n",
        b"\xff\xfe\x00\r\n",
        b"25\r\n",
        b"354 go on\r\n",
        b"150 wait\r\n",
        b"699 what\r\n",
        b"250-kept\r\n554 refused\r\n",
        b"250-kept\r\nand more\r\n",
        b"250-" + b"x" * 200_000 + b"\r\n",
        drop,
        endless(b"250-kept\r\n", pause=0),
    ],
    ids=lambda reply: repr(reply)[:20],
)
def test_an_unclear_reply_to_a_mail_may_mean_that_it_was_taken(reply: Reply) -> None:
    with scripted_server(content=reply) as server, pytest.raises(DeliveryUnknown):
        send(server.port)


@pytest.mark.parametrize(
    ("replies", "error"),
    [
        ({"content": b"451 later\r\n"}, DeliveryUnavailable),
        ({"content": b"554 no\r\n"}, DeliveryRefused),
        ({"DATA": b"250 ok\r\n"}, DeliveryUnavailable),
        ({"DATA": drop}, DeliveryUnavailable),
        ({"RCPT": b"no code\r\n"}, DeliveryUnavailable),
        ({"MAIL": b"250-\r\n451 \r\n"}, DeliveryUnavailable),
    ],
    ids=["content-451", "content-554", "data-250", "data-dropped", "rcpt-garbage", "mail-451"],
)
def test_a_refused_mail_and_one_not_handed_over_were_not_taken(
    replies: dict[str, Reply], error: type[Exception]
) -> None:
    with scripted_server(**replies) as server:
        with pytest.raises(error) as caught:
            send(server.port)
        assert not isinstance(caught.value, DeliveryUnknown)


@pytest.mark.parametrize("line", [b"220-welcome\r\n", b"x", b"220-" + b"x" * 1000 + b"\r\n"])
def test_an_endless_greeting_ends_at_the_time_limit(line: bytes) -> None:
    with scripted_server(connect=endless(line)) as server:
        began = time.monotonic()
        with pytest.raises(DeliveryUnavailable, match=r"timed out|does not end"):
            send(server.port, timeout=1)
        assert time.monotonic() - began < 4


def test_a_server_that_is_no_mail_server_is_quoted() -> None:
    with scripted_server(connect=b"SSH-2.0-OpenSSH_9.2\x1b[31m\r\n") as server:
        with pytest.raises(
            DeliveryUnavailable, match=r"is not a mail server: it says 'SSH-2\.0-OpenSSH_9\.2"
        ) as caught:
            send(server.port)
        assert "\x1b" not in str(caught.value)


def test_smtp_on_a_port_that_expects_tls_names_smtps(tmp_path: Path) -> None:
    with mail_server(certificate=make(tmp_path), implicit=True) as (_, port):
        expected = pytest.raises(
            DeliveryRefused, match=rf"expects TLS from the start \(try smtps://127\.0\.0\.1:{port}"
        )
        with expected, connection_to(port, timeout=1) as connection:
            connection.open()


def test_a_certificate_for_another_name_is_said_so(tmp_path: Path) -> None:
    certificate = make(tmp_path, host="elsewhere.example")
    server = mail_url.parse_mail_url(f"smtps://127.0.0.1:1?ca={certificate}")
    with mail_server(certificate=certificate, implicit=True) as (_, port):
        server = mail_url.parse_mail_url(f"smtps://127.0.0.1:{port}?ca={certificate}")
        expected = pytest.raises(
            DeliveryRefused, match=r"is not for 127\.0\.0\.1: its subjectAltName does not name it, or is missing"
        )
        with expected, SmtpConnection(server, timeout=5) as connection:
            connection.open()


# ---- several addresses


def addresses(*hosts: str, port: int) -> list[smtp_addresses.Address]:
    return [(socket.AF_INET, (host, port)) for host in hosts]


@pytest.mark.parametrize("silent", [1, 2])
def test_the_next_address_is_tried_when_the_first_is_silent(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The silent addresses rest: a second connection begins with the address that answered."""
    monkeypatch.setattr(smtp_addresses, "HEAD_START_SECONDS", 0.5)
    hosts = [f"127.0.0.{number}" for number in range(1, silent + 2)]
    with scripted_server(host=hosts[-1]) as server:
        monkeypatch.setattr(smtp, "addresses_of", lambda *_: addresses(*hosts, port=server.port))
        listeners = [socket.create_server((host, server.port)) for host in hosts[:-1]]
        rests = smtp_addresses.AddressRests()
        for limit in (0.5 * silent + 0.5, 0.4):
            began = time.monotonic()
            with SmtpConnection(mail_url.parse_mail_url("smtp://mail.test:1"), timeout=20, rests=rests) as connection:
                assert connection.send(MAIL, sender="a@example.org", to=("b@example.org",)) == Refusals()
            assert time.monotonic() - began < limit
        for listener in listeners:
            listener.close()
    assert len(server.mails) == 2


def test_an_address_that_answers_late_but_first_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_addresses, "HEAD_START_SECONDS", 0.2)

    def late(connection: socket.socket) -> bool:
        time.sleep(1)
        connection.sendall(b"220 hello\r\n")
        return False

    with scripted_server(connect=late) as server, socket.create_server(("127.0.0.2", server.port)):
        monkeypatch.setattr(smtp, "addresses_of", lambda *_: addresses("127.0.0.1", "127.0.0.2", port=server.port))
        assert send(server.port) == Refusals()


def test_if_every_address_fails_the_error_of_the_first_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(connect=b"554 go away\r\n") as server:
        monkeypatch.setattr(smtp, "addresses_of", lambda *_: addresses("127.0.0.1", "127.0.0.2", port=server.port))
        with pytest.raises(DeliveryUnavailable, match="554 go away"):
            send(server.port)


# ---- the envelope that `check` tries


def test_an_envelope_is_tried_and_taken_back_without_a_mail() -> None:
    with scripted_server() as server, connection_to(server.port) as connection:
        connection.try_envelope(sender="a@example.org", to=["b@example.org"])
        assert [command.split()[0].upper() for command in server.commands] == ["EHLO", "MAIL", "RCPT", "RSET"]
        assert server.mails == []


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ({"MAIL": b"530 5.7.0 Authentication required\r\n"}, r"requires a login: 530 5\.7\.0"),
        ({"MAIL": b"550 unknown sender\r\n"}, r"refuses the sender: 550 unknown"),
    ],
    ids=str,
)
def test_a_server_that_refuses_the_sender_is_a_fault(replies: dict[str, Reply], message: str) -> None:
    with scripted_server(**replies) as server, connection_to(server.port) as connection:
        with pytest.raises((DeliveryRefused, DeliveryUnavailable), match=message):
            connection.try_envelope(sender="a@example.org", to=["b@example.org"])
        assert server.mails == []


@pytest.mark.parametrize("reply", ["530 5.7.0 Authentication required", "554 5.7.1 Relay access denied"])
def test_recipients_that_a_server_refuses_are_returned(reply: str) -> None:
    with scripted_server(RCPT=f"{reply}\r\n".encode()) as server, connection_to(server.port) as connection:
        refusals = connection.try_envelope(sender="a@example.org", to=["b@example.org"])
        assert refusals.permanently == {"b@example.org": reply}
        assert server.mails == []
