"""`billing-api worker` as real processes: it stops when told, ends with its parent, and finds its database again."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from billing_api.embedded import Addresses
from config import ROOT, Config
from tests.armed import Faults
from tests.commands import typed
from tests.factories import Tenant
from tests.mail.conftest import FROM, Mailbox, listening, mailbox, owner, row
from tests.mail.test_outbox import moved
from tests.schema import connected
from tests.service_processes import COMMAND, Service, await_end, eventually, instance, serve, service

__all__ = ["instance", "mailbox", "owner", "serve", "service"]

Started = tuple["subprocess.Popen[bytes]", Path]


def settings(config: Config, **more: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    return kept | {
        "BILLING_ENV": "test",
        # Where its secret key is.
        "INSTANCE": str(config.instance),
        "DATABASE_URL": str(config.database_url),
        "MIGRATION_DATABASE_URL": str(config.migration_database_url),
        "BILLING_MAIL_FROM": FROM,
        **more,
    }


@pytest.fixture
def start(config: Config, app: Flask, tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def begin(**more: str) -> Started:
        output = tmp_path / f"worker-{len(started)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [*COMMAND, "worker", "--die-with-parent"],
                env=settings(config, **more),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        started.append((process, output))
        return started[-1]

    yield begin
    for process, _ in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def events(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_text().splitlines()]


def is_sent(owner: Any, id: Any) -> bool:
    return row(owner, id)["sent_at"] is not None


def test_it_sends_and_reaps_and_stops_when_told(
    start: Callable[..., Started], tenant: Tenant, owner: Any, mailbox: Mailbox
) -> None:
    assert tenant.post("/v1/customers", {"name": "A"}, Idempotency_Key="old").status_code == 201
    owner.execute("UPDATE idempotency_keys SET created_at = created_at - interval '4 days'")
    first = tenant.mail("canary", recipient="canary@example.com")
    process, output = start(BILLING_SMTP_URL=mailbox.url)
    assert eventually(lambda: is_sent(owner, first), 30)
    second = tenant.mail("canary")
    assert eventually(lambda: is_sent(owner, second), 10)
    assert eventually(lambda: any(line["event"] == "reaped" for line in events(output)), 10)
    owner.execute("SELECT count(*) FROM idempotency_keys WHERE organization_id = %s", [str(tenant.organization_id)])
    assert owner.fetchone() == (0,)
    process.terminate()
    assert process.wait(5) == 0
    assert [line["mail_id"] for line in events(output) if line["event"] == "mail sent"] == [str(first), str(second)]
    assert "canary" not in output.read_text()
    assert all(line["level"] == "info" for line in events(output))


def test_once_does_what_is_to_be_done_and_ends(config: Config, tenant: Tenant, owner: Any, mailbox: Mailbox) -> None:
    ids = [tenant.mail() for _ in range(3)]
    done = typed("worker", "--once", env=settings(config, BILLING_SMTP_URL=mailbox.url))
    assert (done.returncode, done.stderr) == (0, "")
    assert all(is_sent(owner, id) for id in ids)


def test_in_development_a_mail_is_shown_however_little_is_logged(config: Config, tenant: Tenant, owner: Any) -> None:
    """It is sent by being shown, and kept nowhere else."""
    id = tenant.mail("canary")
    done = typed("worker", "--once", env=settings(config, BILLING_ENV="development", BILLING_LOG_LEVEL="error"))
    assert (done.returncode, done.stderr) == (0, "")
    assert is_sent(owner, id)
    (shown,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (shown["event"], shown["mail_id"], shown["text"]) == ("mail", str(id), "canary")


@pytest.mark.slow
def test_a_service_in_development_starts_its_worker_again(service: Service) -> None:
    assert eventually(lambda: len(service.worker()) == 1)
    (first,) = service.worker()
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: bool(service.worker() - {first}), 15)
    last = service.worker()
    service.process.terminate()
    assert service.process.wait(10) == 0
    assert await_end(last) == set()


@pytest.mark.slow
def test_a_worker_that_is_killed_when_the_server_has_the_mail_sends_it_again_under_the_same_message_id(
    start: Callable[..., Started], tenant: Tenant, owner: Any
) -> None:
    id = tenant.mail()
    with listening() as mailbox:
        process, _ = start(BILLING_SMTP_URL=mailbox.url)
        mailbox.on_data = process.kill
        assert process.wait(30) == -signal.SIGKILL
        mailbox.on_data = lambda: None
        assert row(owner, id)["sent_at"] is None
        moved(owner, id)
        start(BILLING_SMTP_URL=mailbox.url)
        assert eventually(lambda: is_sent(owner, id), 30)
    assert [str(one["Message-ID"]) for one in mailbox.taken] == [f"<{id}@example.com>"] * 2


@pytest.mark.parametrize("deed", ["raise", pytest.param("kill", marks=pytest.mark.slow)])
def test_a_mail_that_is_out_and_not_noted_goes_out_again_under_the_same_message_id(
    start: Callable[..., Started], tenant: Tenant, owner: Any, mailbox: Mailbox, tmp_path: Path, deed: str
) -> None:
    """Plant the flaw by noting that it was sent in the transaction that claims it: then what dies between is lost."""
    faults, id = Faults(tmp_path / "faults"), tenant.mail()
    faults.arm("in_outbox", deed)
    process, _ = start(BILLING_SMTP_URL=mailbox.url, BILLING_FAULTS=str(faults.folder))
    assert eventually(lambda: not faults.is_armed("in_outbox"), 30)
    if deed == "kill":
        assert process.wait(10) == -signal.SIGKILL
        start(BILLING_SMTP_URL=mailbox.url)
    assert row(owner, id)["sent_at"] is None
    moved(owner, id)
    assert eventually(lambda: is_sent(owner, id), 30)
    assert [str(one["Message-ID"]) for one in mailbox.taken] == [f"<{id}@example.com>"] * 2


@pytest.mark.slow
def test_it_stops_within_its_grace_though_the_server_says_nothing(
    start: Callable[..., Started], tenant: Tenant, owner: Any
) -> None:
    id = tenant.mail()
    with listening() as mailbox:
        mailbox.on_data = lambda: time.sleep(8)
        process, _ = start(BILLING_SMTP_URL=mailbox.url)
        assert eventually(lambda: bool(mailbox.taken), 30)
        process.terminate()
        assert process.wait(5) == 0
    assert row(owner, id)["sent_at"] is None


@pytest.mark.slow
def test_it_survives_a_database_that_goes_away(
    start: Callable[..., Started], tenant: Tenant, owner: Any, mailbox: Mailbox, addresses: Addresses
) -> None:
    process, output = start(BILLING_SMTP_URL=mailbox.url)
    first = tenant.mail()
    assert eventually(lambda: is_sent(owner, first), 30)
    role = make_url(addresses.service).username
    terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"
    with connected(addresses.superuser) as superuser:
        superuser.execute(f"ALTER ROLE {role} NOLOGIN")
        superuser.execute(terminate, [role])
        in_trouble = eventually(lambda: any(line["event"] == "worker in trouble" for line in events(output)), 20)
        superuser.execute(f"ALTER ROLE {role} LOGIN")
    assert in_trouble
    with contextlib.suppress(DBAPIError):
        tenant.mail()  # Our own connections were cut off, too.
    second = tenant.mail()
    assert eventually(lambda: is_sent(owner, second), 30)
    assert process.poll() is None
    assert eventually(lambda: "worker goes on" in [line["event"] for line in events(output)], 10)


def test_it_ends_when_its_parent_is_killed_and_holds_one_connection(
    config: Config, app: Flask, addresses: Addresses
) -> None:
    name = f"worker_{os.getpid()}"
    url = f"{config.database_url}?application_name={name}"
    starter = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(99)"
    parent = subprocess.Popen(
        [COMMAND[0], "-c", starter, *COMMAND, "worker", "--die-with-parent"],
        env=settings(config, DATABASE_URL=url),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())

        def connections() -> int:
            with connected(addresses.superuser) as cursor:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [name])
                return int(cursor.fetchone()[0])

        assert eventually(lambda: connections() > 0, 30)
        assert connections() == 1
        parent.kill()
        assert await_end({pid}) == set()
