"""The private PostgreSQL: its roles, its data over stops and kills, and what it says when it cannot start."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from billing_api import postgres_binaries, postgres_cluster
from billing_api.embedded import Addresses, EmbeddedError, EmbeddedPostgres, attach, throw_away
from billing_api.postgres_cluster import connect, read_place
from config import ROOT
from tests.service_processes import eventually, running


def ask(url: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def server_pid(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split()[0])


@pytest.fixture(scope="module")
def server() -> Iterator[Addresses]:
    with throw_away() as addresses:
        yield addresses


@contextmanager
def place() -> Iterator[Path]:
    """A folder for an instance and its data, also root's, which are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="billing-api-place-") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o711)
        patch.setattr(postgres_cluster, "ROOTS_PLACE", Path(folder) / "data")
        yield Path(folder)


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    """The folder of an instance that was started and stopped: to make the data takes three times as long as a copy."""
    with place() as folder:
        server = EmbeddedPostgres(folder / "instance")
        server.start()
        server.stop()
        yield folder


@pytest.fixture
def instance(original: Path) -> Iterator[Path]:
    """An instance that was stopped."""
    with place() as folder:
        subprocess.run(["cp", "-a", f"{original}/.", folder], check=True)
        location = folder / "instance" / "postgres" / "location"
        if location.exists():
            location.write_text(location.read_text().replace(str(original), str(folder)))
        yield folder / "instance"


@pytest.fixture
def start(instance: Path) -> Iterator[Callable[[], EmbeddedPostgres]]:
    started: list[EmbeddedPostgres] = []

    def begin() -> EmbeddedPostgres:
        started.append(EmbeddedPostgres(instance))
        started[-1].start()
        return started[-1]

    yield begin
    for one in started:
        one.stop()


class TestRoles:
    def test_the_service_has_no_privilege_of_its_own(self, server: Addresses) -> None:
        attributes = "rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication"
        assert ask(server.service, f"SELECT {attributes} FROM pg_roles WHERE rolname = current_user") == [(False,) * 5]  # noqa: S608
        assert ask(server.service, "SELECT pg_has_role('billing_owner', 'MEMBER')") == [(False,)]
        owned = ask(server.service, "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert owned == [(0,)]

    def test_the_service_cannot_create_tables(self, server: Addresses) -> None:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(server.service, "CREATE TABLE mine (id int)")

    def test_the_owner_migrates_rows_that_forced_row_security_hides_from_the_service(self, server: Addresses) -> None:
        ask(server.owner, "CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1), (2)")
        ask(server.owner, "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; ALTER TABLE hidden FORCE ROW LEVEL SECURITY")
        ask(server.owner, "GRANT SELECT ON hidden TO billing_service")
        assert ask(server.service, "SELECT count(*) FROM hidden") == [(0,)]
        assert ask(server.owner, "UPDATE hidden SET id = id + 1 RETURNING id") == [(2,), (3,)]

    @pytest.mark.parametrize("role", ["service", "owner", "superuser"])
    def test_nobody_enters_without_the_password(self, server: Addresses, role: str) -> None:
        url = getattr(server, role)
        password = url.split(":")[2].split("@")[0]
        with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
            connect(url.replace(password, "guess"))

    def test_a_database_made_from_the_first_is_reached_by_the_same_roles(self, server: Addresses) -> None:
        ask(server.superuser, "CREATE DATABASE copy TEMPLATE billing OWNER billing_owner")
        copy = server.on("copy")
        assert ask(copy.owner, "CREATE TABLE there (id int)") == []
        assert ask(copy.service, "SELECT current_database()") == [("copy",)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(copy.service, "CREATE TABLE mine (id int)")


class TestServer:
    def test_a_throw_away_syncs_nothing_and_takes_many_connections(self, server: Addresses) -> None:
        shown = [
            ask(server.service, f"SHOW {name}")[0][0] for name in ("fsync", "synchronous_commit", "full_page_writes")
        ]
        assert shown == ["off", "off", "off"]
        assert int(ask(server.service, "SHOW max_connections")[0][0]) >= 200

    def test_text_is_sorted_the_same_on_every_machine(self, server: Addresses) -> None:
        found = ask(server.owner, "SELECT x, upper(x) FROM unnest(ARRAY['é', 'Z', 'a']) x ORDER BY x")
        assert found == [("Z", "Z"), ("a", "A"), ("é", "É")]
        assert ask(server.owner, "SHOW server_encoding") == [("UTF8",)]

    def test_it_listens_on_loopback_only(self, server: Addresses) -> None:
        assert ask(server.owner, "SHOW listen_addresses") == [("127.0.0.1",)]
        assert ask(server.superuser, "SHOW unix_socket_directories") == [("",)]

    def test_its_log_keeps_no_value_that_a_user_sent(self, start: Callable[[], EmbeddedPostgres]) -> None:
        postgres = start()
        owner = postgres.addresses.owner
        ask(owner, "CREATE TABLE people (email text PRIMARY KEY); INSERT INTO people VALUES ('canary@example.com')")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            ask(owner, "INSERT INTO people VALUES ('canary@example.com')")
        assert "duplicate key" in postgres.log.read_text()
        assert "canary" not in postgres.log.read_text()

    def test_a_throw_away_leaves_nothing_behind(self) -> None:
        with throw_away() as addresses:
            pid = server_pid(addresses.data)
        assert pid not in running()
        assert not addresses.data.exists()


class TestData:
    def test_rows_and_passwords_stay_over_a_stop(self, start: Callable[[], EmbeddedPostgres], instance: Path) -> None:
        first = start()
        ask(first.addresses.owner, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
        password = first.addresses.owner.split("@")[0]
        first.stop()
        second = start()
        assert ask(second.addresses.owner, "SELECT id FROM kept") == [(7,)]
        assert second.addresses.owner.split("@")[0] == password
        assert (instance / "postgres" / "passwords.json").stat().st_mode & 0o077 == 0
        assert second.addresses.data.stat().st_mode & 0o077 == 0

    def test_a_server_that_was_killed_comes_back_on_its_port_with_its_rows(
        self, start: Callable[[], EmbeddedPostgres]
    ) -> None:
        postgres = start()
        addresses = postgres.addresses
        ask(addresses.owner, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
        assert not postgres.revive()
        os.kill(server_pid(addresses.data), signal.SIGKILL)
        assert eventually(lambda: postgres.poll() == -signal.SIGKILL)

        def answers() -> bool:
            postgres.revive()
            try:
                return ask(addresses.owner, "SELECT id FROM kept") == [(7,)]
            except psycopg2.OperationalError:
                return False

        assert eventually(answers, 20)

    def test_a_second_start_names_the_holder(self, start: Callable[[], EmbeddedPostgres], instance: Path) -> None:
        start()
        with pytest.raises(EmbeddedError, match=f"is kept by process {os.getpid()}"):
            EmbeddedPostgres(instance).start()

    def test_a_command_attaches_to_the_server_that_runs(
        self, start: Callable[[], EmbeddedPostgres], instance: Path
    ) -> None:
        assert attach(instance.with_name("another")) is None
        assert attach(instance) is None
        postgres = start()
        assert attach(instance) == postgres.addresses
        postgres.stop()
        assert attach(instance) is None

    def test_data_of_another_major_version_are_explained_and_kept(
        self, start: Callable[[], EmbeddedPostgres], instance: Path
    ) -> None:
        version = read_place(instance / "postgres") / "PG_VERSION"
        version.write_text("12\n")
        with pytest.raises(EmbeddedError, match=r"the data are of PostgreSQL 12.*pg_dump"):
            start()
        assert version.read_text() == "12\n"

    def test_lost_passwords_are_explained(self, start: Callable[[], EmbeddedPostgres], instance: Path) -> None:
        (instance / "postgres" / "passwords.json").unlink()
        with pytest.raises(EmbeddedError, match=r"passwords\.json is missing"):
            start()

    def test_a_start_that_fails_says_the_last_lines_of_the_log(
        self, start: Callable[[], EmbeddedPostgres], instance: Path
    ) -> None:
        with (read_place(instance / "postgres") / "postgresql.conf").open("a") as settings:
            settings.write("nonsense = 1\n")
        with pytest.raises(EmbeddedError, match="unrecognized configuration parameter") as caught:
            start()
        assert "\n" not in str(caught.value)

    def test_an_interrupted_initdb_is_not_taken_for_data(
        self, start: Callable[[], EmbeddedPostgres], instance: Path
    ) -> None:
        data = read_place(instance / "postgres")
        data.rename(data.with_name(f"{data.name}.new"))
        (data.with_name(f"{data.name}.new") / "global" / "pg_control").unlink()
        assert ask(start().addresses.service, "SELECT 1") == [(1,)]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps its data outside of the instance")
    def test_data_of_an_instance_that_was_removed_are_left_alone(
        self, start: Callable[[], EmbeddedPostgres], instance: Path
    ) -> None:
        shutil.rmtree(instance)
        start().stop()
        first = read_place(instance / "postgres")
        shutil.rmtree(instance)
        assert start().addresses.data != first
        assert (first / "PG_VERSION").exists()


class TestLeftovers:
    def test_the_server_ends_when_its_starter_is_killed(self, instance: Path) -> None:
        program = (
            "import sys, time; from pathlib import Path; from billing_api import postgres_cluster as c\n"
            f"c.ROOTS_PLACE = Path({str(postgres_cluster.ROOTS_PLACE)!r})\n"
            "from billing_api.embedded import EmbeddedPostgres\n"
            f"print(EmbeddedPostgres(Path({str(instance)!r})).start().data, flush=True); time.sleep(60)"
        )
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT) as starter:
            assert starter.stdout
            pid = server_pid(Path(starter.stdout.readline().strip()))
            starter.kill()
        assert eventually(lambda: pid not in running())

    def test_a_server_that_was_left_running_is_replaced(
        self, start: Callable[[], EmbeddedPostgres], instance: Path
    ) -> None:
        first = start()
        left = server_pid(first.addresses.data)
        # As after a kill where the system knows no parent-death signal: the server runs, nobody holds the lock.
        assert first._lock
        first._lock.release()
        second = start()
        assert second.poll() is None
        assert server_pid(second.addresses.data) != left
        assert eventually(lambda: first.poll() is not None)

    @pytest.mark.parametrize("stranger", [os.getppid(), 1], ids=["our parent", "the first process"])
    def test_a_stranger_under_the_number_of_an_old_server_does_not_stop_the_start(
        self, start: Callable[[], EmbeddedPostgres], stranger: int
    ) -> None:
        postgres = start()
        note = postgres.addresses.data / "postmaster.pid"
        lines = note.read_text().splitlines()
        postgres.stop()
        note.write_text("\n".join([str(stranger), *lines[1:]]) + "\n")
        assert ask(start().addresses.service, "SELECT 1") == [(1,)]


class TestPrograms:
    def test_a_machine_without_any_is_told_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(postgres_binaries, "WHEEL", "no_such_wheel")
        monkeypatch.setattr(postgres_binaries, "_SYSTEM_FOLDERS", ())
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(EmbeddedError, match=r"requirements-postgres\.txt.*apt-get install postgresql"):
            postgres_binaries.find()

    def test_a_version_that_is_too_old_is_not_taken(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for program in ("postgres", "initdb"):
            (tmp_path / program).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.2'\n")
            (tmp_path / program).chmod(0o755)
        monkeypatch.setattr(postgres_binaries, "WHEEL", "no_such_wheel")
        monkeypatch.setattr(postgres_binaries, "_SYSTEM_FOLDERS", ())
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(EmbeddedError, match="no PostgreSQL was found"):
            postgres_binaries.find()
        (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.1'\n")
        assert postgres_binaries.find().major == 17
