"""Runs a real Elasticsearch without Docker: a small Java class starts the server's jars from Maven Central.

The server has all features that a store uses (bulk, search, templates, aliases, sequence numbers, several nodes), but
not the modules of the full distribution: no security, scripts, reindex, data streams or ``GET /``.

``python tests/servers/elasticsearch_node.py`` runs a server for development on port 9200 until it is interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes.util
import fcntl
import hashlib
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = Path(__file__).parent / "node"
_POM = (SOURCES / "pom.xml").read_text()
VERSION = _POM.partition("<elasticsearch.version>")[2].partition("<")[0]
START_TIMEOUT_SECONDS = 120.0
ZSTD_DIRECTORIES = (
    f"/usr/lib/{platform.machine()}-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/opt/homebrew/lib",
    "/usr/local/lib",
)


class Missing(Exception):
    """This machine lacks a program that the server needs; the message names it."""


def java() -> str:
    """Returns the path of Java 21 or newer: of ELASTICSEARCH_JAVA_HOME, of JAVA_HOME or an installed one.

    It must be a full JDK, because trimmed runtimes lack some modules that the server requires.  Raises Missing.
    """
    homes = [Path(home) for name in ("ELASTICSEARCH_JAVA_HOME", "JAVA_HOME") if (home := os.environ.get(name))]
    homes += sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)
    commands = [home / "bin" / "java" for home in homes]
    if on_path := shutil.which("java"):
        commands.append(Path(on_path))
    for command in commands:
        if command.is_file() and _major_version(command) >= 21:
            return str(command)
    raise Missing("no Java of 21 or newer: install a JDK, or name one in ELASTICSEARCH_JAVA_HOME")


def _major_version(command: Path) -> int:
    output = subprocess.run(
        [command, "-version"], capture_output=True, text=True, env=_environment(), check=False
    ).stderr
    match = re.search(r'version "(\d+)', output)
    return int(match.group(1)) if match else 0


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "JAVA_TOOL_OPTIONS"}


def install(runtime: str) -> Path:
    """Returns the server's home directory, created on first use with Maven and the network.  Raises Missing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-monitor"
    recipe = hashlib.sha256(
        b"".join(path.read_bytes() for path in (Path(__file__), *sorted(SOURCES.iterdir())))
    ).hexdigest()
    home = cache / f"elasticsearch-{VERSION}"
    stamp = home / "made-from"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "elasticsearch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of several test runs creates it
        if stamp.exists() and stamp.read_text() == recipe:
            return home
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            _create_home(Path(scratch) / "home", runtime)
            (Path(scratch) / "home" / "made-from").write_text(recipe)
            shutil.rmtree(home, ignore_errors=True)
            (Path(scratch) / "home").rename(home)
    return home


def _create_home(home: Path, runtime: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing("no Maven (mvn), which downloads the server's jars")
    libs, netty, filters = home / "libs", home / "modules/transport-netty4", home / "modules/analysis-filters"
    for directory in (libs, netty, filters, home / "config", home / "plugins", home / "compiler"):
        directory.mkdir(parents=True)
    completed = subprocess.run(
        [maven, "-q", "-B", "-f", SOURCES / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={libs}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise Missing(f"Maven could not fetch the server's jars: {(completed.stdout + completed.stderr).strip()[:500]}")
    # The HTTP and transport layer is a separate module; its jar contains the module's descriptor.
    for jar in [*libs.glob("transport-netty4-*.jar"), *libs.glob("netty-*.jar")]:
        jar.rename(netty / jar.name)
    with zipfile.ZipFile(netty / f"transport-netty4-{VERSION}.jar") as archive:
        for name in ("plugin-descriptor.properties", "entitlement-policy.yaml"):
            (netty / name).write_bytes(archive.read(f"META-INF/es-plugins/transport-netty4/{name}"))
    for jar in libs.glob("ecj-*.jar"):
        jar.rename(home / "compiler" / "ecj.jar")
    with tempfile.TemporaryDirectory() as classes:
        _compile(home, runtime, SOURCES / "AnalysisFilters.java", Path(classes))
        with zipfile.ZipFile(filters / "analysis-filters.jar", "w") as archive:
            for path in Path(classes).rglob("*.class"):
                archive.write(path, path.relative_to(classes))
    (filters / "plugin-descriptor.properties").write_text(
        f"description=filters\nversion={VERSION}\nname=analysis-filters\njava.version=21\n"
        f"elasticsearch.version={VERSION}\nclassname=monitor.testing.AnalysisFilters\n"
    )
    _compile(home, runtime, SOURCES / "Node.java", home / "classes")
    shutil.copy(SOURCES / "log4j2.properties", home / "config")
    _link_zstd(home)


def _link_zstd(home: Path) -> None:
    """Gives the server the system's library for the codec best_compression, which the jars do not have."""
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system(), platform.system().lower())
    machine = {"x86_64": "x64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    name = ctypes.util.find_library("zstd") or ""  # on Linux of a file in one of the directories, on macOS its path
    paths = [Path(directory, name) for directory in ZSTD_DIRECTORIES]
    library = next((path for path in paths if name and path.is_file()), None)
    if library is None:
        raise Missing("no zstd library (package libzstd1), with which the server compresses")
    directory = home / f"lib/platform/{system}-{machine}"
    directory.mkdir(parents=True)
    (directory / f"libzstd.{'dylib' if system == 'darwin' else 'so'}").symlink_to(library.resolve())


def _compile(home: Path, runtime: str, source: Path, classes: Path) -> None:
    jars = os.pathsep.join(str(jar) for jar in (home / "libs").glob("*.jar"))
    subprocess.run(
        [runtime, "-jar", home / "compiler/ecj.jar", "-21", "-nowarn", "-cp", jars, "-d", classes, source],
        env=_environment(),
        check=True,
    )


@dataclass
class Node:
    """One server process, which ends with the process that started it."""

    name: str
    directory: Path  # of the data and the log; kept over a restart
    port: int
    transport_port: int
    settings: dict[str, str] = field(default_factory=dict)
    heap: str = "512m"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the process and returns at once; see `wait`.  Raises Missing."""
        runtime = java()
        home = install(runtime)
        settings = {
            "path.data": str(self.directory / "data"),
            "path.logs": str(self.directory / "logs"),
            "network.host": "127.0.0.1",
            "http.port": str(self.port),
            "transport.port": str(self.transport_port),
            "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": "false",  # a full disk does not fail a test
            **self.settings,
        }
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "node.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    runtime,
                    f"-Xms{self.heap}",
                    f"-Xmx{self.heap}",
                    f"-Des.path.home={home}",
                    "--module-path",
                    str(home / "libs"),
                    "--add-modules=ALL-MODULE-PATH,jdk.net",
                    "--enable-native-access=org.elasticsearch.nativeaccess,org.apache.lucene.core",
                    "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",  # the jars do not have the library
                    "-cp",
                    str(home / "classes"),
                    "Node",
                    str(home),
                    self.name,
                    *(f"{key}={value}" for key, value in settings.items()),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,  # Ctrl-C in the terminal goes to the parent process only
            )

    def wait(self, *, nodes: int = 1, timeout: float = START_TIMEOUT_SECONDS) -> None:
        """Returns once the server answers and knows ``nodes`` nodes.  Raises RuntimeError with the end of the log."""
        assert self.process is not None
        deadline = time.monotonic() + timeout
        health = f"{self.url}/_cluster/health?wait_for_status=yellow&wait_for_nodes=>={nodes}&timeout=1s"
        while time.monotonic() < deadline and self.process.poll() is None:
            # The connection is refused while it starts; the status is 408 while it forms a cluster.
            with contextlib.suppress(OSError), urllib.request.urlopen(health, timeout=5):
                return
            time.sleep(0.2)
        log = (self.directory / "node.log").read_text(errors="replace")[-3000:]
        self.kill()
        raise RuntimeError(f"Elasticsearch did not start:\n{log}")

    def kill(self) -> None:
        """Ends the process like a power cut."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Shuts the process down."""
        self._end(signal.SIGTERM)

    def _end(self, signal_number: int) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal_number)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process = None


def free_ports(count: int) -> list[int]:
    """Returns ports of the loopback interface that are free now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free_socket in sockets:
            free_socket.bind(("127.0.0.1", 0))
        return [free_socket.getsockname()[1] for free_socket in sockets]


def single(directory: Path, *, port: int = 0, heap: str = "512m", **settings: str) -> Node:
    """Starts a server of one node and waits until it answers.  Raises Missing, RuntimeError."""
    ports = free_ports(2)
    node = Node("node-1", directory, port or ports[0], ports[1], settings=settings, heap=heap)
    node.start()
    node.wait()
    return node


def cluster(directory: Path, count: int, *, heap: str = "512m") -> list[Node]:
    """Starts a cluster of ``count`` master-eligible nodes and waits for it.  Raises Missing, RuntimeError."""
    ports = free_ports(2 * count)
    names = [f"node-{number}" for number in range(1, count + 1)]
    settings = {
        "discovery.type": "multi-node",
        "cluster.initial_master_nodes": ",".join(names),
        "discovery.seed_hosts": ",".join(f"127.0.0.1:{port}" for port in ports[count:]),
    }
    nodes = [
        Node(name, directory / name, ports[number], ports[count + number], settings=settings, heap=heap)
        for number, name in enumerate(names)
    ]
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait(nodes=count)
    return nodes


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a real Elasticsearch for development until interrupted.")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--heap", default="1g")
    parser.add_argument("--data", type=Path, default=Path(".cache/elasticsearch"), help="kept between runs")
    options = parser.parse_args()
    try:
        node = single(options.data.resolve(), port=options.port, heap=options.heap)
    except (Missing, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Elasticsearch {VERSION} runs at {node.url}; data in {options.data}; Ctrl-C stops it.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        assert node.process is not None
        return node.process.wait()
    except (KeyboardInterrupt, SystemExit):
        return 0
    finally:
        node.stop()


if __name__ == "__main__":
    sys.exit(main())
