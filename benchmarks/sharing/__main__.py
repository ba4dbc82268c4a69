"""Measures how several processes of `media-monitor run` share outlets in one Elasticsearch, and a takeover.

    python -m benchmarks.sharing URL [--processes 6] [--outlets 200] [--minutes 5] [--answer-seconds 4]

Each outlet has its own loopback address (Linux), and a feed that never changes and takes --answer-seconds to answer,
so that outlets are held for a while.  The first figures are of each process: the share of the polls of the last
--minutes, and the mean number of outlets that it held, beside the bound, an equal share.  Then a process is killed; the
last figures are the times until other processes have polled the outlets that it held.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).parents[2]
WARM_UP_SECONDS = 60.0  # in which all processes have started and all outlets were polled once
TAKEOVER_SECONDS = 120.0  # for which the takeover of the killed process's outlets is awaited


class Feeds:
    """A server for all outlets, which knows by its User-Agent which process polls which outlet."""

    def __init__(self, answer_seconds: float) -> None:
        self.polls: list[tuple[float, str, str]] = []  # time, outlet's address and process of each poll
        self.held: dict[str, str] = {}  # the process that is polling, by the outlet's address
        self._answer_seconds = answer_seconds

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                body = b""
                if head.startswith("GET /rss "):
                    process = head.partition("process-")[2].partition(" ")[0].strip()
                    self.polls.append((time.monotonic(), address, process))
                    self.held[address] = process
                    await asyncio.sleep(self._answer_seconds)
                    self.held.pop(address, None)
                    body = b'<rss version="2.0"><channel><title>Feed</title></channel></rss>'
                status = "200 OK\r\nContent-Type: application/rss+xml" if body else "404 Not Found"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        writer.close()


def start_process(
    base: Path, number: int, *, url: str, prefix: str, port: int, outlets: int
) -> subprocess.Popen[bytes]:
    """Starts `run` with a configuration of its own, which differs from the others in the User-Agent only."""
    config = base / f"{number}.yaml"
    lines = [
        f"store: {{url: '{url}', prefix: {prefix}}}",
        f"crawl: {{delay: 0s, workers: 1, user_agent: 'process-{number} (+http://127.0.0.1)'}}",
        "outlets:",
        *(
            f"- {{name: Outlet {n}, url: 'http://127.21.0.{n + 1}:{port}/', "
            f"feeds: ['http://127.21.0.{n + 1}:{port}/rss'], every: 1m}}"
            for n in range(outlets)
        ),
    ]
    config.write_text("\n".join(lines) + "\n")
    with (base / f"{number}.log").open("wb") as log:
        command = [sys.executable, "-m", "monitor", "run", "-c", str(config)]
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


async def measure_shares(feeds: Feeds, numbers: list[str], seconds: float) -> None:
    """Prints the share of each process in the polls and in the outlets held, which are looked at each second."""
    begins_at, held = time.monotonic(), Counter[str]()
    for _ in range(int(seconds)):
        await asyncio.sleep(1)
        held.update(feeds.held.values())
    polls = Counter(process for polled_at, _, process in feeds.polls if polled_at >= begins_at)
    fair_polls, fair_held = polls.total() / len(numbers), held.total() / len(numbers)
    print("process   polls  of fair    held  of fair")
    for number in numbers:
        print(
            f"{number:>7} {polls[number]:>7,} {polls[number] / fair_polls:>8.2f} {held[number] / seconds:>7.1f} "
            f"{held[number] / fair_held:>8.2f}"
        )
    print(f"  bound {fair_polls:>7,.0f} {1:>8.2f} {fair_held / seconds:>7.1f} {1:>8.2f}")


async def measure_takeover(feeds: Feeds, victim: str, process: subprocess.Popen[bytes]) -> None:
    """Kills a process while it polls, and prints when other processes have polled its outlets."""
    orphans: set[str] = set()
    while not orphans:
        await asyncio.sleep(0.01)
        orphans = {address for address, holder in feeds.held.items() if holder == victim}
    process.kill()
    killed_at, taken_over = time.monotonic(), dict[str, float]()
    while len(taken_over) < len(orphans) and time.monotonic() < killed_at + TAKEOVER_SECONDS:
        await asyncio.sleep(0.5)
        for polled_at, address, holder in feeds.polls:
            if polled_at > killed_at and address in orphans and holder != victim:
                taken_over.setdefault(address, polled_at - killed_at)
    seconds = list(taken_over.values())
    print(f"process {victim} killed with {len(orphans)} outlets: {len(seconds)} polled by others", end="")
    print(
        f" after {median(seconds):.1f} s in the median, {max(seconds):.1f} s at most, {mean(seconds):.1f} s in the mean"
    )


async def measure(options: argparse.Namespace) -> None:
    feeds, prefix = Feeds(options.answer_seconds), f"sharing-{uuid.uuid4().hex[:8]}"
    server = await asyncio.start_server(feeds.answer, "0.0.0.0", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    numbers = [str(number + 1) for number in range(options.processes)]
    with tempfile.TemporaryDirectory() as folder:
        processes = {
            number: start_process(
                Path(folder), int(number), url=options.url, prefix=prefix, port=port, outlets=options.outlets
            )
            for number in numbers
        }
        try:
            await asyncio.sleep(WARM_UP_SECONDS)
            await measure_shares(feeds, numbers, options.minutes * 60)
            await measure_takeover(feeds, numbers[0], processes[numbers[0]])
        finally:
            for process in processes.values():
                process.send_signal(signal.SIGTERM)
            for process in processes.values():
                await asyncio.to_thread(process.wait)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--processes", type=int, default=6)
    parser.add_argument("--outlets", type=int, default=200, help="up to 250")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--answer-seconds", type=float, default=4)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
