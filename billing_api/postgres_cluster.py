"""The default database as it lies on the disk: its place, its passwords, how it is made and which roles it has."""

import hashlib
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import psycopg2
from psycopg2 import sql

from billing_api.postgres_binaries import Binaries, EmbeddedError, find, readable
from billing_api.processes import Account, bound_to_us

DATABASE = "billing"
SUPERUSER = "postgres"
OWNER = "billing_owner"
"""Owns the tables and bypasses row-level security: migrations and backups touch no row otherwise, it being FORCEd."""
SERVICE = "billing_service"
"""Owns nothing, bypasses nothing, and is no member of the owner: the role that answers requests."""

ROOTS_PLACE = Path("/var/lib/billing-api")


@dataclass(frozen=True, slots=True)
class Addresses:
    """How to reach the server, in SQLAlchemy's form, one address for each role."""

    # Passwords stand in them, so they are kept out of tracebacks.
    service: str = field(repr=False)
    owner: str = field(repr=False)
    superuser: str = field(repr=False)
    port: int
    data: Path

    @classmethod
    def of(cls, passwords: Mapping[str, str], port: int, data: Path) -> Self:
        def url(role: str, database: str) -> str:
            return f"postgresql+psycopg2://{role}:{passwords[role]}@127.0.0.1:{port}/{database}"

        return cls(url(SERVICE, DATABASE), url(OWNER, DATABASE), url(SUPERUSER, SUPERUSER), port, data)

    def on(self, database: str) -> "Addresses":
        """The same roles on another database of the server; the superuser stays where it is."""
        service, owner = (f"{url.rpartition('/')[0]}/{database}" for url in (self.service, self.owner))
        return replace(self, service=service, owner=owner)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data directory with what is needed to run it."""

    data: Path
    binaries: Binaries
    account: Account | None
    passwords: Mapping[str, str]


def connect(url: str) -> "psycopg2.extensions.connection":
    """A connection to an address in SQLAlchemy's form, within two seconds, or four where `deadline` does the waiting.

    Raises:
        psycopg2.OperationalError: nobody answers there, or refuses.
    """
    connection = psycopg2.connect(url.replace("postgresql+psycopg2://", "postgresql://", 1), connect_timeout=2)
    connection.autocommit = True
    return connection


def open_cluster(home: Path, *, durable: bool) -> Cluster:
    """The cluster of an instance, made when there is none.

    Raises:
        EmbeddedError: it cannot be made, is of another major version, or its passwords are gone.
    """
    passwords = read_passwords(home)
    data, account = _place(home, durable)
    exists = (data / "PG_VERSION").exists()
    if exists and passwords is None:
        raise EmbeddedError(
            f"{home / 'passwords.json'} is missing: put it back, or remove {data} to begin with an empty database"
        )
    binaries = find(int((data / "PG_VERSION").read_text()) if exists else None)
    if account is not None:
        binaries = readable(binaries)
    cluster = Cluster(data, binaries, account, passwords or _make_passwords(home))
    if not exists:
        _initialise(cluster, durable)
    return cluster


def read_passwords(home: Path) -> dict[str, str] | None:
    """The passwords of an instance's roles, or None before there are any."""
    try:
        found = json.loads((home / "passwords.json").read_text())
    except FileNotFoundError:
        return None
    return {role: str(found[role]) for role in (SUPERUSER, OWNER, SERVICE)}


def read_place(home: Path) -> Path:
    """Where the data of an instance are."""
    location = home / "location"
    return Path(location.read_text().strip()) if location.exists() else home / "data"


def prepare(addresses: Addresses, passwords: Mapping[str, str]) -> None:
    """Make the roles and the database. Whatever exists stays, so a start that was interrupted is mended by the next."""
    # Not `with connection`, which begins a transaction, in which CREATE DATABASE is refused.
    with closing(connect(addresses.superuser)) as connection, connection.cursor() as cursor:
        for role, attributes in ((OWNER, "LOGIN BYPASSRLS"), (SERVICE, "LOGIN")):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if cursor.fetchone() is None:
                statement = sql.SQL("CREATE ROLE {} " + attributes + " PASSWORD {}")
                cursor.execute(statement.format(sql.Identifier(role), sql.Literal(passwords[role])))
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (DATABASE, OWNER))))
    with closing(connect(addresses.owner)) as connection, connection.cursor() as cursor:
        # The owner of a database holds its schema `public`, from PostgreSQL 15 on. Nobody else may create there.
        cursor.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")


def one_line(error: Exception) -> str:
    """The message of an error without its line breaks."""
    return " ".join(str(error).split())


def _place(home: Path, durable: bool) -> tuple[Path, Account | None]:
    """Where the data are or shall be, and as whom the server runs; None means as ourselves."""
    own, location = home / "data", home / "location"
    if os.geteuid() != 0:
        return read_place(home), None
    if (own / "PG_VERSION").exists():
        # Made by somebody who is not root; it goes on under that user.
        status = own.stat()
        return own, Account(status.st_uid, status.st_gid)
    nobody = pwd.getpwnam("nobody")
    account = Account(nobody.pw_uid, nobody.pw_gid)
    if not durable:
        # A temporary folder is reached by everybody; only its last step has to let another user through.
        home.chmod(0o711)
        return own, account
    if not location.exists():
        location.write_text(f"{_unused_place(home)}\n")
    return read_place(home), account


def _unused_place(home: Path) -> Path:
    """A folder for root's data: a clone under a 0700 folder cannot be entered by the user that the server runs as.

    A folder of the same name belongs to an instance that was removed without its data: it is left alone.
    """
    name = hashlib.sha256(str(home.parent).encode()).hexdigest()[:16]
    places = (ROOTS_PLACE / (name if number == 1 else f"{name}-{number}") for number in range(1, 10_000))
    return next(place for place in places if not place.exists())


def _make_passwords(home: Path) -> dict[str, str]:
    passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER, SERVICE)}
    draft = home / "passwords.json.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(passwords, file)
    draft.rename(home / "passwords.json")
    return passwords


def _initialise(cluster: Cluster, durable: bool) -> None:
    """Run initdb beside the final place, then rename: an interrupted one is never taken for data."""
    draft, secret = (cluster.data.with_name(f"{cluster.data.name}.{end}") for end in ("new", "secret"))
    draft.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    shutil.rmtree(draft, ignore_errors=True)
    secret.unlink(missing_ok=True)
    draft.mkdir(mode=0o700)
    try:
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(cluster.passwords[SUPERUSER])
        if cluster.account:
            for path in (draft, secret):
                os.chown(path, cluster.account.uid, cluster.account.gid)
        _run_initdb(cluster, draft, secret, durable)
        draft.rename(cluster.data)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finally:
        secret.unlink(missing_ok=True)


def _run_initdb(cluster: Cluster, draft: Path, secret: Path, durable: bool) -> None:
    command: list[str | Path] = [cluster.binaries["initdb"], "--pgdata", draft, "--username", SUPERUSER]
    command += ["--auth", "scram-sha-256", "--pwfile", secret, "--encoding", "UTF8", "--no-instructions"]
    command += [] if durable else ["--no-sync"]
    # The built-in locale sorts by code point the same everywhere and for ever; a C library's may change with it.
    builtin = ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"]
    choices = [builtin] if cluster.binaries.major >= 17 else [["--locale", "C.UTF-8"], ["--locale", "C"]]
    for choice in choices:
        done = subprocess.run(
            [*command, *choice],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            user=cluster.account.uid if cluster.account else None,
            group=cluster.account.gid if cluster.account else None,
            extra_groups=[] if cluster.account else None,
            preexec_fn=bound_to_us(signal.SIGKILL),
            timeout=120,
            check=False,
        )
        if done.returncode == 0:
            return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    raise EmbeddedError(f"initdb failed in {draft}: {' | '.join(lines[-3:])}")
