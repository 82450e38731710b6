"""`make bench`: the service, and a handler by hand that does the same SQL, in turn under the same load."""

import argparse
import contextlib
import json
import pickle
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from config import ROOT
from tests.bench.data import World, world
from tests.bench.growth import report
from tests.bench.load import Measured, Request, Server, run
from tests.bench.operations import OPERATIONS, check, customer, invoice
from tests.bench.recordings import recordings
from tests.bench.report import picture, table
from tests.factories import Tenant
from tests.live_service import serving
from tests.schema import connected
from tests.service_processes import eventually, free_port

OURS, AGAIN, FLOOR = "billing_api", "billing_api again", "floor"
THEIR_MARK = "@@NNNNNNNN@@"
"""What that kit replaces by a number of each request."""
_GAPS = """
SELECT count(*) FROM (
    SELECT 1 FROM invoices WHERE sequence_value < 1000000 AND organization_id = ANY(%s::uuid[])
    GROUP BY organization_id, series_id, number_period
    HAVING count(*) <> max(sequence_value) - min(sequence_value) + 1
) gaps
"""


def main() -> None:
    """Measure what the arguments say, and print it."""
    asked = _arguments()
    if not shutil.which("wrk"):
        sys.exit("make bench needs wrk, which loads the servers: `apt-get install wrk`, `brew install wrk`")
    print(f"Making {asked.invoices} invoices ...", file=sys.stderr)
    with world(asked.invoices, asked.organizations) as here, contextlib.ExitStack() as stack:
        servers = [stack.enter_context(_ours(here, OURS))]
        if asked.ours:
            _serve(here, servers[0], asked.ours)
            return
        if asked.growth:
            for line in report(here.tenants, servers[0].port, partial(_run, here, servers[0], seconds=asked.seconds)):
                print(line, flush=True)
            return
        servers.append(stack.enter_context(_floor(here)))
        if asked.control:
            servers.append(stack.enter_context(_ours(here, AGAIN)))
        runs = _measured(here, servers, asked)
        print(table(runs, FLOOR))
        for server in servers:
            print(f"\n{server.name}: MiB of each process: {', '.join(f'{size:.0f}' for size in server.memory())}")
        with connected(here.addresses.owner) as cursor:
            cursor.execute(_GAPS, [[str(tenant.organization_id) for tenant in _tenants(here, OURS)]])
            print(f"\nseries of numbers with gaps: {cursor.fetchone()[0]}")
        if asked.picture:
            asked.picture.write_text(picture(runs))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--invoices", type=int, default=200_000, help="in all organizations")
    parser.add_argument("--organizations", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=[*OPERATIONS])
    parser.add_argument("--control", action="store_true", help="measure the service twice: how much is chance")
    parser.add_argument("--growth", action="store_true", help="measure how cost grows, and nothing else")
    parser.add_argument("--picture", type=Path, help="an SVG file to draw into")
    parser.add_argument("--ours", type=Path, help="measure nothing: serve, and write here how another kit reaches us")
    return parser.parse_args()


def _measured(
    here: World, servers: Sequence[Server], asked: argparse.Namespace
) -> dict[str, dict[str, list[Measured]]]:
    """Each operation of each server, in turn, as many times as there are rounds."""
    operations = [OPERATIONS[name] for name in asked.operations]
    requests = {
        (operation.name, server.name): operation.requests(_tenants(here, server.name))
        for operation in operations
        for server in servers
    }
    for operation in operations:
        for server in servers:
            asked_of_it, tenants = requests[operation.name, server.name], _tenants(here, server.name)
            check(server.port, tenants, operation, asked_of_it, is_ours=server.name != FLOOR)
            _run(here, server, asked_of_it, asked.clients, seconds=1)
    runs: dict[str, dict[str, list[Measured]]] = {
        operation.name: {server.name: [] for server in servers} for operation in operations
    }
    for number in range(asked.rounds):
        print(f"Round {number + 1} of {asked.rounds} ...", file=sys.stderr)
        for operation in operations:
            for server in servers:
                taken = _run(here, server, requests[operation.name, server.name], asked.clients, seconds=asked.seconds)
                runs[operation.name][server.name].append(taken)
    return runs


def _tenants(here: World, server: str) -> list[Tenant]:
    """Whom a server works for: the floor gives numbers as it likes, which would leave gaps in ours."""
    half = len(here.tenants) // 2
    return here.tenants[half:] if server == FLOOR else here.tenants[:half]


def _run(here: World, server: Server, requests: Sequence[Request], clients: int, *, seconds: int) -> Measured:
    return run(server, requests, clients, seconds, here.postmaster, here.folder)


@contextlib.contextmanager
def _ours(here: World, name: str) -> Iterator[Server]:
    folder = here.folder / name.replace(" ", "-")
    folder.mkdir()
    with serving(here.config, folder / "log", BILLING_LOG_LEVEL="info", BILLING_ENV="development") as service:
        yield Server(name, service.port, service.process.pid)


@contextlib.contextmanager
def _floor(here: World) -> Iterator[Server]:
    """Behind the same server of HTTP, with as many workers and threads."""
    recorded, port = here.folder / "recordings", free_port()
    recorded.write_bytes(pickle.dumps(recordings(here)))
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--worker-class", "gthread", "--threads", "4"]
    command += ["--bind", f"127.0.0.1:{port}", "--no-control-socket", "tests.bench.floor:app"]
    with (here.folder / "floor.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={"FLOOR": str(recorded)}, stderr=log)
    try:
        assert eventually(lambda: _is_listening(port), 20), "the floor does not answer"
        yield Server(FLOOR, port, process.pid)
    finally:
        process.terminate()
        process.wait(10)


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _serve(here: World, server: Server, to: Path) -> None:
    """Answer until Ctrl-C; the file says where and to whom, what is asked, and which processes bear it."""
    told = {
        "base_url": f"http://127.0.0.1:{server.port}",
        "health": "/health/ready",
        "pid": server.pid,
        "pg_pid": here.postmaster,
        "tokens": [tenant.access_token for tenant in here.tenants],
        "bodies": {"post_customer": customer(THEIR_MARK), "post_invoice": invoice("{customer_id}")},
        "fields": {"tax": "tax_total"},
        "decimals": 2,
    }
    to.write_text(json.dumps(told, indent=2))
    print(f"Serving at {told['base_url']}; see {to}. Ctrl-C stops it.", file=sys.stderr)
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(["sleep", "infinity"], check=False)


if __name__ == "__main__":
    main()
