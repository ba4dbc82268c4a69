"""The files of deploy/ are valid for the program and for the systems that read them."""

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

from monitor.cli.app import MODULE_AND_HELP_BY_COMMAND
from monitor.config import load
from servers import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.config.schema import Config

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes/monitor.yaml").read_text()))
UNITS = sorted((DEPLOY / "systemd").glob("media-monitor*"))
DROP_IN = DEPLOY / "systemd/sqlite.conf"
STATE = "/var/lib/media-monitor"
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


def configured(path: Path, tmp_path: Path, environment: dict[str, str]) -> Config:
    """Loads a file with this environment, creating its secret files.  Raises ConfigError for an unknown key."""
    secret = tmp_path / "secret"
    secret.write_text("smtp://user:secret@mail.example.org")
    environ = {name: str(secret) if name.endswith("_FILE") else value for name, value in environment.items()}
    return load(path, environ)


def kubernetes(kind: str) -> dict[str, Any]:
    (manifest,) = [manifest for manifest in MANIFESTS if manifest["kind"] == kind]
    return manifest


# ---- the image


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_image_runs_as_an_unprivileged_user_and_starts_run() -> None:
    last = dict(instructions())
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert last["ENTRYPOINT"] == '["media-monitor"]'
    assert last["CMD"] == '["run"]'
    assert all(":" in name and not name.endswith(":latest") for word, name in instructions() if word == "FROM")


def test_the_image_copies_existing_files_that_the_ignore_file_allows() -> None:
    root = DEPLOY.parent
    allowed = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = {
        source
        for word, words in instructions()
        if word == "COPY" and not words.startswith("--from")
        for source in (part.removeprefix("./") for part in words.split()[:-1])
    }
    assert copied == allowed
    assert all((root / name).exists() for name in copied)


def test_the_image_installs_the_locked_requirements() -> None:
    assert any(
        "--require-hashes -r requirements-image.lock" in words for word, words in instructions() if word == "RUN"
    )


# ---- compose


def test_every_service_has_a_memory_limit_and_a_health_check() -> None:
    one_off = {"setup", "kibana-password"}
    for name, service in COMPOSE["services"].items():
        assert "mem_limit" in service, name
        assert name in one_off or ("healthcheck" in service and "restart" in service), name
        assert ":" in service["image"] or "build" in service, name


def test_services_depend_on_existing_services_with_health_checks() -> None:
    for name, service in COMPOSE["services"].items():
        for dependency, condition in service.get("depends_on", {}).items():
            assert dependency in COMPOSE["services"], name
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in COMPOSE["services"][dependency]


def test_there_are_two_crawlers_and_only_local_ports() -> None:
    assert COMPOSE["services"]["crawler"]["deploy"]["replicas"] == 2
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_example_environment_has_every_variable_and_no_secret() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (DEPLOY / "compose/compose.yaml").read_text()))
    text = (DEPLOY / "compose/env.example").read_text()
    variables = dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert used == set(variables)
    assert all(variables[name] == "" for name in ("ELASTIC_PASSWORD", "KIBANA_PASSWORD", "KIBANA_KEY"))


def test_the_compose_configuration_is_valid(tmp_path: Path) -> None:
    for name in ("setup", "crawler"):
        service = COMPOSE["services"][name]
        environment = {
            key: re.sub(r"\$\{\w+(?::-(.*)|:\?.*)?\}$", r"\1", value) or "secret"
            for key, value in service["environment"].items()
        }
        config = configured(DEPLOY / "compose/monitor.yaml", tmp_path, environment)
        assert config.store.url.get_secret_value() == "http://elasticsearch:9200"
        assert str(config.crawl.splash).rstrip("/") == "http://splash:8050"
        assert service["command"][0] in MODULE_AND_HELP_BY_COMMAND


# ---- SQLite as the store


def environment_of_the_drop_in() -> dict[str, str]:
    return dict(value.split("=", 1) for key, value in settings_of(DROP_IN) if key == "Environment")


def environment_of_the_documented_container() -> dict[str, str]:
    return dict(re.findall(r"-e (\w+)=(\S+)", (DEPLOY.parent / "docs/deploy.md").read_text()))


@pytest.mark.parametrize("environ", [environment_of_the_drop_in, environment_of_the_documented_container])
def test_sqlite_deployments_write_nothing_beside_the_configuration(
    environ: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    etc, state = tmp_path / "etc", tmp_path / "state"
    etc.mkdir()
    state.mkdir()
    shutil.copy(DEPLOY / "compose/monitor.yaml", etc)
    etc.chmod(0o555)
    environment = {name: value.replace(STATE, str(state)) for name, value in environ().items()}
    completed = subprocess.run(
        [sys.executable, "-m", "monitor", "check"],
        env={**os.environ, "MONITOR_CONFIG": str(etc / "monitor.yaml"), **environment},
        cwd=state,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert [path.name for path in etc.iterdir()] == ["monitor.yaml"]
    assert (state / "monitor.db").exists()


def test_the_image_does_not_set_the_store() -> None:
    assert "MONITOR_STORE" not in (DEPLOY / "Dockerfile").read_text()


def test_the_sqlite_drop_in_uses_the_state_directory_and_no_api_key() -> None:
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
def test_systemd_accepts_every_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("there is no systemd-analyze: apt-get install systemd")
    program = tmp_path / "media-monitor"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for installed in UNITS:  # all units are installed, with the program at another path
        text = re.sub(r"/opt/media-monitor/.venv/bin/media-monitor", str(program), installed.read_text())
        (tmp_path / installed.name).write_text(text)
        if installed.suffix == ".service":
            (tmp_path / f"{installed.name}.d").mkdir()
            shutil.copy(DROP_IN, tmp_path / f"{installed.name}.d")
    name = unit.name.replace("@.", "@1.")
    if name != unit.name:
        (tmp_path / name).symlink_to(tmp_path / unit.name)
    completed = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert str(tmp_path) not in completed.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_systemd_rates_the_exposure_of_a_service_at_most_3(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("there is no systemd-analyze: apt-get install systemd")
    path = tmp_path / unit.name.replace("@.", "@1.")
    shutil.copy(unit, path)
    completed = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=30", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_uses_existing_commands_and_configuration_keys(unit: Path, tmp_path: Path) -> None:
    environment = {}
    credentials = {value.partition(":")[0] for key, value in settings_of(unit) if key == "LoadCredential"}
    for key, value in settings_of(unit):
        if key in ("ExecStart", "ExecStartPre"):
            assert value.split()[1] in MODULE_AND_HELP_BY_COMMAND
        elif key == "Environment":
            name, _, setting = value.partition("=")
            environment[name] = setting
            assert not setting.startswith("%d/") or setting.removeprefix("%d/") in credentials
    del environment["MONITOR_CONFIG"]
    config = configured(DEPLOY / "compose/monitor.yaml", tmp_path, environment)
    assert config.store.api_key is not None
    assert config.mail.url is not None


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_no_unit_combines_a_pre_check_with_restart_prevention(unit: Path) -> None:
    """RestartPreventExitStatus= applies to the main process only, so a failing ExecStartPre= would restart forever."""
    keys = {key for key, _ in settings_of(unit)}
    assert not {"ExecStartPre", "RestartPreventExitStatus"} <= keys


def test_run_exits_with_the_status_that_prevents_a_restart(tmp_path: Path) -> None:
    """The status of `run` with an invalid configuration is the units' RestartPreventExitStatus=."""
    (tmp_path / "monitor.yaml").write_text("keep: some\n")
    completed = subprocess.run(
        [sys.executable, "-m", "monitor", "run"],
        env={**os.environ, "MONITOR_CONFIG": str(tmp_path / "monitor.yaml")},
        capture_output=True,
        text=True,
        check=False,
    )
    prevented = {value for unit in SERVICES for key, value in settings_of(unit) if key == "RestartPreventExitStatus"}
    assert prevented == {str(completed.returncode)}, completed.stderr


def test_the_timer_has_its_service_and_workers_have_own_directories() -> None:
    names = {unit.name for unit in UNITS}
    assert {"media-monitor-crawl.timer", "media-monitor-crawl.service", "media-monitor@.service"} <= names
    worker = dict(settings_of(DEPLOY / "systemd/media-monitor@.service"))
    assert worker["StateDirectory"] == "media-monitor-%i"
    assert worker["WorkingDirectory"] == "/var/lib/media-monitor-%i"


# ---- Kubernetes


def test_kubernetes_accepts_the_manifests() -> None:
    try:
        import kubernetes_validate
    except ImportError:
        missing("there is no kubernetes-validate: pip install kubernetes-validate")
    for manifest in MANIFESTS:
        kubernetes_validate.validate(manifest, "1.31", strict=True)


def test_the_deployment_mounts_existing_volumes_and_selects_its_pods() -> None:
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
    _, option, heartbeat, *metrics = crawler["args"]
    assert option == "--heartbeat"
    (port,) = crawler["ports"]
    assert metrics == ["--metrics", f"0.0.0.0:{port['containerPort']}"]
    assert crawler["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": port["name"]}
    for probe in ("startupProbe", "livenessProbe"):
        assert crawler[probe]["exec"]["command"] == ["media-monitor", "alive", heartbeat]
    assert COMPOSE["services"]["crawler"]["healthcheck"]["test"] == ["CMD", "media-monitor", "alive", heartbeat]
    assert COMPOSE["services"]["crawler"]["command"] == crawler["args"]


def test_the_kubernetes_configuration_is_valid(tmp_path: Path) -> None:
    (crawler,) = kubernetes("Deployment")["spec"]["template"]["spec"]["containers"]
    path = tmp_path / "monitor.yaml"
    path.write_text(kubernetes("ConfigMap")["data"]["monitor.yaml"])
    environment = {variable["name"]: variable["value"] for variable in crawler["env"]}
    config = configured(path, tmp_path, environment)
    assert config.store.api_key is not None
    assert config.mail.url is not None
    files = {Path(value).name for value in environment.values()}
    assert files == set(kubernetes("Secret")["stringData"])
    assert crawler["args"][0] in MODULE_AND_HELP_BY_COMMAND
