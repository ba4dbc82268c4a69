"""What deploy/ holds fits the program and the systems that read it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from monitor.cli.app import COMMANDS
from monitor.config import load
from servers import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.config.schema import Config

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes/monitor.yaml").read_text()))
UNITS = sorted((DEPLOY / "systemd").glob("media-monitor*"))
DROP_IN = DEPLOY / "systemd/sqlite.conf"
STATE = "/var/lib/media-monitor"
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


def configured(path: Path, tmp_path: Path, environment: dict[str, str]) -> Config:
    """The configuration of a file with this environment, whose secret files are made; raises for an unknown key."""
    secret = tmp_path / "secret"
    secret.write_text("smtp://user:secret@mail.example.org")
    given = {name: str(secret) if name.endswith("_FILE") else value for name, value in environment.items()}
    return load(path, given)


def kubernetes(kind: str) -> dict[str, Any]:
    (found,) = [one for one in OBJECTS if one["kind"] == kind]
    return found


# ---- the image


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_image_runs_as_nobody_in_particular_and_starts_the_program() -> None:
    last = dict(instructions())
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert last["ENTRYPOINT"] == '["media-monitor"]'
    assert last["CMD"] == '["run"]'
    assert all(":" in name and not name.endswith(":latest") for word, name in instructions() if word == "FROM")


def test_the_image_copies_what_is_there_and_the_ignore_file_lets_it_in() -> None:
    root = DEPLOY.parent
    let_in = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = {
        source
        for word, words in instructions()
        if word == "COPY" and not words.startswith("--from")
        for source in (part.removeprefix("./") for part in words.split()[:-1])
    }
    assert copied == let_in
    assert all((root / name).exists() for name in copied)


def test_the_image_installs_what_is_locked() -> None:
    assert any("--require-hashes -r requirements.lock" in words for word, words in instructions() if word == "RUN")


# ---- compose


def test_every_service_is_limited_and_says_when_it_is_well() -> None:
    once = {"setup", "kibana-password"}
    for name, service in COMPOSE["services"].items():
        assert "mem_limit" in service, name
        assert name in once or ("healthcheck" in service and "restart" in service), name
        assert ":" in service["image"] or "build" in service, name


def test_services_depend_on_services_that_are_there_and_on_health_that_is_checked() -> None:
    for name, service in COMPOSE["services"].items():
        for other, condition in service.get("depends_on", {}).items():
            assert other in COMPOSE["services"], name
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in COMPOSE["services"][other]


def test_there_are_two_crawlers_and_nothing_is_open_to_the_world() -> None:
    assert COMPOSE["services"]["crawler"]["deploy"]["replicas"] == 2
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_example_of_the_environment_has_every_variable_and_no_secret() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (DEPLOY / "compose/compose.yaml").read_text()))
    text = (DEPLOY / "compose/env.example").read_text()
    told = dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert used == set(told)
    assert all(told[name] == "" for name in ("ELASTIC_PASSWORD", "KIBANA_PASSWORD", "KIBANA_KEY"))


def test_the_composed_monitor_is_configured_as_the_program_reads_it(tmp_path: Path) -> None:
    for name in ("setup", "crawler"):
        service = COMPOSE["services"][name]
        environment = {
            key: re.sub(r"\$\{\w+(?::-(.*)|:\?.*)?\}$", r"\1", value) or "secret"
            for key, value in service["environment"].items()
        }
        config = configured(DEPLOY / "compose/monitor.yaml", tmp_path, environment)
        assert config.store.url.get_secret_value() == "http://elasticsearch:9200"
        assert str(config.crawl.splash).rstrip("/") == "http://splash:8050"
        assert service["command"][0] in COMMANDS


# ---- a file as the store


def environment_of_the_drop_in() -> dict[str, str]:
    given = [value.split("=", 1) for key, value in settings_of(DROP_IN) if key == "Environment"]
    return dict(given)


def environment_of_the_documented_container() -> dict[str, str]:
    told = re.findall(r"-e (\w+)=(\S+)", (DEPLOY.parent / "docs/deploy.md").read_text())
    return dict(told)


@pytest.mark.parametrize("given", [environment_of_the_drop_in, environment_of_the_documented_container])
def test_without_elasticsearch_nothing_is_written_beside_the_configuration(
    given: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    etc, state = tmp_path / "etc", tmp_path / "state"
    etc.mkdir()
    state.mkdir()
    shutil.copy(DEPLOY / "compose/monitor.yaml", etc)
    etc.chmod(0o555)
    environment = {name: value.replace(STATE, str(state)) for name, value in given().items()}
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "check"],
        env={**os.environ, "MONITOR_CONFIG": str(etc / "monitor.yaml"), **environment},
        cwd=state,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in etc.iterdir()] == ["monitor.yaml"]
    assert (state / "monitor.db").exists()


def test_the_image_says_nothing_of_the_store_so_that_the_configuration_does() -> None:
    assert "MONITOR_STORE" not in (DEPLOY / "Dockerfile").read_text()


def test_the_units_file_is_where_they_may_write_and_needs_no_key() -> None:
    for name in ("media-monitor.service", "media-monitor-crawl.service"):
        unit = dict(settings_of(DEPLOY / "systemd" / name))
        assert f"/var/lib/{unit['StateDirectory']}" == STATE
        keys = [value for key, value in settings_of(DEPLOY / "systemd" / name) if "store-api-key" in value]
        assert len(keys) == 2
    assert ("UnsetEnvironment", "MONITOR_STORE__API_KEY_FILE") in settings_of(DROP_IN)
    assert [value for key, value in settings_of(DROP_IN) if key == "LoadCredential"] == [
        "",
        "mail-url:/etc/media-monitor/mail-url",
    ]


# ---- systemd


def settings_of(unit: Path) -> list[tuple[str, str]]:
    lines = [line for line in unit.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault_with_a_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("there is no systemd-analyze: apt-get install systemd")
    program = tmp_path / "media-monitor"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for other in UNITS:  # as installed, but for where the program is
        text = re.sub(r"/opt/media-monitor/.venv/bin/media-monitor", str(program), other.read_text())
        (tmp_path / other.name).write_text(text)
        if other.suffix == ".service":
            (tmp_path / f"{other.name}.d").mkdir()
            shutil.copy(DROP_IN, tmp_path / f"{other.name}.d")
    name = unit.name.replace("@.", "@1.")
    if name != unit.name:
        (tmp_path / name).symlink_to(tmp_path / unit.name)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) not in done.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_starts_commands_and_sets_keys_that_the_program_has(unit: Path, tmp_path: Path) -> None:
    environment = {}
    credentials = {value.partition(":")[0] for key, value in settings_of(unit) if key == "LoadCredential"}
    for key, value in settings_of(unit):
        if key in ("ExecStart", "ExecStartPre"):
            assert value.split()[1] in COMMANDS
        elif key == "Environment":
            name, _, said = value.partition("=")
            environment[name] = said
            assert not said.startswith("%d/") or said.removeprefix("%d/") in credentials
    del environment["MONITOR_CONFIG"]
    config = configured(DEPLOY / "compose/monitor.yaml", tmp_path, environment)
    assert config.store.api_key is not None
    assert config.mail.url is not None


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_status_that_ends_the_trying_is_that_of_the_main_process(unit: Path) -> None:
    keys = {key for key, _ in settings_of(unit)}
    assert not {"ExecStartPre", "RestartPreventExitStatus"} <= keys, "systemd heeds the main process only"


def test_run_itself_ends_a_wrong_configuration_with_the_status_that_is_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text("keep: some\n")
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "run"],
        env={**os.environ, "MONITOR_CONFIG": str(tmp_path / "monitor.yaml")},
        capture_output=True,
        text=True,
        check=False,
    )
    prevented = {value for unit in SERVICES for key, value in settings_of(unit) if key == "RestartPreventExitStatus"}
    assert prevented == {str(done.returncode)}, done.stderr


def test_the_timer_calls_the_pass_and_workers_are_told_apart() -> None:
    names = {unit.name for unit in UNITS}
    assert {"media-monitor-crawl.timer", "media-monitor-crawl.service", "media-monitor@.service"} <= names
    worker = dict(settings_of(DEPLOY / "systemd/media-monitor@.service"))
    assert worker["StateDirectory"] == "media-monitor-%i"
    assert worker["WorkingDirectory"] == "/var/lib/media-monitor-%i"


# ---- Kubernetes


def test_kubernetes_finds_no_fault_with_the_manifests() -> None:
    try:
        import kubernetes_validate
    except ImportError:
        missing("there is no kubernetes-validate: pip install kubernetes-validate")
    for one in OBJECTS:
        kubernetes_validate.validate(one, "1.31", strict=True)


def test_the_deployment_mounts_what_there_is_and_selects_its_own_pods() -> None:
    deployment = kubernetes("Deployment")["spec"]
    pod = deployment["template"]["spec"]
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["config"]["configMap"]["name"] == kubernetes("ConfigMap")["metadata"]["name"]
    assert volumes["secrets"]["secret"]["secretName"] == kubernetes("Secret")["metadata"]["name"]
    (crawler,) = pod["containers"]
    assert {mount["name"] for mount in crawler["volumeMounts"]} == set(volumes)
    assert pod["securityContext"]["runAsNonRoot"]
    assert crawler["securityContext"]["readOnlyRootFilesystem"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        program, command, *_ = crawler[probe]["exec"]["command"]
        assert program == "media-monitor"
        assert command in COMMANDS


def test_the_pods_monitor_is_configured_as_the_program_reads_it(tmp_path: Path) -> None:
    (crawler,) = kubernetes("Deployment")["spec"]["template"]["spec"]["containers"]
    path = tmp_path / "monitor.yaml"
    path.write_text(kubernetes("ConfigMap")["data"]["monitor.yaml"])
    environment = {variable["name"]: variable["value"] for variable in crawler["env"]}
    config = configured(path, tmp_path, environment)
    assert config.store.api_key is not None
    assert config.mail.url is not None
    files = {Path(value).name for value in environment.values()}
    assert files == set(kubernetes("Secret")["stringData"])
    assert crawler["args"][0] in COMMANDS
