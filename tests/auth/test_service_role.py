"""The role that the service answers as, and a start while the database is away or says nothing."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from flask import Flask
from sqlalchemy.engine import make_url

from billing_api import create_app
from billing_api.circuit_breaker import breaker
from billing_api.database import Silence, db
from billing_api.embedded import Addresses
from billing_api.postgres_cluster import connect
from billing_api.provisioning import DatabaseAway, await_database, check_role
from billing_api.role_check import UnsafeRole
from config import ROOT, Config
from tests.service_processes import free_port


@contextmanager
def role(addresses: Addresses, attributes: str) -> Iterator[str]:
    """The address of the test's database for a role that is made for the while."""
    name = f"role_{os.getpid()}"
    url = make_url(addresses.service).set(username=name, password="x" * 20)
    with closing(connect(addresses.superuser)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{'x' * 20}' {attributes}")
        try:
            yield url.render_as_string(hide_password=False)
        finally:
            cursor.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("env", ["development", "production"])
@pytest.mark.parametrize("attributes", ["SUPERUSER", "BYPASSRLS"])
def test_a_role_that_passes_the_wall_is_refused_everywhere(
    config: Config, addresses: Addresses, attributes: str, env: str
) -> None:
    with role(addresses, attributes) as url, pytest.raises(UnsafeRole, match="CREATE ROLE") as caught:
        check_role(replace(config, env=env, database_url=url))
    assert "\n" not in str(caught.value)
    assert "x" * 20 not in str(caught.value)


@pytest.mark.parametrize("env", ["development", "production"])
def test_a_role_that_may_become_one_that_passes_the_wall_is_refused_everywhere(
    config: Config, addresses: Addresses, app: Flask, env: str
) -> None:
    owner = make_url(addresses.owner).username
    with role(addresses, f"IN ROLE {owner}") as url, pytest.raises(UnsafeRole, match="may become"):
        check_role(replace(config, env=env, database_url=url))


def test_a_role_that_may_become_a_bound_owner_is_refused_in_production_only(
    config: Config, addresses: Addresses, app: Flask
) -> None:
    owner = make_url(addresses.owner).username
    with closing(connect(addresses.superuser)) as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER ROLE {owner} NOBYPASSRLS")
        try:
            with role(addresses, f"IN ROLE {owner}") as url:
                check_role(replace(config, database_url=url))
                with pytest.raises(UnsafeRole, match="owns the tables"):
                    check_role(replace(config, env="production", database_url=url))
        finally:
            cursor.execute(f"ALTER ROLE {owner} BYPASSRLS")


@pytest.mark.parametrize("env", ["development", "production"])
def test_the_services_own_role_is_taken(config: Config, app: Flask, env: str) -> None:
    check_role(replace(config, env=env))


def test_a_database_that_is_away_is_not_taken_for_an_unsafe_role(config: Config) -> None:
    with pytest.raises(DatabaseAway):
        check_role(replace(config, database_url="postgresql+psycopg2://service:secret@127.0.0.1:1/billing"))


def test_a_password_that_is_part_of_every_word_garbles_no_message(config: Config) -> None:
    with pytest.raises(DatabaseAway) as caught:
        check_role(replace(config, database_url="postgresql+psycopg2://service:e@127.0.0.1:1/billing"))
    assert "127.0.0.1:1/billing cannot be reached: " in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert "***" not in str(caught.value)


def test_a_message_that_quotes_an_address_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str) -> None:
        raise psycopg2.OperationalError(f'unexpected character in "{url}"\nand more')

    monkeypatch.setattr("billing_api.provisioning.connect", refuse)
    with pytest.raises(DatabaseAway) as caught:
        await_database("postgresql+psycopg2://service:canary@127.0.0.1:1/billing", patience=0)
    assert str(caught.value).endswith('"postgresql+psycopg2://service:***@127.0.0.1:1/billing" and more')


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a database that lets everybody in and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"postgresql+psycopg2://service:x@127.0.0.1:{listener.getsockname()[1]}/billing"
    breaker.note(silence=False)


def test_who_connects_to_a_silent_database_is_told_so_outside_of_a_request_too(
    app: Flask, config: Config, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_api.deadline.SILENCE_SECONDS", 0.1)
    with pytest.raises(DatabaseAway, match="does not answer"):
        check_role(replace(config, database_url=silent))
    with pytest.raises(Silence):
        connect(silent)


def test_a_database_that_falls_silent_after_the_greeting_does_not_hold_up_the_check_of_the_role(
    app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_api.deadline.SILENCE_SECONDS", 0.1)
    monkeypatch.setattr("billing_api.role_check._ROLE", "SELECT pg_sleep(3)")
    try:
        with pytest.raises(DatabaseAway, match="does not answer"):
            check_role(config)
    finally:
        breaker.note(silence=False)


def test_gunicorn_alone_starts_while_the_database_is_silent(silent: str, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "INSTANCE": str(tmp_path), "DATABASE_URL": silent}
    command = [sys.executable, "-c", "import wsgi; print('loaded')"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "loaded\n"), done.stderr


def test_gunicorn_alone_says_in_one_line_that_it_has_no_database(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "INSTANCE": str(tmp_path)}
    command = [sys.executable, "-c", "import wsgi"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("billing-api: DATABASE_URL: must be given")
    assert done.stderr.count("\n") == 1


def test_a_role_that_could_not_be_looked_at_when_the_service_started_gets_no_answers(
    config: Config, addresses: Addresses, app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    name = make_url(addresses.service).username
    with role(addresses, f"SUPERUSER IN ROLE {name}") as url:
        late = create_app(replace(config, database_url=url))
        answer = late.test_client().get("/health/ready")
        assert answer.status_code == 503
        assert "its log says why" in answer.json["detail"]
        assert "row-level security would not keep tenants apart" in capsys.readouterr().out
        body = {"email": "a@b.example", "password": "correct horse battery staple"}
        assert late.test_client().post("/v1/auth/login", json=body).status_code == 503
        with closing(connect(addresses.superuser)) as connection, connection.cursor() as cursor:
            cursor.execute(f"ALTER ROLE {make_url(url).username} NOSUPERUSER")
        assert late.test_client().get("/health/ready").status_code == 200
        with late.app_context():
            db.engine.dispose()


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import wsgi"],
        ["-m", "gunicorn", "--check-config", "wsgi:app"],
        ["-c", "import sys; sys.argv[1:] = ['serve']; from billing_api.cli import main; main()"],
    ],
    ids=["wsgi", "gunicorn", "serve"],
)
def test_nothing_is_served_as_a_superuser(addresses: Addresses, app: Flask, tmp_path: Path, command: list[str]) -> None:
    with role(addresses, "SUPERUSER") as url:
        environ = {"PATH": os.environ["PATH"], "INSTANCE": str(tmp_path), "DATABASE_URL": url}
        environ |= {"PORT": str(free_port()), "MIGRATION_DATABASE_URL": addresses.owner}
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if "row-level security" in line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("billing-api: the role ")
    assert "Traceback" not in done.stderr


def test_a_good_role_is_served(config: Config, app: Flask) -> None:
    assert create_app(config).test_client().get("/health/ready").status_code == 200
