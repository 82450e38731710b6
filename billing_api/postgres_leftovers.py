"""A server that was left running on our data, and the file in which it says where it is."""

import os
import signal
import time
from pathlib import Path

import psycopg2

from billing_api.postgres_binaries import EmbeddedError
from billing_api.postgres_cluster import Addresses, Cluster, connect, one_line

PATIENCE_SECONDS = 10.0


def noted_port(data: Path) -> int | None:
    """The port of the server that runs, or ran, on the data."""
    lines = _noted(data)
    return int(lines[3]) if len(lines) > 3 else None


def settle(cluster: Cluster) -> None:
    """Make sure that no server runs on the data before one of ours starts there as our child.

    One is left where a starter was killed and there is no parent-death signal, or in the moments after. It is ours
    only when a connection with our password succeeds; then it is asked to stop, since a server that is not our
    child would outlive us.

    Raises:
        EmbeddedError: a server holds the data that does not let us in, or does not end.
    """
    pid = _noted_pid(cluster.data)
    deadline, asked, refusal = time.monotonic() + PATIENCE_SECONDS, False, "it does not end"
    while pid is not None:
        if not _is_server_of(pid, cluster.data):
            if _is_alive(pid):
                # The number went to a stranger, as happens in containers: PostgreSQL would take it for a server.
                (cluster.data / "postmaster.pid").unlink(missing_ok=True)
            return
        if time.monotonic() > deadline:
            raise EmbeddedError(f"a PostgreSQL (process {pid}) already runs on {cluster.data}: {refusal}")
        try:
            connect(Addresses.of(cluster.passwords, noted_port(cluster.data) or 0, cluster.data).superuser).close()
        except psycopg2.OperationalError as error:
            refusal = one_line(error)
        else:
            if not asked:
                os.kill(pid, signal.SIGINT)
                asked = True
        time.sleep(0.05)


def _noted(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _noted_pid(data: Path) -> int | None:
    lines = _noted(data)
    return abs(int(lines[0])) if lines else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_server_of(pid: int, data: Path) -> bool:
    """Whether the process is a server of these data: a server stands in their folder, where the system tells."""
    if not _is_alive(pid):
        return False
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == data
    except FileNotFoundError:
        # With /proc, it is a process that ended and was not collected; without, there is no telling.
        return not Path("/proc/self").exists()
    except PermissionError:
        # Somebody else's process. A server runs as whoever owns its data; it would refuse them otherwise.
        return Path(f"/proc/{pid}").stat().st_uid == data.stat().st_uid
