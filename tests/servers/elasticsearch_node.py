"""A real Elasticsearch without Docker: the server's own jars from Maven Central, run by a small Java class.

It is the full server in what matters to a store (bulk, search, templates, aliases, sequence numbers, several nodes),
without the modules of the full distribution: no security, scripts, reindex, data streams or ``GET /``.

``python tests/servers/elasticsearch_node.py`` runs one for a developer on port 9200 until it is interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
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

HERE = Path(__file__).parent / "node"
VERSION = re.search(r"<elasticsearch.version>(.*?)<", (HERE / "pom.xml").read_text()).group(1)  # type: ignore[union-attr]
START_TIMEOUT = 120.0


class Missing(Exception):
    """This machine lacks what the server needs; the message says what."""


def java() -> str:
    """Path of Java of 21 or newer: in ELASTICSEARCH_JAVA_HOME, JAVA_HOME or an installed one.  Raises Missing.

    A whole JDK is meant: the server's modules name some that trimmed runtimes lack.
    """
    homes = [Path(home) for name in ("ELASTICSEARCH_JAVA_HOME", "JAVA_HOME") if (home := os.environ.get(name))]
    homes += sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)
    commands = [home / "bin" / "java" for home in homes]
    if on_path := shutil.which("java"):
        commands.append(Path(on_path))
    for command in commands:
        if command.is_file() and _major(command) >= 21:
            return str(command)
    raise Missing("no Java of 21 or newer: install a JDK, or name one in ELASTICSEARCH_JAVA_HOME")


def _major(command: Path) -> int:
    said = subprocess.run([command, "-version"], capture_output=True, text=True, env=_environment(), check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found.group(1)) if found else 0


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "JAVA_TOOL_OPTIONS"}


def install(runtime: str) -> Path:
    """The server's home directory, made on first use (needs Maven and the network once).  Raises Missing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-monitor"
    recipe = hashlib.sha256(
        b"".join(path.read_bytes() for path in (Path(__file__), *sorted(HERE.iterdir())))
    ).hexdigest()
    home = cache / f"elasticsearch-{VERSION}"
    stamp = home / "made-from"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "elasticsearch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test runs, one makes it
        if stamp.exists() and stamp.read_text() == recipe:
            return home
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            _make(Path(scratch) / "home", runtime)
            (Path(scratch) / "home" / "made-from").write_text(recipe)
            shutil.rmtree(home, ignore_errors=True)
            (Path(scratch) / "home").rename(home)
    return home


def _make(home: Path, runtime: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing("no Maven (mvn): it fetches the server's jars")
    libs, netty, filters = home / "libs", home / "modules/transport-netty4", home / "modules/analysis-filters"
    for directory in (libs, netty, filters, home / "config", home / "plugins", home / "compiler"):
        directory.mkdir(parents=True)
    fetched = subprocess.run(
        [maven, "-q", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={libs}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode:
        raise Missing(f"Maven could not fetch the server's jars: {(fetched.stdout + fetched.stderr).strip()[:500]}")
    # The HTTP and transport layer is a module of its own, with a descriptor that travels inside its jar.
    for jar in [*libs.glob("transport-netty4-*.jar"), *libs.glob("netty-*.jar")]:
        jar.rename(netty / jar.name)
    with zipfile.ZipFile(netty / f"transport-netty4-{VERSION}.jar") as archive:
        for name in ("plugin-descriptor.properties", "entitlement-policy.yaml"):
            (netty / name).write_bytes(archive.read(f"META-INF/es-plugins/transport-netty4/{name}"))
    for jar in libs.glob("ecj-*.jar"):
        jar.rename(home / "compiler" / "ecj.jar")
    with tempfile.TemporaryDirectory() as classes:
        _compile(home, runtime, HERE / "AnalysisFilters.java", Path(classes))
        with zipfile.ZipFile(filters / "analysis-filters.jar", "w") as archive:
            for path in Path(classes).rglob("*.class"):
                archive.write(path, path.relative_to(classes))
    (filters / "plugin-descriptor.properties").write_text(
        f"description=filters\nversion={VERSION}\nname=analysis-filters\njava.version=21\n"
        f"elasticsearch.version={VERSION}\nclassname=monitor.testing.AnalysisFilters\n"
    )
    _compile(home, runtime, HERE / "Node.java", home / "classes")
    shutil.copy(HERE / "log4j2.properties", home / "config")


def _compile(home: Path, runtime: str, source: Path, classes: Path) -> None:
    jars = os.pathsep.join(str(jar) for jar in (home / "libs").glob("*.jar"))
    subprocess.run(
        [runtime, "-jar", home / "compiler/ecj.jar", "-21", "-nowarn", "-cp", jars, "-d", classes, source],
        env=_environment(),
        check=True,
    )


@dataclass
class Node:
    """One server process; ends with the process that started it, however that ends."""

    name: str
    directory: Path  # its data and log; kept over a restart
    port: int
    transport_port: int
    settings: dict[str, str] = field(default_factory=dict)
    heap: str = "512m"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the process and returns at once; `wait` waits until it answers.  Raises Missing."""
        runtime = java()
        home = install(runtime)
        settings = {
            "path.data": str(self.directory / "data"),
            "path.logs": str(self.directory / "logs"),
            "network.host": "127.0.0.1",
            "http.port": str(self.port),
            "transport.port": str(self.transport_port),
            "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": "false",  # a full laptop is no reason to fail a test
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
                start_new_session=True,  # the terminal's Ctrl-C is for whoever started it
            )

    def wait(self, *, nodes: int = 1, timeout: float = START_TIMEOUT) -> None:
        """Returns when the server answers and knows so many nodes.  Raises RuntimeError with the log's end."""
        assert self.process is not None
        deadline = time.monotonic() + timeout
        health = f"{self.url}/_cluster/health?wait_for_status=yellow&wait_for_nodes=>={nodes}&timeout=1s"
        while time.monotonic() < deadline and self.process.poll() is None:
            # Refused while it starts, 408 while it forms a cluster.
            with contextlib.suppress(OSError), urllib.request.urlopen(health, timeout=5):
                return
            time.sleep(0.2)
        log = (self.directory / "node.log").read_text(errors="replace")[-3000:]
        self.kill()
        raise RuntimeError(f"Elasticsearch did not start:\n{log}")

    def kill(self) -> None:
        """Ends it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends it in good order."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process = None


def free_ports(count: int) -> list[int]:
    """So many ports of the loopback that nobody listens on at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def single(directory: Path, *, port: int = 0, heap: str = "512m", **settings: str) -> Node:
    """A started server of one node that answers.  Raises Missing, RuntimeError."""
    free = free_ports(2)
    node = Node("node-1", directory, port or free[0], free[1], settings=settings, heap=heap)
    node.start()
    node.wait()
    return node


def cluster(directory: Path, count: int, *, heap: str = "512m") -> list[Node]:
    """So many started nodes that know each other, each fit to be master.  Raises Missing, RuntimeError."""
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
    parser = argparse.ArgumentParser(description="Runs a real Elasticsearch for development until interrupted.")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--heap", default="1g")
    parser.add_argument("--data", type=Path, default=Path(".cache/elasticsearch"), help="kept between runs")
    options = parser.parse_args()
    try:
        node = single(options.data.resolve(), port=options.port, heap=options.heap)
    except (Missing, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Elasticsearch {VERSION} answers at {node.url}; data in {options.data}; Ctrl-C ends it.")
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
