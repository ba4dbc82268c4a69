"""`check` names each fault of the store and the mail server in one line, with exit status 1, or 2 for the file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from mail.scripted_server import Reply, scripted_server
from webhook.receiver import webhook_receiver

from .file_modes import obeying_file_modes

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def check(folder: Path, **sections: object) -> subprocess.CompletedProcess[str]:
    """Runs `check` with a configuration of one outlet, one alert and these sections."""
    outlets = [{"name": "A", "url": "http://127.0.0.1:1/"}]
    alerts = [{"name": "bank", "query": "Sberbank", "to": "desk@example.org"}]
    config = {"outlets": outlets, "alerts": alerts, **sections}
    (folder / "monitor.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return subprocess.run(
        obeying_file_modes(sys.executable, "-m", "monitor", "check"),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def read_only_file(folder: Path) -> None:
    (folder / "monitor.db").chmod(0o444)


def read_only_directory(folder: Path) -> None:
    folder.chmod(0o555)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [(read_only_file, "monitor.db cannot be written by this user"), (read_only_directory, "cannot be")],
)
def test_a_database_that_cannot_be_written_is_a_fault(
    spoil: Callable[[Path], None], fault: str, tmp_path: Path
) -> None:
    first = check(tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    spoil(tmp_path)
    completed = check(tmp_path)
    (line,) = [line for line in completed.stdout.splitlines() if line.startswith("FAIL")]
    assert line.startswith("FAIL  store: ")
    assert fault in line
    assert completed.returncode == 1
    tmp_path.chmod(0o777)


@pytest.mark.parametrize("url", ["sqlite::memory:", "sqlite:file::memory:?cache=shared"])
def test_a_store_in_memory_is_refused(url: str, tmp_path: Path) -> None:
    completed = check(tmp_path, store={"url": url})
    assert completed.returncode == 2
    assert "store.url: a database in memory would forget everything" in completed.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["monitor.yaml"]


@pytest.mark.parametrize(
    ("replies", "line"),
    [
        ({}, "ok    mail: smtp://127.0.0.1:PORT accepts mail"),
        (
            {"MAIL": b"530 5.7.0 Authentication required\r\n"},
            "FAIL  mail: smtp://127.0.0.1:PORT requires a login: 530 5.7.0 Authentication required "
            "(write smtp://user:password@host:587 in mail.url)",
        ),
        (
            {"RCPT": b"550 5.1.1 no such user\r\n"},
            "FAIL  mail: smtp://127.0.0.1:PORT refuses mail to desk@example.org: 550 5.1.1 no such user "
            "(does it require a login? smtp://user:password@host:587)",
        ),
        ({"RCPT": b"451 greylisted\r\n"}, "ok    mail: smtp://127.0.0.1:PORT accepts mail"),
        (
            {"connect": b"SSH-2.0-OpenSSH_9.2p1\r\n"},
            "FAIL  mail: smtp://127.0.0.1:PORT is not a mail server: it says 'SSH-2.0-OpenSSH_9.2p1' "
            "(check the host and port in mail.url)",
        ),
    ],
    ids=str,
)
def test_check_prints_what_the_mail_server_answers(replies: dict[str, Reply], line: str, tmp_path: Path) -> None:
    with scripted_server(**replies) as server:
        completed = check(tmp_path, mail={"url": f"smtp://127.0.0.1:{server.port}", "sender": "monitor@example.org"})
        assert line.replace("PORT", str(server.port)) in completed.stdout.splitlines()
        assert completed.returncode == int(line.startswith("FAIL"))
        assert server.mails == []
        assert "Traceback" not in completed.stderr


def test_check_names_every_refused_recipient(tmp_path: Path) -> None:
    refused = iter([b"250 ok\r\n", b"550 no such user\r\n", b"550 no such user\r\n"])

    def answer(connection: socket.socket) -> bool:
        connection.sendall(next(refused))
        return False

    alerts = [{"name": "bank", "query": "Sberbank", "to": ["a@desk.se", "b@desk.se"]}]
    with scripted_server(RCPT=answer) as server:
        mail = {"url": f"smtp://127.0.0.1:{server.port}", "sender": "m@desk.se", "ops": "ops@desk.se"}
        completed = check(tmp_path, alerts=alerts, mail=mail)
    fails = [line for line in completed.stdout.splitlines() if line.startswith("FAIL")]
    assert [line.split("refuses mail to ")[1].split(":")[0] for line in fails] == ["b@desk.se", "ops@desk.se"]
    assert completed.returncode == 1


def test_an_empty_file_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    completed = check(tmp_path, outlets=[], alerts=[])
    assert completed.returncode == 2
    assert "monitor.yaml: has no outlets, topics and alerts; `init` writes a starter with some" in completed.stderr


@pytest.mark.parametrize(("keep", "count"), [("matching", 1), ("all", 0)])
def test_a_file_that_can_store_nothing_gets_a_note(keep: str, count: int, tmp_path: Path) -> None:
    completed = check(tmp_path, alerts=[], keep=keep)
    note = "note  keep: matching stores nothing without topics and alerts; add some, or write keep: all"
    assert completed.stdout.splitlines().count(note) == count


def test_placeholder_recipients_get_a_note(tmp_path: Path) -> None:
    alerts = [
        {"name": "a", "query": "Sberbank", "to": ["desk@example.org", "x@desk.se"]},
        {"name": "b", "query": "VTB", "to": ["desk@example.org", "y@mail.test"]},
    ]
    completed = check(tmp_path, alerts=alerts, mail={"ops": "ops@example.com"})
    assert [line for line in completed.stdout.splitlines() if "a placeholder" in line] == [
        "note  alerts.a: to: desk@example.org is a placeholder, which no mail reaches",
        "note  alerts.b: to: y@mail.test is a placeholder, which no mail reaches",
        "note  mail.ops: ops@example.com is a placeholder, which no mail reaches",
    ]


def test_check_tries_webhooks_and_chats_without_sending(tmp_path: Path) -> None:
    with webhook_receiver() as receiver:
        targets = [receiver.url, "http://127.0.0.1:1/hook", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"]
        alerts = [{"name": "bank", "query": "Sberbank", "to": [*targets, "slak://a/b/c"]}]
        completed = check(tmp_path, alerts=alerts)
        assert receiver.requests == []
    lines = [re.sub(r" #[0-9a-f]{8}", "", line) for line in completed.stdout.splitlines()]
    assert "FAIL  webhook http://127.0.0.1:1: http://127.0.0.1 does not answer: Connection refused" in lines
    assert (
        "FAIL  chat slak://: apprise does not understand this slak:// address (https://appriseit.com lists the forms)"
    ) in lines
    assert sum(line.startswith("FAIL") for line in lines) == 2
    assert sum("not signed" in line for line in lines) == 2
    assert completed.returncode == 1
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in completed.stdout + completed.stderr


def test_the_directory_of_feeds_is_tried(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "ok    feeds: written to " in check(tmp_path, feeds="new/feeds").stdout
    failed = check(tmp_path, feeds="file/feeds")
    assert f"FAIL  feeds: {tmp_path / 'file'} is no directory that this user can write" in failed.stdout
    assert failed.returncode == 1
