"""Load by wrk, and what it costs the processes that bear it."""

import itertools
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.service_processes import family

SCRIPT = Path(__file__).with_name("load.lua")
MARK = "@NUMBER@"
_TICKS = os.sysconf("SC_CLK_TCK")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Request:
    """One request; a body may hold the `MARK`, which is another number each time."""

    method: str
    path: str
    token: str
    body: Any = None


@dataclass(frozen=True)
class Measured:
    """What came of one run: requests a second, milliseconds, and microseconds of processor time a request."""

    rate: float
    p50: float
    p99: float
    service: float
    database: float
    failed: int

    @property
    def cost(self) -> float:
        return self.service + self.database


@dataclass(frozen=True)
class Server:
    """What is measured: where it answers, and its first process."""

    name: str
    port: int
    pid: int

    def memory(self) -> list[float]:
        """MiB of its own of each of its processes, what they share divided among them."""
        return sorted(map(mebibytes, family(self.pid)))


def run(
    server: Server, requests: Sequence[Request], clients: int, seconds: int, postmaster: int, folder: Path
) -> Measured:
    """Ask one server for so many seconds."""
    asked = folder / "requests.tsv"
    asked.write_text("".join(map(_line, requests)))
    # So many thousand numbers for each run that none is met twice.
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "20s", "-s", str(SCRIPT)]
    command += [f"http://127.0.0.1:{server.port}", "--", str(asked), str(next(_numbers) * 100_000)]
    before = [_seconds(server.pid), _seconds(postmaster)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    taken = [now - then for now, then in zip([_seconds(server.pid), _seconds(postmaster)], before, strict=True)]
    told = json.loads(said.rpartition("\n#")[2])
    service, database = (one / max(told["requests"], 1) * 1e6 for one in taken)
    rate, failed = told["requests"] / told["seconds"], told["refused"] + told["lost"]
    return Measured(rate, told["p50"], told["p99"], service, database, failed)


def _line(request: Request) -> str:
    body = "" if request.body is None else json.dumps(request.body)
    return "\t".join((request.method, request.path, request.token, body)) + "\n"


def _seconds(pid: int) -> float:
    """Processor time of a process and all that descend from it, those that have ended meanwhile included."""
    return sum(map(_ticks, family(pid))) / _TICKS


def _ticks(pid: int) -> int:
    try:
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    except OSError:
        return 0


def mebibytes(pid: int) -> float:
    """What a process takes of the memory: its own, and its share of what it has in common with others."""
    try:
        said = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in said.splitlines() if line.startswith("Pss:")) / 1024
