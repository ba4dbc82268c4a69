"""Connections to the mail server: encryption, login and error messages."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from mail.server import free_port, mail_server
from monitor.errors import DeliveryRefused, DeliveryUnavailable
from monitor.mail import mail_url
from monitor.mail.smtp import Refusals, SmtpConnection
from servers.certificate import make

if TYPE_CHECKING:
    from pathlib import Path

MAIL = b"Subject: x\r\n\r\nA line.\r\n.\r\nThe dot above is not the end.\r\n"
# aiosmtpd warns that it offers a login without encryption, which these tests need.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
LOGIN = ("user", "p@ss/word")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tls"), host="elsewhere.example")


def send(url: str, *, to: tuple[str, ...] = ("desk@example.org",), timeout: float = 5) -> Refusals:
    with SmtpConnection(mail_url.parse_mail_url(url), timeout=timeout) as connection:
        return connection.send(MAIL, sender="monitor@example.org", to=to)


def test_a_mail_arrives_unchanged() -> None:
    with mail_server() as (behavior, port):
        assert send(f"smtp://127.0.0.1:{port}") == Refusals()
    assert behavior.taken[0].content == MAIL


@pytest.mark.parametrize(("name", "said"), [("mx.example.org", "mx.example.org"), ("laptop", "[127.0.0.1]")])
def test_ehlo_carries_a_qualified_name_or_an_address_literal(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    with mail_server() as (behavior, port):
        send(f"smtp://127.0.0.1:{port}")
        assert behavior.greeting == said


def test_a_login_is_sent_after_starttls(certificate: Path) -> None:
    with mail_server(certificate=certificate, login=LOGIN) as (behavior, port):
        send(f"smtp://user:p%40ss%2Fword@127.0.0.1:{port}?starttls=required&ca={certificate}")
    assert (behavior.taken[0].encrypted, behavior.taken[0].user) == (True, "user")


def test_smtps_is_encrypted_from_the_start(certificate: Path) -> None:
    with mail_server(certificate=certificate, implicit=True, login=LOGIN) as (behavior, port):
        send(f"smtps://user:p%40ss%2Fword@127.0.0.1:{port}?ca={certificate}")
    assert behavior.taken[0].encrypted


def test_optional_starttls_is_used_only_if_offered(foreign: Path) -> None:
    with mail_server(certificate=foreign) as (behavior, port):
        send(f"smtp://127.0.0.1:{port}")
    assert behavior.taken[0].encrypted
    with mail_server() as (behavior, port):
        send(f"smtp://127.0.0.1:{port}?starttls=optional")
    assert not behavior.taken[0].encrypted


def test_starttls_never_is_obeyed(certificate: Path) -> None:
    with mail_server(certificate=certificate) as (behavior, port):
        send(f"smtp://127.0.0.1:{port}?starttls=never")
    assert not behavior.taken[0].encrypted


@pytest.mark.parametrize("ca", ["", "own"])
def test_an_untrusted_or_foreign_certificate_is_refused(ca: str, foreign: Path) -> None:
    trusted = f"&ca={foreign}" if ca else ""
    untrusted = pytest.raises(DeliveryRefused, match=r"certificate of smtp://127\.0\.0\.1")
    with mail_server(certificate=foreign) as (behavior, port), untrusted:
        send(f"smtp://127.0.0.1:{port}?starttls=required{trusted}")
    assert behavior.taken == []


def test_without_required_starttls_no_password_is_sent() -> None:
    with mail_server(login=LOGIN) as (behavior, port), pytest.raises(DeliveryRefused, match="offers no STARTTLS"):
        send(f"smtp://user:p%40ss%2Fword@127.0.0.1:{port}")
    assert behavior.taken == []


def test_a_wrong_password_is_reported_without_showing_it(certificate: Path) -> None:
    refused = pytest.raises(DeliveryRefused, match="refuses the login: 535")
    with mail_server(certificate=certificate, login=LOGIN) as (_, port), refused as caught:
        send(f"smtp://user:sesame@127.0.0.1:{port}?starttls=required&ca={certificate}")
    assert "sesame" not in str(caught.value)
    assert "mail.url" in caught.value.hint


def test_a_server_without_login_is_reported() -> None:
    with mail_server() as (_, port), pytest.raises(DeliveryRefused, match="offers no login"):
        send(f"smtp://user:x@127.0.0.1:{port}?starttls=never")


def test_a_missing_ca_file_is_reported() -> None:
    with mail_server(certificate=None) as (_, port), pytest.raises(DeliveryRefused, match=r"CA file /nowhere\.pem"):
        send(f"smtps://127.0.0.1:{port}?ca=/nowhere.pem")


def test_tls_to_a_plain_server_names_the_usual_ports() -> None:
    with mail_server() as (_, port), pytest.raises(DeliveryUnavailable, match="no encryption") as caught:
        send(f"smtps://127.0.0.1:{port}")
    assert "465" in caught.value.hint


@pytest.mark.parametrize("address", ["127.0.0.1", "no-such-host.invalid"])
def test_a_server_that_does_not_listen_is_unavailable(address: str) -> None:
    with pytest.raises(DeliveryUnavailable, match=r"does not answer: (Connection refused|no host is called)"):
        send(f"smtp://{address}:{free_port()}")


def test_a_silent_server_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(DeliveryUnavailable, match="does not answer"):
            send(f"smtp://127.0.0.1:{silent.getsockname()[1]}", timeout=0.5)
        assert time.monotonic() - began < 5


def test_a_slow_answer_after_data_is_waited_for() -> None:
    """After a timeout the server would deliver the mail and each repeat of it."""
    with mail_server() as (behavior, port):
        behavior.data = lambda: time.sleep(0.6)
        assert send(f"smtp://127.0.0.1:{port}", timeout=0.3) == Refusals()
        assert len(behavior.taken) == 1


def test_a_server_that_closes_the_connection_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            client, _ = listener.accept()
            client.sendall(b"421 closing, come back later\r\n")
            client.close()

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(DeliveryUnavailable, match="421 closing"):
            send(f"smtp://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


def test_temporary_and_permanent_refusals_are_distinguished() -> None:
    answers = {"later@example.org": "451 greylisted", "never@example.org": "550 unknown"}
    with mail_server() as (behavior, port):
        behavior.recipient = answers.get
        refused = send(f"smtp://127.0.0.1:{port}", to=("desk@example.org", *answers))
        assert refused == Refusals(
            temporarily={"later@example.org": "451 greylisted"}, permanently={"never@example.org": "550 unknown"}
        )
        assert behavior.taken[0].recipients == ("desk@example.org",)
        assert send(f"smtp://127.0.0.1:{port}", to=tuple(answers)) == refused
        assert len(behavior.taken) == 1, "a mail nobody gets is not handed over"


def test_a_connection_lost_between_two_mails_is_reopened() -> None:
    port = free_port()
    with mail_server(port=port) as (behavior, _):
        connection = SmtpConnection(mail_url.parse_mail_url(f"smtp://127.0.0.1:{port}"), timeout=5)
        connection.send(MAIL, sender="a@example.org", to=("b@example.org",))
    with mail_server(port=port) as (again, _):
        connection.send(MAIL, sender="a@example.org", to=("b@example.org",))
        connection.close()
    assert (len(behavior.taken), len(again.taken)) == (1, 1)


# ---- the URL


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 25, False, "optional", "")),
        ("smtp://u:p@mail.example.org:587", ("mail.example.org", 587, False, "required", "u")),
        ("smtps://u:p@mail.example.org", ("mail.example.org", 465, True, "required", "u")),
        ("smtp://u%40x:p@[::1]:26?starttls=never", ("::1", 26, False, "never", "u@x")),
    ],
)
def test_mail_urls_are_parsed(url: str, expected: tuple[object, ...]) -> None:
    server = mail_url.parse_mail_url(url)
    assert (server.host, server.port, server.tls, server.starttls, server.user) == expected


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://u:p@",
        "smtp://u:se/same@h",
        "smtp://u:se#same@h",
        "smtp://u:se?same@h",
        "smtp://h:99999",
        "smtp://h:x",
        "smtp://[::1",
        "smtp://h?starttls=perhaps",
        "smtp://h?tls=1",
        "smtps://h?starttls=required",
        "smtp://h h",
    ],
)
def test_an_invalid_mail_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        mail_url.parse_mail_url(url)
    assert "same" not in str(caught.value)


def test_the_server_in_messages_has_no_password() -> None:
    server = mail_url.parse_mail_url("smtp://user:sesame@mail.example.org")
    assert "sesame" not in f"{server} {server!r}"
    assert "user" not in str(server)
