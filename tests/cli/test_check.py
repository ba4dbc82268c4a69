"""`check` names each fault of the store and the mail server in one line, with exit status 1, or 2 for the file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from mail.scripted_server import Reply, scripted_server
from servers import missing

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
#: Makes file modes apply to root too, who has else the capability to write to any file.
OBEY_FILE_MODES = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override") if os.geteuid() == 0 else ()


def check(folder: Path, **sections: object) -> subprocess.CompletedProcess[str]:
    """Runs `check` with a configuration of one outlet, one alert and these sections."""
    if OBEY_FILE_MODES and shutil.which(OBEY_FILE_MODES[0]) is None:
        missing("there is no setpriv: apt-get install util-linux")
    outlets = [{"name": "A", "url": "http://127.0.0.1:1/"}]
    alerts = [{"name": "bank", "query": "Sberbank", "to": "desk@example.org"}]
    config = {"outlets": outlets, "alerts": alerts, **sections}
    (folder / "monitor.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return subprocess.run(
        [*OBEY_FILE_MODES, sys.executable, "-m", "monitor", "check"],
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
