"""The way to the mail server: encryption, login, and what is said when it fails."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from mail.server import free_port, mail_server
from monitor.errors import MailRefused, MailUnavailable
from monitor.mail import mail_url
from monitor.mail.smtp import Connection, RefusedRecipients
from servers.certificate import make

if TYPE_CHECKING:
    from pathlib import Path

MAIL = b"Subject: x\r\n\r\nA line.\r\n.\r\nThe dot above is not the end.\r\n"
# aiosmtpd warns that a login without encryption is offered: that is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
LOGIN = ("user", "p@ss/word")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tls"), host="elsewhere.example")


def send(url: str, *, to: tuple[str, ...] = ("desk@example.org",), timeout: float = 5) -> RefusedRecipients:
    with Connection(mail_url.parse(url), timeout=timeout) as connection:
        return connection.send(MAIL, sender="monitor@example.org", to=to)


def test_a_mail_arrives_as_it_was_written() -> None:
    with mail_server() as (manners, port):
        assert send(f"smtp://127.0.0.1:{port}") == RefusedRecipients()
    assert manners.taken[0].content == MAIL


@pytest.mark.parametrize(("name", "said"), [("mx.example.org", "mx.example.org"), ("laptop", "[127.0.0.1]")])
def test_a_server_is_greeted_with_a_whole_name_or_an_address(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    with mail_server() as (manners, port):
        send(f"smtp://127.0.0.1:{port}")
        assert manners.greeting == said


def test_a_login_is_sent_once_starttls_has_encrypted_the_way(certificate: Path) -> None:
    with mail_server(certificate=certificate, login=LOGIN) as (manners, port):
        send(f"smtp://user:p%40ss%2Fword@127.0.0.1:{port}?starttls=required&ca={certificate}")
    assert (manners.taken[0].encrypted, manners.taken[0].user) == (True, "user")


def test_smtps_is_encrypted_from_the_start(certificate: Path) -> None:
    with mail_server(certificate=certificate, implicit=True, login=LOGIN) as (manners, port):
        send(f"smtps://user:p%40ss%2Fword@127.0.0.1:{port}?ca={certificate}")
    assert manners.taken[0].encrypted


def test_optional_encryption_is_taken_where_it_is_offered_and_done_without_where_not(foreign: Path) -> None:
    with mail_server(certificate=foreign) as (manners, port):
        send(f"smtp://127.0.0.1:{port}")
    assert manners.taken[0].encrypted
    with mail_server() as (manners, port):
        send(f"smtp://127.0.0.1:{port}?starttls=optional")
    assert not manners.taken[0].encrypted


def test_never_means_never(certificate: Path) -> None:
    with mail_server(certificate=certificate) as (manners, port):
        send(f"smtp://127.0.0.1:{port}?starttls=never")
    assert not manners.taken[0].encrypted


@pytest.mark.parametrize("ca", ["", "own"])
def test_a_certificate_that_is_not_trusted_or_not_the_hosts_is_refused(ca: str, foreign: Path) -> None:
    trusted = f"&ca={foreign}" if ca else ""
    untrusted = pytest.raises(MailRefused, match=r"certificate of smtp://127\.0\.0\.1")
    with mail_server(certificate=foreign) as (manners, port), untrusted:
        send(f"smtp://127.0.0.1:{port}?starttls=required{trusted}")
    assert manners.taken == []


def test_required_encryption_that_is_not_offered_is_refused_before_the_password_is_sent() -> None:
    with mail_server(login=LOGIN) as (manners, port), pytest.raises(MailRefused, match="offers no STARTTLS"):
        send(f"smtp://user:p%40ss%2Fword@127.0.0.1:{port}")
    assert manners.taken == []


def test_a_wrong_password_is_told_without_showing_it(certificate: Path) -> None:
    refused = pytest.raises(MailRefused, match="refuses the login: 535")
    with mail_server(certificate=certificate, login=LOGIN) as (_, port), refused as caught:
        send(f"smtp://user:sesame@127.0.0.1:{port}?starttls=required&ca={certificate}")
    assert "sesame" not in str(caught.value)
    assert "mail.url" in caught.value.hint


def test_a_login_where_none_is_offered_is_told() -> None:
    with mail_server() as (_, port), pytest.raises(MailRefused, match="takes no login"):
        send(f"smtp://user:x@127.0.0.1:{port}?starttls=never")


def test_a_ca_file_that_is_not_there_is_told() -> None:
    with mail_server(certificate=None) as (_, port), pytest.raises(MailRefused, match=r"CA file /nowhere\.pem"):
        send(f"smtps://127.0.0.1:{port}?ca=/nowhere.pem")


def test_tls_with_a_server_that_speaks_none_says_which_port_is_for_what() -> None:
    with mail_server() as (_, port), pytest.raises(MailUnavailable, match="no encryption") as caught:
        send(f"smtps://127.0.0.1:{port}")
    assert "465" in caught.value.hint


@pytest.mark.parametrize("address", ["127.0.0.1", "no-such-host.invalid"])
def test_nobody_there_is_unavailable(address: str) -> None:
    with pytest.raises(MailUnavailable, match=r"does not answer: (Connection refused|no host is called no-such-host)"):
        send(f"smtp://{address}:{free_port()}")


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(MailUnavailable, match="does not answer"):
            send(f"smtp://127.0.0.1:{silent.getsockname()[1]}", timeout=0.5)
        assert time.monotonic() - began < 5


def test_a_server_that_looks_at_a_mail_for_long_is_waited_for() -> None:
    """Given up on, it would deliver the mail all the same, and each repeat of it."""
    with mail_server() as (manners, port):
        manners.data = lambda: time.sleep(0.6)
        assert send(f"smtp://127.0.0.1:{port}", timeout=0.3) == RefusedRecipients()
        assert len(manners.taken) == 1


def test_a_server_that_is_closing_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            client, _ = listener.accept()
            client.sendall(b"421 closing, come back later\r\n")
            client.close()

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(MailUnavailable, match="421 closing"):
            send(f"smtp://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


def test_refused_recipients_are_told_apart() -> None:
    answers = {"later@example.org": "451 greylisted", "never@example.org": "550 unknown"}
    with mail_server() as (manners, port):
        manners.recipient = answers.get
        told = send(f"smtp://127.0.0.1:{port}", to=("desk@example.org", *answers))
        assert told == RefusedRecipients(
            later={"later@example.org": "451 greylisted"}, never={"never@example.org": "550 unknown"}
        )
        assert manners.taken[0].recipients == ("desk@example.org",)
        assert send(f"smtp://127.0.0.1:{port}", to=tuple(answers)) == told
        assert len(manners.taken) == 1, "a mail nobody gets is not handed over"


def test_a_connection_lost_between_two_mails_is_made_anew() -> None:
    port = free_port()
    with mail_server(port=port) as (manners, _):
        connection = Connection(mail_url.parse(f"smtp://127.0.0.1:{port}"), timeout=5)
        connection.send(MAIL, sender="a@example.org", to=("b@example.org",))
    with mail_server(port=port) as (again, _):
        connection.send(MAIL, sender="a@example.org", to=("b@example.org",))
        connection.close()
    assert (len(manners.taken), len(again.taken)) == (1, 1)


# ---- the address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 25, False, "optional", "")),
        ("smtp://u:p@mail.example.org:587", ("mail.example.org", 587, False, "required", "u")),
        ("smtps://u:p@mail.example.org", ("mail.example.org", 465, True, "required", "u")),
        ("smtp://u%40x:p@[::1]:26?starttls=never", ("::1", 26, False, "never", "u@x")),
    ],
)
def test_addresses_are_read(url: str, expected: tuple[object, ...]) -> None:
    found = mail_url.parse(url)
    assert (found.host, found.port, found.tls, found.starttls, found.user) == expected


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
def test_an_address_that_is_none_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        mail_url.parse(url)
    assert "same" not in str(caught.value)


def test_the_name_of_a_server_in_messages_has_no_password() -> None:
    found = mail_url.parse("smtp://user:sesame@mail.example.org")
    assert "sesame" not in f"{found} {found!r}"
    assert "user" not in str(found)
